"""What is due to be destroyed, and destroying it: one custodian proposes, another one confirms."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from care.destruction import DestructionItem, DestructionState, Outcome
from care.destructions import Destructions, ShownDestruction
from care.due_visits import DUE_PAGE
from care.hold import SecondPersonNeeded
from care.retention import DuePlace, DueVisit, RetentionClass, RetentionRule
from care.summary import ConsultationSummary
from identity.principal import Role
from kernel.errors import Conflict, Invalid, NotFound
from kernel.ids import ConsultationId, DestructionId, UserId
from server.endpoint import Call, Input, Routes
from server.fields import PRINTABLE
from server.views import ConsultationView

routes = Routes()


class DueQuery(Input):
    """`kind` is what is due. `at` is as of when, now if left out. `finished_at` and `after` are those of the last visit
    of the page before.
    """

    kind: RetentionClass = RetentionClass.RECORDINGS
    at: datetime | None = None
    finished_at: datetime | None = None
    after: Annotated[str, Meta(max_length=80)] | None = None


class ProposalBody(Input):
    """What is to be destroyed: what was due at `at`, now if left out, and is under no hold."""

    kind: RetentionClass
    at: datetime | None = None


class DeclineBody(Input):
    reason: Annotated[str, Meta(min_length=3, max_length=300, pattern=PRINTABLE)]


class DueVisitView(ConsultationView, frozen=True, kw_only=True):
    due_at: datetime
    held: bool

    @classmethod
    def of_due(cls, visit: DueVisit, rule: RetentionRule) -> "DueVisitView":
        return cls.of(visit.consultation, due_at=rule.due_at(visit.finished_at), held=visit.is_held)


class DueView(msgspec.Struct, frozen=True, kw_only=True):
    """What has been kept for `years` by then, the longest due first; `more` when that is not all. `basis` is the law
    that the rule is from, empty for one of the clinic's own.
    """

    kind: RetentionClass
    years: int
    jurisdiction: str
    basis: str
    due: list[DueVisitView]
    more: bool


class DestructionView(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal: `waiting`, `destroyed` and `kept` count its visits. `yours`: you made it, so another confirms it."""

    id: str
    kind: RetentionClass
    state: DestructionState
    due_at: datetime
    proposed_by: str
    proposed_at: datetime
    confirmed_by: str | None
    confirmed_at: datetime | None
    ended_by: str | None
    ended_at: datetime | None
    decline_reason: str
    waiting: int
    destroyed: int
    kept: int
    yours: bool

    @classmethod
    def of(cls, shown: ShownDestruction, names: Mapping[UserId, str], you: str) -> "DestructionView":
        destruction, counts = shown.destruction, shown.counts
        return cls(
            id=destruction.id,
            kind=destruction.kind,
            state=destruction.state,
            due_at=destruction.due_at,
            proposed_by=names[destruction.proposed_by],
            proposed_at=destruction.proposed_at,
            confirmed_by=names[destruction.confirmed_by] if destruction.confirmed_by else None,
            confirmed_at=destruction.confirmed_at,
            ended_by=names[destruction.ended_by] if destruction.ended_by else None,
            ended_at=destruction.ended_at,
            decline_reason=destruction.decline_reason,
            waiting=counts.waiting,
            destroyed=counts.destroyed,
            kept=counts.kept,
            yours=destruction.proposed_by == you,
        )


class DestructionsView(msgspec.Struct, frozen=True):
    """The newest proposals first."""

    destructions: list[DestructionView]

    @classmethod
    def of(cls, found: Destructions, you: str) -> "DestructionsView":
        return cls([DestructionView.of(each, found.names, you) for each in found.shown])


class DestructionVisitView(ConsultationView, frozen=True, kw_only=True):
    outcome: Outcome

    @classmethod
    def of_item(cls, summary: ConsultationSummary, item: DestructionItem) -> "DestructionVisitView":
        return cls.of(summary, outcome=item.outcome)


class DestructionVisitsView(msgspec.Struct, frozen=True):
    """The visits of a proposal, the one that ended first first."""

    visits: list[DestructionVisitView]


