"""The links into a consultation: made, listed, revoked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from care.access import Action
from care.consultation import Status
from care.invitation import Invitation, Relation
from care.ports import Store, UnitOfWork
from care.reach import changing, reach_consultation, reading
from identity.opaque import digest_of, new_secret
from identity.principal import LANGUAGES, Principal, Role
from kernel.errors import AppError, Invalid, NotFound
from kernel.ids import ConsultationId, InvitationId, UserId, new_id

OPEN_LINKS_LIMIT: Final = 20  # for one consultation
LINK_LIFETIME: Final = timedelta(hours=24)  # after the planned beginning, or from now when that is past
NAME_CHARS: Final = 100


class ConsultationClosed(AppError):
    """It was cancelled or is over: nobody new is invited to it."""

    code = "consultation.closed"
    message = "This consultation is over or was cancelled."
    status = 409


class TooManyLinks(AppError):
    """The consultation has as many open links as are allowed."""

    code = "invitation.too_many"
    message = "This consultation has too many open links. Revoke one first."
    status = 409


@dataclass(frozen=True, slots=True)
class IssuedInvitation:
    """A link just made. The secret is shown once and kept nowhere."""

    invitation: Invitation
    secret: str


class InvitationService:
    """Makes and revokes links on behalf of somebody."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def invite(
        self, principal: Principal, consultation: ConsultationId, *, relation: Relation, name: str, language: str
    ) -> IssuedInvitation:
        """Make a link for the patient or one more person. The patient's link bears the patient's own name."""
        name = " ".join(name.split())
        if language not in LANGUAGES:
            raise Invalid("language")
        async with changing(self._store, principal) as work:
            found = await reach_consultation(work, principal, consultation, Action.INVITATION_CREATE)
            if found.status in {Status.FINISHED, Status.CANCELLED}:
                raise ConsultationClosed
            earlier = await work.invitations.of(consultation)
            if sum(invitation.is_open(work.at) for invitation in earlier) >= OPEN_LINKS_LIMIT:
                raise TooManyLinks
            if relation is Relation.PATIENT:
                name = (await work.people.patient(found.patient)).name
            if not 1 <= len(name) <= NAME_CHARS:
                raise Invalid("name")
            invitation = Invitation(
                id=InvitationId(new_id("inv")),
                consultation=consultation,
                role=Role.PATIENT if relation is Relation.PATIENT else Role.GUEST,
                name=name,
                relation=relation,
                language=language,
                created_by=UserId(principal.subject),
                created_at=work.at,
                expires_at=max(found.scheduled_at, work.at) + LINK_LIFETIME,
            )
            secret = new_secret()
            await work.invitations.add(invitation, digest=digest_of(secret))
            made = f"{invitation.id} {invitation.relation}"
            await _note(work, principal, Action.INVITATION_CREATE, consultation, detail=made)
            return IssuedInvitation(invitation=invitation, secret=secret)

    async def of(self, principal: Principal, consultation: ConsultationId) -> Sequence[Invitation]:
        """Return the consultation's links, revoked and expired ones too, oldest first."""
        async with reading(self._store, principal) as work:
            await reach_consultation(work, principal, consultation, Action.INVITATION_READ)
            return await work.invitations.of(consultation)

    async def revoke(self, principal: Principal, consultation: ConsultationId, invitation: InvitationId) -> Invitation:
        """Make a link useless from now on; who is inside already stays until removed. Twice is once."""
        async with changing(self._store, principal) as work:
            await reach_consultation(work, principal, consultation, Action.INVITATION_REVOKE)
            found = await work.invitations.get(invitation)
            if found.consultation != consultation:
                raise NotFound
            if found.revoked_at is None:
                found = replace(found, revoked_at=work.at)
                await work.invitations.save(found)
                await _note(work, principal, Action.INVITATION_REVOKE, consultation, detail=invitation)
            return found


async def _note(
    work: UnitOfWork, principal: Principal, action: Action, consultation: ConsultationId, *, detail: str
) -> None:
    await work.audit.add(principal, action, object_type="consultation", object_id=consultation, detail=detail)
