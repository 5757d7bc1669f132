"""The ladder: down within seconds, up with patience, and never to and fro."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.ids import RoomId
from rooms.events import Rung
from rooms.ladder import FORGOTTEN_AFTER, UP_AFTER, Ladder, Ladders, Sample
from rooms.ports import ConnectionQuality
from rooms.tracks import Rungs
from tests.builders import DOCTOR, NOON, PATIENT, ROOM, later

EVERY_S = 2
GOOD = Sample(round_trip_ms=40)
LOSSY = Sample(loss_percent=25, round_trip_ms=40)
HEAVY = Sample(loss_percent=45, round_trip_ms=40)
HOPELESS = Sample(loss_percent=80, round_trip_ms=40)
SILENT = Sample(is_silent=True)


class Way:
    """A ladder that is shown one sample after another, two seconds apart."""

    def __init__(self) -> None:
        self.ladder = Ladder()
        self.seconds = 0
        self.changes: list[tuple[int, Rung]] = []

    def go_on(self, seconds: int, sample: Sample) -> Rung:
        for _ in range(seconds // EVERY_S):
            self.seconds += EVERY_S
            rung = self.ladder.observe(sample, now=later(self.seconds))
            if rung is not None:
                self.changes.append((self.seconds, rung))
        return self.ladder.rung


def test_a_good_way_stays_at_the_top() -> None:
    way = Way()
    assert way.go_on(600, GOOD) is Rung.HIGH_VIDEO
    assert way.changes == []


def test_one_bad_measurement_is_nothing() -> None:
    way = Way()
    for _ in range(20):
        way.go_on(2, HOPELESS)
        way.go_on(2, GOOD)
    assert way.changes == []


@pytest.mark.parametrize(
    ("sample", "rung"),
    [
        (Sample(loss_percent=10), Rung.HIGH_VIDEO),  # repaired on the way
        (Sample(loss_percent=15), Rung.LOW_VIDEO),
        (LOSSY, Rung.STILL_PICTURE),
        (HEAVY, Rung.AUDIO_ONLY),
        (Sample(round_trip_ms=3000), Rung.STILL_PICTURE),
        (Sample(available_kbps=300), Rung.LOW_VIDEO),
        (Sample(available_kbps=100), Rung.STILL_PICTURE),
        (Sample(available_kbps=50), Rung.AUDIO_ONLY),
    ],
)
def test_a_bad_way_is_at_its_rung_within_six_seconds(sample: Sample, rung: Rung) -> None:
    way = Way()
    assert way.go_on(6, sample) is rung


def test_the_picture_goes_before_the_voice_is_given_up() -> None:
    way = Way()
    assert way.go_on(6, HOPELESS) is Rung.AUDIO_ONLY
    assert way.go_on(6, HOPELESS) is Rung.LIVE_TEXT


def test_it_climbs_one_rung_after_the_other() -> None:
    way = Way()
    way.go_on(6, HEAVY)
    way.go_on(60, GOOD)
    assert [rung for _, rung in way.changes] == [
        Rung.AUDIO_ONLY,
        Rung.STILL_PICTURE,
        Rung.LOW_VIDEO,
        Rung.HIGH_VIDEO,
    ]
    assert all(after - before >= UP_AFTER.total_seconds() for (before, _), (after, _) in pairwise(way.changes))


def test_a_climb_that_fails_is_tried_again_later_each_time() -> None:
    way = Way()
    for _ in range(400):  # the moving picture is too much each time
        way.go_on(2, HEAVY if way.ladder.rung in {Rung.HIGH_VIDEO, Rung.LOW_VIDEO, Rung.STILL_PICTURE} else GOOD)
    climbs = [at for at, rung in way.changes if rung is Rung.STILL_PICTURE]
    waits = [after - before for before, after in pairwise(climbs)]
    assert len(waits) >= 4
    assert all(after > before for before, after in pairwise(waits[:4]))


def test_silence_is_live_text_and_what_was_before_is_back_with_the_first_packet() -> None:
    way = Way()
    way.go_on(10, GOOD)
    assert way.go_on(8, SILENT) is Rung.HIGH_VIDEO
    assert way.go_on(4, SILENT) is Rung.LIVE_TEXT
    assert way.go_on(2, GOOD) is Rung.HIGH_VIDEO


SAMPLES = st.builds(
    Sample,
    loss_percent=st.one_of(st.just(0.0), st.floats(0, 100)),
    round_trip_ms=st.one_of(st.none(), st.integers(0, 10_000)),
    available_kbps=st.one_of(st.none(), st.integers(0, 3000)),
    is_silent=st.booleans(),
)


@given(st.lists(st.tuples(SAMPLES, st.integers(1, 12)), max_size=120))
def test_whatever_is_measured_it_does_not_flap(runs: list[tuple[Sample, int]]) -> None:
    way = Way()
    for sample, times in runs:
        way.go_on(EVERY_S * times, sample)
    for start in range(0, way.seconds, 10):
        assert sum(start <= at < start + 60 for at, _ in way.changes) <= 12


@given(st.lists(st.tuples(st.sampled_from([GOOD, HEAVY, HOPELESS, SILENT]), st.integers(2, 10)), min_size=100))
def test_in_an_hour_of_any_trouble_the_log_gets_few_events(runs: list[tuple[Sample, int]]) -> None:
    way = Way()
    while way.seconds < 3600:
        for sample, times in runs:
            way.go_on(EVERY_S * times, sample)
    assert sum(at < 3600 for at, _ in way.changes) <= 240


def quality(**more: object) -> ConnectionQuality:
    return ConnectionQuality(5, 40, 0.0, 3.0, 800, 1200, **more)  # type: ignore[arg-type]


def measured(ladders: Ladders, seconds: int, since: datetime, **qualities: ConnectionQuality) -> object:
    told: object = None
    for second in range(0, seconds, EVERY_S):
        told = ladders.measured(
            ROOM,
            {PATIENT: qualities["patient"]} if "patient" in qualities else {},
            in_call=[PATIENT],
            now=since + timedelta(seconds=second),
        )
    return told


def test_each_way_has_its_own_rung() -> None:
    told = measured(Ladders(), 8, NOON, patient=quality(loss_up_percent=45))
    assert told == {PATIENT: Rungs(Rung.HIGH_VIDEO, Rung.AUDIO_ONLY)}


def test_an_estimate_counts_only_beside_signs_that_the_way_is_full() -> None:
    quiet = measured(Ladders(), 8, NOON, patient=quality(available_down_kbps=60))
    lossy = measured(Ladders(), 8, NOON, patient=quality(available_down_kbps=300, loss_down_percent=6.0))
    assert (quiet, lossy) == ({PATIENT: Rungs()}, {PATIENT: Rungs(Rung.LOW_VIDEO, Rung.HIGH_VIDEO)})


def test_who_is_in_the_call_without_any_media_is_left_with_text() -> None:
    assert measured(Ladders(), 14, NOON) == {PATIENT: Rungs(Rung.LIVE_TEXT, Rung.LIVE_TEXT)}


def test_people_who_are_gone_are_forgotten() -> None:
    ladders = Ladders()
    measured(ladders, 14, NOON)
    at = NOON + 2 * FORGOTTEN_AFTER
    ladders.measured(RoomId("con_other"), {}, in_call=[DOCTOR], now=at)
    assert measured(ladders, 2, at) == {PATIENT: Rungs()}
