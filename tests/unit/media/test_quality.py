"""Scores of connections."""

from hypothesis import given
from hypothesis import strategies as st

from media.quality import Counters, measure, score

SECOND = 1_000_000_000


def test_a_good_connection_scores_five() -> None:
    after = Counters(
        2 * SECOND,
        expected=500,
        received=500,
        octets_in=250_000,
        octets_out=500_000,
        jitter_ms=4,
        round_trip_ms=40,
    )
    quality = measure(Counters(0), after)
    assert (quality.score, quality.loss_percent, quality.round_trip_ms) == (5, 0.0, 40)
    assert (quality.bitrate_up_kbps, quality.bitrate_down_kbps) == (1000, 2000)


def test_loss_is_the_worse_of_both_directions() -> None:
    before = Counters(0, expected=100, received=100)
    assert measure(before, Counters(SECOND, expected=200, received=198, lost_down_percent=5.0)).loss_percent == 5.0
    assert measure(before, Counters(SECOND, expected=200, received=190, lost_down_percent=1.0)).loss_percent == 10.0


def test_somebody_silent_is_hardly_usable_whatever_the_counters_say() -> None:
    assert measure(Counters(0), Counters(SECOND, silent=True)).score == 1


def test_a_microphone_is_called_silent_after_eight_seconds_of_nothing() -> None:
    assert not measure(Counters(0), Counters(SECOND, microphone_silent_ns=7 * SECOND)).microphone_silent
    assert measure(Counters(0), Counters(SECOND, microphone_silent_ns=9 * SECOND)).microphone_silent


def test_both_directions_have_their_own_loss_and_talk_is_counted() -> None:
    before = Counters(0, expected=100, received=100, voice_ns=SECOND)
    after = Counters(2 * SECOND, expected=200, received=190, lost_down_percent=2.0, voice_ns=2 * SECOND)
    quality = measure(before, after)
    assert (quality.loss_up_percent, quality.loss_down_percent, quality.talk_ms) == (10.0, 2.0, 1000)


def test_a_long_way_costs_points() -> None:
    assert [score(0, rtt, 5) for rtt in (50, 500, 700, 1100)] == [5, 4, 3, 1]


def test_counters_that_went_back_do_no_harm() -> None:
    quality = measure(Counters(SECOND, 100, 90, 80, 70, 60), Counters(2 * SECOND))
    assert quality.loss_percent == 0.0
    assert quality.bitrate_up_kbps == 0


@given(st.floats(0, 100), st.floats(0, 60_000), st.floats(0, 10_000))
def test_a_score_is_one_to_five_and_more_loss_never_makes_it_better(loss: float, rtt: float, jitter: float) -> None:
    assert 1 <= score(loss, rtt, jitter) <= 5
    assert score(min(loss + 1, 100), rtt, jitter) <= score(loss, rtt, jitter)
