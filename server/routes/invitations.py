"""The links that open one consultation."""

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from care.invitation import Invitation, Relation, join_link
from care.invitations import NAME_CHARS, ConsultationClosed, TooManyLinks
from identity.principal import Role
from kernel.ids import InvitationId
from server.endpoint import Call, Input, Routes
from server.fields import PRINTABLE

routes = Routes()

_INVITERS: Final = frozenset({Role.CLINICIAN, Role.ADMINISTRATOR})


class InvitationBody(Input):
    """A patient's link bears the patient's own name, whatever `name` says."""

    relation: Relation
    name: Annotated[str, Meta(max_length=NAME_CHARS, pattern=PRINTABLE)] = ""
    language: Literal["en", "zh-CN"] = "en"


class InvitationView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    role: Role
    name: str
    relation: Relation
    language: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    open: bool

    @classmethod
    def of(cls, invitation: Invitation, now: datetime) -> "InvitationView":
        return cls(
            id=invitation.id,
            role=invitation.role,
            name=invitation.name,
            relation=invitation.relation,
            language=invitation.language,
            created_at=invitation.created_at,
            expires_at=invitation.expires_at,
            revoked_at=invitation.revoked_at,
            open=invitation.is_open(now),
        )


class Issued(msgspec.Struct, frozen=True):
    """`link` is shown this once and kept nowhere."""

    invitation: InvitationView
    link: str


class InvitationList(msgspec.Struct, frozen=True):
    """Oldest first, closed ones too."""

    invitations: list[InvitationView]


@routes.endpoint(
    "POST",
    "/api/v1/consultations/{consultation}/invitations",
    summary="Make a link for the patient or one more person",
    tag="invitations",
    roles=_INVITERS,
    body=InvitationBody,
    response=Issued,
    errors=[ConsultationClosed, TooManyLinks],
    status=201,
)
async def invite(call: Call[None, InvitationBody]) -> Issued:
    issued = await call.services.invitations.invite(
        call.principal,
        call.consultation,
        relation=call.body.relation,
        name=call.body.name,
        language=call.body.language,
    )
    return Issued(InvitationView.of(issued.invitation, call.now()), join_link(call.base_url, issued.secret))


@routes.endpoint(
    "GET",
    "/api/v1/consultations/{consultation}/invitations",
    summary="List a consultation's links, without what opens them",
    tag="invitations",
    roles=_INVITERS,
    response=InvitationList,
)
async def list_invitations(call: Call[None, None]) -> InvitationList:
    found = await call.services.invitations.of(call.principal, call.consultation)
    return InvitationList([InvitationView.of(invitation, call.now()) for invitation in found])


@routes.endpoint(
    "DELETE",
    "/api/v1/consultations/{consultation}/invitations/{invitation}",
    summary="Make a link useless from now on",
    tag="invitations",
    roles=_INVITERS,
    response=InvitationView,
)
async def revoke_invitation(call: Call[None, None]) -> InvitationView:
    revoked = await call.services.invitations.revoke(
        call.principal, call.consultation, InvitationId(call.path["invitation"])
    )
    return InvitationView.of(revoked, call.now())
