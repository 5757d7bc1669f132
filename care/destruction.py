"""Destroying what is due: one custodian proposes, another person confirms; then it is carried out."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from care.hold import SecondPersonNeeded
from care.retention import RetentionClass
from kernel.errors import Conflict
from kernel.ids import ConsultationId, DestructionId, UserId

VISITS_LIMIT: Final = 1000
"""Visits in one proposal: as many as somebody may look through."""


class DestructionState(StrEnum):
    """Where a proposal stands."""

    PROPOSED = "proposed"
    CONFIRMED = "confirmed"  # and under way
    DONE = "done"
    DECLINED = "declined"  # or withdrawn


class Outcome(StrEnum):
    """What became of one visit of a confirmed proposal."""

    WAITING = "waiting"
    DESTROYED = "destroyed"
    KEPT = "kept"  # a hold was set meanwhile, or it was not due


@dataclass(frozen=True, slots=True, kw_only=True)
class Destruction:
    """A proposal to destroy what is kept of some visits. `confirmed_by` is None where an operator did."""

    id: DestructionId
    kind: RetentionClass
    due_at: datetime  # what was due then
    proposed_by: UserId
    proposed_at: datetime
    state: DestructionState = DestructionState.PROPOSED
    confirmed_by: UserId | None = None
    confirmed_at: datetime | None = None
    ended_by: UserId | None = None
    ended_at: datetime | None = None
    decline_reason: str = ""


@dataclass(frozen=True, slots=True)
class DestructionCounts:
    """How many visits a proposal has, and what became of them."""

    waiting: int = 0
    destroyed: int = 0
    kept: int = 0


@dataclass(frozen=True, slots=True)
class DestructionItem:
    """One visit of a proposal."""

    consultation: ConsultationId
    outcome: Outcome


def confirmed(destruction: Destruction, who: UserId | None, *, at: datetime) -> Destruction:
    """Return a proposal that a second person confirms. `Conflict`, `SecondPersonNeeded`."""
    if destruction.state is not DestructionState.PROPOSED:
        raise Conflict
    if who == destruction.proposed_by:
        raise SecondPersonNeeded
    return replace(destruction, state=DestructionState.CONFIRMED, confirmed_by=who, confirmed_at=at)


def declined(destruction: Destruction, who: UserId, *, at: datetime, reason: str) -> Destruction:
    """Return a proposal that is declined, or withdrawn by whoever made it. `Conflict` once it is confirmed."""
    if destruction.state is not DestructionState.PROPOSED:
        raise Conflict
    return replace(destruction, state=DestructionState.DECLINED, ended_by=who, ended_at=at, decline_reason=reason)


def done(destruction: Destruction, *, at: datetime) -> Destruction:
    """Return a confirmed proposal that was carried out."""
    return replace(destruction, state=DestructionState.DONE, ended_at=at)
