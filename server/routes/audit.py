"""The access log, for administrators: who did what to which object, never what it says."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from care.access import Action, require
from care.reach import reading
from identity.audit import Outcome
from identity.principal import Role
from server.endpoint import Call, Input, Routes

routes = Routes()


class AuditQuery(Input):
    """`cursor` is the `next` of the page before; `object` narrows to entries about one thing."""

    cursor: Annotated[int, Meta(ge=1, le=2**63 - 1)] | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 100
    object: Annotated[str, Meta(max_length=64)] | None = None


class AuditEntryView(msgspec.Struct, frozen=True, kw_only=True):
    seq: int
    at: datetime
    actor: str
    role: str
    action: str
    object_type: str
    object_id: str
    outcome: Outcome
    detail: str


class AuditPage(msgspec.Struct, frozen=True):
    """Newest first; `next` is null on the last page."""

    entries: list[AuditEntryView]
    next: int | None


@routes.endpoint(
    "GET",
    "/api/v1/audit",
    summary="Read the access log",
    tag="audit",
    roles={Role.ADMINISTRATOR},
    query=AuditQuery,
    response=AuditPage,
)
async def read_audit(call: Call[AuditQuery, None]) -> AuditPage:
    query = call.query
    async with reading(call.services.store, call.principal) as work:
        require(call.principal, Action.AUDIT_READ)
        entries = await work.audit.page(before=query.cursor, limit=query.limit, object_id=query.object)
    shown = [
        AuditEntryView(
            seq=chained.seq,
            at=chained.entry.at,
            actor=chained.entry.actor,
            role=chained.entry.role,
            action=chained.entry.action,
            object_type=chained.entry.object_type,
            object_id=chained.entry.object_id,
            outcome=chained.entry.outcome,
            detail=chained.entry.detail,
        )
        for chained in entries
    ]
    return AuditPage(shown, shown[-1].seq if len(shown) == query.limit else None)
