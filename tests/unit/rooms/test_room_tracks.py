"""Who sends what, and who gets it."""

import pytest

from kernel.ids import ParticipantId
from rooms.commands import ChangeRung, ChangeVideoReception, MuteTrack, UnpublishTrack
from rooms.errors import NotAdmitted, TrackAbsent
from rooms.events import (
    ConnectionRungChanged,
    Rung,
    Source,
    TrackMuted,
    TrackPublished,
    TrackUnpublished,
    VideoReceptionChanged,
)
from rooms.tracks import Routing, Rungs, TrackRef
from tests.builders import DOCTOR, GUEST, PATIENT, admit, call, enter, publish, waiting_room

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


def rung(who, receives=Rung.HIGH_VIDEO, sends=Rung.HIGH_VIDEO):
    return ChangeRung(who, receives, sends)


def sees(stage, viewer) -> set[Source]:
    return {track.source for track in stage.room.routing().subscriptions[viewer]}


def in_call_with_pictures():
    stage = call()
    for who in (DOCTOR, PATIENT):
        stage.do(publish(who, MICROPHONE), publish(who, CAMERA))
    return stage


@pytest.mark.parametrize("weak", [Rung.STILL_PICTURE, Rung.AUDIO_ONLY])
def test_a_weak_way_keeps_the_voice_and_loses_the_picture_in_its_own_direction(weak):
    stage = in_call_with_pictures()
    assert stage.do(rung(PATIENT, weak)) == [ConnectionRungChanged(PATIENT, weak, Rung.HIGH_VIDEO)]
    assert (sees(stage, PATIENT), sees(stage, DOCTOR)) == ({MICROPHONE}, {MICROPHONE, CAMERA})
    stage.do(rung(PATIENT, sends=weak))
    assert (sees(stage, PATIENT), sees(stage, DOCTOR)) == ({MICROPHONE, CAMERA}, {MICROPHONE})
    stage.do(rung(PATIENT, Rung.LOW_VIDEO))
    assert sees(stage, PATIENT) == {MICROPHONE, CAMERA}


def test_after_silence_pictures_are_as_they_were_before():
    stage = in_call_with_pictures()
    stage.do(rung(PATIENT, Rung.LIVE_TEXT, Rung.LIVE_TEXT))
    assert sees(stage, PATIENT) == {MICROPHONE, CAMERA}
    stage.do(rung(PATIENT, Rung.AUDIO_ONLY), rung(PATIENT, Rung.LIVE_TEXT, Rung.LIVE_TEXT))
    assert sees(stage, PATIENT) == {MICROPHONE}


def test_sound_only_by_choice_stays_whatever_the_connection_carries():
    stage = in_call_with_pictures()
    stage.do(ChangeVideoReception(PATIENT, receives_video=False), rung(PATIENT, Rung.LOW_VIDEO), rung(PATIENT))
    assert sees(stage, PATIENT) == {MICROPHONE}


def test_the_same_rung_again_is_no_event_and_a_new_connection_begins_at_the_top():
    stage = in_call_with_pictures()
    stage.do(rung(PATIENT, Rung.AUDIO_ONLY))
    assert stage.do(rung(PATIENT, Rung.AUDIO_ONLY)) == []
    stage.do(enter(PATIENT, tab=2), publish(PATIENT, CAMERA))
    assert stage.room.rungs(PATIENT) == Rungs()
    assert sees(stage, PATIENT) == {MICROPHONE, CAMERA}


def test_who_is_not_in_the_call_has_no_rung():
    assert waiting_room().do(rung(PATIENT, Rung.AUDIO_ONLY)) == []
    assert in_call_with_pictures().do(rung(GUEST, Rung.AUDIO_ONLY)) == []


def rungs(who: ParticipantId, *, receives: Rung = Rung.HIGH_VIDEO, sends: Rung = Rung.HIGH_VIDEO) -> ChangeRung:
    return ChangeRung(who, receives, sends)


def test_where_a_connection_carries_a_still_picture_a_camera_that_is_on_is_shown_in_stills():
    stage = call()
    stage.do(admit(GUEST), publish(DOCTOR, CAMERA))
    assert stage.room.still_viewers(DOCTOR) == set()
    stage.do(rungs(PATIENT, receives=Rung.STILL_PICTURE))
    assert stage.room.still_viewers(DOCTOR) == {PATIENT}
    assert stage.room.still_viewers(PATIENT) == set()  # whose camera is off
    stage.do(rungs(DOCTOR, sends=Rung.STILL_PICTURE))
    assert stage.room.still_viewers(DOCTOR) == {PATIENT, GUEST}
    stage.do(MuteTrack(DOCTOR, CAMERA, muted=True))
    assert stage.room.still_viewers(DOCTOR) == set()


@pytest.mark.parametrize("rung", [Rung.AUDIO_ONLY, Rung.LIVE_TEXT, Rung.MESSAGE])
def test_a_connection_that_carries_less_is_spared_the_stills(rung: Rung):
    stage = call()
    stage.do(publish(DOCTOR, CAMERA), rungs(DOCTOR, sends=Rung.STILL_PICTURE), rungs(PATIENT, receives=rung))
    assert stage.room.still_viewers(DOCTOR) == set()
    stage.do(rungs(PATIENT), ChangeVideoReception(PATIENT, receives_video=False))
    assert stage.room.still_viewers(DOCTOR) == set()
