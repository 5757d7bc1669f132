"""What is due to be destroyed, before it is."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from care.due_recordings import DUE_PAGE
from care.retention import DuePlace, DueVisit, RetentionRule
from identity.principal import Role
from kernel.errors import Invalid
from kernel.ids import ConsultationId
from server.endpoint import Call, Input, Routes
from server.views import ConsultationView

routes = Routes()


class DueQuery(Input):
    """`at` is as of when, now if left out. `finished_at` and `after` are those of the last visit of the page before."""

    at: datetime | None = None
    finished_at: datetime | None = None
    after: Annotated[str, Meta(max_length=80)] | None = None


class DueVisitView(ConsultationView, frozen=True, kw_only=True):
    due_at: datetime
    held: bool

    @classmethod
    def of_due(cls, visit: DueVisit, rule: RetentionRule) -> "DueVisitView":
        return cls.of(visit.consultation, due_at=rule.due_at(visit.finished_at), held=visit.is_held)


class DueView(msgspec.Struct, frozen=True):
    """Recordings that have been kept for `years` by then, the longest due first; `more` when that is not all."""

    years: int
    due: list[DueVisitView]
    more: bool


@routes.endpoint(
    "GET",
    "/api/v1/retention/due",
    summary="See which recordings are due to be destroyed at a time, and which of them a hold protects",
    tag="archive",
    roles={Role.CUSTODIAN},
    query=DueQuery,
    response=DueView,
    errors=[Invalid],
)
async def read_due(call: Call[DueQuery, None]) -> DueView:
    query = call.query
    if any(instant is not None and instant.tzinfo is None for instant in (query.at, query.finished_at)):
        raise Invalid("`at` and `finished_at` need a time zone")
    after = None
    if query.finished_at is not None and query.after is not None:
        after = DuePlace(query.finished_at, ConsultationId(query.after))
    at, retention = query.at or call.now(), call.services.retention
    try:
        due = await retention.due(call.principal, at=at, after=after)
        shown = [DueVisitView.of_due(visit, retention.rule) for visit in due]
    except (ValueError, OverflowError):
        raise Invalid("at") from None  # beyond the ends of the calendar
    return DueView(retention.rule.years, shown, len(due) == DUE_PAGE)
