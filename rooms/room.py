"""One consultation room as a state machine."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, assert_never

from identity.principal import Role
from kernel.errors import Invalid, NotFound
from kernel.ids import MessageId, ParticipantId, RoomId
from rooms.admission import Admission, Person
from rooms.chat import ChatLog
from rooms.commands import (
    AdmitParticipant,
    ChangeRung,
    ChangeVideoReception,
    Command,
    Disconnect,
    Enter,
    FinishVisit,
    HoldParticipant,
    MuteTrack,
    NoteAbsence,
    OpenRoom,
    PostMessage,
    PublishTrack,
    ReadMessages,
    RecordConsent,
    RemoveParticipant,
    ReportReadiness,
    StartRecording,
    StopRecording,
    UnpublishTrack,
)
from rooms.consents import Consents
from rooms.errors import ConsentMissing, NotPermitted, RoomEnded, RoomExhausted
from rooms.events import (
    ConnectionRungChanged,
    Decision,
    Fact,
    ParticipantAdmitted,
    ParticipantDisconnected,
    ParticipantHeld,
    ParticipantRemoved,
    ReadinessReported,
    RoomEvent,
    RoomOpened,
    Rung,
    StopReason,
    VisitFinished,
)
from rooms.permissions import (
    require_chatting,
    require_in_call,
    require_known,
    require_leading,
    require_seated,
)
from rooms.recording import RecordingManifest
from rooms.tracks import Routing, Rungs, TrackTable

SEAT_LIMIT: Final = 8
EVENTS_LIMIT: Final = 50_000
"""Events after which a room takes only what ends or restricts something; a busy hour has about a thousand."""

AWAY_AFTER: Final = timedelta(seconds=30)
"""Somebody in the call whose socket has been gone for so long is away: messages are left for them."""

_OF_THE_SERVER: Final = (Disconnect, ChangeRung, NoteAbsence)
"""What nobody asked for, so that nobody is refused it: where it can't be it is not."""
_ACCEPTED_WHEN_EXHAUSTED: Final = (
    Disconnect,
    HoldParticipant,
    RemoveParticipant,
    RecordConsent,
    UnpublishTrack,
    StopRecording,
    FinishVisit,
)


@dataclass(frozen=True, slots=True)
class RoomView:
    """A room at one moment, for dashboards. Nothing in it changes afterwards."""

    room: RoomId
    clinician: ParticipantId | None  # None before the room was opened
    people: tuple[Person, ...]
    consents: Mapping[ParticipantId, Decision]
    is_recording: bool
    is_finished: bool
    last_seq: int
    unread: int = 0  # messages that the clinician has not read


