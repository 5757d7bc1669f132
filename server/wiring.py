"""The composition root: every part of a node, constructed and opened in order. Plain calls, no container."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from aiohttp import web

from care.directory import Directory
from config.settings import Settings
from demonstration import clinic
from demonstration.clinic import Demonstration
from identity.service import SignInService
from identity.tokens import TokenIssuer
from kernel.clock import Now
from records.engine import Database
from records.event_log import SqlEventLog
from records.migrations import NewerDatabase, migrate
from records.sealing import KeyRing, Sealer
from records.unit_of_work import SqlStore
from server.metrics import Metrics
from server.refusal import Refused
from server.services import Services


def database_url(settings: Settings) -> str:
    """Return where the database is: what the settings name, else SQLite in the data directory."""
    return settings.database.url or f"sqlite:///{settings.data.path / 'consilium.db'}"


def record_keys(settings: Settings) -> Path:
    """Return the file of the keys that wrap the consultations' data keys."""
    return settings.data.path / "keys" / "records.json"


def token_keys(settings: Settings) -> Path:
    """Return the file of the secrets that sign tokens."""
    return settings.data.path / "keys" / "tokens.json"


async def open_database(settings: Settings, stack: AsyncExitStack) -> Database:
    """Open the database, brought to the shape that this version needs; `stack` closes it."""
    settings.data.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        await asyncio.to_thread(migrate, database_url(settings))
    except NewerDatabase as error:
        raise Refused("the database was made by a newer version of Consilium: start that one") from error
    database = Database(database_url(settings))
    await database.open()
    stack.push_async_callback(database.close)
    return database


async def open_services(
    settings: Settings, stack: AsyncExitStack, *, now: Now, metrics: Metrics, app: web.Application
) -> Services:
    """Open the node's parts; `stack` closes them in reverse."""
    database = await open_database(settings, stack)
    sealer = Sealer(database, KeyRing.load_or_create(record_keys(settings)))
    store = SqlStore(database, sealer, now)
    event_log = SqlEventLog(database, sealer)
    issuer = TokenIssuer(KeyRing.load_or_create(token_keys(settings)), now)
    sign_in = SignInService(store, issuer, demonstration=settings.demonstration.enabled)
    stack.callback(sign_in.close)
    return Services(
        settings=settings,
        now=now,
        store=store,
        event_log=event_log,
        issuer=issuer,
        sign_in=sign_in,
        directory=Directory(store, lambda password, login: sign_in.hash_new_password(password, login=login)),
        demonstration=await _demonstration(settings, store, event_log),
    )


async def _demonstration(settings: Settings, store: SqlStore, log: SqlEventLog) -> Demonstration | None:
    """Make the invented clinic where it is wanted; keep its accounts, whose password is published, out of a real one."""
    if settings.demonstration.enabled:
        try:
            return await clinic.seed(store, log)
        except clinic.NotADemonstration as error:
            raise Refused(
                "this data directory belongs to a real clinic: give the demonstration another, --data"
            ) from error
    async with store.read() as unit:
        founded = await unit.audit.page(object_id="demonstration", limit=1)
    if founded:
        raise Refused(
            "this data directory holds a demonstration, whose password is published: give a real clinic another, --data"
        )
    return None
