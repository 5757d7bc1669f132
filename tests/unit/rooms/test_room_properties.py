"""What holds in a room whatever is asked of it, in whatever order."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from identity.principal import Role
from kernel.errors import AppError
from kernel.ids import ParticipantId, RecordingId
from rooms.commands import (
    AdmitParticipant,
    ChangeVideoReception,
    Command,
    Disconnect,
    FinishVisit,
    HoldParticipant,
    MuteTrack,
    OpenRoom,
    PublishTrack,
    ReadMessages,
    RecordConsent,
    RemoveParticipant,
    ReportReadiness,
    StartRecording,
    StopRecording,
    UnpublishTrack,
)
from rooms.events import (
    ConsentRecorded,
    Decision,
    DeviceState,
    MessagePosted,
    ParticipantAdmitted,
    ParticipantHeld,
    ParticipantRemoved,
    RoomEvent,
    Source,
    StopReason,
    TrackPublished,
    VisitFinished,
)
from rooms.permissions import Withheld, seen_by
from rooms.room import Room
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

OTHER_GUEST = ParticipantId("inv_other")
PEOPLE = [DOCTOR, PATIENT, GUEST, OTHER_GUEST]

people = st.sampled_from(PEOPLE)
tabs = st.integers(1, 2)
sources = st.sampled_from(Source)
muted = st.booleans()
devices = st.sampled_from(DeviceState)
recordings = st.sampled_from([RecordingId("rec_1"), RecordingId("rec_2")])

commands: st.SearchStrategy[Command] = st.one_of(
    st.just(OpenRoom(PATIENT, "a second opening")),
    st.builds(lambda who, tab: enter(who, tab=tab), people, tabs),
    st.builds(lambda who, tab: enter(who, tab=tab), people, tabs),
    st.builds(lambda who, tab: Disconnect(who, connection(who, tab)), people, tabs),
    st.builds(ReportReadiness, people, devices, devices, devices, st.none() | st.integers(-1, 100)),
    st.builds(AdmitParticipant, st.just(DOCTOR) | people, people),
    st.builds(HoldParticipant, st.just(DOCTOR) | people, people),
    st.builds(RemoveParticipant, st.just(DOCTOR) | people, people),
    st.builds(
        RecordConsent, people, st.sampled_from(Decision), st.just("2026-11"), st.just("en"), st.just("May we record?")
    ),
    st.builds(lambda who, n: post(who, id_=f"message-{n}"), people, st.integers(1, 5)),
    st.builds(ReadMessages, people, st.integers(0, 40)),
    st.builds(PublishTrack, people, sources, muted),
    st.builds(PublishTrack, people, sources, muted),
    st.builds(MuteTrack, people, sources, muted),
    st.builds(UnpublishTrack, people, sources),
    st.builds(ChangeVideoReception, people, st.booleans()),
    st.builds(StartRecording, st.just(DOCTOR) | people, recordings),
    st.builds(StopRecording, st.none() | people, st.sampled_from(StopReason)),
)
everybody_waits = [enter(DOCTOR), enter(PATIENT), enter(GUEST)]
in_call = [*everybody_waits, admit(PATIENT), admit(GUEST), publish(PATIENT), publish(GUEST)]
recorded = [*in_call, consent(DOCTOR), consent(PATIENT), consent(GUEST), record(), enter(OTHER_GUEST)]
beginnings = st.sampled_from([[], everybody_waits, in_call, recorded])
visits = st.builds(lambda beginning, rest: [*beginning, *rest], beginnings, st.lists(commands, max_size=40))
finished_visits = st.tuples(visits, visits)


def play(commands: list[Command], room: Room, log: list[RoomEvent]) -> None:
    """Handle and apply; after each step, check what must hold at every moment."""
    for command in commands:
        before = (room.view(), room.routing())
        try:
            events = room.handle(command, now=NOON)
        except AppError:
            events = []
        assert (room.view(), room.routing()) == before, "handle changed something"
        for event in events:
            check_step(room, event)
            room.apply(event)
            log.append(event)
        check_state(room, log)


def check_step(room: Room, event: RoomEvent) -> None:
    assert event.seq == room.last_seq + 1, "a gap"
    assert not room.is_finished, "something happened after the end"
    match event.fact:
        case TrackPublished(participant):
            assert room.person(participant).is_in_call, "somebody who waits published"
        case MessagePosted(author):
            person = room.person(author)
            assert person.is_connected
            assert person.is_admitted or person.role is not Role.GUEST
        case ParticipantAdmitted(_, by) | ParticipantHeld(_, by) | ParticipantRemoved(_, by) | VisitFinished(by):
            assert by == DOCTOR


def check_state(room: Room, log: list[RoomEvent]) -> None:
    routing = room.routing()
    present = {person.id for person in room.people if person.is_in_call}
    assert set(routing.subscriptions) == present
    assert {track.participant for track in routing.published} <= present
    for viewer, tracks in routing.subscriptions.items():
        assert tracks <= routing.published
        assert all(track.participant != viewer for track in tracks)
    latest = {event.fact.participant: event.fact.decision for event in log if isinstance(event.fact, ConsentRecorded)}
    assert all(latest[track.participant] is Decision.GIVEN for track in routing.recorded)
    assert routing.recording or not routing.recorded
    if routing.recording and PATIENT in latest:
        assert latest[PATIENT] is Decision.GIVEN or PATIENT not in present


@settings(max_examples=150, deadline=None)
@given(visits)
def test_whatever_is_asked_every_step_keeps_the_promises_and_replay_equals_live(visit):
    room, log = Room(ROOM), []
    play([opening(), *visit], room, log)
    replayed = Room.replayed(ROOM, log)
    assert replayed.view() == room.view()
    assert replayed.routing() == room.routing()
    assert [event.seq for event in log] == list(range(1, len(log) + 1))


@settings(max_examples=100, deadline=None)
@given(finished_visits)
def test_a_finished_visit_is_final(parts):
    before, after = parts
    room, log = Room(ROOM), []
    play([opening(), enter(DOCTOR, tab=9), *before, enter(DOCTOR, tab=9), FinishVisit(DOCTOR)], room, log)
    assert room.is_finished
    end = len(log)
    play(after, room, log)
    assert len(log) == end
    assert room.routing().subscriptions == {}
    assert room.routing().published == frozenset()
    assert room.routing().recording is None


@settings(max_examples=150, deadline=None)
@given(visits)
def test_a_guest_never_sees_what_was_said_while_they_waited(visit):
    room, log = Room(ROOM), []
    admitted_after: dict[int, set[ParticipantId]] = {}
    for command in [opening(), enter(DOCTOR), enter(PATIENT), enter(GUEST), *visit]:
        start = len(log)
        play([command], room, log)
        for event in log[start:]:
            admitted_after[event.seq] = {person.id for person in room.people if person.is_admitted}
    for guest in (person for person in room.people if person.role is Role.GUEST):
        for event in log:
            if isinstance(event.fact, MessagePosted):
                seen = not isinstance(seen_by(guest, event), Withheld)
                assert seen == (guest.id in admitted_after[event.seq])


@settings(max_examples=50, deadline=None)
@given(visits, st.integers(0, 59))
def test_a_room_can_be_rebuilt_at_any_moment_and_goes_on_alike(visit, at):
    live, log = Room(ROOM), []
    play([opening(), *visit[:at]], live, log)
    rebuilt, second_log = Room.replayed(ROOM, log), list(log)
    play(visit[at:], live, log)
    play(visit[at:], rebuilt, second_log)
    assert [replace(event) for event in second_log] == log
