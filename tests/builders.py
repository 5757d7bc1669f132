"""Values that tests begin from: a noon, the people of one consultation, and rooms at well-known moments."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from identity.principal import Principal, Role
from kernel.ids import (
    AttachmentId,
    ConnectionId,
    ConsultationId,
    InvitationId,
    MessageId,
    ParticipantId,
    PatientId,
    RecordingId,
    RoomId,
    SessionId,
    UserId,
)
from rooms.commands import (
    AdmitParticipant,
    Command,
    Enter,
    OpenRoom,
    PostMessage,
    PublishTrack,
    RecordConsent,
    StartRecording,
)
from rooms.events import Attachment, Body, Decision, Fact, RoomEvent, Source
from rooms.ports import Seat
from rooms.room import Room

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
ROOM = RoomId("con_room")
CONSULTATION = ConsultationId(ROOM)
DOCTOR = ParticipantId("usr_doctor")
PATIENT = ParticipantId("pat_patient")
GUEST = ParticipantId("inv_guest")
NAMES = {DOCTOR: "Dr. Lin", PATIENT: "Wang Fang", GUEST: "Interpreter"}
ROLES = {DOCTOR: Role.CLINICIAN, PATIENT: Role.PATIENT, GUEST: Role.GUEST}
RECORDING = RecordingId("rec_first")


def later(seconds: float) -> datetime:
    """Return the moment `seconds` after noon."""
    return NOON + timedelta(seconds=seconds)


def connection(who: ParticipantId, tab: int = 1) -> ConnectionId:
    return ConnectionId(f"cnx_{who}_{tab}")


def opening() -> OpenRoom:
    return OpenRoom(DOCTOR, NAMES[DOCTOR])


def enter(who: ParticipantId, *, tab: int = 1, role: Role | None = None) -> Enter:
    name = NAMES.get(who, str(who))
    return Enter(who, role or ROLES.get(who, Role.GUEST), name, "en", connection(who, tab))


def admit(who: ParticipantId) -> AdmitParticipant:
    return AdmitParticipant(DOCTOR, who)


def post(
    who: ParticipantId, text: str = "Hello", *, id_: str = "message-1", files: Iterable[Attachment] = ()
) -> PostMessage:
    return PostMessage(who, MessageId(id_), Body("server", text), tuple(files))


def consent(who: ParticipantId, decision: Decision = Decision.GIVEN) -> RecordConsent:
    return RecordConsent(who, decision, "2026-11", "en", "May we record?")


def publish(who: ParticipantId, source: Source = Source.CAMERA, *, muted: bool = False) -> PublishTrack:
    return PublishTrack(who, source, muted)


def record() -> StartRecording:
    return StartRecording(DOCTOR, RECORDING)


def attachment(id_: str = "att_scan") -> Attachment:
    return Attachment(AttachmentId(id_), "scan.png", "image/png", 1000)


class Stage:
    """A room with the memory of its events, driven by commands at noon."""

    def __init__(self, *commands: Command, seat_limit: int = 8) -> None:
        self.room = Room(ROOM, seat_limit=seat_limit)
        self.events: list[RoomEvent] = []
        self.do(opening(), *commands)

    def do(self, *commands: Command, now: datetime = NOON) -> list[Fact]:
        """Handle and apply; returns the facts that the commands caused."""
        facts: list[Fact] = []
        for command in commands:
            events = self.room.handle(command, now=now)
            for event in events:
                self.room.apply(event)
            self.events += events
            facts += [event.fact for event in events]
        return facts


def waiting_room() -> Stage:
    """Everybody has entered; only the doctor is in the call."""
    return Stage(enter(DOCTOR), enter(PATIENT), enter(GUEST))


def call() -> Stage:
    """Doctor and patient are in the call, the guest waits."""
    stage = waiting_room()
    stage.do(admit(PATIENT))
    return stage


SUBJECTS: dict[ParticipantId, UserId | InvitationId] = {
    DOCTOR: UserId(DOCTOR),
    PATIENT: UserId("usr_patient"),
    GUEST: InvitationId(GUEST),
}


def principal(who: ParticipantId) -> Principal:
    """Return the person behind a participant, as a token would prove them."""
    return Principal(
        subject=SUBJECTS.get(who, InvitationId(who)),
        session=SessionId(f"ses_{who}"),
        role=ROLES.get(who, Role.GUEST),
        name=NAMES.get(who, str(who)),
        language="en",
        patient=PatientId(who) if who == PATIENT else None,
    )


def seat(who: ParticipantId) -> Seat:
    """Return the seat of one of the consultation's people."""
    return Seat(
        role=ROLES.get(who, Role.GUEST),
        name=NAMES.get(who, str(who)),
        language="en",
        clinician=DOCTOR,
        clinician_name=NAMES[DOCTOR],
        patient_name=NAMES[PATIENT],
        department_en="Cardiology",
        department_zh="心内科",
        reason="" if who == GUEST else "Chest pain",
        scheduled_at=NOON,
    )
