"""One visit by video, as the clinic's calendar knows it (FHIR Encounter, class VR)."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from kernel.ids import ConsultationId, DepartmentId, PatientId, UserId
from rooms.events import ParticipantAdmitted, ParticipantArrived, ParticipantHeld, RoomEvent, VisitFinished


class Status(StrEnum):
    """FHIR Encounter.status, as far as a video visit needs it."""

    PLANNED = "planned"
    ARRIVED = "arrived"  # the patient is in the waiting room
    IN_PROGRESS = "in-progress"
    ON_HOLD = "onhold"
    FINISHED = "finished"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Consultation:
    id: ConsultationId
    patient: PatientId
    clinician: UserId
    department: DepartmentId
    scheduled_at: datetime
    planned_minutes: int
    reason: str  # chief complaint, in the patient's words
    status: Status = Status.PLANNED
    started_at: datetime | None = None  # first admission of the patient
    finished_at: datetime | None = None


def after(consultation: Consultation, event: RoomEvent) -> Consultation:
    """Return the consultation as it stands once `event` has happened in its room."""
    patient = str(consultation.patient)
    match event.fact:
        case VisitFinished():
            return replace(consultation, status=Status.FINISHED, finished_at=event.at)
        case ParticipantArrived(participant=who) if who == patient and consultation.status is Status.PLANNED:
            return replace(consultation, status=Status.ARRIVED)
        case ParticipantAdmitted(participant=who) if who == patient:
            started_at = consultation.started_at or event.at
            return replace(consultation, status=Status.IN_PROGRESS, started_at=started_at)
        case ParticipantHeld(participant=who) if who == patient:
            return replace(consultation, status=Status.ON_HOLD)
        case _:
            return consultation
