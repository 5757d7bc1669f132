"""Store, then tell, then answer; one turn a room; rooms that come and go."""

import asyncio
from dataclasses import replace

import pytest

from kernel.errors import Conflict, NotFound, Overloaded
from kernel.ids import ParticipantId
from rooms.commands import Disconnect, FinishVisit
from rooms.errors import NotAdmitted, NotSeated
from rooms.events import (
    ConnectionRungChanged,
    MessagePosted,
    ParticipantConnected,
    ParticipantDisconnected,
    Rung,
    Source,
)
from rooms.permissions import Withheld
from rooms.ports import ConnectionQuality
from rooms.room import AWAY_AFTER, Room
from rooms.service import RoomService
from rooms.tracks import TrackRef
from tests.builders import (
    DOCTOR,
    GUEST,
    NOON,
    PATIENT,
    ROOM,
    admit,
    connection,
    consent,
    enter,
    opening,
    post,
    publish,
    record,
)
from tests.fakes import Clock, FakeEventLog, FakeMediaPlane, FakePublisher
from tests.waiting import until


class House:
    """A service with its fakes."""

    def __init__(self, log: FakeEventLog | None = None) -> None:
        self.log = log or FakeEventLog()
        self.media = FakeMediaPlane()
        self.clock = Clock(NOON)
        self.finished: list[str] = []
        self.rooms = RoomService(log=self.log, media=self.media, now=self.clock, on_finished=self.finished.append)
        self.publisher = FakePublisher(self.log)
        self.rooms.announce_to(self.publisher)
        self.seated: list[ParticipantId] = []

    async def enter(self, who: ParticipantId, *, tab: int = 1, since: int = 0, room=ROOM):
        entry = await self.rooms.enter(
            room, opening(), enter(who, tab=tab), since=since, seated=lambda _connection: self.seated.append(who)
        )
        return entry.reading

    async def call(self) -> None:
        await self.enter(DOCTOR)
        await self.enter(PATIENT)
        await self.rooms.submit(ROOM, admit(PATIENT))

    async def measure(self, seconds: int, **qualities: object) -> None:
        """The media plane measures the patient's connection every two seconds."""
        quality = ConnectionQuality(5, 40, 0.0, 3.0, 800, 1200, **qualities)  # type: ignore[arg-type]
        for _ in range(0, seconds, 2):
            self.clock.advance(seconds=2)
            good = ConnectionQuality(5, 40, 0.0, 3.0, 800, 1200)
            self.rooms.take_quality(ROOM, {PATIENT: quality, DOCTOR: good})
            await self.rooms.read(ROOM, since=0, participant=DOCTOR)  # behind what the measurement caused

    def facts(self) -> list[object]:
        return [event.fact for event in self.log.stored[ROOM]]


async def test_entering_opens_the_room_and_reads_everything_so_far_own_arrival_included():
    house = House()
    reading = await house.enter(PATIENT)
    assert [event.seq for event in reading.events] == [1, 2, 3]
    assert reading.last_seq == 3
    assert house.seated == [PATIENT]
    assert house.publisher.told[ROOM] == house.log.stored[ROOM]


async def test_a_cursor_gets_only_what_follows_it():
    house = House()
    await house.call()
    reading = await house.rooms.read(ROOM, since=4, participant=PATIENT)
    assert [event.seq for event in reading.events] == list(range(5, reading.last_seq + 1))


async def test_a_guest_reads_places_instead_of_what_is_withheld():
    house = House()
    await house.call()
    await house.rooms.post(ROOM, post(PATIENT))
    reading = await house.enter(GUEST)
    assert [event.seq for event in reading.events] == list(range(1, reading.last_seq + 1))
    withheld = [event.seq for event in reading.events if isinstance(event, Withheld)]
    assert withheld == [event.seq for event in house.log.stored[ROOM] if isinstance(event.fact, MessagePosted)]


async def test_the_next_socket_of_the_page_that_has_the_seat_keeps_its_media_and_nothing_is_stored():
    house = House()
    await house.call()
    await house.rooms.join_media(ROOM, PATIENT, connection(PATIENT))
    before = house.facts()
    coming = replace(enter(PATIENT, tab=2), before=connection(PATIENT))
    entry = await house.rooms.enter(ROOM, opening(), coming, since=0, seated=lambda _connection: None)
    assert (entry.connection, entry.keeps_media) == (connection(PATIENT), True)
    assert house.facts() == before
    late = replace(enter(PATIENT, tab=3), before=connection(PATIENT, 2))  # a connection that never had the seat
    entry = await house.rooms.enter(ROOM, opening(), late, since=0, seated=lambda _connection: None)
    assert (entry.connection, entry.keeps_media) == (connection(PATIENT, 3), False)


