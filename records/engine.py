"""The database as a place to read and to write; the only module that knows which database it is."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from typing import Any, Final

from sqlalchemy import URL, event, make_url
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from kernel.errors import Conflict

_BUSY_TIMEOUT_MS: Final = 10_000  # another process (a backup, `migrate`) may hold the write lock for a moment
_READERS: Final = 4
_AFTER_COMMIT: Final = "consilium.after_commit"

_WRITER_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # an acknowledged message survives a power cut
    "PRAGMA foreign_keys = ON",
    "PRAGMA cache_size = -16384",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA journal_size_limit = 67108864",
)
_READER_PRAGMAS: Final = ("PRAGMA query_only = ON", "PRAGMA cache_size = -4096", "PRAGMA temp_store = MEMORY")


class Database:
    """Readers see a stable snapshot; writers take turns. Open it once for the life of the process.

    SQLite: one writer connection kept open, `BEGIN IMMEDIATE` and an `asyncio.Lock` in front of it, so no writer of
    this process ever meets "database is locked"; a few readers beside it (WAL). PostgreSQL: one pool for both.
    """

    def __init__(self, url: str, *, readers: int = _READERS) -> None:
        self._url = async_url(url)
        self._embedded = self._url.get_backend_name() == "sqlite"
        self._readers = readers
        self._turn = asyncio.Lock()
        self._writer: AsyncEngine | None = None
        self._reader: AsyncEngine | None = None

    @property
    def url(self) -> str:
        """Return the address without its password, fit for a log line."""
        return self._url.render_as_string(hide_password=True)

    async def open(self) -> None:
        """Connect; raises the driver's error when the database can't be reached."""
        if self._writer is not None:
            return
        if self._embedded:
            self._writer = _embedded_engine(self._url, size=1, begin="BEGIN IMMEDIATE", pragmas=_WRITER_PRAGMAS)
            self._reader = _embedded_engine(self._url, size=self._readers, begin="BEGIN", pragmas=_READER_PRAGMAS)
        else:
            self._writer = self._reader = create_async_engine(self._url, pool_pre_ping=True)
        async with self._writer.connect():
            pass

    async def close(self) -> None:
        """Wait for the writer, then disconnect. The database may be opened again."""
        async with self._turn:
            for engine in {self._writer, self._reader}:
                if engine is not None:
                    await engine.dispose()
            self._writer = self._reader = None

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection on which everything read belongs to one moment; nothing can be written."""
        assert self._reader is not None, "the database is not open"
        async with self._reader.connect() as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Lend the writer: committed when the block ends, rolled back when it raises."""
        assert self._writer is not None, "the database is not open"
        actions: list[Callable[[], None]] = []
        async with self._turn if self._embedded else nullcontext(), self._writer.connect() as connection:
            connection.info[_AFTER_COMMIT] = actions
            try:
                async with connection.begin():
                    yield connection
            finally:
                del connection.info[_AFTER_COMMIT]
            for action in actions:
                action()


def after_commit(connection: AsyncConnection, action: Callable[[], None]) -> bool:
    """Run `action` once `connection`'s transaction is committed. False, and never run, on a reader."""
    actions: list[Callable[[], None]] | None = connection.info.get(_AFTER_COMMIT)
    if actions is None:
        return False
    actions.append(action)
    return True


def is_writer(connection: AsyncConnection) -> bool:
    """Whether `connection` was lent by `Database.write`."""
    return _AFTER_COMMIT in connection.info


def async_url(url: str) -> URL:
    """Return `url` with the driver this program uses, where it names none."""
    parsed = make_url(url)
    drivers = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
    if parsed.get_backend_name() == "sqlite" and parsed.database in {None, "", ":memory:"}:
        raise ValueError("the database must be a file: readers and the writer have a connection each")
    return parsed.set(drivername=drivers.get(parsed.drivername, parsed.drivername))


def sync_url(url: str) -> URL:
    """Return `url` for a plain blocking connection, as migrations use."""
    parsed = make_url(url)
    return parsed.set(drivername="sqlite") if parsed.get_backend_name() == "sqlite" else parsed


def _embedded_engine(url: URL, *, size: int, begin: str, pragmas: tuple[str, ...]) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=size,
        max_overflow=0,
        pool_timeout=30,
        connect_args={"timeout": _BUSY_TIMEOUT_MS / 1000, "isolation_level": None},
    )

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin_transaction(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine


@contextmanager
def uniqueness_as_conflict() -> Iterator[None]:
    """Turn a constraint's refusal inside the block into `kernel.errors.Conflict`."""
    try:
        yield
    except IntegrityError as error:
        raise Conflict from error
