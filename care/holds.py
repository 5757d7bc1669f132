"""Setting and lifting legal holds on behalf of custodians."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from care.access import Action, require
from care.hold import OPEN, Hold, HoldState, HoldStep, stepped
from care.ports import Store, UnitOfWork
from care.reach import changing, reach_consultation, reading
from identity.principal import Principal
from kernel.errors import Conflict
from kernel.ids import ConsultationId, HoldId, UserId, new_id

HOLDS_LIMIT: Final = 50  # of one visit, shown


@dataclass(frozen=True, slots=True)
class HoldHistory:
    """A visit's holds, newest first, and the names of who had to do with them."""

    holds: tuple[Hold, ...]
    names: Mapping[UserId, str]


class HoldService:
    """Every step is an entry of the access log, with its reason."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of(self, principal: Principal, consultation: ConsultationId) -> HoldHistory:
        """Return a visit's holds."""
        async with reading(self._store, principal) as work:
            await reach_consultation(work, principal, consultation, Action.HOLD_CHANGE)
            return await _history(work, consultation)

    async def awaiting(self, principal: Principal) -> int:
        """Return how many requests of other custodians, to hold or to lift, wait for `principal` to confirm them."""
        async with reading(self._store, principal) as work:
            require(principal, Action.HOLD_CHANGE)
            return await work.holds.awaiting(UserId(principal.subject))

    async def take(
        self, principal: Principal, consultation: ConsultationId, step: HoldStep, *, reason: str = ""
    ) -> HoldHistory:
        """Take a step. `Conflict` when it does not follow from where the hold stands.

        `SecondPersonNeeded` when it is for somebody else than whoever asked.
        """
        async with changing(self._store, principal) as work:
            await reach_consultation(work, principal, consultation, Action.HOLD_CHANGE)
            newest = next(iter(await work.holds.of(consultation, limit=1)), None)
            present = newest if newest is not None and newest.state in OPEN else None
            who = UserId(principal.subject)
            if step is HoldStep.ASK:
                if present is not None:
                    raise Conflict
                await work.holds.add(
                    Hold(
                        id=HoldId(new_id("hld")),
                        consultation=consultation,
                        state=HoldState.ASKED,
                        reason=reason,
                        asked_by=who,
                        asked_at=work.at,
                    )
                )
            elif present is None:
                raise Conflict
            else:
                await work.holds.save(stepped(present, step, who, reason=reason, at=work.at))
            await work.audit.add(
                principal,
                Action.HOLD_CHANGE,
                object_type="consultation",
                object_id=consultation,
                detail=f"{step} {reason}".rstrip(),
            )
            return await _history(work, consultation)


async def _history(work: UnitOfWork, consultation: ConsultationId) -> HoldHistory:
    holds = await work.holds.of(consultation, limit=HOLDS_LIMIT)
    people = {who for hold in holds for who in (hold.asked_by, hold.set_by, hold.lift_asked_by, hold.ended_by) if who}
    return HoldHistory(tuple(holds), {who: (await work.people.member(who)).name for who in people})
