"""Recordings and their segments between rows and the domain."""

from typing import Any

from sqlalchemy import Row, and_, or_, select, update

from care.consultation import Status
from care.recording import Recording, RecordingState, Segment, Spoken
from kernel.errors import NotFound
from kernel.ids import ConsultationId, ParticipantId, RecordingId
from records.deliveries import note_spooled
from records.engine import Connection
from records.tables import consultations, recordings, segments
from rooms.events import Source
from rooms.ports import SegmentGap


class SqlRecordings:
    """Implements `care.ports.RecordingRepository`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def of(self, consultation: ConsultationId) -> Recording | None:
        query = select(recordings).where(recordings.c.consultation == consultation)
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else recording_from_row(row)

    async def save(self, recording: Recording) -> None:
        changes = {
            "state": recording.state,
            "started_at": recording.started_at,
            "stopped_at": recording.stopped_at,
            "duration_ms": recording.duration_ms,
            "size_bytes": recording.size_bytes,
            "sha256": recording.sha256,
            "blob": recording.blob,
            "progress": recording.progress,
            "failure": recording.failure,
            "speech": [[one.participant, one.from_ms, one.to_ms] for one in recording.speech],
        }
        statement = update(recordings).where(recordings.c.id == recording.id).values(**changes)
        if (await self._connection.execute(statement)).rowcount == 0:
            raise NotFound
        if recording.state is RecordingState.READY:
            await note_spooled(self._connection, recording.blob, recording.consultation)

    async def segments(self, recording: RecordingId) -> list[Segment]:
        query = (
            select(segments)
            .where(segments.c.recording == recording)
            .order_by(segments.c.started_at, segments.c.participant, segments.c.source, segments.c.index)
        )
        return [_segment_from_row(row) for row in await self._connection.execute(query)]

    async def uncomposed(self) -> list[ConsultationId]:
        query = (
            select(recordings.c.consultation)
            .join(consultations, consultations.c.id == recordings.c.consultation)
            .where(
                or_(
                    recordings.c.state == RecordingState.COMPOSING,
                    and_(recordings.c.state == RecordingState.RECORDING, consultations.c.status == Status.FINISHED),
                )
            )
            .order_by(recordings.c.started_at)
        )
        return [ConsultationId(row.consultation) for row in await self._connection.execute(query)]


def recording_from_row(row: Row[*tuple[Any, ...]]) -> Recording:
    """Return a row of `recordings` as the domain knows it."""
    return Recording(
        id=RecordingId(row.id),
        consultation=ConsultationId(row.consultation),
        state=RecordingState(row.state),
        started_at=row.started_at,
        stopped_at=row.stopped_at,
        duration_ms=row.duration_ms,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        blob=row.blob,
        progress=row.progress,
        failure=row.failure,
        speech=tuple(Spoken(ParticipantId(who), begins, ends) for who, begins, ends in row.speech),
    )


def _segment_from_row(row: Row[*tuple[Any, ...]]) -> Segment:
    return Segment(
        recording=RecordingId(row.recording),
        participant=ParticipantId(row.participant),
        source=Source(row.source),
        index=row._mapping["index"],  # noqa: SLF001 - a row's `index` is a method
        codec=row.codec,
        container=row.container,
        started_at=row.started_at,
        duration_ms=row.duration_ms,
        frames=row.frames,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        blob=row.blob,
        closed=row.closed,
        gaps=tuple(SegmentGap(**gap) for gap in row.gaps),
        previous_sha256=row.previous_sha256,
        interrupted=row.interrupted,
    )
