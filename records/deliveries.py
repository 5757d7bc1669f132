"""Where each sealed file of a recording is: in the spool on this disk, in the object store, or in both."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import delete, exists, func, insert, or_, select, update

from care.recording import RecordingState
from kernel.ids import ConsultationId
from kernel.threads import Threads
from records.blobs import BlobStore
from records.engine import Connection, Database
from records.sealed_digest import SealedDigest
from records.tables import deliveries, recordings

DELIVERIES_LIMIT: Final = 2  # at the same time; more would take the disk and the network from the calls
_IN_USE: Final = (RecordingState.RECORDING, RecordingState.COMPOSING)


class Place(StrEnum):
    SPOOL = "spool"
    BOTH = "both"
    STORE = "store"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A file that is in the spool alone, and how often its delivery was tried."""

    blob: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many files wait for delivery, and one reason why they do ("" when none was tried in vain)."""

    waiting: int = 0
    failure: str = ""


async def note_spooled(connection: Connection, blob: str, consultation: ConsultationId) -> None:
    """Note that a file was completed on this disk; an earlier one of the same id is forgotten."""
    await connection.execute(delete(deliveries).where(deliveries.c.blob == blob))
    await connection.execute(insert(deliveries).values(blob=blob, consultation=consultation, place=Place.SPOOL))


class Deliveries:
    """The rows about the files, and the moves that change them. A file is always where its row says, or nearer."""

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self._database = database
        self._blobs = blobs
        self._threads = Threads("delivery", DELIVERIES_LIMIT)

    async def due(self, now: datetime, *, limit: int) -> list[Waiting]:
        """Return files to be delivered now."""
        query = (
            select(deliveries.c.blob, deliveries.c.attempts)
            .where(
                deliveries.c.place == Place.SPOOL,
                or_(deliveries.c.retry_at.is_(None), deliveries.c.retry_at <= now),
            )
            .limit(limit)
        )
        async with self._database.read() as connection:
            return [Waiting(row.blob, row.attempts) for row in await connection.execute(query)]

    async def deliver(self, blob: str, *, at: datetime) -> None:
        """Copy a file to the object store, read it back and note that it is in both places.

        OSError when that fails: `StoreFailed`, or FileNotFoundError when it is not on this disk.
        """
        digest = await self._threads.run(self._blobs.deliver, blob)
        await self._note(
            blob,
            place=Place.BOTH,
            sealed_bytes=digest.size_bytes,
            sealed_sha256=digest.sha256,
            delivered_at=at,
            retry_at=None,
            failure="",
        )

    async def postpone(self, waiting: Waiting, failure: str, *, retry_at: datetime) -> None:
        """Note a failed attempt, and when the next one may be."""
        await self._note(waiting.blob, attempts=waiting.attempts + 1, failure=failure, retry_at=retry_at)

    async def retry_all(self) -> None:
        """Let everything that failed be tried at once: the store is back."""
        async with self._database.write() as connection:
            statement = update(deliveries).where(deliveries.c.place == Place.SPOOL).values(retry_at=None)
            await connection.execute(statement)

    async def evict(self, *, limit: int) -> int:
        """Remove local copies of delivered files that neither recorder nor composer needs; return how many were due.

        A file that was written anew meanwhile is not the one that was delivered: it stays, and is delivered again.
        """
        in_use = exists().where(recordings.c.consultation == deliveries.c.consultation, recordings.c.state.in_(_IN_USE))
        query = select(deliveries).where(deliveries.c.place == Place.BOTH, ~in_use).limit(limit)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        for row in rows:
            delivered = SealedDigest(row.sealed_bytes, row.sealed_sha256)
            is_gone = await self._threads.run(self._blobs.evict, row.blob, delivered)
            await self._note(row.blob, place=Place.STORE if is_gone else Place.SPOOL)
        return len(rows)

    async def stage(self, blobs: Collection[str]) -> None:
        """Bring files back to this disk. OSError when the store fails, or the disk is full."""
        query = select(deliveries).where(deliveries.c.blob.in_(blobs), deliveries.c.place == Place.STORE)
        async with self._database.read() as connection:
            away = (await connection.execute(query)).all()
        for row in away:
            await self._threads.run(self._blobs.stage, row.blob, SealedDigest(row.sealed_bytes, row.sealed_sha256))
            await self._note(row.blob, place=Place.BOTH)

    async def backlog(self) -> Backlog:
        """Return how much waits."""
        query = select(func.count(), func.max(deliveries.c.failure)).where(deliveries.c.place == Place.SPOOL)
        async with self._database.read() as connection:
            waiting, failure = (await connection.execute(query)).one()
        return Backlog(waiting, failure or "")

    async def _note(self, blob: str, **changes: object) -> None:
        async with self._database.write() as connection:
            await connection.execute(update(deliveries).where(deliveries.c.blob == blob).values(**changes))
