"""The durable log of every room: many rooms' events in one transaction, with what follows from them."""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Row, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from care.access_log import ACCOUNTABLE, entry_for
from care.consultation import Consultation, after
from care.recording import RecordingState
from kernel.errors import Conflict, Overloaded
from kernel.ids import ConsultationId, RoomId
from records.audit import SqlAuditTrail
from records.consultations import SqlConsultations
from records.data_key import DataKey
from records.engine import Connection, Database
from records.facts import decoded, encoded
from records.sealing import Sealer
from records.tables import consultations, recordings, room_events
from rooms.events import KINDS, RecordingStarted, RecordingStopped, RoomEvent

QUEUE_LIMIT: Final = 2048  # appends that may wait; more are refused
_BATCH_EVENTS: Final = 1024  # events in one transaction, unless a single append is larger
_KNOWN_HEADS: Final = 20_000
_OPENED_AT_ONCE: Final = 256  # events of about 15 µs; more are opened beside the loop, which carries everybody's media

_INSERT_EVENTS: Final = insert(room_events)
_UPDATE_CONSULTATION: Final = (
    update(consultations)
    .where(consultations.c.id == bindparam("consultation"))
    .values(
        status=bindparam("new_status"),
        started_at=bindparam("new_started_at"),
        finished_at=bindparam("new_finished_at"),
    )
)


@dataclass(frozen=True, slots=True)
class _Append:
    room: RoomId
    events: Sequence[RoomEvent]
    done: asyncio.Future[None]