async def test_a_seat_that_was_given_back_is_not_gone_on_with():
    house = House()
    await house.call()
    await house.rooms.submit(ROOM, Disconnect(PATIENT, connection(PATIENT)))
    coming = replace(enter(PATIENT, tab=2), before=connection(PATIENT))
    entry = await house.rooms.enter(ROOM, opening(), coming, since=0, seated=lambda _connection: None)
    assert (entry.connection, entry.keeps_media) == (connection(PATIENT, 2), False)


async def test_who_was_never_in_the_room_reads_nothing():
    house = House()
    await house.enter(DOCTOR)
    with pytest.raises(NotFound):
        await house.rooms.read(ROOM, since=0, participant=GUEST)


async def test_absent_rooms_leave_nothing_behind():
    house = House()
    with pytest.raises(NotFound):
        await house.rooms.submit(ROOM, post(PATIENT))
    assert house.rooms.live_rooms == 0


async def test_a_retry_of_a_message_gets_the_first_place():
    house = House()
    await house.call()
    first = await house.rooms.post(ROOM, post(PATIENT))
    assert await house.rooms.post(ROOM, post(PATIENT)) == first
    assert sum(isinstance(fact, MessagePosted) for fact in house.facts()) == 1


async def test_commands_of_one_room_keep_the_order_in_which_they_came():
    house = House()
    await house.call()
    ids = [f"message-{n:02}" for n in range(20)]
    await asyncio.gather(*(house.rooms.post(ROOM, post(PATIENT, id_=id_)) for id_ in ids))
    assert [fact.client_message_id for fact in house.facts() if isinstance(fact, MessagePosted)] == ids


async def test_nothing_is_told_or_applied_when_storing_fails():
    house = House()
    await house.call()
    house.log.fail_next = OSError("disk")
    with pytest.raises(OSError, match="disk"):
        await house.rooms.post(ROOM, post(PATIENT))
    assert await house.rooms.post(ROOM, post(PATIENT, id_="message-2")) == house.log.stored[ROOM][-1].seq
    assert house.publisher.told[ROOM] == house.log.stored[ROOM]


async def test_a_refusal_for_overload_costs_no_replay():
    house = House()
    await house.call()
    reads = house.log.reads
    house.log.fail_next = Overloaded()
    with pytest.raises(Overloaded):
        await house.rooms.post(ROOM, post(PATIENT))
    await house.rooms.post(ROOM, post(PATIENT))
    assert house.log.reads == reads
    assert house.publisher.told[ROOM] == house.log.stored[ROOM]


async def test_what_was_stored_although_the_commit_seemed_to_fail_is_told_with_the_next_command():
    house = House()
    await house.call()
    house.log.fail_next, house.log.stored_before_failing = OSError("lost answer"), True
    with pytest.raises(OSError, match="lost answer"):
        await house.rooms.post(ROOM, post(PATIENT))
    seq = await house.rooms.post(ROOM, post(PATIENT))  # the client's retry
    assert seq == house.log.stored[ROOM][-1].seq
    assert house.publisher.told[ROOM] == house.log.stored[ROOM]
    assert house.rooms.state_of(ROOM).people[0].is_connected


async def test_a_room_that_somebody_else_wrote_to_is_replayed():
    house = House()
    await house.call()
    elsewhere = Room.replayed(ROOM, house.log.stored[ROOM])
    house.log.stored[ROOM] += elsewhere.handle(post(DOCTOR), now=NOON)
    with pytest.raises(Conflict):
        await house.rooms.post(ROOM, post(PATIENT))
    assert await house.rooms.post(ROOM, post(PATIENT)) == len(house.log.stored[ROOM])


async def test_after_a_restart_nobody_is_connected_and_admissions_stand():
    house = House()
    await house.call()
    again = House(house.log)
    await again.enter(PATIENT, tab=2)
    new = house.facts()[-3:]
    assert new[:2] == [ParticipantDisconnected(DOCTOR), ParticipantDisconnected(PATIENT)]
    assert new[2] == ParticipantConnected(PATIENT, connection(PATIENT, 2))
    assert set(again.media.routed[ROOM].subscriptions) == {PATIENT}


async def test_media_is_routed_from_the_state_and_only_when_something_changed():
    house = House()
    await house.call()
    await house.rooms.join_media(ROOM, PATIENT, connection(PATIENT))
    await house.rooms.submit(ROOM, publish(PATIENT))
    assert house.media.routed[ROOM].subscriptions[DOCTOR] == {TrackRef(PATIENT, Source.CAMERA)}
    before = house.media.routed[ROOM]
    await house.rooms.post(ROOM, post(PATIENT))
    assert house.media.routed[ROOM] is before


async def test_nobody_who_waits_and_no_replaced_tab_gets_a_media_connection():
    house = House()
    await house.call()
    await house.enter(GUEST)
    with pytest.raises(NotAdmitted):
        await house.rooms.join_media(ROOM, GUEST, connection(GUEST))
    await house.rooms.join_media(ROOM, PATIENT, connection(PATIENT))
    await house.enter(PATIENT, tab=2)
    assert (ROOM, PATIENT) not in house.media.connections
    with pytest.raises(NotSeated):
        await house.rooms.join_media(ROOM, PATIENT, connection(PATIENT, 1))


