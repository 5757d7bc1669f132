"""Who comes in, who waits, who is let in, held and dismissed."""

import pytest

from identity.principal import Role
from kernel.errors import NotFound
from kernel.ids import ParticipantId
from rooms.commands import (
    AdmitParticipant,
    Disconnect,
    FinishVisit,
    HoldParticipant,
    RemoveParticipant,
    ReportReadiness,
)
from rooms.errors import NotPermitted, NotSeated, RoomEnded, RoomFull
from rooms.events import (
    DeviceState,
    ParticipantAdmitted,
    ParticipantArrived,
    ParticipantConnected,
    ParticipantDisconnected,
    ParticipantHeld,
    ParticipantRemoved,
    ReadinessReported,
    Source,
    TrackUnpublished,
    VisitFinished,
)
from rooms.room import Room
from tests.builders import (
    DOCTOR,
    GUEST,
    NAMES,
    NOON,
    PATIENT,
    ROOM,
    Stage,
    admit,
    call,
    connection,
    enter,
    later,
    opening,
    post,
    publish,
    waiting_room,
)


def test_a_patient_arrives_in_the_waiting_room():
    stage = Stage()
    facts = stage.do(enter(PATIENT))
    assert facts == [
        ParticipantArrived(PATIENT, Role.PATIENT, NAMES[PATIENT], "en"),
        ParticipantConnected(PATIENT, connection(PATIENT)),
    ]
    assert stage.room.person(PATIENT).is_waiting


def test_the_doctor_of_the_room_never_waits():
    stage = Stage(enter(DOCTOR))
    assert stage.room.person(DOCTOR).is_in_call


def test_another_doctor_is_refused_as_if_the_room_were_absent():
    with pytest.raises(NotFound) as refusal:
        Stage(enter(ParticipantId("usr_other"), role=Role.CLINICIAN))
    assert refusal.value.code == "not_found"


@pytest.mark.parametrize("role", [Role.CUSTODIAN, Role.ADMINISTRATOR])
def test_staff_without_a_part_in_the_visit_get_no_seat(role):
    with pytest.raises(NotFound):
        Stage(enter(ParticipantId("usr_other"), role=role))


def test_nothing_can_be_asked_of_a_room_that_was_never_opened():
    with pytest.raises(NotFound):
        Room(ROOM).handle(enter(PATIENT), now=NOON)


def test_opening_twice_changes_nothing():
    assert Stage().do(opening()) == []


def test_entering_again_with_the_same_socket_is_a_retry():
    assert Stage(enter(PATIENT)).do(enter(PATIENT)) == []


def test_a_second_tab_takes_the_seat_and_ends_the_tracks_of_the_first():
    stage = call()
    stage.do(publish(PATIENT, Source.MICROPHONE))
    assert stage.do(enter(PATIENT, tab=2)) == [
        TrackUnpublished(PATIENT, Source.MICROPHONE),
        ParticipantConnected(PATIENT, connection(PATIENT, 2)),
    ]


def test_the_first_tab_closing_after_the_second_took_over_changes_nothing():
    stage = call()
    stage.do(enter(PATIENT, tab=2))
    assert stage.do(Disconnect(PATIENT, connection(PATIENT, 1))) == []


def test_a_lost_connection_ends_the_tracks_but_not_the_admission():
    stage = call()
    stage.do(publish(PATIENT))
    assert stage.do(Disconnect(PATIENT, connection(PATIENT))) == [
        TrackUnpublished(PATIENT, Source.CAMERA),
        ParticipantDisconnected(PATIENT),
    ]
    assert stage.do(enter(PATIENT, tab=2)) == [ParticipantConnected(PATIENT, connection(PATIENT, 2))]
    assert stage.room.person(PATIENT).is_in_call


def test_whoever_is_not_connected_can_ask_for_nothing():
    stage = call()
    stage.do(Disconnect(PATIENT, connection(PATIENT)))
    with pytest.raises(NotSeated):
        stage.do(post(PATIENT))


