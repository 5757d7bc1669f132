"""Two people for each hold, whatever they do and in whatever order."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care.hold import OPEN, Hold, HoldState, HoldStep, SecondPersonNeeded, stepped
from kernel.errors import Conflict
from kernel.ids import ConsultationId, HoldId, UserId
from tests.small_clinic import NOON

ANNE, BO = UserId("usr_anne"), UserId("usr_bo")


def asked_by_anne() -> Hold:
    return Hold(
        id=HoldId("hld_1"),
        consultation=ConsultationId("con_1"),
        state=HoldState.ASKED,
        reason="a lawsuit",
        asked_by=ANNE,
        asked_at=NOON,
    )


def test_a_hold_from_its_request_to_its_end() -> None:
    hold = asked_by_anne()
    hold = stepped(hold, HoldStep.CONFIRM, BO, reason="", at=NOON + timedelta(hours=1))
    assert (hold.state, hold.set_by) == (HoldState.SET, BO)
    hold = stepped(hold, HoldStep.ASK_LIFT, BO, reason="settled", at=NOON + timedelta(days=1))
    assert (hold.state, hold.lift_reason) == (HoldState.LIFT_ASKED, "settled")
    hold = stepped(hold, HoldStep.WITHDRAW, ANNE, reason="", at=NOON + timedelta(days=2))
    assert (hold.state, hold.lift_asked_by, hold.lift_reason) == (HoldState.SET, None, "")
    hold = stepped(hold, HoldStep.ASK_LIFT, ANNE, reason="settled now", at=NOON + timedelta(days=3))
    hold = stepped(hold, HoldStep.LIFT, BO, reason="", at=NOON + timedelta(days=4))
    assert (hold.state, hold.ended_by, hold.state in OPEN) == (HoldState.LIFTED, BO, False)


@pytest.mark.parametrize(("step", "reached"), [(HoldStep.CONFIRM, []), (HoldStep.LIFT, [HoldStep.ASK_LIFT])])
def test_nobody_confirms_what_they_asked_for(step: HoldStep, reached: list[HoldStep]) -> None:
    hold = asked_by_anne()
    if reached:
        hold = stepped(hold, HoldStep.CONFIRM, BO, reason="", at=NOON)
        for each in reached:
            hold = stepped(hold, each, ANNE, reason="settled", at=NOON)
    with pytest.raises(SecondPersonNeeded):
        stepped(hold, step, ANNE, reason="", at=NOON)


@given(st.lists(st.tuples(st.sampled_from(HoldStep), st.sampled_from([ANNE, BO])), max_size=12))
def test_a_hold_that_was_set_is_ended_by_two_people_only(steps: list[tuple[HoldStep, UserId]]) -> None:
    hold = stepped(asked_by_anne(), HoldStep.CONFIRM, BO, reason="", at=NOON)
    for step, who in steps:
        before = hold
        try:
            hold = stepped(hold, step, who, reason="settled", at=NOON)
        except (Conflict, SecondPersonNeeded):
            continue
        if hold.state not in OPEN:
            assert hold.state is HoldState.LIFTED
            assert (before.state, {before.lift_asked_by, who}) == (HoldState.LIFT_ASKED, {ANNE, BO})
            return
