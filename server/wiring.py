"""The composition root: every part of a node, constructed and opened in order. Plain calls, no container."""

from contextlib import AsyncExitStack
from pathlib import Path

from aiohttp import web

from care.directory import Directory
from config.settings import Settings
from identity.service import SignInService
from identity.tokens import TokenIssuer
from kernel.clock import Now
from records.engine import Database
from records.sealing import KeyRing, Sealer
from records.unit_of_work import SqlStore
from server.metrics import Metrics
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


async def open_services(
    settings: Settings, stack: AsyncExitStack, *, now: Now, metrics: Metrics, app: web.Application
) -> Services:
    """Open the node's parts; `stack` closes them in reverse."""
    settings.data.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = Database(database_url(settings))
    await database.open()
    stack.push_async_callback(database.close)
    sealer = Sealer(database, KeyRing.load_or_create(record_keys(settings)))
    store = SqlStore(database, sealer, now)
    issuer = TokenIssuer(KeyRing.load_or_create(token_keys(settings)), now)
    sign_in = SignInService(store, issuer, demonstration=settings.demonstration.enabled)
    stack.callback(sign_in.close)
    return Services(
        settings=settings,
        now=now,
        store=store,
        issuer=issuer,
        sign_in=sign_in,
        directory=Directory(store, lambda password, login: sign_in.hash_new_password(password, login=login)),
        demonstration=None,
    )
