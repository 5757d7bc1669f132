"""Which recordings are due to be destroyed, and what of destroyed ones is still on a disk."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, exists, or_, select

from care.consultation import Status
from care.hold import OPEN
from care.recording import RecordingState
from care.retention import DuePlace, DueVisit
from kernel.ids import ConsultationId
from records.consultations import summary_from_row, summary_query
from records.engine import Connection
from records.sealing import Purpose, Sealer
from records.tables import consultations, data_keys, deliveries, holds, recordings, segments

_ENDED = (RecordingState.READY, RecordingState.FAILED)


class SqlRetention:
    """Implements `care.ports.RetentionRepository`, and what destroying needs beyond it."""

    def __init__(self, connection: Connection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer

    async def due(self, finished_before: datetime, *, after: DuePlace | None, limit: int) -> list[DueVisit]:
        query = select(consultations.c.id, consultations.c.finished_at, _is_held().label("is_held")).where(
            _is_due(finished_before)
        )
        if after is not None:
            behind = and_(consultations.c.finished_at == after.finished_at, consultations.c.id > after.consultation)
            query = query.where(or_(consultations.c.finished_at > after.finished_at, behind))
        query = query.order_by(consultations.c.finished_at, consultations.c.id).limit(limit)
        rows = (await self._connection.execute(query)).all()
        ids = [row.id for row in rows]
        summaries = {
            row.id: summary_from_row(row)
            for row in await self._connection.execute(summary_query().where(consultations.c.id.in_(ids)))
        }
        return [DueVisit(summaries[row.id], row.finished_at, bool(row.is_held)) for row in rows]

    async def may_destroy(self, consultation: ConsultationId, finished_before: datetime) -> bool:
        """Whether a recording is due and no hold stands: as of this transaction, in which it is destroyed."""
        query = select(consultations.c.id).where(
            consultations.c.id == consultation, _is_due(finished_before), ~_is_held()
        )
        return (await self._connection.execute(query)).first() is not None

    async def destroy(self, consultation: ConsultationId) -> None:
        """Destroy the key of a recording's media for ever, whatever becomes of the transaction."""
        await self._sealer.destroy(self._connection, consultation, Purpose.MEDIA)

    async def has_own_key(self, consultation: ConsultationId) -> bool:
        """Whether a recording is sealed with a key of its own; from before there were such keys it has the record's."""
        (record, media) = [
            (await self._sealer.keys(self._connection, [consultation], purpose)).get(consultation)
            for purpose in (Purpose.RECORD, Purpose.MEDIA)
        ]
        return record is None or media is None or record.raw != media.raw

    async def files(self, consultation: ConsultationId) -> list[str]:
        """Return the sealed files of a recording: its segments and its film."""
        query = (
            select(segments.c.blob)
            .join(recordings, recordings.c.id == segments.c.recording)
            .where(recordings.c.consultation == consultation)
            .union_all(select(recordings.c.blob).where(recordings.c.consultation == consultation))
        )
        return [blob for blob in await self._connection.scalars(query) if blob]

    async def leftovers(self, *, limit: int) -> list[str]:
        """Return files of destroyed recordings that are not known to be gone."""
        destroyed = exists().where(
            data_keys.c.consultation == deliveries.c.consultation,
            data_keys.c.purpose == Purpose.MEDIA,
            data_keys.c.wrapped == b"",
        )
        return list(await self._connection.scalars(select(deliveries.c.blob).where(destroyed).limit(limit)))

    async def forget_file(self, blob: str) -> None:
        """Note that a file is gone."""
        await self._connection.execute(delete(deliveries).where(deliveries.c.blob == blob))


def _is_due(finished_before: datetime) -> ColumnElement[bool]:
    return and_(
        consultations.c.status == Status.FINISHED,
        consultations.c.finished_at <= finished_before,
        exists().where(recordings.c.consultation == consultations.c.id, recordings.c.state.in_(_ENDED)),
        exists().where(
            data_keys.c.consultation == consultations.c.id,
            data_keys.c.purpose == Purpose.MEDIA,
            data_keys.c.wrapped != b"",
        ),
    )


def _is_held() -> ColumnElement[bool]:
    return exists().where(holds.c.consultation == consultations.c.id, holds.c.state.in_(OPEN))
