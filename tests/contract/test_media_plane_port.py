"""The promises of `rooms.ports.MediaPlane`, kept by the plane and by the fake that the room's tests use."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from kernel.clock import utc_now
from kernel.ids import ParticipantId, RecordingId, RoomId
from media.plane import UdpMediaPlane
from rooms.events import Source
from rooms.ports import MediaPlane, MediaState
from rooms.tracks import Routing, TrackRef
from tests.fakes import FakeMediaPlane
from tests.media_call import Call

ROOM, OTHER = RoomId("con_room"), RoomId("con_other")
ANNE, BO = ParticipantId("usr_anne"), ParticipantId("pat_bo")
MICROPHONE = TrackRef(ANNE, Source.MICROPHONE)
BOTH = Routing(
    frozenset({MICROPHONE}),
    {ANNE: frozenset(), BO: frozenset({MICROPHONE})},
    RecordingId("rec_1"),
    frozenset({MICROPHONE}),
)


@dataclass
class Subject:
    """A plane, and how many connections it holds."""

    plane: MediaPlane
    connections: Callable[[], int]


@asynccontextmanager
async def the_plane() -> AsyncIterator[Subject]:
    plane = UdpMediaPlane(now=utc_now, host="127.0.0.1")
    plane.observe(Call(plane))
    await plane.open()
    yield Subject(plane, lambda: plane.stats()["peers"])
    await plane.close()


@asynccontextmanager
async def the_fake() -> AsyncIterator[Subject]:
    fake = FakeMediaPlane()
    yield Subject(fake, lambda: len(fake.connections))


@pytest.fixture(params=[the_plane, the_fake], ids=["plane", "fake"])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    async with request.param() as made:
        yield made


async def test_somebody_with_a_place_may_join(subject: Subject) -> None:
    subject.plane.route(ROOM, BOTH)
    subject.plane.join(ROOM, ANNE)
    subject.plane.join(ROOM, BO)
    assert subject.connections() == 2


async def test_joining_again_replaces(subject: Subject) -> None:
    subject.plane.route(ROOM, BOTH)
    for _ in range(3):
        subject.plane.join(ROOM, ANNE)
    assert subject.connections() == 1


async def test_routing_the_same_again_changes_nothing(subject: Subject) -> None:
    subject.plane.route(ROOM, BOTH)
    subject.plane.join(ROOM, ANNE)
    for _ in range(3):
        subject.plane.route(ROOM, BOTH)
    assert subject.connections() == 1


async def test_who_loses_the_place_loses_the_connection(subject: Subject) -> None:
    subject.plane.route(ROOM, BOTH)
    subject.plane.join(ROOM, ANNE)
    subject.plane.join(ROOM, BO)
    subject.plane.route(ROOM, Routing(frozenset({MICROPHONE}), {ANNE: frozenset()}))
    assert subject.connections() == 1


async def test_leaving_ends_the_connection_and_leaving_twice_is_harmless(subject: Subject) -> None:
    subject.plane.route(ROOM, BOTH)
    subject.plane.join(ROOM, ANNE)
    for room in (ROOM, ROOM, OTHER):
        subject.plane.leave(room, ANNE)
    assert subject.connections() == 0


async def test_an_outdated_answer_is_ignored(subject: Subject) -> None:
    subject.plane.route(ROOM, BOTH)
    subject.plane.join(ROOM, ANNE)
    await asyncio.sleep(0)
    subject.plane.answer(ROOM, ANNE, 99, "rubbish")
    assert subject.connections() == 1


async def test_closing_a_room_closes_its_connections_and_no_others(subject: Subject) -> None:
    for room in (ROOM, OTHER):
        subject.plane.route(room, BOTH)
        subject.plane.join(room, ANNE)
    await subject.plane.close_room(ROOM)
    await subject.plane.close_room(ROOM)
    assert subject.connections() == 1


async def test_who_has_joined_has_a_state_and_nobody_else(subject: Subject) -> None:
    subject.plane.route(ROOM, BOTH)
    subject.plane.join(ROOM, ANNE)
    assert subject.plane.state_of(ROOM, ANNE) in {MediaState.CONNECTING, MediaState.CONNECTED}
    assert subject.plane.state_of(ROOM, BO) is None
    assert subject.plane.state_of(OTHER, ANNE) is None
    subject.plane.leave(ROOM, ANNE)
    assert subject.plane.state_of(ROOM, ANNE) is None
