"""What an operator does to an installation from the command line, whether the server runs or not."""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from care.people import Department, Member
from care.ports import UnitOfWork
from config.settings import Settings
from identity.audit import SYSTEM, AuditEntry
from identity.principal import Role
from identity.service import SignInService
from identity.tokens import TokenIssuer
from kernel.clock import utc_now
from kernel.errors import AppError, Conflict, NotFound
from kernel.ids import PatientId, UserId, new_id
from records.sealing import Sealer
from records.unit_of_work import SqlStore
from server.refusal import Refused
from server.storage import open_database, open_key_ring, open_sealer, token_keys


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """Who shall be able to sign in. `department` is an id or a name; `record_number` makes it a patient's."""

    login: str
    name: str
    language: str
    role: Role
    password: str
    title: str = ""
    department: str | None = None
    record_number: str | None = None


@dataclass(frozen=True, slots=True)
class _Records:
    store: SqlStore
    sealer: Sealer
    sign_in: SignInService


async def migrate(settings: Settings) -> int:
    """Bring the database to this version's shape; nothing happens when it is there already."""
    async with _records(settings):
        _say("The database is up to date.")
    return 0


async def create_first_administrator(settings: Settings, account: NewAccount) -> int:
    """Begin a real installation. Refused when there is anybody already."""
    async with _records(settings) as records:
        async with records.store.read() as work:
            if await work.people.members():
                raise Refused("this installation has accounts already: use create-user")
        await _add(records, account)
    _say(f"{account.name} can sign in as {account.login}. Start the server: python -m server serve")
    return 0


async def create_user(settings: Settings, account: NewAccount) -> int:
    """Open an account."""
    async with _records(settings) as records:
        await _add(records, account)
    _say(f"{account.name} can sign in as {account.login} ({account.role}).")
    return 0


async def rotate_record_keys(settings: Settings) -> int:
    """Protect what is new with a fresh key, and wrap every consultation's data key anew.

    Safe to repeat and safe while the server runs: it reads the ring again before it wraps a key.
    """
    async with _records(settings) as records:
        changed = await records.sealer.rotate()
        active = records.sealer.active_key
        await _note(records, "keys.rotate", f"records {active}")
    _say(f"Key {active} is in use; {changed} data keys were wrapped anew. Older keys stay for older backups.")
    return 0


async def rotate_token_keys(settings: Settings) -> int:
    """Sign new access tokens with a fresh secret; those signed before stay good until they expire."""
    async with _records(settings) as records:
        ring = open_key_ring(token_keys(settings))
        active = ring.rotate()
        for old in ring.ids[:-2]:
            ring.forget(old)
        await _note(records, "keys.rotate", f"tokens {active}")
    _say(f"Secret {active} signs from the next start on.")
    return 0


async def verify_audit(settings: Settings) -> int:
    """Check the access log's chain; 1 when it is broken."""
    async with _records(settings) as records, records.store.read() as work:
        report = await work.audit.verify()
    if report.broken_at is not None:
        _say(f"BROKEN: entry {report.broken_at} does not follow from the one before. Nothing after it can be trusted.")
        return 1
    _say(f"{report.entries} entries, unbroken. Head: {report.head.hex()}")
    _say("Write the head down elsewhere: it proves later that nobody rebuilt the whole log.")
    return 0


@asynccontextmanager
async def _records(settings: Settings) -> AsyncIterator[_Records]:
    """Open the database and the keys, without serving anybody."""
    async with AsyncExitStack() as stack:
        database = await open_database(settings, stack)
        tokens = open_key_ring(token_keys(settings))
        sealer = await open_sealer(settings, database)
        store = SqlStore(database, sealer, utc_now)
        sign_in = SignInService(store, TokenIssuer(tokens, utc_now))
        stack.callback(sign_in.close)
        yield _Records(store, sealer, sign_in)


async def _add(records: _Records, account: NewAccount) -> None:
    try:
        password_hash = await records.sign_in.hash_new_password(account.password, login=account.login)
        async with records.store.write() as work:
            member = await _member(work, account)
            await work.people.add_member(member)
            await work.sessions.set_password(member.id, password_hash, at=work.at)
            entry = AuditEntry(work.at, SYSTEM, "", "member.add", "member", member.id, detail=member.role.value)
            await work.audit.add_entries([entry])
    except Conflict as error:
        raise Refused(f"somebody signs in as {account.login} already") from error
    except AppError as error:
        raise Refused(" ".join(filter(None, (error.message, error.detail and f"({error.detail})")))) from error


async def _member(work: UnitOfWork, account: NewAccount) -> Member:
    if not account.login.strip() or any(character.isspace() for character in account.login):
        raise Refused("a sign-in name has no spaces in it")
    if not account.name.strip():
        raise Refused("everybody has a name")
    if (account.role is Role.PATIENT) is not (account.record_number is not None):
        raise Refused("a patient's account, and only that, needs --record-number")
    if account.role is Role.CLINICIAN and account.department is None:
        raise Refused("a clinician works in a department: --department")
    return Member(
        id=UserId(new_id("usr")),
        login=account.login,
        name=account.name,
        role=account.role,
        language=account.language,
        title=account.title,
        department=None if account.department is None else (await _department(work, account.department)).id,
        patient=None if account.record_number is None else await _patient(work, account.record_number),
    )


async def _department(work: UnitOfWork, named: str) -> Department:
    departments = await work.people.departments()
    for department in departments:
        if named in {department.id, department.name_en, department.name_zh}:
            return department
    known = ", ".join(department.name_en for department in departments) or "none yet: an administrator founds them"
    raise Refused(f"there is no department {named} (there are: {known})")


async def _patient(work: UnitOfWork, record_number: str) -> PatientId:
    try:
        return (await work.people.patient_by_record_number(record_number)).id
    except NotFound:
        raise Refused(f"there is no patient with the record number {record_number}") from None


async def _note(records: _Records, action: str, detail: str) -> None:
    async with records.store.write() as work:
        entry = AuditEntry(work.at, SYSTEM, "", action, "installation", "keys", detail=detail)
        await work.audit.add_entries([entry])


def _say(words: str) -> None:
    sys.stdout.write(words + "\n")
