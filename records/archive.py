"""Visits that took place, found by who, when, words and what became of the recording."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from sqlalchemy import ColumnElement, Select, exists, select

from care.consultation import Status
from care.hold import OPEN, HoldState
from care.ports import ArchiveEntry, ArchiveFilter, ArchivePlace, Kept
from care.recording import Recording
from kernel.ids import ConsultationId
from records.archive_words import first_place, last_place, place_of, places_of
from records.consultations import summary_from_row, summary_query
from records.engine import Connection
from records.holds import can_be_confirmed_by
from records.recordings import recording_from_row
from records.statements import StatementKind
from records.tables import archive_words, consultations, holds, recordings, signed_statements

_RARE: Final = (Kept.RECORDING, Kept.COMPOSING, Kept.FAILED)
_TOOK_PLACE: Final = (Status.IN_PROGRESS, Status.ON_HOLD, Status.FINISHED)


class SqlArchive:
    """Implements `care.ports.ArchiveRepository`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def search(self, which: ArchiveFilter, *, after: ArchivePlace | None, limit: int) -> list[ArchiveEntry]:
        ids = [
            ConsultationId(found) for found in await self._connection.scalars(await self._chosen(which, after, limit))
        ]
        rows = await self._connection.execute(summary_query().where(consultations.c.id.in_(ids)))
        summaries = {summary.id: summary for summary in map(summary_from_row, rows)}
        found, destroyed, held = await self._recordings(ids), await self._destroyed(ids), await self._held(ids)
        return [
            ArchiveEntry(summaries[one], found.get(one), is_destroyed=one in destroyed, hold=held.get(one))
            for one in ids
        ]

    async def _recordings(self, wanted: list[ConsultationId]) -> dict[ConsultationId, Recording]:
        rows = await self._connection.execute(select(recordings).where(recordings.c.consultation.in_(wanted)))
        return {ConsultationId(row.consultation): recording_from_row(row) for row in rows}

    async def _destroyed(self, wanted: list[ConsultationId]) -> set[str]:
        return set(await self._connection.scalars(_destroyed().where(signed_statements.c.consultation.in_(wanted))))

    async def _held(self, wanted: list[ConsultationId]) -> dict[ConsultationId, HoldState]:
        rows = await self._connection.execute(
            select(holds.c.consultation, holds.c.state).where(holds.c.consultation.in_(wanted), holds.c.state.in_(OPEN))
        )
        return {ConsultationId(row.consultation): HoldState(row.state) for row in rows}

    async def _chosen(self, which: ArchiveFilter, after: ArchivePlace | None, limit: int) -> Select[tuple[str]]:
        """Select the ids of a page. What the words' index can narrow is asked of it first, then told exactly.

        A department is too common to be asked of PostgreSQL's: it would sort a great part of all visits.
        """
        is_embedded = self._connection.is_embedded
        rare = (which.patient, which.clinician, which.department if is_embedded else None)
        listed = places_of(which.words, [one for one in rare if one is not None], is_embedded=is_embedded)
        place = listed.selected_columns.place
        if after is not None:
            behind = await place_of(self._connection, after.consultation)
            listed = listed.where(place < (first_place(after.scheduled_at) if behind is None else behind))
        return (
            listed.with_only_columns(archive_words.c.consultation)
            .join(consultations, consultations.c.id == archive_words.c.consultation)
            .where(consultations.c.status.in_(_TOOK_PLACE), *_conditions(which, place))
            .order_by(place.desc())
            .limit(limit)
        )


def _conditions(which: ArchiveFilter, place: ColumnElement[int]) -> Iterator[ColumnElement[bool]]:
    if which.patient is not None:
        yield consultations.c.patient == which.patient
    if which.clinician is not None:
        yield consultations.c.clinician == which.clinician
    if which.department is not None:
        yield consultations.c.department == which.department
    when = consultations.c.scheduled_at
    if which.since is not None:
        yield place >= first_place(which.since)
        yield when >= which.since
    if which.until is not None:
        yield place <= last_place(which.until)
        yield when < which.until
    if which.kept is not None or which.longer_than is not None:
        yield _with_recording(which)
    if which.is_held:
        yield consultations.c.id.in_(select(holds.c.consultation).where(holds.c.state.in_(OPEN)))
    if which.awaits is not None:
        yield consultations.c.id.in_(select(holds.c.consultation).where(can_be_confirmed_by(which.awaits)))


def _with_recording(which: ArchiveFilter) -> ColumnElement[bool]:
    of_visit = recordings.c.consultation == consultations.c.id
    asked = []
    if which.longer_than is not None:
        asked.append(recordings.c.duration_ms >= which.longer_than // timedelta(milliseconds=1))
    match which.kept:
        case None:
            pass
        case Kept.NONE:
            return ~exists().where(of_visit)
        case Kept.DESTROYED:
            asked.append(_destroyed().where(signed_statements.c.consultation == consultations.c.id).exists())
        case state:
            asked.append(recordings.c.state == state)
            asked.append(~_destroyed().where(signed_statements.c.consultation == consultations.c.id).exists())
    if which.kept in _RARE:
        asked = [recordings.c.state == which.kept, *asked]
        return consultations.c.id.in_(select(recordings.c.consultation).where(*asked))
    return exists().where(of_visit, *asked)


def _destroyed() -> Select[tuple[str]]:
    """Select the visits whose recordings were destroyed."""
    return select(signed_statements.c.consultation).where(signed_statements.c.kind == StatementKind.DESTRUCTION)
