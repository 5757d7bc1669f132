"""Legal holds of archived visits."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from care.hold import Hold, HoldState, HoldStep, SecondPersonNeeded
from care.holds import HoldHistory
from identity.principal import Role
from kernel.errors import Conflict, Invalid, NotFound
from kernel.ids import UserId
from server.endpoint import Call, Input, Routes
from server.fields import PRINTABLE

routes = Routes()

_NEEDS_REASON = frozenset({HoldStep.ASK, HoldStep.ASK_LIFT})
_REASON_LEAST = 3


class HoldBody(Input):
    """`reason` is needed to ask for a hold, or for its lifting; it is kept with the hold and in the access log."""

    step: HoldStep
    reason: Annotated[str, Meta(max_length=300, pattern=f"^$|{PRINTABLE}")] = ""


class HoldView(msgspec.Struct, frozen=True, kw_only=True):
    """`mine` says whether you asked for what is to be confirmed: then another custodian has to."""

    id: str
    state: HoldState
    reason: str
    asked_by: str
    asked_at: datetime
    set_by: str | None
    set_at: datetime | None
    lift_reason: str
    lift_asked_by: str | None
    lift_asked_at: datetime | None
    ended_by: str | None
    ended_at: datetime | None
    mine: bool

    @classmethod
    def of(cls, hold: Hold, names: Mapping[UserId, str], you: str) -> "HoldView":
        return cls(
            id=hold.id,
            state=hold.state,
            reason=hold.reason,
            asked_by=names[hold.asked_by],
            asked_at=hold.asked_at,
            set_by=names[hold.set_by] if hold.set_by else None,
            set_at=hold.set_at,
            lift_reason=hold.lift_reason,
            lift_asked_by=names[hold.lift_asked_by] if hold.lift_asked_by else None,
            lift_asked_at=hold.lift_asked_at,
            ended_by=names[hold.ended_by] if hold.ended_by else None,
            ended_at=hold.ended_at,
            mine=you == (hold.lift_asked_by if hold.state is HoldState.LIFT_ASKED else hold.asked_by),
        )


class HoldsView(msgspec.Struct, frozen=True):
    """A visit's holds, newest first; at most the first one is open."""

    holds: list[HoldView]

    @classmethod
    def of(cls, history: HoldHistory, you: str) -> "HoldsView":
        return cls([HoldView.of(hold, history.names, you) for hold in history.holds])


class AwaitingView(msgspec.Struct, frozen=True):
    """How many legal holds, or liftings of one, other custodians asked for and you can confirm."""

    awaiting: int


@routes.endpoint(
    "GET",
    "/api/v1/holds",
    summary="Count the requests of other custodians that wait for a second person",
    tag="archive",
    roles={Role.CUSTODIAN},
    response=AwaitingView,
)
async def count_awaiting_holds(call: Call[None, None]) -> AwaitingView:
    return AwaitingView(await call.services.holds.awaiting(call.principal))


@routes.endpoint(
    "GET",
    "/api/v1/archive/{consultation}/holds",
    summary="Read a visit's legal holds",
    tag="archive",
    roles={Role.CUSTODIAN},
    response=HoldsView,
    errors=[NotFound],
)
async def read_holds(call: Call[None, None]) -> HoldsView:
    return HoldsView.of(await call.services.holds.of(call.principal, call.consultation), call.principal.subject)


@routes.endpoint(
    "POST",
    "/api/v1/archive/{consultation}/holds",
    summary="Ask for a legal hold or its lifting, confirm it as a second person, or withdraw the request",
    tag="archive",
    roles={Role.CUSTODIAN},
    body=HoldBody,
    response=HoldsView,
    errors=[NotFound, Conflict, SecondPersonNeeded, Invalid],
)
async def change_hold(call: Call[None, HoldBody]) -> HoldsView:
    step, reason = call.body.step, call.body.reason.strip()
    if step in _NEEDS_REASON and len(reason) < _REASON_LEAST:
        raise Invalid("reason")
    kept = reason if step in _NEEDS_REASON else ""
    history = await call.services.holds.take(call.principal, call.consultation, step, reason=kept)
    return HoldsView.of(history, call.principal.subject)