async def test_media_requests_are_passed_on():
    house = House()
    await house.call()
    mine = connection(PATIENT)
    await house.rooms.join_media(ROOM, PATIENT, mine)
    await house.rooms.answer_media(ROOM, PATIENT, mine, generation=1, sdp="v=0")
    await house.rooms.restart_media(ROOM, PATIENT, mine)
    await house.rooms.leave_media(ROOM, PATIENT, mine)
    assert house.media.calls[-4:] == [
        ("join", PATIENT),
        ("answer", PATIENT, 1, "v=0"),
        ("restart", PATIENT),
        ("leave", PATIENT),
    ]


async def test_a_finished_visit_closes_its_media_and_then_says_so():
    house = House()
    await house.call()
    await house.rooms.submit(ROOM, FinishVisit(DOCTOR))
    await house.rooms.close()
    assert house.media.closed[0] == ROOM
    assert house.finished == [ROOM]


async def test_an_idle_room_leaves_memory_and_comes_back_by_replay():
    house = House()
    await house.call()
    for who in (DOCTOR, PATIENT):
        await house.rooms.submit(ROOM, Disconnect(who, connection(who)))
    house.clock.advance(minutes=11)
    other = ROOM + "2"
    await house.enter(GUEST, room=other)
    assert house.rooms.state_of(ROOM) is None
    assert house.rooms.live_rooms == 1
    await house.enter(PATIENT, tab=2)
    assert house.rooms.is_in_call(ROOM, PATIENT)


async def test_a_room_with_somebody_in_it_is_never_idle():
    house = House()
    await house.call()
    house.clock.advance(hours=5)
    await house.enter(GUEST, room=ROOM + "2")
    assert house.rooms.state_of(ROOM) is not None


async def test_draining_admits_nobody_and_closes_media():
    house = House()
    await house.call()
    await house.rooms.submit(ROOM, consent(DOCTOR))
    await house.rooms.submit(ROOM, consent(PATIENT))
    await house.rooms.submit(ROOM, record())
    house.rooms.begin_draining()
    with pytest.raises(Overloaded):
        await house.enter(GUEST)
    await house.rooms.post(ROOM, post(PATIENT))
    await house.rooms.close()
    assert house.media.closed == [ROOM]
    assert house.rooms.live_rooms == 0
    assert house.facts()[-2:] == [ParticipantDisconnected(DOCTOR), ParticipantDisconnected(PATIENT)]


async def test_draining_closes_media_even_when_nothing_can_be_stored():
    house = House()
    await house.call()
    house.log.fail_next = OSError("disk")
    await house.rooms.close()
    assert house.media.closed == [ROOM]


async def test_a_view_of_a_room_that_is_not_live_is_replayed_and_not_kept():
    house = House()
    await house.call()
    again = House(house.log)
    view = await again.rooms.view(ROOM)
    assert [person.id for person in view.people] == [DOCTOR, PATIENT]
    assert again.rooms.live_rooms == 0
    assert await again.rooms.view(ROOM + "2") is None


async def test_a_weak_connection_is_stored_and_told_and_loses_the_picture() -> None:
    house = House()
    await house.call()
    for who in (DOCTOR, PATIENT):
        await house.rooms.submit(ROOM, publish(who, Source.CAMERA))
    await house.measure(60)
    assert not any(isinstance(fact, ConnectionRungChanged) for fact in house.facts())
    await house.measure(8, loss_down_percent=45.0)
    assert house.facts()[-1] == ConnectionRungChanged(PATIENT, Rung.AUDIO_ONLY, Rung.HIGH_VIDEO)
    assert house.publisher.told[ROOM][-1].fact == house.facts()[-1]
    assert house.media.routed[ROOM].subscriptions[PATIENT] == frozenset()
    assert house.media.routed[ROOM].subscriptions[DOCTOR] == {TrackRef(PATIENT, Source.CAMERA)}
    await house.measure(60)
    assert house.facts()[-1] == ConnectionRungChanged(PATIENT, Rung.HIGH_VIDEO, Rung.HIGH_VIDEO)
    await house.rooms.close()


async def test_an_absence_is_noted_when_its_time_has_come_also_after_a_restart() -> None:
    house = House()
    await house.call()
    await house.rooms.submit(ROOM, Disconnect(PATIENT, connection(PATIENT)))
    await house.rooms.close()
    restarted = House(house.log)
    restarted.clock.at = house.clock.at + AWAY_AFTER
    await restarted.enter(DOCTOR, tab=2)
    await until(lambda: restarted.facts()[-1] == ConnectionRungChanged(PATIENT, Rung.MESSAGE, Rung.MESSAGE))
    await restarted.rooms.close()
