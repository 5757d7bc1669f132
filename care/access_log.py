"""Which facts of a room belong in the access log, and in which words."""

from care.consultation import Consultation
from identity.audit import SYSTEM, AuditEntry
from identity.principal import Role
from kernel.ids import ParticipantId
from rooms.events import (
    ConsentRecorded,
    ParticipantAdmitted,
    ParticipantArrived,
    ParticipantHeld,
    ParticipantRemoved,
    RecordingStarted,
    RecordingStopped,
    RoomEvent,
    VisitFinished,
)

ACCOUNTABLE = (
    ConsentRecorded,
    ParticipantAdmitted,
    ParticipantArrived,
    ParticipantHeld,
    ParticipantRemoved,
    RecordingStarted,
    RecordingStopped,
    VisitFinished,
)


def entry_for(consultation: Consultation, event: RoomEvent) -> AuditEntry | None:
    """Return what to note of `event`: facts about people, consent and recording, never what was said."""
    match event.fact:
        case ParticipantArrived(participant=who):
            entry = _entry(consultation, event, who, "room.enter")
        case ParticipantAdmitted(participant=who, by=by):
            entry = _entry(consultation, event, by, "participant.admit", who)
        case ParticipantHeld(participant=who, by=by):
            entry = _entry(consultation, event, by, "participant.hold", who)
        case ParticipantRemoved(participant=who, by=by):
            entry = _entry(consultation, event, by, "participant.remove", who)
        case ConsentRecorded(participant=who, decision=decision, version=version, language=language):
            entry = _entry(consultation, event, who, "consent.record", f"{decision} {version} {language}")
        case RecordingStarted(recording=recording, by=by):
            entry = _entry(consultation, event, by, "recording.start", recording)
        case RecordingStopped(recording=recording, by=stopped_by, reason=reason):
            entry = _entry(consultation, event, stopped_by, "recording.stop", f"{recording} {reason}")
        case VisitFinished(by=by):
            entry = _entry(consultation, event, by, "visit.finish")
        case _:
            return None
    return entry


def _entry(
    consultation: Consultation, event: RoomEvent, actor: ParticipantId | None, action: str, detail: str = ""
) -> AuditEntry:
    return AuditEntry(
        at=event.at,
        actor=SYSTEM if actor is None else actor,
        role="" if actor is None else _role(consultation, actor),
        action=action,
        object_type="consultation",
        object_id=consultation.id,
        detail=detail,
    )


def _role(consultation: Consultation, participant: ParticipantId) -> Role:
    if participant == ParticipantId(consultation.clinician):
        return Role.CLINICIAN
    return Role.PATIENT if participant == ParticipantId(consultation.patient) else Role.GUEST
