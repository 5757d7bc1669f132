"""Minutes of connection quality between rows and the domain."""

from collections.abc import Sequence

from sqlalchemy import insert, select

from kernel.ids import ConsultationId, ParticipantId
from records.engine import Connection
from records.tables import quality_minutes
from rooms.quality_minutes import QualityMinute


class SqlQuality:
    """Implements `care.ports.QualityRepository`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, minutes: Sequence[tuple[ConsultationId, QualityMinute]]) -> None:
        rows = [
            {
                "consultation": consultation,
                "participant": minute.participant,
                "started_at": minute.started_at,
                "score": minute.score,
                "round_trip_ms": minute.round_trip_ms,
                "loss_percent": minute.loss_percent,
                "jitter_ms": minute.jitter_ms,
                "bitrate_up_kbps": minute.bitrate_up_kbps,
                "bitrate_down_kbps": minute.bitrate_down_kbps,
                "talk_ms": minute.talk_ms,
                "freeze_ms": minute.freeze_ms,
                "concealed_ms": minute.concealed_ms,
                "frames_per_second": minute.frames_per_second,
                "picture_height": minute.picture_height,
            }
            for consultation, minute in minutes
        ]
        if rows:
            await self._connection.execute(insert(quality_minutes), rows)

    async def of(self, consultation: ConsultationId, *, limit: int) -> list[QualityMinute]:
        query = (
            select(quality_minutes)
            .where(quality_minutes.c.consultation == consultation)
            .order_by(quality_minutes.c.started_at, quality_minutes.c.participant)
            .limit(limit)
        )
        return [
            QualityMinute(
                participant=ParticipantId(row.participant),
                started_at=row.started_at,
                score=row.score,
                round_trip_ms=row.round_trip_ms,
                loss_percent=row.loss_percent,
                jitter_ms=row.jitter_ms,
                bitrate_up_kbps=row.bitrate_up_kbps,
                bitrate_down_kbps=row.bitrate_down_kbps,
                talk_ms=row.talk_ms,
                freeze_ms=row.freeze_ms,
                concealed_ms=row.concealed_ms,
                frames_per_second=row.frames_per_second,
                picture_height=row.picture_height,
            )
            for row in await self._connection.execute(query)
        ]
