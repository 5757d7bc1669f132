"""What several endpoints show of a consultation and the people in it; `server/routes/` shows the rest."""

from datetime import date, datetime
from typing import Self

import msgspec

from care.consultation import Status
from care.people import Department, Patient, Sex
from care.recording import RecordingState
from care.summary import ConsultationSummary, NoteState


class PatientView(msgspec.Struct, frozen=True):
    """Who a consultation is with."""

    id: str
    name: str
    birth_date: date
    sex: Sex

    @classmethod
    def of(cls, patient: Patient) -> "PatientView":
        return cls(patient.id, patient.name, patient.birth_date, patient.sex)


class ClinicianView(msgspec.Struct, frozen=True):
    id: str
    name: str
    title: str


class DepartmentView(msgspec.Struct, frozen=True):
    id: str
    name_en: str
    name_zh: str

    @classmethod
    def of(cls, department: Department) -> "DepartmentView":
        return cls(department.id, department.name_en, department.name_zh)


class ConsultationView(msgspec.Struct, frozen=True, kw_only=True):
    """A consultation as lists show it. Times are the server's, in UTC."""

    id: str
    patient: PatientView
    clinician: ClinicianView
    department: DepartmentView
    scheduled_at: datetime
    planned_minutes: int
    reason: str
    status: Status
    started_at: datetime | None
    finished_at: datetime | None
    note_state: NoteState
    recording_id: str | None
    recording_state: RecordingState | None

    @classmethod
    def of(cls, summary: ConsultationSummary, **more: object) -> Self:
        """Return the view; `more` are the fields that a view made from this one adds."""
        return cls(
            id=summary.id,
            patient=PatientView.of(summary.patient),
            clinician=ClinicianView(summary.clinician.id, summary.clinician.name, summary.clinician.title),
            department=DepartmentView.of(summary.department),
            scheduled_at=summary.scheduled_at,
            planned_minutes=summary.planned_minutes,
            reason=summary.reason,
            status=summary.status,
            started_at=summary.started_at,
            finished_at=summary.finished_at,
            note_state=summary.note_state,
            recording_id=summary.recording,
            recording_state=summary.recording_state,
            **more,
        )
