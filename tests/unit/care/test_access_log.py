"""Which facts of a room are noted, and that words never are."""

from datetime import UTC, datetime
from typing import get_args

from care.access_log import ACCOUNTABLE, entry_for
from care.consultation import Consultation, after
from identity.principal import Role
from kernel.ids import (
    ConsultationId,
    DepartmentId,
    InvitationId,
    MessageId,
    ParticipantId,
    PatientId,
    RecordingId,
    UserId,
)
from rooms.events import (
    Body,
    ConsentRecorded,
    Decision,
    Fact,
    MessagePosted,
    ParticipantAdmitted,
    ParticipantArrived,
    ParticipantHeld,
    ParticipantRemoved,
    RecordingStarted,
    RecordingStopped,
    RoomEvent,
    StopReason,
    VisitFinished,
)

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
DOCTOR, PATIENT = ParticipantId(UserId("usr_han")), ParticipantId(PatientId("pat_rose"))
GUEST = ParticipantId(InvitationId("inv_tom"))
RECORDING = RecordingId("rec_1")
VISIT = Consultation(
    ConsultationId("con_visit"), PatientId(PATIENT), UserId(DOCTOR), DepartmentId("dep_1"), NOON, 20, "cough"
)

NOTED: dict[Fact, tuple[str, str, str, str]] = {
    ParticipantArrived(GUEST, Role.GUEST, "Tom", "en"): (GUEST, "guest", "room.enter", ""),
    ParticipantAdmitted(GUEST, DOCTOR): (DOCTOR, "clinician", "participant.admit", GUEST),
    ParticipantHeld(PATIENT, DOCTOR): (DOCTOR, "clinician", "participant.hold", PATIENT),
    ParticipantRemoved(GUEST, DOCTOR): (DOCTOR, "clinician", "participant.remove", GUEST),
    ConsentRecorded(PATIENT, Decision.REFUSED, "v1", "zh-CN", "同意录制"): (
        PATIENT,
        "patient",
        "consent.record",
        "refused v1 zh-CN",
    ),
    RecordingStarted(RECORDING, DOCTOR): (DOCTOR, "clinician", "recording.start", RECORDING),
    RecordingStopped(RECORDING, DOCTOR, StopReason.ASKED): (
        DOCTOR,
        "clinician",
        "recording.stop",
        f"{RECORDING} asked",
    ),
    RecordingStopped(RECORDING, None, StopReason.STORAGE_FAILED): (
        "system",
        "",
        "recording.stop",
        f"{RECORDING} storage_failed",
    ),
    VisitFinished(DOCTOR): (DOCTOR, "clinician", "visit.finish", ""),
}


def test_each_accountable_fact_is_noted_in_its_words() -> None:
    for fact, expected in NOTED.items():
        entry = entry_for(VISIT, RoomEvent(7, NOON, fact))
        assert entry is not None
        assert (entry.actor, entry.role, entry.action, entry.detail) == expected
        assert (entry.at, entry.object_type, entry.object_id) == (NOON, "consultation", VISIT.id)


def test_the_list_of_accountable_facts_is_the_facts_that_are_noted() -> None:
    assert {type(fact) for fact in NOTED} == set(ACCOUNTABLE)
    assert set(ACCOUNTABLE) <= set(get_args(Fact))


def test_messages_are_not_noted() -> None:
    message = MessagePosted(PATIENT, MessageId("message-1"), Body("server", text="my chest hurts"))
    assert entry_for(VISIT, RoomEvent(7, NOON, message)) is None


def test_every_fact_that_moves_the_calendar_is_accountable() -> None:
    """The event log looks at accountable facts only, so nothing else may change a consultation."""
    moving = [ParticipantArrived(PATIENT, Role.PATIENT, "Rose", "en"), ParticipantAdmitted(PATIENT, DOCTOR)]
    moving += [ParticipantHeld(PATIENT, DOCTOR), VisitFinished(DOCTOR)]
    for fact in moving:
        assert after(VISIT, RoomEvent(1, NOON, fact)) != VISIT
        assert isinstance(fact, ACCOUNTABLE)
