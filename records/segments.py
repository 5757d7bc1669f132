"""Where recorded segments go: each an encrypted blob with a row in the manifest.

The row is stored before the first byte and completed after the last, so nothing on the disk is unknown. Each row holds
the hash of the segment before it in its track. A segment whose process or machine stopped keeps its row open; it is
adopted, with as much as can be read of it, at the next start, or before the track's next segment.
"""

import asyncio
import errno
import hashlib
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import asdict
from threading import Lock
from typing import Any, BinaryIO, Final, TypeVar, cast

from sqlalchemy import ColumnElement, Row, delete, func, insert, select, update

from kernel.ids import ConsultationId, RecordingId, RoomId
from records.blobs import CHUNK_BYTES, BlobDamaged, BlobStore, BlobWriter
from records.data_key import DataKey
from records.deliveries import note_spooled
from records.engine import Database
from records.sealing import Purpose, Sealer
from records.tables import recordings, segments
from rooms.ports import SegmentGap, SegmentSpec
from rooms.tracks import TrackRef

_MANIFEST_WAIT_S: Final = 10.0
_KNOWN_TRACKS: Final = 4096

T = TypeVar("T")

Measure = Callable[[BinaryIO], tuple[int, int]]
"""Returns the length in milliseconds and the number of frames of a media file, as far as it can be read."""


class SegmentSink:
    """Implements `rooms.ports.RecordingSink` for the recorder's thread, with rows written on the event loop's side.

    Every failure, the database's too, is an OSError there. Made on the event loop.
    """

    def __init__(
        self, database: Database, sealer: Sealer, blobs: BlobStore, *, measure: Measure, reserve_bytes: int = 0
    ) -> None:
        """With less than `reserve_bytes` free nothing is recorded, so that all else can still be stored."""
        self._database = database
        self._sealer = sealer
        self._blobs = blobs
        self._measure = measure
        self._reserve_bytes = reserve_bytes
        self._loop = asyncio.get_running_loop()
        self._lock = Lock()
        self._next: dict[tuple[RecordingId, TrackRef], int] = {}

    def next_index(self, room: RoomId, recording: RecordingId, track: TrackRef) -> int:
        """Return an index that no segment of this track has had: rows and blobs of earlier processes are counted."""
        with self._lock:
            if len(self._next) > _KNOWN_TRACKS:
                self._next.clear()
            index = self._next.get((recording, track))
            if index is None:
                prefix = _blob_prefix(track)
                names = [name for name in self._blobs.names(f"segments/{room}") if name.startswith(prefix)]
                taken = [int(name[len(prefix) :]) for name in names]
                index = 1 + max([*taken, self.wait(self._newest_index(recording, track))])
            self._next[recording, track] = index + 1
            return index

    def open(self, spec: SegmentSpec) -> "StoredSegment":
        """Begin a segment. Raises OSError when storage fails, ENOSPC when too little is left."""
        self.keep_reserve()
        blob_id = f"segments/{spec.room}/{_blob_prefix(spec.track)}{spec.index:05}"
        key = self.wait(self._begin(spec, blob_id))
        return StoredSegment(self, spec, self._blobs.create(blob_id, key))

    def keep_reserve(self) -> None:
        """Raise OSError (ENOSPC) when too little is left for recordings."""
        if self._blobs.free_bytes() < self._reserve_bytes:
            raise OSError(errno.ENOSPC, "what is free is kept for all else")

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Let the event loop do `work` and wait for it in this thread; OSError when it fails or takes too long."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(_MANIFEST_WAIT_S)
        except Exception as error:
            future.cancel()
            raise OSError("the manifest can't be stored") from error

    async def complete(self, spec: SegmentSpec, changes: dict[str, Any]) -> None:
        """Store what is known of a segment that has ended."""
        async with self._database.write() as connection:
            query = update(segments).where(*_place(spec)).values(closed=True, **changes).returning(segments.c.blob)
            blob: str = (await connection.execute(query)).scalar_one()
            await note_spooled(connection, blob, ConsultationId(spec.room))

    async def adopt(self, *, recording: RecordingId | None = None) -> int:
        """Close the open rows, of one recording or all, with what can be read of their blobs; return how many.

        Only while nothing of these is being written. A row without a single byte is removed, and its blob.
        """
        return await self._adopt(*([] if recording is None else [segments.c.recording == recording]))

    async def _adopt(self, *which: ColumnElement[bool]) -> int:
        async with self._database.read() as connection:
            query = (
                select(segments, recordings.c.consultation)
                .join(recordings, recordings.c.id == segments.c.recording)
                .where(segments.c.closed.is_(False), *which)
            )
            rows = (await connection.execute(query)).all()
            consultations = {ConsultationId(row.consultation) for row in rows}
            keys = await self._sealer.keys(connection, consultations, Purpose.MEDIA)
            locked = {
                consultation
                for consultation in consultations - keys.keys()
                if await self._sealer.has_key(connection, consultation, Purpose.MEDIA)
            }
        for row in rows:
            consultation = ConsultationId(row.consultation)
            if consultation in locked:  # its key can't be had at the moment: what is there may be read later
                continue
            key = keys.get(consultation)  # none: nothing was ever sealed
            found = await asyncio.to_thread(self._survey, row.blob, key) if key else None
            async with self._database.write() as connection:
                if found is None:
                    await connection.execute(delete(segments).where(*_place(row)))
                else:
                    changes = {"closed": True, "interrupted": True, **found}
                    await connection.execute(update(segments).where(*_place(row)).values(changes))
                    await note_spooled(connection, row.blob, consultation)
        return len(rows)

    async def _newest_index(self, recording: RecordingId, track: TrackRef) -> int:
        async with self._database.read() as connection:
            query = select(func.max(segments.c.index)).where(*_track(recording, track))
            newest = (await connection.execute(query)).scalar()
        return -1 if newest is None else newest

    async def _begin(self, spec: SegmentSpec, blob_id: str) -> DataKey:
        of_track = _track(spec.recording, spec.track)
        await self._adopt(*of_track)  # what storage that failed, or a process that stopped, left open
        async with self._database.write() as connection:
            query = select(segments.c.sha256).where(*of_track).order_by(segments.c.index.desc()).limit(1)
            previous = (await connection.execute(query)).scalar()
            await connection.execute(
                insert(segments).values(
                    recording=spec.recording,
                    participant=spec.track.participant,
                    source=spec.track.source,
                    index=spec.index,
                    codec=spec.codec,
                    container=spec.container,
                    started_at=spec.started_at,
                    duration_ms=0,
                    frames=0,
                    size_bytes=0,
                    sha256="",
                    blob=blob_id,
                    closed=False,
                    gaps=[],
                    previous_sha256=previous or "",
                )
            )
            return await self._sealer.key(connection, ConsultationId(spec.room), Purpose.MEDIA)

    def _survey(self, blob_id: str, key: DataKey) -> dict[str, Any] | None:
        """Return what can be read of a blob that nobody closed; None, and no blob any more, when that is nothing."""
        try:
            reader = self._blobs.open(blob_id, key, unfinished=True)
        except FileNotFoundError:
            return None
        except BlobDamaged:
            self._blobs.delete(blob_id)
            return None
        with reader:
            if not reader.size:
                self._blobs.delete(blob_id)
                return None
            digest = hashlib.sha256()
            while chunk := reader.read(CHUNK_BYTES):
                digest.update(chunk)
            reader.seek(0)
            duration_ms, frames = self._measure(cast("BinaryIO", reader))
            return {
                "duration_ms": duration_ms,
                "frames": frames,
                "size_bytes": reader.size,
                "sha256": digest.hexdigest(),
            }


