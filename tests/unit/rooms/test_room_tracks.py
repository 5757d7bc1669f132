"""Who sends what, and who gets it."""

import pytest

from rooms.commands import ChangeVideoReception, MuteTrack, UnpublishTrack
from rooms.errors import NotAdmitted, TrackAbsent
from rooms.events import Source, TrackMuted, TrackPublished, TrackUnpublished, VideoReceptionChanged
from rooms.tracks import Routing, TrackRef
from tests.builders import DOCTOR, GUEST, PATIENT, admit, call, publish, waiting_room

MICROPHONE, CAMERA, SCREEN = Source.MICROPHONE, Source.CAMERA, Source.SCREEN


def test_nobody_who_waits_publishes_or_receives():
    stage = waiting_room()
    with pytest.raises(NotAdmitted):
        stage.do(publish(PATIENT))
    assert set(stage.room.routing().subscriptions) == {DOCTOR}


def test_everybody_in_the_call_gets_everybody_elses_tracks():
    stage = call()
    stage.do(admit(GUEST), publish(DOCTOR, MICROPHONE), publish(PATIENT, CAMERA), publish(DOCTOR, SCREEN))
    doctors = {TrackRef(DOCTOR, MICROPHONE), TrackRef(DOCTOR, SCREEN)}
    patients = {TrackRef(PATIENT, CAMERA)}
    assert stage.room.routing() == Routing(
        published=frozenset(doctors | patients),
        subscriptions={
            DOCTOR: frozenset(patients),
            PATIENT: frozenset(doctors),
            GUEST: frozenset(doctors | patients),
        },
    )


def test_sound_only_leaves_out_pictures():
    stage = call()
    stage.do(publish(DOCTOR, MICROPHONE), publish(DOCTOR, CAMERA), publish(DOCTOR, SCREEN))
    assert stage.do(ChangeVideoReception(PATIENT, receives_video=False)) == [VideoReceptionChanged(PATIENT, False)]
    assert stage.room.routing().subscriptions[PATIENT] == {TrackRef(DOCTOR, MICROPHONE)}
    assert stage.do(ChangeVideoReception(PATIENT, receives_video=False)) == []
    stage.do(ChangeVideoReception(PATIENT, receives_video=True))
    assert len(stage.room.routing().subscriptions[PATIENT]) == 3


def test_published_again_only_its_muting_is_new():
    stage = call()
    assert stage.do(publish(PATIENT)) == [TrackPublished(PATIENT, CAMERA, False)]
    assert stage.do(publish(PATIENT)) == []
    assert stage.do(publish(PATIENT, muted=True)) == [TrackMuted(PATIENT, CAMERA, True)]


def test_muting_needs_a_track():
    stage = call()
    with pytest.raises(TrackAbsent):
        stage.do(MuteTrack(PATIENT, CAMERA, muted=True))
    stage.do(publish(PATIENT))
    assert stage.do(MuteTrack(PATIENT, CAMERA, muted=True)) == [TrackMuted(PATIENT, CAMERA, True)]
    assert stage.do(MuteTrack(PATIENT, CAMERA, muted=True)) == []


def test_taking_a_track_back_twice_is_done_once():
    stage = call()
    stage.do(publish(PATIENT))
    assert stage.do(UnpublishTrack(PATIENT, CAMERA)) == [TrackUnpublished(PATIENT, CAMERA)]
    assert stage.do(UnpublishTrack(PATIENT, CAMERA)) == []
