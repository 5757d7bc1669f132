"""The waiting room of one consultation as its clinician's dashboard shows it."""

from typing import Final, Literal

from care.consultation import Status
from identity.principal import Role
from kernel.ids import ConsultationId
from rooms.admission import Person
from rooms.events import (
    ConnectionRungChanged,
    Decision,
    Fact,
    TrackMuted,
    TrackPublished,
    TrackUnpublished,
    VideoReceptionChanged,
)
from rooms.room import RoomView
from signaling.protocol import LobbyEntry, ReadinessCard, Waiting
from signaling.wire import at_text

_UNSEEN_IN_LOBBY: Final = (
    TrackPublished,
    TrackMuted,
    TrackUnpublished,
    VideoReceptionChanged,
    ConnectionRungChanged,
)


def changes_lobby(fact: Fact) -> bool:
    """Whether a dashboard looks different after `fact`."""
    return not isinstance(fact, _UNSEEN_IN_LOBBY)


def lobby_entry(consultation: ConsultationId, view: RoomView | None) -> LobbyEntry:
    """Return the entry of one consultation; `view` is None while its room was never opened."""
    if view is None:
        return _empty(consultation, Status.PLANNED)
    return LobbyEntry(
        consultation,
        status_of(view),
        [_waiting(person, view) for person in view.people if person.is_waiting and not view.is_finished],
        [person.name for person in view.people if person.is_in_call],
        recording=view.is_recording,
        unread=view.unread,
    )


def finished_entry(consultation: ConsultationId) -> LobbyEntry:
    """Return the entry of a consultation that is over: nobody is there any more."""
    return _empty(consultation, Status.FINISHED)


def status_of(view: RoomView) -> Status:
    """Return the consultation's status as its room shows it, in the words of the calendar."""
    if view.is_finished:
        return Status.FINISHED
    patient = next((person for person in view.people if person.role is Role.PATIENT), None)
    if patient is None:
        return Status.PLANNED
    if patient.is_admitted:
        return Status.IN_PROGRESS
    return Status.ON_HOLD if patient.stays else Status.ARRIVED


def _empty(consultation: ConsultationId, status: Status) -> LobbyEntry:
    return LobbyEntry(consultation, status, [], [], recording=False)


def _waiting(person: Person, view: RoomView) -> Waiting:
    found = person.readiness
    return Waiting(
        participant=person.id,
        name=person.name,
        role=person.role,
        since=at_text(person.waiting_since),
        connected=person.is_connected,
        consent=_consent(view.consents.get(person.id)),
        readiness=ReadinessCard(found.camera, found.microphone, found.speaker, found.round_trip_ms, found.media)
        if found
        else None,
    )


def _consent(decision: Decision | None) -> Literal["given", "refused", "withdrawn", "none"]:
    return decision.value if decision else "none"
