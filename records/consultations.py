"""Consultations, alone and as lists show them."""

from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, Select, exists, insert, select, update

from care.consultation import Consultation, Status
from care.people import Department, Patient, Sex
from care.ports import ConsultationFilter
from care.recording import RecordingState
from care.summary import ClinicianName, ConsultationSummary, NoteState
from kernel.errors import NotFound
from kernel.ids import ConsultationId, DepartmentId, PatientId, RecordingId, UserId
from records.archive_words import write_words
from records.engine import Connection, uniqueness_as_conflict
from records.tables import consultations, departments, members, notes, patients, recordings


class SqlConsultations:
    """Implements `care.ports.ConsultationRepository`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, consultation: ConsultationId) -> Consultation:
        found = await self.many([consultation])
        if not found:
            raise NotFound
        return found[0]

    async def many(self, consultations_: Collection[ConsultationId]) -> list[Consultation]:
        rows = await self._connection.execute(select(consultations).where(consultations.c.id.in_(consultations_)))
        return [_consultation_from_row(row) for row in rows]

    async def add(self, consultation: Consultation) -> None:
        async with uniqueness_as_conflict(self._connection):
            await self._connection.execute(insert(consultations).values(asdict(consultation)))
        await write_words(self._connection, consultations.c.id == consultation.id)

    async def save(self, consultation: Consultation) -> None:
        statement = update(consultations).where(consultations.c.id == consultation.id).values(asdict(consultation))
        if (await self._connection.execute(statement)).rowcount == 0:
            raise NotFound
        await write_words(self._connection, consultations.c.id == consultation.id)

    async def find(self, which: ConsultationFilter, *, limit: int, newest_first: bool = False) -> list[Consultation]:
        query = _chosen(select(consultations), which, limit=limit, newest_first=newest_first)
        return [_consultation_from_row(row) for row in await self._connection.execute(query)]

    async def summary(self, consultation: ConsultationId) -> ConsultationSummary:
        query = summary_query().where(consultations.c.id == consultation)
        row = (await self._connection.execute(query)).one_or_none()
        if row is None:
            raise NotFound
        return summary_from_row(row)

    async def summaries(
        self, which: ConsultationFilter, *, limit: int, newest_first: bool = False
    ) -> list[ConsultationSummary]:
        query = _chosen(summary_query(), which, limit=limit, newest_first=newest_first)
        return [summary_from_row(row) for row in await self._connection.execute(query)]

    async def treats(self, clinician: UserId, patient: PatientId) -> bool:
        query = select(
            exists().where(
                consultations.c.clinician == clinician,
                consultations.c.patient == patient,
                consultations.c.status != Status.CANCELLED,
            )
        )
        return bool(await self._connection.scalar(query))


def summary_query() -> Select[*tuple[Any, ...]]:
    """Select what `summary_from_row` reads, of every consultation; narrow it with `where` on `consultations`."""
    return (
        select(
            consultations,
            patients.c.name.label("patient_name"),
            patients.c.birth_date,
            patients.c.sex,
            patients.c.language.label("patient_language"),
            patients.c.record_number,
            patients.c.phone,
            members.c.name.label("clinician_name"),
            members.c.title.label("clinician_title"),
            departments.c.name_en,
            departments.c.name_zh,
            notes.c.version.label("note_version"),
            notes.c.signed_at.label("note_signed_at"),
            recordings.c.id.label("recording_id"),
            recordings.c.state.label("recording_state"),
        )
        .join_from(consultations, patients, consultations.c.patient == patients.c.id)
        .join(members, consultations.c.clinician == members.c.id)
        .join(departments, consultations.c.department == departments.c.id)
        .outerjoin(notes, notes.c.consultation == consultations.c.id)
        .outerjoin(recordings, recordings.c.consultation == consultations.c.id)
    )


def summary_from_row(row: Row[*tuple[Any, ...]]) -> ConsultationSummary:
    """Return the summary in a row of `summary_query`."""
    if row.note_version is None:
        note_state = NoteState.NONE
    else:
        note_state = NoteState.DRAFT if row.note_signed_at is None else NoteState.SIGNED
    return ConsultationSummary(
        id=ConsultationId(row.id),
        patient=Patient(
            id=PatientId(row.patient),
            name=row.patient_name,
            birth_date=row.birth_date,
            sex=Sex(row.sex),
            language=row.patient_language,
            record_number=row.record_number,
            phone=row.phone,
        ),
        clinician=ClinicianName(id=UserId(row.clinician), name=row.clinician_name, title=row.clinician_title),
        department=Department(id=DepartmentId(row.department), name_en=row.name_en, name_zh=row.name_zh),
        scheduled_at=row.scheduled_at,
        planned_minutes=row.planned_minutes,
        reason=row.reason,
        status=Status(row.status),
        started_at=row.started_at,
        finished_at=row.finished_at,
        note_state=note_state,
        recording=RecordingId(row.recording_id) if row.recording_id else None,
        recording_state=RecordingState(row.recording_state) if row.recording_state else None,
    )


def _consultation_from_row(row: Row[*tuple[Any, ...]]) -> Consultation:
    """Return the consultation in a row of `consultations`."""
    return Consultation(
        id=ConsultationId(row.id),
        patient=PatientId(row.patient),
        clinician=UserId(row.clinician),
        department=DepartmentId(row.department),
        scheduled_at=row.scheduled_at,
        planned_minutes=row.planned_minutes,
        reason=row.reason,
        status=Status(row.status),
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


def _chosen(
    query: Select[*tuple[Any, ...]], which: ConsultationFilter, *, limit: int, newest_first: bool
) -> Select[*tuple[Any, ...]]:
    when = consultations.c.scheduled_at
    if which.clinician is not None:
        query = query.where(consultations.c.clinician == which.clinician)
    if which.patient is not None:
        query = query.where(consultations.c.patient == which.patient)
    if which.since is not None:
        query = query.where(when >= which.since)
    if which.until is not None:
        query = query.where(when < which.until)
    if newest_first:
        return query.order_by(when.desc(), consultations.c.id.desc()).limit(limit)
    return query.order_by(when, consultations.c.id).limit(limit)
