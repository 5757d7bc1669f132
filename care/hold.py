"""A legal hold: as long as it stands, nothing of the visit is destroyed. Two people set it, and two lift it."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from kernel.errors import AppError, Conflict
from kernel.ids import ConsultationId, HoldId, UserId


class HoldState(StrEnum):
    """Where a hold stands. It protects from the moment it is asked for until a second person lifts it."""

    ASKED = "asked"
    SET = "set"
    LIFT_ASKED = "lift_asked"
    LIFTED = "lifted"
    WITHDRAWN = "withdrawn"  # before a second person confirmed it


class HoldStep(StrEnum):
    """What somebody does about a hold."""

    ASK = "ask"
    CONFIRM = "confirm"
    WITHDRAW = "withdraw"  # one's own or another's request: to set it, or to lift it
    ASK_LIFT = "ask_lift"
    LIFT = "lift"


OPEN: Final = frozenset({HoldState.ASKED, HoldState.SET, HoldState.LIFT_ASKED})


class SecondPersonNeeded(AppError):
    """Whoever asked for a hold, or for its lifting, can't confirm it."""

    code = "second_person_needed"
    message = "Another custodian has to confirm this: nobody does it alone."
    status = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """One hold from its request to its end."""

    id: HoldId
    consultation: ConsultationId
    state: HoldState
    reason: str
    asked_by: UserId
    asked_at: datetime
    set_by: UserId | None = None
    set_at: datetime | None = None
    lift_reason: str = ""
    lift_asked_by: UserId | None = None
    lift_asked_at: datetime | None = None
    ended_by: UserId | None = None
    ended_at: datetime | None = None


def stepped(hold: Hold, step: HoldStep, who: UserId, *, reason: str, at: datetime) -> Hold:
    """Return the open hold after a step of `who`. `Conflict`, `SecondPersonNeeded` as their words say."""
    match step, hold.state:
        case HoldStep.CONFIRM, HoldState.ASKED:
            _require_another(who, hold.asked_by)
            return replace(hold, state=HoldState.SET, set_by=who, set_at=at)
        case HoldStep.WITHDRAW, HoldState.ASKED:
            return replace(hold, state=HoldState.WITHDRAWN, ended_by=who, ended_at=at)
        case HoldStep.ASK_LIFT, HoldState.SET:
            return replace(hold, state=HoldState.LIFT_ASKED, lift_reason=reason, lift_asked_by=who, lift_asked_at=at)
        case HoldStep.WITHDRAW, HoldState.LIFT_ASKED:
            return replace(hold, state=HoldState.SET, lift_reason="", lift_asked_by=None, lift_asked_at=None)
        case HoldStep.LIFT, HoldState.LIFT_ASKED:
            _require_another(who, hold.lift_asked_by)
            return replace(hold, state=HoldState.LIFTED, ended_by=who, ended_at=at)
        case _:
            raise Conflict


def _require_another(who: UserId, before: UserId | None) -> None:
    if who == before:
        raise SecondPersonNeeded