class SqlEventLog:
    """Implements `rooms.ports.EventLog`.

    While one transaction is being made durable, the appends of all other rooms gather for the next, so the price of
    durability is shared. Nothing waits when there is nothing to share with.
    """

    def __init__(self, database: Database, sealer: Sealer, *, queue_limit: int = QUEUE_LIMIT) -> None:
        self._database = database
        self._sealer = sealer
        self._queue_limit = queue_limit
        self._waiting: deque[_Append] = deque()
        self._heads: dict[RoomId, int] = {}  # the newest stored seq, where known
        self._committer: asyncio.Task[None] | None = None

    async def append(self, room: RoomId, events: Sequence[RoomEvent]) -> None:
        """Commit `events` with their audit rows and projections in one transaction, or raise and store nothing.

        `Conflict` when the first seq does not follow the stored one; `Overloaded` when too many are waiting. A caller
        that is cancelled while waiting does not know whether its events were stored.
        """
        if not events:
            return
        if len(self._waiting) >= self._queue_limit:
            raise Overloaded
        append = _Append(room, events, asyncio.get_running_loop().create_future())
        self._waiting.append(append)
        if self._committer is None or self._committer.done():
            self._committer = asyncio.create_task(self._commit_waiting(), name="event-log")
        await append.done

    async def read(self, room: RoomId, *, since: int = 0, limit: int | None = None) -> list[RoomEvent]:
        """Return the events with `seq > since`, in order, at most `limit`."""
        query = (
            select(room_events.c.seq, room_events.c.at, room_events.c.kind, room_events.c.sealed)
            .where(room_events.c.room == room, room_events.c.seq > since)
            .order_by(room_events.c.seq)
            .limit(limit)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
            if not rows:
                return []
            key = await self._sealer.key(connection, ConsultationId(room))
        if len(rows) <= _OPENED_AT_ONCE:
            return _opened(room, rows, key)
        return await asyncio.to_thread(_opened, room, rows, key)

    async def close(self) -> None:
        """Wait until everything appended is stored."""
        if self._committer is not None:
            await self._committer

    async def _commit_waiting(self) -> None:
        while batch := self._next_batch():
            await self._commit(batch)

    def _next_batch(self) -> list[_Append]:
        batch: list[_Append] = []
        count = 0
        while self._waiting and (not batch or count + len(self._waiting[0].events) <= _BATCH_EVENTS):
            append = self._waiting.popleft()
            if not append.done.cancelled():
                count += len(append.events)
                batch.append(append)
        return batch

    async def _commit(self, batch: list[_Append]) -> None:
        """Store a batch and tell each of its callers; one that breaks a constraint does not take others along."""
        try:
            async with self._database.write() as connection:
                accepted = await self._store(connection, batch)
        except IntegrityError:
            self._forget_heads(batch)
            if len(batch) == 1:
                _fail(batch[0], Conflict())
            else:
                for append in batch:
                    await self._commit([append])
        except BaseException as error:
            self._forget_heads(batch)
            for append in batch:
                _fail(append, error if isinstance(error, Exception) else Overloaded())
            if not isinstance(error, Exception):
                raise
        else:
            self._confirm(accepted)

    def _confirm(self, accepted: Iterable[_Append]) -> None:
        if len(self._heads) > _KNOWN_HEADS:
            self._heads.clear()
        for append in accepted:
            self._heads[append.room] = append.events[-1].seq
            if not append.done.done():
                append.done.set_result(None)

    def _forget_heads(self, batch: Iterable[_Append]) -> None:
        for append in batch:
            self._heads.pop(append.room, None)

    async def _store(self, connection: Connection, batch: list[_Append]) -> list[_Append]:
        """Write everything that follows from the batch; an append out of order is refused alone."""
        heads = await self._stored_heads(connection, batch)
        accepted = []
        for append in batch:
            if append.done.done():  # refused when it was tried together with others
                continue
            follows = heads[append.room] + 1
            if [event.seq for event in append.events] == list(range(follows, follows + len(append.events))):
                heads[append.room] = append.events[-1].seq
                accepted.append(append)
            else:
                self._forget_heads([append])
                _fail(append, Conflict())
        if accepted:
            await self._insert_events(connection, accepted)
            await self._project(connection, accepted)
        return accepted

    async def _stored_heads(self, connection: Connection, batch: Iterable[_Append]) -> dict[RoomId, int]:
        rooms = {append.room for append in batch}
        heads = {room: self._heads[room] for room in rooms if room in self._heads}
        unknown = rooms - heads.keys()
        if unknown:
            query = (
                select(room_events.c.room, func.max(room_events.c.seq))
                .where(room_events.c.room.in_(unknown))
                .group_by(room_events.c.room)
            )
            stored = {RoomId(room): seq for room, seq in await connection.execute(query)}
            heads.update({room: stored.get(room, 0) for room in unknown})
        return heads

    async def _insert_events(self, connection: Connection, accepted: Iterable[_Append]) -> None:
        rows = []
        for append in accepted:
            key = await self._sealer.key(connection, ConsultationId(append.room))
            for event in append.events:
                kind = KINDS[type(event.fact)]
                context = _context(append.room, event.seq, event.at, kind)
                rows.append(
                    {
                        "room": append.room,
                        "seq": event.seq,
                        "previous": event.seq - 1 or None,
                        "at": event.at,
                        "kind": kind,
                        "sealed": key.seal(encoded(event.fact), context=context),
                    }
                )
        await connection.execute(_INSERT_EVENTS, rows)

    async def _project(self, connection: Connection, accepted: Iterable[_Append]) -> None:
        """Bring the calendar, the list of recordings and the access log up to date with the events."""
        notable = [
            (ConsultationId(append.room), event)
            for append in accepted
            for event in append.events
            if isinstance(event.fact, ACCOUNTABLE)
        ]
        if not notable:
            return
        repository = SqlConsultations(connection)
        before = {found.id: found for found in await repository.many({room for room, _ in notable})}
        now = dict(before)
        entries = []
        for room, event in notable:
            now[room] = after(now[room], event)
            entry = entry_for(now[room], event)
            if entry is not None:
                entries.append(entry)
            await _project_recording(connection, room, event)
        changed = [_progress(consultation) for room, consultation in now.items() if consultation != before[room]]
        if changed:
            await connection.execute(_UPDATE_CONSULTATION, changed)
        await SqlAuditTrail(connection, at=notable[-1][1].at).add_entries(entries)


def _opened(room: RoomId, rows: Sequence[Row[*tuple[Any, ...]]], key: DataKey) -> list[RoomEvent]:
    events = []
    for seq, at, kind, sealed in rows:
        payload = key.open(sealed, context=_context(room, seq, at, kind))
        events.append(RoomEvent(seq=seq, at=at, fact=decoded(kind, payload)))
    return events


async def _project_recording(connection: Connection, room: ConsultationId, event: RoomEvent) -> None:
    """Keep the consultation's one recording: begun by the first start, stopped and resumed by what follows.

    It stays in the state RECORDING when stopped, since it may be resumed; composing begins after the visit.
    """
    match event.fact:
        case RecordingStarted(recording=recording):
            resumed = await connection.execute(
                update(recordings).where(recordings.c.id == recording).values(stopped_at=None)
            )
            if resumed.rowcount == 0:
                await connection.execute(
                    insert(recordings).values(
                        id=recording, consultation=room, state=RecordingState.RECORDING, started_at=event.at
                    )
                )
        case RecordingStopped(recording=recording):
            await connection.execute(update(recordings).where(recordings.c.id == recording).values(stopped_at=event.at))
        case _:
            pass


def _progress(consultation: Consultation) -> dict[str, object]:
    return {
        "consultation": consultation.id,
        "new_status": consultation.status,
        "new_started_at": consultation.started_at,
        "new_finished_at": consultation.finished_at,
    }


def _context(room: RoomId, seq: int, at: datetime, kind: str) -> str:
    """Name the row and what stands beside the sealed column: none of it can be changed unnoticed."""
    return f"room_events/{room}/{seq}/{kind}/{at.astimezone(UTC).isoformat(timespec='microseconds')}"


def _fail(append: _Append, error: Exception) -> None:
    if not append.done.done():
        append.done.set_exception(error)
