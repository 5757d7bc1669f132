"""Who may do what inside the room, and who may see which of its events. Default deny."""

from dataclasses import dataclass
from datetime import datetime

from identity.principal import Role
from kernel.errors import NotFound
from rooms.admission import Person
from rooms.errors import NotAdmitted, NotPermitted, NotSeated
from rooms.events import ConsentRecorded, MessagePosted, ReadinessReported, RoomEvent


@dataclass(frozen=True, slots=True)
class Withheld:
    """The place of an event that this viewer may not see, so that their order still has no gap."""

    seq: int
    at: datetime


Seen = RoomEvent | Withheld
"""An event as one viewer gets it."""


def require_known(person: Person | None) -> Person:
    """Return somebody who has arrived and was not dismissed; `NotFound` otherwise."""
    if person is None or person.removed:
        raise NotFound
    return person


def require_seated(person: Person | None) -> Person:
    """Return somebody whose seat is held by a socket; `NotSeated` when they are known but disconnected."""
    person = require_known(person)
    if not person.is_connected:
        raise NotSeated
    return person


def require_in_call(person: Person | None) -> Person:
    """Return somebody who may send and receive media; `NotAdmitted` for those who wait."""
    person = require_seated(person)
    if not person.is_admitted:
        raise NotAdmitted
    return person


def require_chatting(person: Person | None) -> Person:
    """Return somebody who may write and read messages now; `NotAdmitted` for a guest who waits."""
    person = require_seated(person)
    if not may_chat(person):
        raise NotAdmitted
    return person


def require_leading(person: Person | None) -> Person:
    """Return the clinician of the room; `NotPermitted` for everybody else who is seated."""
    person = require_seated(person)
    if person.role is not Role.CLINICIAN:
        raise NotPermitted
    return person


def may_chat(person: Person) -> bool:
    """Patient and clinician always, from the waiting room too; guests only while they are admitted."""
    return person.is_admitted or (not person.removed and sees_everything(person))


def sees_everything(person: Person) -> bool:
    """Whether nothing that happens in the room is withheld from the person."""
    return person.role is Role.CLINICIAN or person.role is Role.PATIENT


def sees(person: Person, event: RoomEvent) -> bool:
    """Whether the person may read the event. Patient and clinician see all.

    From a guest is withheld what was said while they were not admitted, and what others answered about
    consent or found out about their devices.
    """
    if sees_everything(person):
        return True
    match event.fact:
        case MessagePosted():
            return person.was_admitted_at(event.seq)
        case ConsentRecorded(participant) | ReadinessReported(participant):
            return participant == person.id
        case _:
            return True


def seen_by(person: Person, event: RoomEvent) -> Seen:
    """Return the event itself, or only its place when the person may not read it."""
    return event if sees(person, event) else Withheld(event.seq, event.at)
