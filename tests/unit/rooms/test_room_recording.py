"""Recording needs everybody's yes, and follows every change of mind."""

import pytest

from kernel.ids import RecordingId
from rooms.commands import FinishVisit, HoldParticipant, StartRecording, StopRecording
from rooms.errors import ConsentMissing, NotPermitted
from rooms.events import (
    ConsentRecorded,
    Decision,
    RecordingStarted,
    RecordingStopped,
    Source,
    StopReason,
    TrackUnpublished,
    VisitFinished,
)
from rooms.tracks import TrackRef
from tests.builders import DOCTOR, GUEST, PATIENT, RECORDING, admit, call, consent, publish, record


def recorded_call():
    stage = call()
    stage.do(consent(DOCTOR), consent(PATIENT), record())
    return stage


def test_recording_waits_for_the_consent_of_everybody_admitted():
    stage = call()
    stage.do(consent(DOCTOR))
    with pytest.raises(ConsentMissing) as refusal:
        stage.do(record())
    assert refusal.value.detail is None
    stage.do(consent(PATIENT))
    assert stage.do(record()) == [RecordingStarted(RECORDING, DOCTOR)]
    assert stage.do(record()) == []


def test_somebody_who_only_waits_does_not_hinder_a_recording():
    assert call().do(consent(DOCTOR), consent(PATIENT), record())[-1] == RecordingStarted(RECORDING, DOCTOR)


def test_only_the_doctor_starts_and_stops():
    stage = recorded_call()
    for attempt in (StartRecording(PATIENT, RECORDING), StopRecording(PATIENT)):
        with pytest.raises(NotPermitted):
            stage.do(attempt)


def test_a_pause_does_not_make_a_second_recording():
    stage = recorded_call()
    assert stage.do(StopRecording(DOCTOR)) == [RecordingStopped(RECORDING, DOCTOR, StopReason.ASKED)]
    assert stage.do(StopRecording(DOCTOR)) == []
    assert stage.do(StartRecording(DOCTOR, RecordingId("rec_other"))) == [RecordingStarted(RECORDING, DOCTOR)]


def test_when_the_patient_withdraws_the_recording_stops():
    stage = recorded_call()
    facts = stage.do(consent(PATIENT, Decision.WITHDRAWN))
    assert facts[1:] == [RecordingStopped(RECORDING, PATIENT, StopReason.CONSENT_WITHDRAWN)]


def test_when_a_guest_withdraws_only_their_tracks_leave_the_recording():
    stage = call()
    stage.do(admit(GUEST), consent(DOCTOR), consent(PATIENT), consent(GUEST), record())
    stage.do(publish(PATIENT), publish(GUEST))
    assert stage.room.routing().recorded == {TrackRef(PATIENT, Source.CAMERA), TrackRef(GUEST, Source.CAMERA)}
    stage.do(consent(GUEST, Decision.WITHDRAWN))
    assert stage.room.routing().recorded == {TrackRef(PATIENT, Source.CAMERA)}
    assert stage.room.routing().recording == RECORDING


def test_somebody_admitted_later_without_consent_is_not_recorded():
    stage = recorded_call()
    stage.do(admit(GUEST), publish(GUEST), publish(PATIENT))
    assert stage.room.routing().recorded == {TrackRef(PATIENT, Source.CAMERA)}
    stage.do(consent(GUEST))
    assert TrackRef(GUEST, Source.CAMERA) in stage.room.routing().recorded


def test_the_same_answer_again_is_recorded_once_and_nothing_can_be_withdrawn_that_was_not_given():
    stage = call()
    assert stage.do(consent(PATIENT, Decision.WITHDRAWN)) == []
    assert len(stage.do(consent(PATIENT))) == 1
    assert stage.do(consent(PATIENT)) == []
    (refusal,) = stage.do(consent(PATIENT, Decision.REFUSED))
    assert refusal == ConsentRecorded(PATIENT, Decision.REFUSED, "2026-11", "en", "May we record?")


def test_the_server_itself_stops_a_recording_that_can_not_be_stored():
    stage = recorded_call()
    assert stage.do(StopRecording(None, StopReason.STORAGE_FAILED)) == [
        RecordingStopped(RECORDING, None, StopReason.STORAGE_FAILED)
    ]


def test_finishing_stops_tracks_and_recording_first():
    stage = recorded_call()
    stage.do(publish(PATIENT))
    assert stage.do(FinishVisit(DOCTOR)) == [
        TrackUnpublished(PATIENT, Source.CAMERA),
        RecordingStopped(RECORDING, DOCTOR, StopReason.FINISHED),
        VisitFinished(DOCTOR),
    ]


def test_a_held_patient_is_not_recorded():
    stage = recorded_call()
    stage.do(publish(PATIENT), HoldParticipant(DOCTOR, PATIENT))
    assert stage.room.routing().recorded == frozenset()