class Room:
    """One room as a state machine. Not safe to share between tasks: `RoomService` lends it to one at a time.

    `handle` decides and changes nothing; `apply` is the only mutator and never refuses, so that any room can be
    rebuilt by applying its stored events in order.
    """

    def __init__(self, room: RoomId, *, seat_limit: int = SEAT_LIMIT) -> None:
        self.id = room
        self._seq = 0
        self._at: datetime | None = None
        self._clinician: ParticipantId | None = None
        self._is_finished = False
        self._admission = Admission(seat_limit=seat_limit)
        self._chat = ChatLog()
        self._consents = Consents()
        self._recording = RecordingManifest()
        self._tracks = TrackTable()

    @classmethod
    def replayed(cls, room: RoomId, events: Iterable[RoomEvent], *, seat_limit: int = SEAT_LIMIT) -> "Room":
        """Return the room that `events`, from the first one on, made."""
        replayed = cls(room, seat_limit=seat_limit)
        for event in events:
            replayed.apply(event)
        return replayed

    @property
    def last_seq(self) -> int:
        """The place of the newest event; 0 for a room that was never opened."""
        return self._seq

    @property
    def is_finished(self) -> bool:
        """Whether the visit is over, for good."""
        return self._is_finished

    @property
    def people(self) -> Iterable[Person]:
        """Everybody who ever arrived, in order of arrival."""
        return self._admission

    def person(self, participant: ParticipantId) -> Person | None:
        """Return what the room knows of somebody, None when they never arrived."""
        return self._admission.get(participant)

    def seq_of_message(self, author: ParticipantId, message: MessageId) -> int | None:
        """Return the place of a message, so that a retry gets the answer of the first attempt."""
        return self._chat.seq_of(author, message)

    def routing(self) -> Routing:
        """Return what media shall flow and be recorded in the present state."""
        return self._tracks.routing(
            in_call=[person.id for person in self._admission if person.is_in_call],
            recording=self._recording.active,
            consenting={person.id for person in self._admission if self._consents.is_given(person.id)},
        )

    def rungs(self, participant: ParticipantId) -> Rungs:
        """Return what somebody's connection carries, as far as the room has been told."""
        return self._tracks.rungs(participant)

    def still_viewers(self, participant: ParticipantId) -> frozenset[ParticipantId]:
        """Return who in the call sees stills of somebody's camera in place of its moving picture."""
        in_call = (person.id for person in self._admission if person.is_in_call)
        return frozenset(viewer for viewer in in_call if self._tracks.shows_stills(participant, viewer))

    def next_deadline(self) -> datetime | None:
        """Return when `NoteAbsence` will have something to note; None while nobody is missing to anybody."""
        if self._is_finished or not any(person.is_in_call for person in self._admission):
            return None
        return min((since + AWAY_AFTER for _, since in self._missing()), default=None)

    def view(self) -> RoomView:
        """Return the present state for dashboards."""
        return RoomView(
            self.id,
            self._clinician,
            tuple(self._admission),
            self._consents.decisions(),
            self._recording.active is not None,
            self._is_finished,
            self._seq,
            self._chat.unread_by(self._clinician) if self._clinician else 0,
        )

    def handle(self, command: Command, *, now: datetime) -> list[RoomEvent]:
        """Decide what `command` causes, without changing anything.

        Returns the events in order, none when what was asked is already so. Raises `kernel.errors.AppError` when
        it is refused. Times never go back within a room, even if the clock does.
        """
        at = max(now, self._at) if self._at else now
        facts = self._absences(at) if isinstance(command, NoteAbsence) else self._decide(command)
        return [RoomEvent(self._seq + place, at, fact) for place, fact in enumerate(facts, start=1)]

    def apply(self, event: RoomEvent) -> None:
        """Take `event` over; the one that follows the last applied one, as `handle` or the log gave it."""
        self._seq = event.seq
        self._at = event.at
        match event.fact:
            case RoomOpened(clinician):
                self._clinician = clinician
            case VisitFinished():
                self._is_finished = True
                self._admission.apply_end(event.seq)
            case _:
                self._admission.apply(event)
                self._chat.apply(event)
                self._consents.apply(event)
                self._recording.apply(event)
                self._tracks.apply(event)

    def _decide(self, command: Command) -> list[Fact]:
        if isinstance(command, OpenRoom):
            return [] if self._clinician else [RoomOpened(command.clinician, command.clinician_name)]
        if self._clinician is None:
            raise NotFound
        if self._is_finished:
            return self._after_the_end(command)
        if self._seq >= EVENTS_LIMIT and not isinstance(command, _ACCEPTED_WHEN_EXHAUSTED):
            if isinstance(command, _OF_THE_SERVER):
                return []
            raise RoomExhausted
        return self._decide_open(command)

    def _after_the_end(self, command: Command) -> list[Fact]:
        if isinstance(command, _OF_THE_SERVER) or (isinstance(command, FinishVisit) and command.by == self._clinician):
            return []
        raise RoomEnded

    def _decide_open(self, command: Command) -> list[Fact]:  # noqa: C901, PLR0911, PLR0912 - one line a command
        match command:
            case PostMessage(by):
                require_chatting(self.person(by))
                return self._chat.posting(command)
            case ReadMessages(by):
                require_chatting(self.person(by))
                return self._chat.reading(command, last_seq=self._seq)
            case OpenRoom():
                return []
            case Enter():
                return self._enter(command)
            case Disconnect():
                return self._disconnect(command)
            case ReportReadiness():
                return self._report_readiness(command)
            case AdmitParticipant():
                return self._admit(command)
            case HoldParticipant():
                return self._hold(command)
            case RemoveParticipant():
                return self._remove(command)
            case RecordConsent():
                return self._record_consent(command)
            case PublishTrack(by):
                require_in_call(self.person(by))
                return self._tracks.publishing(command)
            case MuteTrack(by):
                require_in_call(self.person(by))
                return self._tracks.muting(command)
            case UnpublishTrack(by, source):
                require_seated(self.person(by))
                return self._tracks.unpublishing(by, source)
            case ChangeVideoReception(by, receives_video):
                require_seated(self.person(by))
                return self._tracks.changing_reception(by, receives_video=receives_video)
            case ChangeRung(by):
                person = self.person(by)
                return self._tracks.changing_rungs(command) if person is not None and person.is_in_call else []
            case NoteAbsence():
                return []
            case StartRecording():
                return self._start_recording(command)
            case StopRecording(by, reason):
                if by is not None:
                    require_leading(self.person(by))
                return self._recording.stopping(by, reason)
            case FinishVisit():
                return self._finish(command)
            case _:
                assert_never(command)

    def _missing(self) -> Iterable[tuple[Person, datetime]]:
        """Everybody who should be in the call, is not, and has not been noted to be away."""
        for person in self._admission:
            is_noted = self.rungs(person.id).receives is Rung.MESSAGE
            if person.is_admitted and person.away_since is not None and not is_noted:
                yield person, person.away_since

    def _absences(self, at: datetime) -> list[Fact]:
        deadline = self.next_deadline()
        if deadline is None or at < deadline or self._seq >= EVENTS_LIMIT:
            return []
        return [
            ConnectionRungChanged(person.id, Rung.MESSAGE, Rung.MESSAGE)
            for person, since in self._missing()
            if at >= since + AWAY_AFTER
        ]

    def _enter(self, command: Enter) -> list[Fact]:
        known = self.person(command.by)
        if known is not None:
            require_known(known)
        if command.role not in (Role.PATIENT, Role.CLINICIAN, Role.GUEST):
            raise NotFound
        if (command.role is Role.CLINICIAN) != (command.by == self._clinician):
            raise NotFound
        facts = self._admission.entering(command)
        # Tracks belong to the connection that published them: a socket that takes the seat over begins without.
        return [*self._tracks.unpublishing(command.by), *facts] if facts else []

    def _disconnect(self, command: Disconnect) -> list[Fact]:
        person = self.person(command.by)
        if person is None or person.connection != command.connection:
            return []  # another socket has the seat
        return [*self._tracks.unpublishing(command.by), ParticipantDisconnected(command.by)]

    def _report_readiness(self, command: ReportReadiness) -> list[Fact]:
        person = require_seated(self.person(command.by))
        if command.round_trip_ms is not None and command.round_trip_ms < 0:
            raise Invalid("round_trip_ms")
        report = ReadinessReported(
            command.by, command.camera, command.microphone, command.speaker, command.round_trip_ms, command.media
        )
        return [] if person.readiness == report else [report]

    def _admit(self, command: AdmitParticipant) -> list[Fact]:
        require_leading(self.person(command.by))
        person = require_known(self.person(command.participant))
        return [] if person.is_admitted else [ParticipantAdmitted(person.id, command.by)]

    def _hold(self, command: HoldParticipant) -> list[Fact]:
        require_leading(self.person(command.by))
        person = require_known(self.person(command.participant))
        if person.role is Role.CLINICIAN:
            raise NotPermitted
        if not person.is_admitted:
            return []
        return [*self._tracks.unpublishing(person.id), ParticipantHeld(person.id, command.by)]

    def _remove(self, command: RemoveParticipant) -> list[Fact]:
        require_leading(self.person(command.by))
        person = self.person(command.participant)
        if person is None:
            raise NotFound
        if person.role is not Role.GUEST:
            raise NotPermitted
        if person.removed:
            return []
        return [*self._tracks.unpublishing(person.id), ParticipantRemoved(person.id, command.by)]

    def _record_consent(self, command: RecordConsent) -> list[Fact]:
        person = require_seated(self.person(command.by))
        facts = self._consents.recording(command)
        if facts and person.role is Role.PATIENT and command.decision is not Decision.GIVEN:
            # Without the patient there is no consultation left to record; anybody else is merely left out of it.
            return [*facts, *self._recording.stopping(person.id, StopReason.CONSENT_WITHDRAWN)]
        return facts

    def _start_recording(self, command: StartRecording) -> list[Fact]:
        require_leading(self.person(command.by))
        if not all(self._consents.is_given(person.id) for person in self._admission if person.is_admitted):
            raise ConsentMissing
        return self._recording.starting(command.recording, command.by)

    def _finish(self, command: FinishVisit) -> list[Fact]:
        require_leading(self.person(command.by))
        return [
            *(fact for person in self._admission for fact in self._tracks.unpublishing(person.id)),
            *self._recording.stopping(command.by, StopReason.FINISHED),
            VisitFinished(command.by),
        ]
