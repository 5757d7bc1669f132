"""Who has arrived, who is connected by which socket, who waits and who is admitted."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from identity.principal import Role
from kernel.ids import ConnectionId, ParticipantId
from rooms.commands import Enter
from rooms.errors import RoomFull
from rooms.events import (
    Fact,
    ParticipantAdmitted,
    ParticipantArrived,
    ParticipantConnected,
    ParticipantDisconnected,
    ParticipantHeld,
    ParticipantRemoved,
    ReadinessReported,
    RoomEvent,
)

RESERVED_SEATS = 2
"""Seats that no guest can take: the patient's and the clinician's."""


@dataclass(frozen=True, slots=True)
class Stay:
    """A time in the call, as places in the room's order: after `start` and, when it is over, before `end`."""

    start: int
    end: int | None = None

    def contains(self, seq: int) -> bool:
        """Whether `seq` happened during this stay."""
        return self.start < seq and (self.end is None or seq < self.end)


@dataclass(frozen=True, slots=True)
class Person:
    """One participant as the room knows them now."""

    id: ParticipantId
    role: Role
    name: str
    language: str
    waiting_since: datetime  # arrival, or the last time they were held
    connection: ConnectionId | None = None
    stays: tuple[Stay, ...] = ()
    removed: bool = False
    readiness: ReadinessReported | None = None
    away_since: datetime | None = None  # None while connected

    @property
    def is_admitted(self) -> bool:
        """Whether the person may be in the call; they may be disconnected for the moment."""
        return bool(self.stays) and self.stays[-1].end is None

    @property
    def is_connected(self) -> bool:
        """Whether a socket holds the person's seat."""
        return self.connection is not None

    @property
    def is_in_call(self) -> bool:
        """Whether media may flow to and from the person."""
        return self.is_connected and self.is_admitted

    @property
    def is_waiting(self) -> bool:
        """Whether the person stands in the waiting room, connected or not."""
        return not self.is_admitted and not self.removed

    def was_admitted_at(self, seq: int) -> bool:
        """Whether the person was in the call when event `seq` happened."""
        return any(stay.contains(seq) for stay in self.stays)

    def leaving(self, seq: int) -> "Person":
        """Return the person with their present stay, if any, ended at `seq`."""
        if not self.is_admitted:
            return self
        return replace(self, stays=(*self.stays[:-1], replace(self.stays[-1], end=seq)))


class Admission:
    """Everybody who ever arrived, in order of arrival. `apply` is the only mutator."""

    def __init__(self, *, seat_limit: int) -> None:
        self._seat_limit = seat_limit
        self._people: dict[ParticipantId, Person] = {}

    def __iter__(self) -> Iterator[Person]:
        return iter(self._people.values())

    def get(self, participant: ParticipantId) -> Person | None:
        """Return the person, or None who never arrived."""
        return self._people.get(participant)

    def entering(self, command: Enter) -> list[Fact]:
        """Decide what an entry causes for somebody who may enter. `RoomFull` when no seat is free for a guest."""
        person = self._people.get(command.by)
        if person is not None and person.is_connected and person.connection in {command.connection, command.before}:
            return []  # a retry after a lost acknowledgement, or the next socket of the page that has the seat
        if command.role is Role.GUEST and (person is None or not person.is_connected):
            guests = sum(other.is_connected for other in self if other.role is Role.GUEST)
            if guests >= self._seat_limit - RESERVED_SEATS:
                raise RoomFull
        connected = ParticipantConnected(command.by, command.connection)
        if person is None:
            return [ParticipantArrived(command.by, command.role, command.name, command.language), connected]
        return [connected]

    def apply(self, event: RoomEvent) -> None:
        """Take over what `event` says about people; other facts change nothing."""
        match event.fact:
            case ParticipantArrived(participant, role, name, language):
                stays = (Stay(event.seq),) if role is Role.CLINICIAN else ()
                self._people[participant] = Person(participant, role, name, language, event.at, stays=stays)
            case ParticipantConnected(participant, connection):
                self._change(participant, connection=connection, away_since=None)
            case ParticipantDisconnected(participant):
                self._change(participant, connection=None, away_since=event.at)
            case ReadinessReported(participant):
                self._change(participant, readiness=event.fact)
            case ParticipantAdmitted(participant):
                person = self._people[participant]
                self._people[participant] = replace(person, stays=(*person.stays, Stay(event.seq)))
            case ParticipantHeld(participant):
                person = self._people[participant].leaving(event.seq)
                self._people[participant] = replace(person, waiting_since=event.at)
            case ParticipantRemoved(participant):
                person = self._people[participant].leaving(event.seq)
                self._people[participant] = replace(person, removed=True, connection=None)
            case _:
                pass

    def apply_end(self, seq: int) -> None:
        """The visit finished at `seq`: every stay and every connection ends."""
        for person in list(self._people.values()):
            self._people[person.id] = replace(person.leaving(seq), connection=None)

    def _change(self, participant: ParticipantId, **changes: object) -> None:
        self._people[participant] = replace(self._people[participant], **changes)  # type: ignore[arg-type]
