"""Signing in with a password or a link, staying signed in, signing out."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeVar

from identity import passwords
from identity.audit import NOBODY, AuditEntry, Outcome
from identity.opaque import SECRET_CHARS, digest_of, new_secret
from identity.ports import Account, Link, Session, SignInStore
from identity.principal import Principal
from identity.tokens import ACCESS_LIFETIME, TokenIssuer
from kernel.errors import AppError, Overloaded, SignInRequired
from kernel.ids import ConsultationId, SessionId, UserId, new_id

SESSION_LIFETIME: Final = timedelta(hours=12)  # one working day; never extended by use
REUSE_GRACE: Final = timedelta(seconds=10)
_HASHING_THREADS: Final = 2  # 64 MiB each while hashing
_HASHING_QUEUE: Final = 32

_T = TypeVar("_T")


class SignInRefused(AppError):
    """Unknown name, wrong password or closed account: from outside the three look and last the same."""

    code = "sign_in.refused"
    message = "The name or the password is not right."
    status = 401


class InvitationClosed(AppError):
    """Unknown, expired or revoked: the three look the same."""

    code = "invitation.closed"
    message = "This link no longer opens a consultation. Ask the clinic for a new one."
    status = 404


@dataclass(frozen=True, slots=True)
class Signed:
    """Proofs of identity of somebody with an account. `refresh` is for an HttpOnly cookie only."""

    access: str
    expires_in: int  # seconds
    principal: Principal
    refresh: str
    refresh_expires_in: int  # seconds


@dataclass(frozen=True, slots=True)
class Opened:
    """Proof of identity of somebody who came by a link: it opens `consultation` and nothing else."""

    access: str
    expires_in: int  # seconds
    principal: Principal
    consultation: ConsultationId


class SignInService:
    """The only way to become a `Principal`.

    A refresh token is good for one exchange. When one comes a second time, somebody copied it, and there is no telling
    who is the thief: the whole session ends. Two tabs of one browser share the cookie, though, and may exchange it in
    the same moment: for `REUSE_GRACE` after its first exchange a token is exchanged again, for a sibling of its
    successor in the same session. A thief who is that fast gains a session that ends with the owner's: at sign-out,
    or 12 hours after signing in.
    """

    def __init__(self, store: SignInStore, issuer: TokenIssuer, *, demonstration: bool = False) -> None:
        self._store = store
        self._issuer = issuer
        self._demonstration = demonstration
        self._hashing = ThreadPoolExecutor(_HASHING_THREADS, thread_name_prefix="argon2")
        self._waiting = 0

    async def sign_in(self, login: str, password: str) -> Signed:
        """Begin a session, or raise `SignInRefused`; `Overloaded` when too many are being checked already."""
        async with self._store.read() as work:
            account = await work.sessions.account_by_login(login.strip())
        stored = passwords.NOBODYS_HASH if account is None else account.password_hash
        right = await self._hash(lambda: passwords.matches(stored, password))
        if account is None or not right or not account.active:
            await self._note_refusal(account)
            raise SignInRefused
        fresh_hash = None
        if passwords.is_outdated(stored):
            fresh_hash = await self._hash(lambda: passwords.hash_of(password))
        refresh = new_secret()
        async with self._store.write() as work:
            session = Session(
                id=SessionId(new_id("ses")),
                account=account.id,
                created_at=work.at,
                expires_at=work.at + SESSION_LIFETIME,
            )
            principal = _principal(account, session.id)
            if fresh_hash is not None:
                await work.sessions.set_password(account.id, fresh_hash, at=work.at)
            await work.sessions.open(session, digest_of(refresh))
            await work.audit.add(principal, "session.open", object_type="member", object_id=account.id)
        return self._signed(principal, refresh, SESSION_LIFETIME)

    async def refresh(self, token: str) -> Signed:
        """Exchange a refresh token for new proofs, or raise `SignInRequired`."""
        if len(token) > SECRET_CHARS:
            raise SignInRequired
        used, fresh = digest_of(token), new_secret()
        async with self._store.write() as work:
            found = await work.sessions.token(used)
            if found is None or not found.session.is_open(work.at) or not found.account.active:
                raise SignInRequired
            session, principal = found.session, _principal(found.account, found.session.id)
            copied = found.used_at is not None and work.at - found.used_at > REUSE_GRACE
            if copied:
                await work.sessions.revoke(session.id, at=work.at, because="reuse")
                await work.audit.add(
                    principal,
                    "session.reuse",
                    object_type="member",
                    object_id=found.account.id,
                    outcome=Outcome.REFUSED,
                )
            else:
                await work.sessions.replace(used, digest_of(fresh), session.id, at=work.at)
            remaining = session.expires_at - work.at
        if copied:  # raised after the commit: the revocation must stay
            raise SignInRequired
        return self._signed(principal, fresh, remaining)

    async def sign_out(self, token: str) -> None:
        """End the token's session; a token nobody knows is no error."""
        if len(token) > SECRET_CHARS:
            return
        async with self._store.write() as work:
            found = await work.sessions.token(digest_of(token))
            if found is None or not found.session.is_open(work.at):
                return
            await work.sessions.revoke(found.session.id, at=work.at, because="sign_out")
            principal = _principal(found.account, found.session.id)
            await work.audit.add(principal, "session.close", object_type="member", object_id=found.account.id)

    async def open_invitation(self, secret: str) -> Opened:
        """Turn a link's secret into proof that opens its consultation, or raise `InvitationClosed`."""
        link = None
        if len(secret) <= SECRET_CHARS:
            async with self._store.read() as work:
                link = await work.sessions.link(digest_of(secret), at=work.at)
        if link is None or not link.is_open:
            raise InvitationClosed
        principal = _guest(link)
        async with self._store.write() as work:
            await work.audit.add(principal, "invitation.open", object_type="consultation", object_id=link.consultation)
        return Opened(
            access=self._issuer.access(principal),
            expires_in=int(ACCESS_LIFETIME.total_seconds()),
            principal=principal,
            consultation=link.consultation,
        )

    async def hash_new_password(self, password: str, *, login: str) -> str:
        """Return the hash to hand to `SessionRepository.set_password`, or raise `PasswordRefused`."""
        passwords.check_new(password, login=login, demonstration=self._demonstration)
        return await self._hash(lambda: passwords.hash_of(password))

    async def forget_expired(self) -> int:
        """Delete sessions that ended by age; returns how many. Meant to be called once in a while."""
        async with self._store.write() as work:
            return await work.sessions.forget_expired(work.at)

    def close(self) -> None:
        """Let the hashing threads go."""
        self._hashing.shutdown(wait=False, cancel_futures=True)

    async def _hash(self, work: Callable[[], _T]) -> _T:
        if self._waiting >= _HASHING_QUEUE:
            raise Overloaded
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._hashing, work)
        finally:
            self._waiting -= 1

    async def _note_refusal(self, account: Account | None) -> None:
        """Audit it without what was typed: people type passwords where names belong."""
        async with self._store.write() as work:
            entry = AuditEntry(
                at=work.at,
                actor=NOBODY,
                role="",
                action="session.open",
                object_type="member",
                object_id="unknown" if account is None else account.id,
                outcome=Outcome.REFUSED,
            )
            await work.audit.add_entries([entry])

    def _signed(self, principal: Principal, refresh: str, remaining: timedelta) -> Signed:
        return Signed(
            access=self._issuer.access(principal),
            expires_in=int(ACCESS_LIFETIME.total_seconds()),
            principal=principal,
            refresh=refresh,
            refresh_expires_in=int(remaining.total_seconds()),
        )


def _principal(account: Account, session: SessionId) -> Principal:
    return Principal(
        subject=UserId(account.id),
        session=session,
        role=account.role,
        name=account.name,
        language=account.language,
        patient=account.patient,
    )


def _guest(link: Link) -> Principal:
    return Principal(
        subject=link.invitation,
        session=SessionId(new_id("ses")),
        role=link.role,
        name=link.name,
        language=link.language,
        patient=link.patient,
        consultation=link.consultation,
    )