def test_only_the_doctor_admits():
    stage = waiting_room()
    with pytest.raises(NotPermitted):
        stage.do(AdmitParticipant(PATIENT, GUEST))
    assert stage.do(admit(PATIENT)) == [ParticipantAdmitted(PATIENT, DOCTOR)]
    assert stage.do(admit(PATIENT)) == []


def test_somebody_who_never_came_can_not_be_admitted():
    with pytest.raises(NotFound):
        Stage(enter(DOCTOR)).do(admit(PATIENT))


def test_holding_stops_the_tracks_and_waiting_begins_anew():
    stage = call()
    stage.do(publish(PATIENT))
    assert stage.do(HoldParticipant(DOCTOR, PATIENT), now=later(60)) == [
        TrackUnpublished(PATIENT, Source.CAMERA),
        ParticipantHeld(PATIENT, DOCTOR),
    ]
    assert stage.room.person(PATIENT).waiting_since == later(60)
    assert stage.do(HoldParticipant(DOCTOR, PATIENT)) == []


def test_the_doctor_can_not_be_held():
    with pytest.raises(NotPermitted):
        call().do(HoldParticipant(DOCTOR, DOCTOR))


def test_a_dismissed_guest_is_gone_and_stays_away():
    stage = call()
    stage.do(admit(GUEST), publish(GUEST))
    assert stage.do(RemoveParticipant(DOCTOR, GUEST)) == [
        TrackUnpublished(GUEST, Source.CAMERA),
        ParticipantRemoved(GUEST, DOCTOR),
    ]
    assert stage.do(RemoveParticipant(DOCTOR, GUEST)) == []
    for attempt in (enter(GUEST, tab=2), admit(GUEST), post(GUEST)):
        with pytest.raises(NotFound):
            stage.do(attempt)


def test_a_patient_can_not_be_dismissed():
    with pytest.raises(NotPermitted):
        call().do(RemoveParticipant(DOCTOR, PATIENT))


def test_a_full_room_looks_absent_to_one_more_guest_and_keeps_the_seats_of_patient_and_doctor():
    guests = [ParticipantId(f"inv_{n}") for n in range(3)]
    stage = Stage(enter(guests[0]), enter(guests[1]), seat_limit=4)
    with pytest.raises(RoomFull) as refusal:
        stage.do(enter(guests[2]))
    assert (refusal.value.code, refusal.value.message) == (NotFound.code, NotFound.message)
    stage.do(enter(PATIENT), enter(DOCTOR))
    stage.do(Disconnect(guests[0], connection(guests[0])), enter(guests[2]))


def test_a_device_report_is_kept_once():
    stage = waiting_room()
    ok, silent, blocked = DeviceState.OK, DeviceState.SILENT, DeviceState.BLOCKED
    report = ReportReadiness(PATIENT, ok, silent, ok, 40, media=blocked)
    assert stage.do(report) == [ReadinessReported(PATIENT, ok, silent, ok, 40, media=blocked)]
    assert stage.do(report) == []


def test_finishing_ends_everything_for_good():
    stage = call()
    stage.do(publish(PATIENT))
    assert stage.do(FinishVisit(DOCTOR)) == [TrackUnpublished(PATIENT, Source.CAMERA), VisitFinished(DOCTOR)]
    assert stage.room.is_finished
    for attempt in (post(PATIENT), enter(PATIENT, tab=2), admit(GUEST), publish(DOCTOR)):
        with pytest.raises(RoomEnded) as refusal:
            stage.do(attempt)
        assert (refusal.value.code, refusal.value.message) == (NotFound.code, NotFound.message)


def test_finishing_twice_and_hanging_up_afterwards_change_nothing():
    stage = call()
    stage.do(FinishVisit(DOCTOR))
    assert stage.do(FinishVisit(DOCTOR), Disconnect(PATIENT, connection(PATIENT))) == []


def test_only_the_doctor_finishes():
    with pytest.raises(NotPermitted):
        call().do(FinishVisit(PATIENT))


def test_time_never_goes_back_within_a_room():
    stage = call()
    stage.do(post(PATIENT), now=later(10))
    stage.do(post(PATIENT, id_="message-2"), now=later(5))
    assert stage.events[-1].at == later(10)
