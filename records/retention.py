"""What is due to be destroyed, and what of that which was destroyed is still on a disk."""

from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, and_, delete, exists, or_, select, text, true, update

from care.consultation import Status
from care.hold import OPEN
from care.recording import RecordingState
from care.retention import DuePlace, DueVisit, RetentionClass
from kernel.ids import ConsultationId
from records.archive_words import write_words
from records.consultations import summary_from_row, summary_query
from records.engine import Connection
from records.sealing import Purpose, Sealer
from records.tables import (
    attachments,
    consultations,
    data_keys,
    deliveries,
    holds,
    invitations,
    note_addenda,
    notes,
    quality_minutes,
    recordings,
    room_events,
    segments,
)

_ENDED: Final = (RecordingState.READY, RecordingState.FAILED)
_PURPOSE: Final = {RetentionClass.RECORDINGS: Purpose.MEDIA, RetentionClass.RECORDS: Purpose.RECORD}


class SqlRetention:
    """Implements `care.ports.RetentionRepository`, and what destroying needs beyond it."""

    def __init__(self, connection: Connection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer

    async def due(
        self,
        kind: RetentionClass,
        finished_before: datetime,
        *,
        after: DuePlace | None,
        limit: int,
        held: bool | None = None,
    ) -> list[DueVisit]:
        query = select(consultations.c.id, consultations.c.finished_at, _is_held().label("is_held")).where(
            _is_due(kind, finished_before)
        )
        if held is not None:
            query = query.where(_is_held() if held else ~_is_held())
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

    async def may_destroy(self, kind: RetentionClass, consultation: ConsultationId, finished_before: datetime) -> bool:
        """Whether something is due and no hold stands: as of this transaction, in which it is destroyed."""
        query = select(consultations.c.id).where(
            consultations.c.id == consultation, _is_due(kind, finished_before), ~_is_held()
        )
        return (await self._connection.execute(query)).first() is not None

    async def is_destroyed(self, kind: RetentionClass, consultation: ConsultationId) -> bool:
        """Whether the key of something was destroyed."""
        query = select(data_keys.c.purpose).where(
            data_keys.c.consultation == consultation,
            data_keys.c.purpose == _PURPOSE[kind],
            data_keys.c.wrapped == b"",
        )
        return (await self._connection.execute(query)).first() is not None

    async def destroy_recording(self, consultation: ConsultationId) -> None:
        """Destroy the key of a recording's media for ever, whatever becomes of the transaction."""
        await self._sealer.destroy(self._connection, consultation, Purpose.MEDIA)
        await self._forget_speech(consultation)

    async def destroy_record(self, consultation: ConsultationId) -> None:
        """Destroy both keys of a visit for ever, whatever becomes of the transaction, and what was written in it.

        What stays: that the visit was, whose, with whom and when; its sealed files until they are removed; what was
        signed; the access log.
        """
        await self._sealer.destroy(self._connection, consultation, Purpose.MEDIA, Purpose.RECORD)
        for written in (note_addenda, notes, invitations, quality_minutes):
            await self._connection.execute(delete(written).where(written.c.consultation == consultation))
        await self._connection.execute(delete(room_events).where(room_events.c.room == consultation))
        await self._forget_speech(consultation)
        of_visit = consultations.c.id == consultation
        await self._connection.execute(update(consultations).where(of_visit).values(reason=""))
        await write_words(self._connection, of_visit)

    async def forget_words(self) -> None:
        """Take the words of what was destroyed out of the search's own file, where they linger until it is merged."""
        if self._connection.is_embedded:
            await self._connection.execute(text("INSERT INTO archive_index (archive_index) VALUES ('optimize')"))

    async def _forget_speech(self, consultation: ConsultationId) -> None:
        statement = update(recordings).where(recordings.c.consultation == consultation)
        await self._connection.execute(statement.values(speech=[]))

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

    async def attached_files(self, consultation: ConsultationId) -> list[str]:
        """Return the sealed files that were sent in a visit."""
        query = select(attachments.c.blob).where(attachments.c.consultation == consultation)
        return list(await self._connection.scalars(query))

    async def leftovers(self, *, limit: int) -> list[str]:
        """Return files of what was destroyed that are not known to be gone."""
        query = (
            select(deliveries.c.blob)
            .where(_has_no_key(deliveries.c.consultation, Purpose.MEDIA))
            .union_all(select(attachments.c.blob).where(_has_no_key(attachments.c.consultation, Purpose.RECORD)))
            .limit(limit)
        )
        return list(await self._connection.scalars(query))

    async def forget_file(self, blob: str) -> None:
        """Note that a file is gone."""
        for kept in (deliveries, attachments):
            await self._connection.execute(delete(kept).where(kept.c.blob == blob))


def _is_due(kind: RetentionClass, finished_before: datetime) -> ColumnElement[bool]:
    ended = exists().where(recordings.c.consultation == consultations.c.id, recordings.c.state.in_(_ENDED))
    return and_(
        consultations.c.status == Status.FINISHED,
        consultations.c.finished_at <= finished_before,
        ended if kind is RetentionClass.RECORDINGS else true(),
        exists().where(
            data_keys.c.consultation == consultations.c.id,
            data_keys.c.purpose == _PURPOSE[kind],
            data_keys.c.wrapped != b"",
        ),
    )


def _has_no_key(consultation: ColumnElement[str], purpose: Purpose) -> ColumnElement[bool]:
    return exists().where(
        data_keys.c.consultation == consultation, data_keys.c.purpose == purpose, data_keys.c.wrapped == b""
    )


def _is_held() -> ColumnElement[bool]:
    return exists().where(holds.c.consultation == consultations.c.id, holds.c.state.in_(OPEN))
