"""What signing in needs from the outside, and what it offers to others."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from identity.audit import AuditTrail
from identity.principal import Principal, Role
from kernel.ids import ConsultationId, InvitationId, PatientId, SessionId, UserId


class TokenVerifier(Protocol):
    """Turns an access token into who is asking. Implemented by `identity/tokens.py`."""

    def verify(self, token: str) -> Principal:
        """Return whom the token was issued to, or raise `kernel.errors.SignInRequired`."""


class SecretRing(Protocol):
    """Named secrets, one of them for what is new. Implemented by `records/key_ring.py`."""

    @property
    def active(self) -> str: ...

    @property
    def ids(self) -> tuple[str, ...]: ...

    def key(self, key_id: str) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who can sign in with a password."""

    id: UserId
    role: Role
    name: str
    language: str
    patient: PatientId | None
    active: bool
    password_hash: str


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in on one device: a family of refresh tokens, each replacing the one before."""

    id: SessionId
    account: UserId
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None

    def is_open(self, now: datetime) -> bool:
        """Whether it can still be refreshed at `now`."""
        return self.revoked_at is None and now < self.expires_at


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """What is stored of a refresh token; `used_at` is when it was first exchanged for the next one."""

    session: Session
    account: Account
    issued_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Link:
    """What an invitation's secret opens."""

    invitation: InvitationId
    consultation: ConsultationId
    patient: PatientId | None  # set when the link is the patient's own
    role: Role
    name: str
    language: str
    is_open: bool  # neither revoked nor expired, and the consultation is not cancelled


class SessionRepository(Protocol):
    """Accounts as far as signing in needs them, sessions and links. Implemented by `records/sessions.py`."""

    async def account_by_login(self, login: str) -> Account | None:
        """Return the account called `login`, in any case of letters."""

    async def set_password(self, account: UserId, password_hash: str, *, at: datetime) -> None:
        """Replace the account's password hash."""

    async def open(self, session: Session, digest: bytes) -> None:
        """Store a new session with its first refresh token."""

    async def token(self, digest: bytes) -> RefreshToken | None:
        """Return the refresh token with this SHA-256 digest."""

    async def replace(self, used: bytes, fresh: bytes, session: SessionId, *, at: datetime) -> None:
        """Mark `used` as exchanged at `at`, unless it was before, and store its successor `fresh`."""

    async def revoke(self, session: SessionId, *, at: datetime, because: str) -> None:
        """End a session; one that ended before keeps its reason."""

    async def revoke_all(self, account: UserId, *, at: datetime, because: str) -> None:
        """End every session of an account."""

    async def forget_expired(self, before: datetime) -> int:
        """Delete sessions that expired before; returns how many."""

    async def link(self, digest: bytes, *, at: datetime) -> Link | None:
        """Return what the invitation secret with this SHA-256 digest opens."""


class SignInUnit(Protocol):
    """The part of a unit of work that signing in uses."""

    @property
    def at(self) -> datetime: ...

    @property
    def sessions(self) -> SessionRepository: ...

    @property
    def audit(self) -> AuditTrail: ...


class SignInStore(Protocol):
    """Implemented by `records/unit_of_work.py`."""

    def read(self) -> AbstractAsyncContextManager[SignInUnit]: ...

    def write(self) -> AbstractAsyncContextManager[SignInUnit]: ...