class StoredSegment:
    """Implements `rooms.ports.SegmentWriter`."""

    def __init__(self, sink: SegmentSink, spec: SegmentSpec, blob: BlobWriter) -> None:
        self._sink = sink
        self._spec = spec
        self._blob = blob

    def write(self, data: bytes) -> None:
        self._blob.write(data)

    def flush(self) -> None:
        """Make durable what was written. OSError when that fails, or when only the reserve is left."""
        self._blob.flush()
        self._sink.keep_reserve()

    def close(self, *, duration_ms: int, frames: int, gaps: Sequence[SegmentGap]) -> None:
        """Complete blob and row. When this fails the segment is adopted later."""
        try:
            digest = self._blob.close()
        except OSError:
            self._blob.abandon()
            raise
        changes = {"duration_ms": duration_ms, "frames": frames, "gaps": [asdict(gap) for gap in gaps]}
        self._sink.wait(self._sink.complete(self._spec, {**changes, **asdict(digest)}))


def _blob_prefix(track: TrackRef) -> str:
    return f"{track.participant}-{track.source}-"


def _track(recording: RecordingId, track: TrackRef) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that find the rows of a track."""
    return (
        segments.c.recording == recording,
        segments.c.participant == track.participant,
        segments.c.source == track.source,
    )


def _place(of: "SegmentSpec | Row[Any]") -> tuple[Any, ...]:
    """Return the conditions that find a segment's row."""
    participant, source = (
        (of.track.participant, of.track.source) if isinstance(of, SegmentSpec) else (of.participant, of.source)
    )
    index = of.index if isinstance(of, SegmentSpec) else of._mapping["index"]  # noqa: SLF001 - a row's `index` is a method
    return (
        segments.c.recording == of.recording,
        segments.c.participant == participant,
        segments.c.source == source,
        segments.c.index == index,
    )
