"""What was said and what happened in a visit, in order, with the names of those who did it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from care.recording_time import Spans
from identity.principal import Role
from kernel.ids import ParticipantId
from rooms.events import (
    KINDS,
    Attachment,
    ConnectionRungChanged,
    ConsentRecorded,
    MessagePosted,
    MessagesRead,
    ParticipantAdmitted,
    ParticipantArrived,
    ParticipantConnected,
    ParticipantDisconnected,
    ParticipantHeld,
    ParticipantRemoved,
    ReadinessReported,
    RecordingStarted,
    RecordingStopped,
    RoomEvent,
    RoomOpened,
    TrackMuted,
    TrackPublished,
    TrackUnpublished,
    VideoReceptionChanged,
    VisitFinished,
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who was there, by the name they had in the room."""

    participant: ParticipantId
    name: str
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One event of the visit. `offset_ms` is its place in the composed recording, None when it has none."""

    seq: int
    at: datetime
    offset_ms: int | None
    kind: str  # the event's name as on the wire, for example "participant_admitted"
    participant: ParticipantId | None = None  # whom it is about
    name: str | None = None
    by: ParticipantId | None = None  # who brought it about, where that is somebody else
    text: str | None = None
    source: str | None = None
    decision: str | None = None
    reason: str | None = None
    receives: str | None = None  # what the person's connection carried from then on
    sends: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """`text` is None when it is sealed end to end and the server never saw it."""

    seq: int
    at: datetime
    offset_ms: int | None
    author: ParticipantId
    author_name: str
    text: str | None
    attachments: tuple[Attachment, ...]


@dataclass(frozen=True, slots=True)
class ConsentAnswer:
    """What somebody was asked about recording, in these words, and answered."""

    participant: ParticipantId
    name: str
    decision: str
    version: str
    language: str
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """A visit to read. `timeline` has everything that happened, messages included; `messages` has them whole."""

    participants: tuple[Person, ...] = ()
    timeline: tuple[Happening, ...] = ()
    messages: tuple[Message, ...] = ()
    consents: tuple[ConsentAnswer, ...] = ()


def transcript_of(events: Sequence[RoomEvent], spans: Spans) -> Transcript:
    """Return the transcript of a room's events, from its first one on; `spans` place it in the composed recording.

    Left out is what only the machines of that day needed: read receipts, device reports, sound only or not, and the
    socket that comes with an arrival.
    """
    people = _people(events)
    names = {person.participant: person.name for person in people}
    return Transcript(
        participants=people,
        timeline=tuple(_timeline(events, spans, names)),
        messages=tuple(
            Message(
                event.seq,
                event.at,
                spans.offset_ms(event.at),
                fact.author,
                names.get(fact.author, ""),
                fact.body.text,
                fact.attachments,
            )
            for event in events
            if isinstance(fact := event.fact, MessagePosted)
        ),
        consents=tuple(
            ConsentAnswer(
                fact.participant,
                names.get(fact.participant, ""),
                fact.decision,
                fact.version,
                fact.language,
                event.at,
                fact.text,
            )
            for event in events
            if isinstance(fact := event.fact, ConsentRecorded)
        ),
    )


def _people(events: Iterable[RoomEvent]) -> tuple[Person, ...]:
    return tuple(
        Person(event.fact.participant, event.fact.name, event.fact.role)
        for event in events
        if isinstance(event.fact, ParticipantArrived)
    )


def _timeline(events: Sequence[RoomEvent], spans: Spans, names: dict[ParticipantId, str]) -> Iterable[Happening]:
    present: set[ParticipantId] = set()
    for event in events:
        match event.fact:
            case ParticipantArrived(participant):
                present.add(participant)
            case ParticipantConnected(participant) if participant in present:
                continue  # the socket of an arrival, or a newer tab
            case ParticipantConnected(participant):
                present.add(participant)
            case ParticipantDisconnected(participant):
                present.discard(participant)
            case _:
                pass
        happening = _told(event, spans.offset_ms(event.at))
        if happening is not None:
            about = happening.participant
            yield replace(happening, name=names.get(about)) if about is not None else happening


def _told(event: RoomEvent, offset_ms: int | None) -> Happening | None:  # noqa: C901, PLR0911 - one line a fact
    """Return what the timeline tells of `event`, without the name; None for what it leaves out."""
    told = Happening(seq=event.seq, at=event.at, offset_ms=offset_ms, kind=KINDS[type(event.fact)])
    match event.fact:
        case ReadinessReported() | MessagesRead() | VideoReceptionChanged():
            return None
        case RoomOpened(clinician):
            return replace(told, participant=clinician)
        case ParticipantArrived(participant) | ParticipantConnected(participant) | ParticipantDisconnected(participant):
            return replace(told, participant=participant)
        case (
            ParticipantAdmitted(participant, by)
            | ParticipantHeld(participant, by)
            | ParticipantRemoved(participant, by)
        ):
            return replace(told, participant=participant, by=by)
        case ConsentRecorded(participant, decision):
            return replace(told, participant=participant, decision=decision.value)
        case MessagePosted(author, _, body):
            return replace(told, participant=author, text=body.text)
        case (
            TrackPublished(participant, source)
            | TrackMuted(participant, source)
            | TrackUnpublished(participant, source)
        ):
            return replace(told, participant=participant, source=source.value)
        case ConnectionRungChanged(participant, receives, sends):
            return replace(told, participant=participant, receives=receives.value, sends=sends.value)
        case RecordingStarted(_, by):
            return replace(told, participant=by)
        case RecordingStopped(_, stopped_by, reason):
            return replace(told, participant=stopped_by, reason=reason.value)
        case VisitFinished(by):
            return replace(told, participant=by)
        case _:
            assert_never(event.fact)
