"""Passwords' hashes, sign-ins and what a link's secret opens."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from care.consultation import Status
from identity.ports import Account, Link, RefreshToken, Session
from identity.principal import Role
from kernel.ids import ConsultationId, InvitationId, PatientId, SessionId, UserId
from records.engine import Connection
from records.tables import consultations, credentials, invitations, members, refresh_tokens, sessions

_ACCOUNT = (
    members.c.id.label("account_id"),
    members.c.role,
    members.c.name,
    members.c.language,
    members.c.patient,
    members.c.active,
    credentials.c.password_hash,
)


class SqlSessions:
    """Implements `identity.ports.SessionRepository`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def account_by_login(self, login: str) -> Account | None:
        query = select(*_ACCOUNT).join_from(members, credentials).where(members.c.login == login.lower())
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else _account_from_row(row)

    async def set_password(self, account: UserId, password_hash: str, *, at: datetime) -> None:
        changed = {"password_hash": password_hash, "changed_at": at}
        result = await self._connection.execute(
            update(credentials).where(credentials.c.member == account).values(changed)
        )
        if result.rowcount == 0:
            await self._connection.execute(insert(credentials).values(member=account, **changed))

    async def open(self, session: Session, digest: bytes) -> None:
        await self._connection.execute(
            insert(sessions).values(
                id=session.id,
                member=session.account,
                created_at=session.created_at,
                expires_at=session.expires_at,
            )
        )
        await self._add_token(digest, session.id, session.created_at)

    async def token(self, digest: bytes) -> RefreshToken | None:
        query = (
            select(sessions, refresh_tokens.c.issued_at, refresh_tokens.c.used_at, *_ACCOUNT)
            .join_from(refresh_tokens, sessions, refresh_tokens.c.session == sessions.c.id)
            .join(members, sessions.c.member == members.c.id)
            .join(credentials, credentials.c.member == members.c.id)
            .where(refresh_tokens.c.digest == digest)
        )
        row = (await self._connection.execute(query)).one_or_none()
        if row is None:
            return None
        session = Session(
            id=SessionId(row.id),
            account=UserId(row.member),
            created_at=row.created_at,
            expires_at=row.expires_at,
            revoked_at=row.revoked_at,
        )
        return RefreshToken(
            session=session, account=_account_from_row(row), issued_at=row.issued_at, used_at=row.used_at
        )

    async def replace(self, used: bytes, fresh: bytes, session: SessionId, *, at: datetime) -> None:
        await self._connection.execute(
            update(refresh_tokens)
            .where(refresh_tokens.c.digest == used, refresh_tokens.c.used_at.is_(None))
            .values(used_at=at)
        )
        await self._add_token(fresh, session, at)

    async def revoke(self, session: SessionId, *, at: datetime, because: str) -> None:
        await self._connection.execute(
            update(sessions)
            .where(sessions.c.id == session, sessions.c.revoked_at.is_(None))
            .values(revoked_at=at, revoked_because=because)
        )

    async def revoke_all(self, account: UserId, *, at: datetime, because: str) -> None:
        await self._connection.execute(
            update(sessions)
            .where(sessions.c.member == account, sessions.c.revoked_at.is_(None))
            .values(revoked_at=at, revoked_because=because)
        )

    async def forget_expired(self, before: datetime) -> int:
        result = await self._connection.execute(delete(sessions).where(sessions.c.expires_at < before))
        return result.rowcount

    async def link(self, digest: bytes, *, at: datetime) -> Link | None:
        query = (
            select(invitations, consultations.c.patient, consultations.c.status)
            .join_from(invitations, consultations, invitations.c.consultation == consultations.c.id)
            .where(invitations.c.digest == digest)
        )
        row = (await self._connection.execute(query)).one_or_none()
        if row is None:
            return None
        role = Role(row.role)
        return Link(
            invitation=InvitationId(row.id),
            consultation=ConsultationId(row.consultation),
            patient=PatientId(row.patient) if role is Role.PATIENT else None,
            role=role,
            name=row.name,
            language=row.language,
            is_open=row.revoked_at is None and at < row.expires_at and row.status != Status.CANCELLED,
        )

    async def _add_token(self, digest: bytes, session: SessionId, at: datetime) -> None:
        await self._connection.execute(insert(refresh_tokens).values(digest=digest, session=session, issued_at=at))


def _account_from_row(row: Row[*tuple[Any, ...]]) -> Account:
    return Account(
        id=UserId(row.account_id),
        role=Role(row.role),
        name=row.name,
        language=row.language,
        patient=PatientId(row.patient) if row.patient else None,
        active=row.active,
        password_hash=row.password_hash,
    )
