"""Links that open one consultation; their secrets only as SHA-256 digests."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, insert, select, update

from care.invitation import Invitation, Relation
from identity.principal import Role
from kernel.errors import NotFound
from kernel.ids import ConsultationId, InvitationId, UserId
from records.engine import Connection, uniqueness_as_conflict
from records.tables import invitations


class SqlInvitations:
    """Implements `care.ports.InvitationRepository`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, invitation: InvitationId) -> Invitation:
        row = (await self._connection.execute(select(invitations).where(invitations.c.id == invitation))).one_or_none()
        if row is None:
            raise NotFound
        return _from_row(row)

    async def of(self, consultation: ConsultationId) -> list[Invitation]:
        query = (
            select(invitations)
            .where(invitations.c.consultation == consultation)
            .order_by(invitations.c.created_at, invitations.c.id)
        )
        return [_from_row(row) for row in await self._connection.execute(query)]

    async def add(self, invitation: Invitation, *, digest: bytes) -> None:
        async with uniqueness_as_conflict(self._connection):
            await self._connection.execute(insert(invitations).values(**asdict(invitation), digest=digest))

    async def save(self, invitation: Invitation) -> None:
        statement = update(invitations).where(invitations.c.id == invitation.id).values(asdict(invitation))
        if (await self._connection.execute(statement)).rowcount == 0:
            raise NotFound


def _from_row(row: Row[*tuple[Any, ...]]) -> Invitation:
    return Invitation(
        id=InvitationId(row.id),
        consultation=ConsultationId(row.consultation),
        role=Role(row.role),
        name=row.name,
        relation=Relation(row.relation),
        language=row.language,
        created_by=UserId(row.created_by),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )
