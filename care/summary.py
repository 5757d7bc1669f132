"""A consultation as lists show it: with the names behind its ids and what became of note and recording."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from care.consultation import Status
from care.people import Department, Patient
from care.recording import RecordingState
from kernel.ids import ConsultationId, RecordingId, UserId


class NoteState(StrEnum):
    NONE = "none"
    DRAFT = "draft"
    SIGNED = "signed"


@dataclass(frozen=True, slots=True)
class ClinicianName:
    id: UserId
    name: str
    title: str


@dataclass(frozen=True, slots=True)
class ConsultationSummary:
    id: ConsultationId
    patient: Patient
    clinician: ClinicianName
    department: Department
    scheduled_at: datetime
    planned_minutes: int
    reason: str
    status: Status
    started_at: datetime | None
    finished_at: datetime | None
    note_state: NoteState
    recording: RecordingId | None
    recording_state: RecordingState | None
