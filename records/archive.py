"""Visits that took place, found by who, when and words."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, or_, select

from care.consultation import Status
from care.ports import ArchiveFilter, ArchivePlace
from care.recording import Recording
from care.summary import ConsultationSummary
from kernel.ids import ConsultationId
from records.consultations import summary_from_row, summary_query
from records.engine import Connection
from records.recordings import recording_from_row
from records.tables import consultations, departments, members, patients, recordings

_TOOK_PLACE: Final = (Status.IN_PROGRESS, Status.ON_HOLD, Status.FINISHED)
_SEARCHED: Final = (
    patients.c.name,
    patients.c.record_number,
    members.c.name,
    members.c.login,
    departments.c.name_en,
    departments.c.name_zh,
    consultations.c.reason,
    consultations.c.id,
)


class SqlArchive:
    """Implements `care.ports.ArchiveRepository`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def search(
        self, which: ArchiveFilter, *, after: ArchivePlace | None, limit: int
    ) -> list[tuple[ConsultationSummary, Recording | None]]:
        query = _chosen(summary_query(), which, after).limit(limit)
        summaries = [summary_from_row(row) for row in await self._connection.execute(query)]
        found = await self._recordings([summary.id for summary in summaries])
        return [(summary, found.get(summary.id)) for summary in summaries]

    async def _recordings(self, wanted: list[ConsultationId]) -> dict[ConsultationId, Recording]:
        rows = await self._connection.execute(select(recordings).where(recordings.c.consultation.in_(wanted)))
        return {ConsultationId(row.consultation): recording_from_row(row) for row in rows}


def _chosen(
    query: Select[*tuple[Any, ...]], which: ArchiveFilter, after: ArchivePlace | None
) -> Select[*tuple[Any, ...]]:
    when = consultations.c.scheduled_at
    query = query.where(consultations.c.status.in_(_TOOK_PLACE))
    if which.patient is not None:
        query = query.where(consultations.c.patient == which.patient)
    if which.clinician is not None:
        query = query.where(consultations.c.clinician == which.clinician)
    if which.since is not None:
        query = query.where(when >= which.since)
    if which.until is not None:
        query = query.where(when < which.until)
    for word in which.words:
        query = query.where(or_(*(column.icontains(word, autoescape=True) for column in _SEARCHED)))
    if after is not None:
        query = query.where(_behind(when, after.scheduled_at, after.consultation))
    return query.order_by(when.desc(), consultations.c.id.desc())


def _behind(when: ColumnElement[datetime], at: datetime, consultation: ConsultationId) -> ColumnElement[bool]:
    return or_(when < at, and_(when == at, consultations.c.id < consultation))
