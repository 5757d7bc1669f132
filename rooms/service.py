"""Lends each live room to one command at a time: decide, store, then tell, route media, and only then answer."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from kernel.clock import Now
from kernel.errors import Invalid, Overloaded
from kernel.ids import ConnectionId, ParticipantId, RoomId
from rooms.admission import Person
from rooms.commands import (
    ChangeRung,
    Command,
    Disconnect,
    Enter,
    NoteAbsence,
    OpenRoom,
    PostMessage,
    StopRecording,
)
from rooms.errors import NotSeated, RoomEnded
from rooms.events import MessagePosted, MessagesRead, ReadinessReported, RoomEvent, VisitFinished
from rooms.ladder import Ladders
from rooms.permissions import Seen, may_chat, require_chatting, require_in_call, require_known, seen_by, sees
from rooms.ports import ConnectionQuality, EventLog, EventPublisher, MediaPlane, MediaState
from rooms.quality_minutes import QualityMinutes, ReceptionReport
from rooms.room import SEAT_LIMIT, Room, RoomView

_log = logging.getLogger(__name__)

IDLE: Final = timedelta(minutes=10)
READ_LIMIT: Final = 2000
"""Events in one answer; who sees a higher `last_seq` than their newest event reads on from there."""
TURNS_LIMIT: Final = 256
"""Commands that may wait for one room's turn; more are refused."""
LIVE_ROOMS_LIMIT: Final = 10_000

