"""The patient's record as the clinic's people, and the patient, read and write it."""

from dataclasses import dataclass
from typing import Final

from care.access import Action, may, require, to_consultation
from care.consultation import Consultation, Status
from care.history import HistoryEntry, PatientHistory
from care.note import Addendum, Sections, VisitNote, amended, revised, signed
from care.people import Patient
from care.ports import ConsultationFilter, Store, UnitOfWork
from care.reach import changing, note_reading, reach_consultation, reach_patient, reading
from care.summary import ConsultationSummary
from identity.principal import Principal, Role
from kernel.errors import NotFound
from kernel.ids import ConsultationId, PatientId, UserId

VISITS_LIMIT: Final = 100
PATIENTS_LIMIT: Final = 50


@dataclass(frozen=True, slots=True)
class Visit:
    """A consultation of the patient; with its note where the reader may see it."""

    consultation: ConsultationSummary
    note: VisitNote | None


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything that is known of a patient; visits newest first, at most `VISITS_LIMIT`."""

    patient: Patient
    history: PatientHistory
    visits: tuple[Visit, ...]


class ChartService:
    """Reads and writes the record on behalf of somebody. Whatever is not for them is `NotFound`, and noted."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def patients(self, principal: Principal, q: str) -> list[Patient]:
        """Return at most `PATIENTS_LIMIT` patients whose name or record number contains `q`: a clinician's own,
        an administrator's all.
        """
        async with reading(self._store, principal) as work:
            require(principal, Action.PATIENT_SEARCH)
            treated_by = UserId(principal.subject) if principal.role is Role.CLINICIAN else None
            found = await work.people.patients(q=q, treated_by=treated_by, limit=PATIENTS_LIMIT)
        await note_reading(self._store, principal, Action.PATIENT_SEARCH)
        return found

    async def patient(self, principal: Principal, patient: PatientId) -> Patient:
        """Return who the patient is."""
        async with reading(self._store, principal) as work:
            found = await reach_patient(work, principal, patient, Action.PATIENT_READ)
        await note_reading(self._store, principal, Action.PATIENT_READ, "patient", patient)
        return found

    async def history(self, principal: Principal, patient: PatientId, *, during: ConsultationId | None = None) -> Chart:
        """Return the whole record. `during` is the consultation for which it is opened, for the access log.

        Notes that are not signed are for their author only.
        """
        async with reading(self._store, principal) as work:
            found = await reach_patient(work, principal, patient, Action.HISTORY_READ)
            history = await work.histories.of(patient)
            visits = await _visits(work, principal, patient)
        known = any(visit.consultation.id == during for visit in visits)
        await note_reading(
            self._store, principal, Action.HISTORY_READ, "patient", patient, detail=f"during {during}" if known else ""
        )
        return Chart(found, history, visits)

    async def add_entry(self, principal: Principal, patient: PatientId, entry: HistoryEntry) -> None:
        """Add a problem, allergy, medication or measurement."""
        async with changing(self._store, principal) as work:
            await reach_patient(work, principal, patient, Action.HISTORY_WRITE)
            await work.histories.add(patient, [entry])
            await work.audit.add(
                principal,
                Action.HISTORY_WRITE,
                object_type="patient",
                object_id=patient,
                detail=f"{type(entry).__name__.lower()} {entry.id}",
            )

    async def note(self, principal: Principal, consultation: ConsultationId) -> VisitNote:
        """Return the note of a visit: to its clinician always, empty before the first save; to others once signed."""
        async with reading(self._store, principal) as work:
            found = await reach_consultation(work, principal, consultation, Action.NOTE_READ)
            note = await work.notes.of(consultation)
        if not _is_readable(principal, found, note):
            raise NotFound
        await note_reading(self._store, principal, Action.NOTE_READ, "consultation", consultation)
        return note

    async def save_note(
        self, principal: Principal, consultation: ConsultationId, sections: Sections, *, version: int
    ) -> VisitNote:
        """Store the note's new words, made from `version`; `Conflict`, `NoteSigned` or `TooLarge` as `revised` says."""
        async with changing(self._store, principal) as work:
            found = await reach_consultation(work, principal, consultation, Action.NOTE_WRITE)
            if found.status is Status.CANCELLED:
                raise NotFound
            before = await work.notes.of(consultation)
            after = revised(before, sections, version=version, at=work.at)
            await work.notes.save(after, previous=before.version)
            await work.audit.add(
                principal,
                Action.NOTE_WRITE,
                object_type="consultation",
                object_id=consultation,
                detail=f"version {after.version}",
            )
        return after

    async def sign_note(self, principal: Principal, consultation: ConsultationId, *, version: int) -> VisitNote:
        """Sign the note as it stands in `version`; it never changes afterwards."""
        async with changing(self._store, principal) as work:
            await reach_consultation(work, principal, consultation, Action.NOTE_SIGN)
            before = await work.notes.of(consultation)
            by = UserId(principal.subject)
            after = signed(before, version=version, by=by, by_name=principal.name, at=work.at)
            await work.notes.save(after, previous=before.version)
            await work.audit.add(
                principal,
                Action.NOTE_SIGN,
                object_type="consultation",
                object_id=consultation,
                detail=f"version {after.version}",
            )
        return after

    async def amend_note(self, principal: Principal, consultation: ConsultationId, text: str) -> VisitNote:
        """Add an addendum to the signed note and return the whole."""
        async with changing(self._store, principal) as work:
            await reach_consultation(work, principal, consultation, Action.NOTE_AMEND)
            addendum = Addendum(UserId(principal.subject), principal.name, work.at, text)
            after = amended(await work.notes.of(consultation), addendum)
            await work.notes.add_addendum(consultation, len(after.addenda), addendum)
            await work.audit.add(principal, Action.NOTE_AMEND, object_type="consultation", object_id=consultation)
        return after


async def _visits(work: UnitOfWork, principal: Principal, patient: PatientId) -> tuple[Visit, ...]:
    which = ConsultationFilter(patient=patient)
    summaries = await work.consultations.summaries(which, limit=VISITS_LIMIT, newest_first=True)
    ids = [summary.id for summary in summaries]
    consultations = {consultation.id: consultation for consultation in await work.consultations.many(ids)}
    notes = await work.notes.many(ids)
    return tuple(
        Visit(
            summary,
            note
            if (note := notes.get(summary.id)) and _is_readable(principal, consultations[summary.id], note)
            else None,
        )
        for summary in summaries
    )


def _is_readable(principal: Principal, consultation: Consultation, note: VisitNote) -> bool:
    """Whether somebody who may read of the consultation may read its note in the state it is in."""
    relationship = to_consultation(principal, consultation, treats=principal.role is Role.CLINICIAN)
    return may(principal, Action.NOTE_READ if note.signed_at else Action.NOTE_READ_DRAFT, relationship)
