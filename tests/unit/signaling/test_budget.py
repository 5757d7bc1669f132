"""One socket can ask for what a person could, and not for more."""

import pytest

from signaling.budget import BURST, COSTS, PATIENCE, PER_SECOND, TYPING_INTERVAL_S, Budget, RateLimited
from signaling.protocol import CLIENT_EVENTS, event_name


def spend(budget: Budget, times: int, name: str = "chat_send", *, now_s: float = 0) -> None:
    for _ in range(times):
        budget.spend(name, now_s=now_s)


def test_a_burst_is_allowed_and_then_refused():
    budget = Budget(now_s=0)
    spend(budget, int(BURST))
    with pytest.raises(RateLimited):
        spend(budget, 1)


def test_waiting_fills_the_bucket_steadily_and_never_beyond_the_burst():
    budget = Budget(now_s=0)
    spend(budget, int(BURST))
    spend(budget, int(PER_SECOND), now_s=1)
    with pytest.raises(RateLimited):
        spend(budget, 1, now_s=1)
    spend(budget, int(BURST), now_s=1000)
    with pytest.raises(RateLimited):
        spend(budget, 1, now_s=1000)


def test_what_costs_more_empties_the_bucket_sooner():
    budget = Budget(now_s=0)
    spend(budget, int(BURST / COSTS["room_enter"]), "room_enter")
    with pytest.raises(RateLimited):
        spend(budget, 1, "room_enter")


def test_every_cost_belongs_to_an_event_and_fits_the_bucket():
    assert set(COSTS) <= {event_name(event) for event in CLIENT_EVENTS}
    assert max(COSTS.values()) <= BURST


def test_patience_ends_with_refusals_in_a_row_and_begins_anew_with_an_honest_event():
    budget = Budget(now_s=0)
    spend(budget, int(BURST))
    for _ in range(PATIENCE):
        with pytest.raises(RateLimited):
            spend(budget, 1)
    assert not budget.is_exhausted
    spend(budget, 1, now_s=1)
    for _ in range(PATIENCE + int(PER_SECOND)):
        with pytest.raises(RateLimited):
            spend(budget, 1000, now_s=1)
    assert budget.is_exhausted


def test_typing_is_told_on_once_an_interval():
    budget = Budget(now_s=0)
    told = [budget.may_relay_typing(now_s=now_s) for now_s in (0, 0.1, TYPING_INTERVAL_S, TYPING_INTERVAL_S + 0.5)]
    assert told == [True, False, True, False]