_WITHOUT_MEDIA: Final = (MessagePosted, MessagesRead, ReadinessReported)
"""Facts that never change what media flows."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Part of a room's order as one viewer gets it, and where the order stood at that moment."""

    events: list[Seen]
    last_seq: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A seat that was taken: as which connection, whether media of before goes on, and what happened meanwhile."""

    connection: ConnectionId
    keeps_media: bool
    reading: Reading


class _LiveRoom:
    """A room in memory with its turn. `room` is None until loaded, and again after a doubtful commit."""

    __slots__ = ("alarm", "idle_since", "room", "told", "turn", "users")

    def __init__(self) -> None:
        self.turn = asyncio.Lock()  # first come, first served
        self.room: Room | None = None
        self.told: int | None = None  # seq of the newest event that was told
        self.users = 0  # commands that hold or await the turn
        self.idle_since: datetime | None = None
        self.alarm: asyncio.TimerHandle | None = None  # for the room's next deadline


class RoomService:
    """The live rooms of one node. All methods are for one event loop.

    Every event is committed by the log before anybody hears of it, and a call returns only after both. Commands
    of one room are taken in the order in which they were submitted.
    """

    def __init__(
        self,
        *,
        log: EventLog,
        media: MediaPlane,
        now: Now,
        on_finished: Callable[[RoomId], None] = lambda room: None,  # noqa: ARG005
        seat_limit: int = SEAT_LIMIT,
        idle: timedelta = IDLE,
        quality: QualityMinutes | None = None,
    ) -> None:
        self._log = log
        self._media = media
        self._now = now
        self._on_finished = on_finished
        self._seat_limit = seat_limit
        self._idle = idle
        self._quality = quality or QualityMinutes()
        self._ladders = Ladders()
        self._publisher: EventPublisher | None = None
        self._live: dict[RoomId, _LiveRoom] = {}
        self._background: set[asyncio.Task[object]] = set()
        self._next_sweep: datetime | None = None
        self._is_draining = False

    def announce_to(self, publisher: EventPublisher) -> None:
        """Name who tells the clients; once, before the first command."""
        self._publisher = publisher

    def state_of(self, room: RoomId) -> RoomView | None:
        """Return a live room's present state; None when the room is not in memory."""
        live = self._live.get(room)
        return live.room.view() if live and live.room else None

    @property
    def live_rooms(self) -> int:
        """How many rooms are in memory."""
        return len(self._live)

    async def view(self, room: RoomId) -> RoomView | None:
        """Return the state of any room, replayed without keeping it when it is not live; None if never opened."""
        live = self.state_of(room)
        if live:
            return live
        replayed = Room.replayed(room, await self._log.read(room), seat_limit=self._seat_limit)
        return replayed.view() if replayed.last_seq else None

    def sees(self, room: RoomId, participant: ParticipantId, event: RoomEvent) -> bool:
        """Whether the participant may read an event of a live room."""
        person = self._person(room, participant)
        return person is not None and sees(person, event)

    def may_chat(self, room: RoomId, participant: ParticipantId) -> bool:
        """Whether the participant may write and read messages of a live room at this moment."""
        person = self._person(room, participant)
        return person is not None and may_chat(person)

    def is_in_call(self, room: RoomId, participant: ParticipantId) -> bool:
        """Whether the participant is admitted to a live room and connected."""
        person = self._person(room, participant)
        return person is not None and person.is_in_call

    async def submit(self, room: RoomId, command: Command) -> list[RoomEvent]:
        """Take the room's turn for `command`; return its stored events, none if it was already so.

        Raises what `Room.handle` raises, or what the log raises, in which case nothing was told.
        """
        always = isinstance(command, (Disconnect, StopRecording))
        async with self._turn(room, always=always) as live:
            return await self._commit(room, live, await self._loaded(room, live), command)

    async def post(self, room: RoomId, command: PostMessage) -> int:
        """Submit a message and return its seq; a retry gets the seq of the first attempt."""
        async with self._turn(room) as live:
            current = await self._loaded(room, live)
            await self._commit(room, live, current, command)
            seq = current.seq_of_message(command.by, command.client_message_id)
            assert seq is not None
            return seq

    async def enter(
        self, room: RoomId, opening: OpenRoom, command: Enter, *, since: int, seated: Callable[[ConnectionId], None]
    ) -> Entry:
        """Open the room if it never was, take a seat in it and read what happened after `since`, in one turn.

        `seated` is called inside the turn, with the connection that has the seat: whoever is told of events from then
        on has missed none and gets none twice. Raises `Overloaded` while draining.
        """
        if self._is_draining:
            raise Overloaded
        async with self._turn(room) as live:
            current = await self._loaded(room, live)
            await self._commit(room, live, current, opening)
            events = await self._commit(room, live, current, command)
            if events:
                # Media belongs to the page that began it; another one joins afresh and is measured afresh.
                self._ladders.forget(room, command.by)
                self._media.leave(room, command.by)
            reading = await self._read(room, current, since, command.by)
            connection = require_known(current.person(command.by)).connection
            assert connection is not None, "just seated"
            seated(connection)
            return Entry(connection, self._media.state_of(room, command.by) is not None, reading)

    async def read(self, room: RoomId, *, since: int, participant: ParticipantId) -> Reading:
        """Return what the participant may see after `since`, places of withheld events included.

        `NotFound` for those who never arrived or were dismissed. Finished rooms can be read.
        """
        async with self._turn(room) as live:
            return await self._read(room, await self._loaded(room, live), since, participant)

    async def join_media(self, room: RoomId, participant: ParticipantId, connection: ConnectionId) -> None:
        """Begin a media connection for somebody in the call. `NotAdmitted` for those who wait."""
        async with self._turn(room) as live:
            current = await self._loaded(room, live)
            self._require_call(current, participant, connection)
            self._media.join(room, participant)
            self._media.route(room, current.routing())

    async def restart_media(self, room: RoomId, participant: ParticipantId, connection: ConnectionId) -> None:
        """Renew the network path of a media connection. `NotAdmitted` for those who wait."""
        async with self._turn(room) as live:
            current = await self._loaded(room, live)
            self._require_call(current, participant, connection)
            self._media.restart(room, participant)

    async def answer_media(
        self, room: RoomId, participant: ParticipantId, connection: ConnectionId, *, generation: int, sdp: str
    ) -> None:
        """Pass on the browser's answer. `kernel.errors.Invalid` if it can't be read."""
        async with self._turn(room) as live:
            self._require_call(await self._loaded(room, live), participant, connection)
            self._media.answer(room, participant, generation, sdp)

    def media_state(self, room: RoomId, participant: ParticipantId) -> MediaState | None:
        """Return how somebody's media connection is; None when there is none."""
        return self._media.state_of(room, participant)

    async def leave_media(self, room: RoomId, participant: ParticipantId, connection: ConnectionId) -> None:
        """Close the media connection, if this socket still holds the seat."""
        async with self._turn(room) as live:
            person = (await self._loaded(room, live)).person(participant)
            if person is not None and person.connection == connection:
                self._media.leave(room, participant)

    def require_chatting(self, room: RoomId, participant: ParticipantId) -> None:
        """Refuse those who may not write now, with the error that a message from them would get."""
        self._require_going(room)
        require_chatting(self._person(room, participant))

    def still_viewers(self, room: RoomId, participant: ParticipantId) -> frozenset[ParticipantId]:
        """Return who is to see stills of somebody's camera. `NotAdmitted` for those who are not in the call."""
        live = self._live.get(room)
        if live is None or live.room is None or live.room.is_finished:
            raise RoomEnded
        require_in_call(live.room.person(participant))
        return live.room.still_viewers(participant)

    def take_quality(self, room: RoomId, qualities: Mapping[ParticipantId, ConnectionQuality]) -> None:
        """Take what the media plane has measured of everybody in the call of a live room."""
        live = self._live.get(room)
        if live is None or live.room is None or self._is_draining:
            return
        now, current = self._now(), live.room
        self._quality.measured(room, qualities, now=now)
        in_call = [person.id for person in current.people if person.is_in_call]
        for participant, rungs in self._ladders.measured(room, qualities, in_call=in_call, now=now).items():
            if rungs != current.rungs(participant):
                self._run(self.submit(room, ChangeRung(participant, rungs.receives, rungs.sends)))

    def take_report(self, room: RoomId, participant: ParticipantId, report: ReceptionReport) -> None:
        """Take what a browser tells of what it receives. `NotAdmitted` for those who are not in the call."""
        self._require_going(room)
        require_in_call(self._person(room, participant))
        self._quality.reported(room, participant, report, now=self._now())

    def begin_draining(self) -> None:
        """Refuse entries from now on; who is seated goes on."""
        self._is_draining = True

    async def close(self) -> None:
        """Drain: nobody enters any more, everybody is disconnected, media is closed and its segments durable."""
        self.begin_draining()
        outcomes = await asyncio.gather(*(self._drain(room) for room in list(self._live)), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                _log.error("draining a room failed", exc_info=outcome)
        while self._background:
            await asyncio.wait(self._background)

    async def _drain(self, room: RoomId) -> None:
        async with self._turn(room, always=True) as live:
            try:
                if live.room is not None:
                    await self._disconnect_everybody(room, live, live.room)
            finally:
                live.room = live.told = None
                await self._media.close_room(room)

    def _require_going(self, room: RoomId) -> None:
        live = self._live.get(room)
        if live and live.room and live.room.is_finished:
            raise RoomEnded

    def _person(self, room: RoomId, participant: ParticipantId) -> Person | None:
        live = self._live.get(room)
        return live.room.person(participant) if live and live.room else None

    @asynccontextmanager
    async def _turn(self, room: RoomId, *, always: bool = False) -> AsyncIterator[_LiveRoom]:
        live = self._live.get(room)
        if live is None:
            live = self._live[room] = _LiveRoom()
        if live.users >= TURNS_LIMIT and not always:
            raise Overloaded
        live.users += 1
        try:
            async with live.turn:
                yield live
        finally:
            live.users -= 1
            if not live.users:
                self._settle(room, live)

    def _settle(self, room: RoomId, live: _LiveRoom) -> None:
        """After a room's last waiting command: forget what was never there, note since when it has been empty."""
        self._set_alarm(room, live)
        if live.told is None or (live.room is not None and not live.room.last_seq):
            del self._live[room]
        elif live.room is not None and not any(person.is_connected for person in live.room.people):
            live.idle_since = live.idle_since or self._now()
        else:
            live.idle_since = None

    def _set_alarm(self, room: RoomId, live: _LiveRoom) -> None:
        if live.alarm is not None:
            live.alarm.cancel()
            live.alarm = None
        deadline = live.room.next_deadline() if live.room is not None else None
        if deadline is not None:
            in_s = max((deadline - self._now()).total_seconds(), 0.0)
            live.alarm = asyncio.get_running_loop().call_later(in_s, self._ring, room)

    def _ring(self, room: RoomId) -> None:
        self._run(self.submit(room, NoteAbsence()))

    async def _loaded(self, room: RoomId, live: _LiveRoom) -> Room:
        if live.room is not None:
            return live.room
        self._let_idle_go()
        if len(self._live) > LIVE_ROOMS_LIMIT:
            raise Overloaded
        events = await self._log.read(room)
        current = live.room = Room.replayed(room, events, seat_limit=self._seat_limit)
        if live.told is None:
            # The first load since this process began: whoever the log shows as connected is not.
            live.told = current.last_seq
            await self._disconnect_everybody(room, live, current)
        else:
            # After a commit of unknown outcome: what was stored after all is told now.
            await self._tell(room, live, current, [event for event in events if event.seq > live.told])
        return current

    async def _disconnect_everybody(self, room: RoomId, live: _LiveRoom, current: Room) -> None:
        for person in list(current.people):
            if person.connection is not None:
                await self._commit(room, live, current, Disconnect(person.id, person.connection))

    async def _commit(self, room: RoomId, live: _LiveRoom, current: Room, command: Command) -> list[RoomEvent]:
        events = current.handle(command, now=self._now())
        if events:
            try:
                await self._log.append(room, events)
            except Overloaded:
                raise  # refused before anything was stored: the room in memory is still right
            except BaseException:
                live.room = None  # perhaps stored, perhaps not: replayed before the next decision
                raise
            for event in events:
                current.apply(event)
            await self._tell(room, live, current, events)
        return events

    async def _tell(self, room: RoomId, live: _LiveRoom, current: Room, events: list[RoomEvent]) -> None:
        if not events:
            return
        live.told = events[-1].seq
        if self._publisher is not None:
            await self._publisher.publish(room, events)
        if isinstance(events[-1].fact, VisitFinished):
            self._run(self._finish(room))
        elif not all(isinstance(event.fact, _WITHOUT_MEDIA) for event in events):
            self._media.route(room, current.routing())

    async def _finish(self, room: RoomId) -> None:
        try:
            await self._media.close_room(room)
        finally:
            self._on_finished(room)

    async def _read(self, room: RoomId, current: Room, since: int, participant: ParticipantId) -> Reading:
        person = require_known(current.person(participant))
        if not 0 <= since <= current.last_seq:
            raise Invalid("since")
        events = await self._log.read(room, since=since, limit=READ_LIMIT) if since < current.last_seq else []
        return Reading([seen_by(person, event) for event in events], current.last_seq)

    def _require_call(self, current: Room, participant: ParticipantId, connection: ConnectionId) -> None:
        if current.is_finished:
            raise RoomEnded
        if require_in_call(current.person(participant)).connection != connection:
            raise NotSeated

    def _let_idle_go(self) -> None:
        """Forget rooms in which nobody has been connected for long; the log can bring each of them back."""
        now = self._now()
        if self._next_sweep is not None and now < self._next_sweep:
            return
        self._next_sweep = now + self._idle / 10
        for room, live in list(self._live.items()):
            if not live.users and live.idle_since is not None and now - live.idle_since >= self._idle:
                del self._live[room]
                self._run(self._media.close_room(room))

    def _run(self, work: Coroutine[object, object, object]) -> None:
        """Do `work` after the turn; `close` waits for it, and a failure is logged and disturbs nobody."""
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[object]) -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("work beside a room's turns failed", exc_info=error)
