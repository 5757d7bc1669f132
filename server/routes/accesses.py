"""Who saw or changed what of an archived visit, for custodians."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from care.access_history import ACCESSES, Access
from identity.audit import Outcome
from identity.principal import Role
from kernel.errors import NotFound
from server.endpoint import Call, Input, Routes

routes = Routes()


class AccessQuery(Input):
    """`cursor` is the `next` of the page before."""

    cursor: Annotated[int, Meta(ge=1, le=2**63 - 1)] | None = None


class AccessView(msgspec.Struct, frozen=True, kw_only=True):
    """`name` is empty for what the server did by itself."""

    seq: int
    at: datetime
    name: str
    role: str
    action: str
    outcome: Outcome
    detail: str

    @classmethod
    def of(cls, access: Access) -> "AccessView":
        entry = access.chained.entry
        return cls(
            seq=access.chained.seq,
            at=entry.at,
            name=access.name,
            role=entry.role,
            action=entry.action,
            outcome=entry.outcome,
            detail=entry.detail,
        )


class AccessPage(msgspec.Struct, frozen=True):
    """Newest first; `next` is null on the last page."""

    entries: list[AccessView]
    next: int | None


@routes.endpoint(
    "GET",
    "/api/v1/archive/{consultation}/accesses",
    summary="Read who saw or changed what of a visit, and when",
    tag="archive",
    roles={Role.CUSTODIAN},
    query=AccessQuery,
    response=AccessPage,
    errors=[NotFound],
)
async def read_accesses(call: Call[AccessQuery, None]) -> AccessPage:
    found = await call.services.access_history.of(call.principal, call.consultation, before=call.query.cursor)
    shown = [AccessView.of(access) for access in found]
    return AccessPage(shown, shown[-1].seq if len(shown) == ACCESSES else None)
