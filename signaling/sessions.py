"""Which socket is whose, and who sits where. A person has one seat in a room, held by the newest socket."""

from asyncio import TimerHandle
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from identity.principal import Principal
from kernel.ids import ConnectionId, ParticipantId, RoomId
from signaling.budget import Budget

SOCKETS_PER_PERSON = 12
"""Sockets that one person may have open: tabs and devices. More are refused."""


@dataclass(frozen=True, slots=True)
class Seating:
    """A seat as one socket holds it."""

    room: RoomId
    participant: ParticipantId
    connection: ConnectionId

    @property
    def place(self) -> tuple[RoomId, ParticipantId]:
        """Whose seat it is, whichever socket holds it."""
        return self.room, self.participant


@dataclass(slots=True, eq=False)
class Session:
    """One signed-in socket."""

    sid: str
    principal: Principal
    budget: Budget
    seating: Seating | None = None
    watches_lobby: bool = False
    is_ended: bool = False  # signed out by us
    deadline: TimerHandle | None = None  # when the sign-in must be repeated
    renewal: TimerHandle | None = None  # when its TURN credentials are replaced

    @property
    def participant(self) -> ParticipantId:
        """Who the socket's owner is inside any room."""
        return self.principal.participant


@dataclass(slots=True)
class Sessions:
    """Every signed-in socket of this node."""

    _by_sid: dict[str, Session] = field(default_factory=dict)
    _by_person: dict[ParticipantId, set[Session]] = field(default_factory=dict)
    _seated: dict[RoomId, dict[ParticipantId, Session]] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._by_sid.values()))

    def __len__(self) -> int:
        return len(self._by_sid)

    def open(self, session: Session) -> None:
        """Add a socket that has signed in."""
        self._by_sid[session.sid] = session
        self._by_person.setdefault(session.participant, set()).add(session)

    def get(self, sid: str) -> Session | None:
        """Return the socket's session, None when it is not signed in."""
        return self._by_sid.get(sid)

    def of_person(self, person: ParticipantId) -> Collection[Session]:
        """Return every socket of one person."""
        return tuple(self._by_person.get(person, ()))

    def close(self, sid: str) -> Session | None:
        """Forget a socket; returns what it was. Its seat is free for the gateway to give back."""
        session = self._by_sid.pop(sid, None)
        if session is None:
            return None
        if session.deadline is not None:
            session.deadline.cancel()
        if session.renewal is not None:
            session.renewal.cancel()
            session.renewal = None
        person = session.participant
        siblings = self._by_person.get(person)
        if siblings is not None:
            siblings.discard(session)
            if not siblings:
                del self._by_person[person]
        return session

    def sit_down(self, session: Session, seating: Seating) -> Session | None:
        """Give the seat to this socket; returns the socket that held it until now, which has none any more."""
        seats = self._seated.setdefault(seating.room, {})
        displaced = seats.get(seating.participant)
        if displaced is session:
            displaced = None
        if displaced is not None:
            displaced.seating = None
        seats[seating.participant] = session
        session.seating = seating
        return displaced

    def stand_up(self, session: Session) -> None:
        """Free the socket's seat, if it holds one."""
        seating, session.seating = session.seating, None
        if seating is None:
            return
        seats = self._seated.get(seating.room, {})
        if seats.get(seating.participant) is session:
            del seats[seating.participant]
            if not seats:
                del self._seated[seating.room]

    def seated_in(self, room: RoomId) -> Mapping[ParticipantId, Session]:
        """Return who sits in a room, by participant. Not to be changed, nor kept across an await."""
        return self._seated.get(room, {})