@routes.endpoint(
    "GET",
    "/api/v1/retention/due",
    summary="See what is due to be destroyed at a time, and what of it a hold protects",
    tag="archive",
    roles={Role.CUSTODIAN},
    query=DueQuery,
    response=DueView,
    errors=[Invalid],
)
async def read_due(call: Call[DueQuery, None]) -> DueView:
    query = call.query
    _require_zone(query.at, query.finished_at)
    after = None
    if query.finished_at is not None and query.after is not None:
        after = DuePlace(query.finished_at, ConsultationId(query.after))
    at, retention = query.at or call.now(), call.services.retention
    rule = retention.rules.of(query.kind)
    try:
        due = await retention.due(call.principal, query.kind, at=at, after=after)
        shown = [DueVisitView.of_due(visit, rule) for visit in due]
    except (ValueError, OverflowError):
        raise Invalid("at") from None  # beyond the ends of the calendar
    return DueView(
        kind=query.kind,
        years=rule.years,
        jurisdiction=retention.rules.jurisdiction,
        basis=retention.rules.basis,
        due=shown,
        more=len(due) == DUE_PAGE,
    )


@routes.endpoint(
    "GET",
    "/api/v1/retention/destructions",
    summary="See the newest proposals to destroy what is due, and how far they are",
    tag="archive",
    roles={Role.CUSTODIAN},
    response=DestructionsView,
)
async def read_destructions(call: Call[None, None]) -> DestructionsView:
    return DestructionsView.of(await call.services.destructions.all(call.principal), call.principal.subject)


@routes.endpoint(
    "POST",
    "/api/v1/retention/destructions",
    summary="Propose to destroy what is due; another custodian confirms it",
    tag="archive",
    roles={Role.CUSTODIAN},
    body=ProposalBody,
    response=DestructionsView,
    errors=[Conflict, Invalid],
    status=201,
)
async def propose_destruction(call: Call[None, ProposalBody]) -> DestructionsView:
    _require_zone(call.body.at)
    try:
        found = await call.services.destructions.propose(call.principal, call.body.kind, at=call.body.at or call.now())
    except (ValueError, OverflowError):
        raise Invalid("at") from None
    return DestructionsView.of(found, call.principal.subject)


@routes.endpoint(
    "GET",
    "/api/v1/retention/destructions/{destruction}",
    summary="See the visits of a proposal, and what became of them",
    tag="archive",
    roles={Role.CUSTODIAN},
    response=DestructionVisitsView,
    errors=[NotFound],
)
async def read_destruction_visits(call: Call[None, None]) -> DestructionVisitsView:
    found = await call.services.destructions.visits(call.principal, DestructionId(call.path["destruction"]))
    return DestructionVisitsView([DestructionVisitView.of_item(summary, item) for summary, item in found])


@routes.endpoint(
    "POST",
    "/api/v1/retention/destructions/{destruction}/confirm",
    summary="Confirm a proposal as a second person; it is then carried out",
    tag="archive",
    roles={Role.CUSTODIAN},
    response=DestructionsView,
    errors=[NotFound, Conflict, SecondPersonNeeded],
)
async def confirm_destruction(call: Call[None, None]) -> DestructionsView:
    found = await call.services.destructions.confirm(call.principal, DestructionId(call.path["destruction"]))
    call.services.carrying_out.take_up()
    return DestructionsView.of(found, call.principal.subject)


@routes.endpoint(
    "POST",
    "/api/v1/retention/destructions/{destruction}/decline",
    summary="Decline a proposal, or withdraw your own",
    tag="archive",
    roles={Role.CUSTODIAN},
    body=DeclineBody,
    response=DestructionsView,
    errors=[NotFound, Conflict],
)
async def decline_destruction(call: Call[None, DeclineBody]) -> DestructionsView:
    found = await call.services.destructions.decline(
        call.principal, DestructionId(call.path["destruction"]), reason=call.body.reason.strip()
    )
    return DestructionsView.of(found, call.principal.subject)


def _require_zone(*instants: datetime | None) -> None:
    if any(instant is not None and instant.tzinfo is None for instant in instants):
        raise Invalid("a time needs a time zone")
