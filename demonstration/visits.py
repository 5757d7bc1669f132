"""An earlier visit, played once more: the room decides what happened, so it looks like a real one."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from care.consent_texts import CURRENT, text_for
from demonstration.footage import LENGTH
from identity.principal import Role
from kernel.ids import ConnectionId, MessageId, ParticipantId, RecordingId, RoomId, new_id
from rooms.commands import (
    AdmitParticipant,
    Command,
    Disconnect,
    Enter,
    FinishVisit,
    OpenRoom,
    PostMessage,
    PublishTrack,
    ReadMessages,
    RecordConsent,
    ReportReadiness,
    StartRecording,
    StopRecording,
)
from rooms.events import Body, Decision, DeviceState, RoomEvent, Source
from rooms.room import Room

_EARLY: Final = timedelta(minutes=4)  # patients come before their time
_LATE: Final = timedelta(seconds=40)  # doctors a little after it
_BETWEEN: Final = timedelta(seconds=50)
_SETTLING: Final = timedelta(seconds=14)


@dataclass(frozen=True, slots=True)
class Cast:
    """One person of a visit."""

    id: ParticipantId
    role: Role
    name: str
    language: str


@dataclass(frozen=True, slots=True)
class Visit:
    """What shall have happened. `chat` names its authors by role; `consent` is the patient's answer, None for none.

    A visit with a `recording` is recorded for `LENGTH`, and everything is written in that time.
    """

    room: RoomId
    scheduled_at: datetime
    minutes: int
    clinician: Cast
    patient: Cast
    guest: Cast | None
    consent: Decision | None
    chat: tuple[tuple[Role, str], ...]
    recording: RecordingId | None = None

    @property
    def started_at(self) -> datetime:
        """When the patient was admitted."""
        return self.scheduled_at + _LATE

    @property
    def recorded_at(self) -> datetime:
        """When the recording began, if there is one."""
        return self.started_at + _SETTLING

    @property
    def finished_at(self) -> datetime:
        return self.started_at + timedelta(minutes=self.minutes)

    def answer_of(self, person: Cast) -> Decision | None:
        """Return what the person says to being recorded: the others agree when the patient was asked at all."""
        return self.consent if person is self.patient or self.consent is None else Decision.GIVEN


def events_of(visit: Visit) -> list[RoomEvent]:
    """Return everything that happened in the visit's room, from its opening to its end."""
    room = Room(visit.room)
    happened: list[RoomEvent] = []

    def submit(command: Command, at: datetime) -> None:
        for event in room.handle(command, now=at):
            room.apply(event)
            happened.append(event)

    for at, command in _commands(visit):
        submit(command, at)
        if isinstance(command, PostMessage):
            for person in _everybody(visit):
                if person.id != command.by:
                    submit(ReadMessages(person.id, room.last_seq), at + timedelta(seconds=3))
    return happened


def _commands(visit: Visit) -> Iterator[tuple[datetime, Command]]:
    connections = {person: ConnectionId(new_id("cnx")) for person in _everybody(visit)}
    others = [person for person in _everybody(visit) if person is not visit.clinician]
    early = visit.scheduled_at - _EARLY
    yield early, OpenRoom(visit.clinician.id, visit.clinician.name)
    for place, person in enumerate(others):
        yield from _arriving(early + place * _BETWEEN, person, connections[person], visit.answer_of(person))
    in_time = visit.scheduled_at + timedelta(seconds=5)
    yield from _arriving(in_time, visit.clinician, connections[visit.clinician], visit.answer_of(visit.clinician))
    for place, person in enumerate(others):
        yield visit.started_at + place * timedelta(seconds=4), AdmitParticipant(visit.clinician.id, person.id)
    for person in _everybody(visit):
        for source in (Source.MICROPHONE, Source.CAMERA):
            yield visit.started_at + timedelta(seconds=12), PublishTrack(person.id, source, muted=False)
    if visit.recording is None:
        yield from _chat(visit, visit.started_at, timedelta(minutes=visit.minutes))
    else:
        yield visit.recorded_at, StartRecording(visit.clinician.id, visit.recording)
        yield from _chat(visit, visit.recorded_at, LENGTH)
        yield visit.recorded_at + LENGTH, StopRecording(visit.clinician.id)
    for person in others:
        yield visit.finished_at - timedelta(seconds=5), Disconnect(person.id, connections[person])
    yield visit.finished_at, FinishVisit(visit.clinician.id)


def _chat(visit: Visit, begin: datetime, length: timedelta) -> Iterator[tuple[datetime, Command]]:
    pause = length / (len(visit.chat) + 1)
    authors = {person.role: person.id for person in _everybody(visit)}
    for place, (role, text) in enumerate(visit.chat, start=1):
        message = PostMessage(authors[role], MessageId(new_id("msg")), Body("server", text))
        yield begin + place * pause, message


def _arriving(
    at: datetime, person: Cast, connection: ConnectionId, consent: Decision | None
) -> Iterator[tuple[datetime, Command]]:
    yield at, Enter(person.id, person.role, person.name, person.language, connection)
    ok = DeviceState.OK
    yield at + timedelta(seconds=2), ReportReadiness(person.id, ok, ok, ok, round_trip_ms=42)
    if consent is not None:
        text = text_for(CURRENT, person.language)
        yield at + timedelta(seconds=30), RecordConsent(person.id, consent, CURRENT, person.language, text)


def _everybody(visit: Visit) -> tuple[Cast, ...]:
    """Return the people in the order of their arrival."""
    guests = () if visit.guest is None else (visit.guest,)
    return (visit.patient, *guests, visit.clinician)
