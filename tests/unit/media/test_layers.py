"""Which layer a subscriber is sent, with time as an argument."""

import itertools

from media.layers import FIRST_HOLD_NS, LAST_HOLD_NS, NOTHING, SECOND_NS, LayerChoice, Way

RATES = (150_000, 500_000, 1_700_000)
WIDE = Way(estimate_bps=3_000_000, sent_bps=1_750_000, pictures=1, fraction_lost=0)
NARROW = Way(estimate_bps=300_000, sent_bps=600_000, pictures=1, fraction_lost=0)


def seconds(choice: LayerChoice, way: Way, first: int, count: int, rates: tuple[int, ...] = RATES) -> list[int]:
    """Let `count` seconds pass, the first of which is `first`."""
    return [choice.update(rates, way, second * SECOND_NS) for second in range(first, first + count)]


def test_whoever_says_nothing_against_it_gets_the_highest_at_once() -> None:
    assert seconds(LayerChoice(), WIDE, 1, 3) == [2, 2, 2]
    assert LayerChoice().update(RATES, WIDE._replace(estimate_bps=None), 0) == 2


def test_an_estimate_that_is_not_reached_is_no_limit() -> None:
    """A browser's estimate grows only as far as it is sent something."""
    choice = LayerChoice()
    assert choice.update(RATES, Way(estimate_bps=235_000, sent_bps=190_000, pictures=1, fraction_lost=0), 0) == 2


def test_a_full_way_gets_at_once_what_fits() -> None:
    choice = LayerChoice()
    choice.update(RATES, WIDE, 0)
    assert choice.update(RATES, NARROW, SECOND_NS) == 0
    choice = LayerChoice()
    choice.update(RATES, WIDE, 0)
    assert choice.update(RATES, NARROW._replace(estimate_bps=700_000, sent_bps=900_000), SECOND_NS) == 1


def test_several_pictures_share_a_way() -> None:
    choice = LayerChoice()
    choice.update(RATES, WIDE, 0)
    assert choice.update(RATES, Way(700_000, 900_000, 2, 0), SECOND_NS) == 0


def test_heavy_loss_lowers_too() -> None:
    choice = LayerChoice()
    choice.update(RATES, WIDE, 0)
    assert choice.update(RATES, WIDE._replace(fraction_lost=40), SECOND_NS) == 1


def test_up_again_goes_step_by_step_after_a_while() -> None:
    choice = LayerChoice()
    choice.update(RATES, WIDE, 0)
    choice.update(RATES, NARROW, SECOND_NS)
    hold = FIRST_HOLD_NS // SECOND_NS
    assert seconds(choice, WIDE, 2, 2 * hold) == [0] * (hold - 1) + [1] * hold + [2]


def test_trials_in_vain_become_rare() -> None:
    """On a way that carries the lowest layer only, each trial doubles the time until the next."""
    choice = LayerChoice()
    trials = []
    for second in range(600):
        before = choice.layer
        way = NARROW if before else WIDE
        after = choice.update(RATES, way, second * SECOND_NS)
        if after > before:
            trials.append(second)
    waits = [later - earlier for earlier, later in itertools.pairwise(trials)]
    assert waits == sorted(waits)
    assert waits[-1] == LAST_HOLD_NS // SECOND_NS + 1
    assert len(trials) < 15


def test_a_layer_that_stops_coming_is_left_and_none_at_all_changes_nothing() -> None:
    choice = LayerChoice()
    choice.update(RATES, WIDE, 0)
    assert choice.update((150_000, 500_000, 0), WIDE, SECOND_NS) == 1
    assert choice.update((0, 0, 0), WIDE, 2 * SECOND_NS) == 1
    assert choice.update((0, 0, 1_700_000), WIDE, 3 * SECOND_NS) == 2


def test_where_not_even_the_lowest_passes_nothing_is_sent_for_a_while() -> None:
    choice = LayerChoice()
    choice.update(RATES, WIDE, 0)
    assert seconds(choice, NARROW._replace(estimate_bps=60_000), 1, 6) == [0, 0, 0, 0, NOTHING, NOTHING]
    silence = Way(estimate_bps=None, sent_bps=50_000, pictures=1, fraction_lost=0)
    assert seconds(choice, silence, 7, 4) == [NOTHING, NOTHING, NOTHING, 0]


def test_a_way_that_loses_a_third_is_left_to_the_sound() -> None:
    choice = LayerChoice()
    choice.update(RATES, WIDE, 0)
    lossy = Way(estimate_bps=None, sent_bps=200_000, pictures=1, fraction_lost=90)
    assert seconds(choice, lossy, 1, 5) == [0, 0, 0, 0, NOTHING]


def test_the_lowest_is_kept_while_it_passes() -> None:
    choice = LayerChoice()
    choice.update(RATES, WIDE, 0)
    tight = Way(estimate_bps=230_000, sent_bps=250_000, pictures=1, fraction_lost=40)
    assert seconds(choice, tight, 1, 8) == [0] * 8


def test_an_estimate_that_stays_low_after_a_fall_lowers_again() -> None:
    """The fall itself may have come while what was sent before was still under way."""
    choice = LayerChoice()
    choice.update(RATES, WIDE, 0)
    first = NARROW._replace(estimate_bps=700_000, sent_bps=1_800_000)
    assert choice.update(RATES, first, SECOND_NS) == 1
    assert seconds(choice, NARROW, 2, 2) == [1, 0]
