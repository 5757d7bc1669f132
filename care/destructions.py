"""Proposing, confirming and declining destructions on behalf of custodians."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from care.access import Action, require
from care.destruction import (
    VISITS_LIMIT,
    Destruction,
    DestructionCounts,
    DestructionItem,
    DestructionState,
    confirmed,
    declined,
)
from care.ports import Store, UnitOfWork
from care.reach import changing, reading
from care.retention import RetentionClass, RetentionRules
from care.summary import ConsultationSummary
from identity.principal import Principal
from kernel.errors import Conflict, Invalid
from kernel.ids import DestructionId, UserId, new_id

SHOWN: Final = 20
_OBJECT: Final = "destruction"


@dataclass(frozen=True, slots=True)
class ShownDestruction:
    """A proposal with how far it is."""

    destruction: Destruction
    counts: DestructionCounts


@dataclass(frozen=True, slots=True)
class Destructions:
    """Proposals, newest first, and the names of who had to do with them."""

    shown: tuple[ShownDestruction, ...]
    names: Mapping[UserId, str]


class DestructionService:
    """Every step is an entry of the access log."""

    def __init__(self, store: Store, rules: RetentionRules) -> None:
        self._store = store
        self._rules = rules

    async def all(self, principal: Principal) -> Destructions:
        """Return the newest proposals."""
        async with reading(self._store, principal) as work:
            require(principal, Action.DESTRUCTION_CHANGE)
            return await _all(work)

    async def visits(
        self, principal: Principal, destruction: DestructionId
    ) -> Sequence[tuple[ConsultationSummary, DestructionItem]]:
        """Return the visits of a proposal, the one that ended first first."""
        async with reading(self._store, principal) as work:
            require(principal, Action.DESTRUCTION_CHANGE)
            await work.destructions.get(destruction)
            items = await work.destructions.items(destruction)
            return [(await work.consultations.summary(item.consultation), item) for item in items]

    async def propose(self, principal: Principal, kind: RetentionClass, *, at: datetime) -> Destructions:
        """Propose to destroy what is due at `at` and under no hold, at most `VISITS_LIMIT` visits.

        `Invalid` for a time to come; `Conflict` when nothing is due, or a proposal of this class is open.
        """
        async with changing(self._store, principal) as work:
            require(principal, Action.DESTRUCTION_CHANGE)
            if at > work.at:
                raise Invalid("at")
            present = await work.destructions.newest(limit=SHOWN)
            if any(each.kind is kind and each.state is DestructionState.PROPOSED for each in present):
                raise Conflict
            before = self._rules.of(kind).finished_before(at)
            due = await work.retention.due(kind, before, after=None, limit=VISITS_LIMIT, held=False)
            if not due:
                raise Conflict
            destruction = Destruction(
                id=DestructionId(new_id("dst")),
                kind=kind,
                due_at=at,
                proposed_by=UserId(principal.subject),
                proposed_at=work.at,
            )
            await work.destructions.add(destruction, [visit.consultation.id for visit in due])
            await _note(work, principal, destruction, f"propose {kind}, {len(due)} visits")
            return await _all(work)

    async def confirm(self, principal: Principal, destruction_id: DestructionId) -> Destructions:
        """Confirm a proposal, as a second person; it is then carried out. `Conflict`, `SecondPersonNeeded`."""
        async with changing(self._store, principal) as work:
            require(principal, Action.DESTRUCTION_CHANGE)
            destruction = await work.destructions.get(destruction_id)
            await work.destructions.save(confirmed(destruction, UserId(principal.subject), at=work.at))
            await _note(work, principal, destruction, "confirm")
            return await _all(work)

    async def decline(self, principal: Principal, destruction_id: DestructionId, *, reason: str) -> Destructions:
        """Decline a proposal, or withdraw one's own. `Conflict` once it is confirmed."""
        async with changing(self._store, principal) as work:
            require(principal, Action.DESTRUCTION_CHANGE)
            destruction = await work.destructions.get(destruction_id)
            who = UserId(principal.subject)
            await work.destructions.save(declined(destruction, who, at=work.at, reason=reason))
            await _note(work, principal, destruction, f"decline {reason}")
            return await _all(work)


async def _all(work: UnitOfWork) -> Destructions:
    found = await work.destructions.newest(limit=SHOWN)
    shown = [ShownDestruction(each, await work.destructions.counts(each.id)) for each in found]
    people = {who for each in found for who in (each.proposed_by, each.confirmed_by, each.ended_by) if who}
    return Destructions(tuple(shown), {who: (await work.people.member(who)).name for who in people})


async def _note(work: UnitOfWork, principal: Principal, destruction: Destruction, detail: str) -> None:
    await work.audit.add(
        principal, Action.DESTRUCTION_CHANGE, object_type=_OBJECT, object_id=destruction.id, detail=detail
    )
