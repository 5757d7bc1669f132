"""What a dashboard shows of one consultation at each moment of a visit."""

import pytest

from care.consultation import Status
from kernel.ids import ConsultationId
from rooms.commands import Disconnect, FinishVisit, HoldParticipant, ReadMessages, ReportReadiness
from rooms.events import Decision, DeviceState
from signaling.lobby import changes_lobby, lobby_entry
from tests.builders import (
    CONSULTATION,
    DOCTOR,
    GUEST,
    NAMES,
    PATIENT,
    Stage,
    admit,
    call,
    connection,
    consent,
    enter,
    later,
    post,
    publish,
    record,
    waiting_room,
)


def entry(stage: Stage):
    return lobby_entry(CONSULTATION, stage.room.view())


def finished() -> Stage:
    stage = call()
    stage.do(FinishVisit(DOCTOR))
    return stage


def held() -> Stage:
    stage = call()
    stage.do(HoldParticipant(DOCTOR, PATIENT))
    return stage


@pytest.mark.parametrize(
    ("stage", "status"),
    [
        (Stage(), Status.PLANNED),
        (Stage(enter(DOCTOR)), Status.PLANNED),
        (waiting_room(), Status.ARRIVED),
        (call(), Status.IN_PROGRESS),
        (held(), Status.ON_HOLD),
        (finished(), Status.FINISHED),
    ],
)
def test_the_status_is_in_the_words_of_the_calendar(stage, status):
    assert entry(stage).status == status


def test_a_room_that_was_never_opened_is_planned_and_empty():
    never = lobby_entry(ConsultationId("con_never"), None)
    assert (never.status, never.waiting, never.in_call, never.recording) == (Status.PLANNED, [], [], False)


def test_who_waits_is_shown_with_devices_consent_and_since_when():
    stage = Stage()
    stage.do(enter(PATIENT), now=later(30))
    stage.do(ReportReadiness(PATIENT, DeviceState.OK, DeviceState.SILENT, DeviceState.OK, 40))
    stage.do(consent(PATIENT, Decision.REFUSED), Disconnect(PATIENT, connection(PATIENT)))
    (waiting,) = entry(stage).waiting
    assert (waiting.participant, waiting.name, waiting.role) == (PATIENT, NAMES[PATIENT], "patient")
    assert waiting.since == "2026-11-25T12:00:30.000Z"
    assert waiting.connected is False
    assert waiting.consent == "refused"
    assert waiting.readiness.microphone is DeviceState.SILENT


def test_those_in_the_call_do_not_wait():
    stage = call()
    shown = entry(stage)
    assert [waiting.participant for waiting in shown.waiting] == [GUEST]
    assert shown.in_call == [NAMES[DOCTOR], NAMES[PATIENT]]


def test_after_the_end_nobody_waits():
    shown = entry(finished())
    assert (shown.waiting, shown.in_call) == ([], [])


def test_recording_is_shown():
    stage = call()
    stage.do(consent(DOCTOR), consent(PATIENT), record())
    assert entry(stage).recording


def test_tracks_leave_the_dashboard_alone():
    assert not any(changes_lobby(fact) for fact in call().do(publish(PATIENT)))


def test_the_dashboard_counts_the_messages_that_the_doctor_has_not_read():
    stage = call()
    assert all(changes_lobby(fact) for fact in stage.do(post(PATIENT), post(DOCTOR, id_="message-2")))
    assert lobby_entry(CONSULTATION, stage.room.view()).unread == 1
    stage.do(ReadMessages(DOCTOR, stage.room.last_seq))
    assert lobby_entry(CONSULTATION, stage.room.view()).unread == 0
    changes = stage.do(admit(GUEST), consent(GUEST), HoldParticipant(DOCTOR, GUEST))
    assert len(changes) == 3
    assert all(changes_lobby(fact) for fact in changes)
