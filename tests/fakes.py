"""Small stand-ins for the ports of the live room. Each asserts the promise of the port it stands for."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from identity.principal import Principal
from kernel.errors import Conflict, NotFound, SignInRequired
from kernel.ids import AttachmentId, ConsultationId, ParticipantId, RoomId
from rooms.events import Attachment, RoomEvent
from rooms.ports import MediaObserver, MediaState, OwnConsultation, Seat
from rooms.tracks import Routing


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def advance(self, **by: float) -> None:
        self.at += timedelta(**by)


class FakeEventLog:
    """Events in memory. `fail_next` makes one append raise: before it is stored, or after (an unknown outcome)."""

    def __init__(self, stored: Mapping[RoomId, Iterable[RoomEvent]] | None = None) -> None:
        self.stored: dict[RoomId, list[RoomEvent]] = {room: list(events) for room, events in (stored or {}).items()}
        self.fail_next: Exception | None = None
        self.stored_before_failing = False
        self.reads = 0

    async def append(self, room: RoomId, events: Sequence[RoomEvent]) -> None:
        assert events, "nothing to append"
        await asyncio.sleep(0)  # as a commit, it lets others run
        log = self.stored.setdefault(room, [])
        failure, self.fail_next = self.fail_next, None
        if failure is not None and not self.stored_before_failing:
            raise failure
        if events[0].seq != len(log) + 1:
            raise Conflict
        assert [event.seq for event in events] == list(range(len(log) + 1, len(log) + 1 + len(events)))
        log.extend(events)
        if failure is not None:
            raise failure

    async def read(self, room: RoomId, *, since: int = 0, limit: int | None = None) -> list[RoomEvent]:
        await asyncio.sleep(0)
        self.reads += 1
        return [event for event in self.stored.get(room, []) if event.seq > since][:limit]


class FakePublisher:
    """Remembers what was told; telling what is not stored, or out of order, fails the test."""

    def __init__(self, log: FakeEventLog) -> None:
        self._log = log
        self.told: dict[RoomId, list[RoomEvent]] = {}

    async def publish(self, room: RoomId, events: Sequence[RoomEvent]) -> None:
        stored = self._log.stored.get(room, [])
        told = self.told.setdefault(room, [])
        for event in events:
            assert event in stored, "told before stored"
            assert not told or event.seq == told[-1].seq + 1, "told out of order"
            told.append(event)


class FakeMediaPlane:
    """Remembers the desired state of each room; a media connection without permission fails the test."""

    def __init__(self) -> None:
        self.observer: MediaObserver | None = None
        self.routed: dict[RoomId, Routing] = {}
        self.connections: set[tuple[RoomId, ParticipantId]] = set()
        self.calls: list[tuple[object, ...]] = []
        self.closed: list[RoomId] = []
        self.silent: set[ParticipantId] = set()

    def observe(self, observer: MediaObserver) -> None:
        assert self.observer is None, "observed twice"
        self.observer = observer

    def join(self, room: RoomId, participant: ParticipantId) -> None:
        assert participant in self.routed.get(room, Routing()).subscriptions, "joined without permission"
        self.connections.add((room, participant))
        self.calls.append(("join", participant))

    def answer(self, room: RoomId, participant: ParticipantId, generation: int, sdp: str) -> None:
        self.calls.append(("answer", participant, generation, sdp))

    def restart(self, room: RoomId, participant: ParticipantId) -> None:
        self.calls.append(("restart", participant))

    def state_of(self, room: RoomId, participant: ParticipantId) -> MediaState | None:
        if (room, participant) not in self.connections:
            return None
        return MediaState.SILENT if participant in self.silent else MediaState.CONNECTED

    def leave(self, room: RoomId, participant: ParticipantId) -> None:
        self.connections.discard((room, participant))
        self.calls.append(("leave", participant))

    def route(self, room: RoomId, routing: Routing) -> None:
        assert routing.recorded <= routing.published
        assert routing.recording is not None or not routing.recorded
        for tracks in routing.subscriptions.values():
            assert tracks <= routing.published
        self.routed[room] = routing
        self.connections = {
            (where, who) for where, who in self.connections if where != room or who in routing.subscriptions
        }

    async def close_room(self, room: RoomId) -> None:
        await asyncio.sleep(0)
        self.routed.pop(room, None)
        self.connections = {(where, who) for where, who in self.connections if where != room}
        self.closed.append(room)


class FakeVerifier:
    """Tokens are words; each is one person."""

    def __init__(self, people: Mapping[str, Principal]) -> None:
        self.people = dict(people)

    def verify(self, token: str) -> Principal:
        try:
            return self.people[token]
        except KeyError:
            raise SignInRequired from None


@dataclass
class FakeReception:
    """Seats by consultation and participant; everybody else is refused as if there were nothing."""

    seats: dict[tuple[ConsultationId, ParticipantId], Seat] = field(default_factory=dict)
    today: list[OwnConsultation] = field(default_factory=list)
    seat_of: Callable[[ConsultationId, ParticipantId], Seat | None] = lambda _consultation, _who: None

    async def seat(self, principal: Principal, consultation: ConsultationId) -> Seat:
        known = self.seats.get((consultation, principal.participant))
        seat = known or self.seat_of(consultation, principal.participant)
        if seat is None:
            raise NotFound
        return seat

    async def own_consultations_today(self, principal: Principal) -> list[OwnConsultation]:
        return list(self.today)


class FakeAttachmentDirectory:
    """Files by uploader."""

    def __init__(self, files: Mapping[ParticipantId, Iterable[Attachment]] | None = None) -> None:
        self._files = {who: {file.id: file for file in files_} for who, files_ in (files or {}).items()}

    async def describe(
        self, consultation: ConsultationId, ids: Sequence[AttachmentId], uploader: ParticipantId
    ) -> tuple[Attachment, ...]:
        own = self._files.get(uploader, {})
        if any(id_ not in own for id_ in ids):
            raise NotFound
        return tuple(own[id_] for id_ in ids)
