"""The database as a place to read and to write; the only module that knows which database it is."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, TypeVar, TypeVarTuple, overload

import sqlalchemy
from sqlalchemy import (
    URL,
    CursorResult,
    Engine,
    Executable,
    NullPool,
    Result,
    ScalarResult,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.selectable import TypedReturnsRows

from kernel.errors import Conflict

_BUSY_TIMEOUT_S: Final = 10  # another process (a backup, `migrate`) may hold the write lock for a moment
_READERS: Final = 4
_SERVER_WRITERS: Final = 8  # for databases that let several write at once

_WRITER_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # an acknowledged message survives a power cut
    "PRAGMA foreign_keys = ON",
    "PRAGMA cache_size = -16384",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA journal_size_limit = 67108864",
)
_READER_PRAGMAS: Final = ("PRAGMA query_only = ON", "PRAGMA cache_size = -4096", "PRAGMA temp_store = MEMORY")

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")
_Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]]


class Connection:
    """A connection that lives on a thread of its own, so that the database never blocks the loop.

    What is asked of it happens in the order of asking, even when the asking task is cancelled meanwhile. Rows are
    fetched before `execute` returns. A transaction begins with the first statement; who lent the connection ends it.
    """

    def __init__(self, engine: Engine, *, name: str, is_writer: bool) -> None:
        self.is_writer: Final = is_writer
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._connection: sqlalchemy.Connection | None = None
        self._engine = engine
        self._after_commit: list[Callable[[], None]] = []
        self._is_clean = True

    @property
    def is_embedded(self) -> bool:
        """Whether this is SQLite within our own process."""
        return self._engine.dialect.name == "sqlite"

    @overload
    async def execute(  # type: ignore[overload-overlap]  # only what returns no rows knows how many it touched
        self, statement: TypedReturnsRows[*_Ts], parameters: _Parameters | None = None
    ) -> Result[*_Ts]: ...

    @overload
    async def execute(
        self, statement: Executable, parameters: _Parameters | None = None
    ) -> CursorResult[*tuple[Any, ...]]: ...

    async def execute(self, statement: Executable, parameters: _Parameters | None = None) -> Result[*tuple[Any, ...]]:
        """Run one statement, once or for each of several sets of parameters."""

        def run(connection: sqlalchemy.Connection) -> Result[*tuple[Any, ...]]:
            result = connection.execute(statement, parameters)
            return result.freeze()() if result.returns_rows else result

        return await self.run(run)

    async def scalar(self, statement: Executable, parameters: _Parameters | None = None) -> Any:
        """Return the first column of the first row, None without a row."""
        return (await self.execute(statement, parameters)).scalar()

    async def scalars(self, statement: Executable, parameters: _Parameters | None = None) -> ScalarResult[Any]:
        """Return the first column of every row."""
        return (await self.execute(statement, parameters)).scalars()

    async def run(self, work: Callable[[sqlalchemy.Connection], _T]) -> _T:
        """Call `work` with the underlying connection on its thread."""
        self._is_clean = False
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(self._connected()))

    def after_commit(self, action: Callable[[], None]) -> None:
        """Call `action` once this transaction is committed, never when it is rolled back."""
        self._after_commit.append(action)

    async def commit(self) -> None:
        """End the transaction for good."""
        if not self._is_clean:
            await self.run(lambda connection: connection.commit())
            self._is_clean = True
        for action in self._after_commit:
            action()

    def abandon(self) -> None:
        """Roll back what is not committed, before anything that is asked from now on."""
        self._after_commit = []
        if not self._is_clean:
            self._is_clean = True
            self._thread.submit(self._roll_back)

    def close(self) -> "Future[None]":
        """Disconnect. The connection can't be used again."""
        closed = self._thread.submit(self._disconnect)
        self._thread.shutdown(wait=False)
        return closed

    def _connected(self) -> sqlalchemy.Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    def _roll_back(self) -> None:
        if self._connection is not None and self._connection.in_transaction():
            self._connection.rollback()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()


class DatabaseClosed(Exception):
    """Somebody asked for a connection after the end."""


class _Lender:
    """A few connections, lent first come, first served; the one used last is lent next, its cache is warm."""

    def __init__(self, engine: Engine, *, name: str, count: int, is_writer: bool) -> None:
        self._engine = engine
        self._count = count
        self._idle = [Connection(engine, name=f"{name}-{i}", is_writer=is_writer) for i in range(count)]
        self._free = asyncio.Semaphore(count)

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[Connection]:
        async with self._free:
            if not self._idle:
                raise DatabaseClosed
            connection = self._idle.pop()
            try:
                yield connection
            finally:
                connection.abandon()
                self._idle.append(connection)

    async def close(self) -> None:
        """Wait for every connection to come back, and disconnect."""
        for _ in range(self._count):
            await self._free.acquire()
        while self._idle:
            await asyncio.wrap_future(self._idle.pop().close())
        for _ in range(self._count):
            self._free.release()
        self._engine.dispose()


class Database:
    """Readers see a stable snapshot; writers take turns. Open it once for the life of the process.

    SQLite: one writer connection kept open, `BEGIN IMMEDIATE` and a fair queue in front of it, so no writer of this
    process ever meets "database is locked"; a few readers beside it (WAL). PostgreSQL: several of both.
    """

    def __init__(self, url: str, *, readers: int = _READERS) -> None:
        self._url = database_url(url)
        self._readers = readers
        self._writing: _Lender | None = None
        self._reading: _Lender | None = None

    @property
    def url(self) -> str:
        """Return the address without its password, fit for a log line."""
        return self._url.render_as_string(hide_password=True)

    async def open(self) -> None:
        """Connect; raises the driver's error when the database can't be reached."""
        if self._writing is not None:
            return
        if self._url.get_backend_name() == "sqlite":
            writers = 1
            writing = embedded_engine(self._url, begin="BEGIN IMMEDIATE", pragmas=_WRITER_PRAGMAS)
            reading = embedded_engine(self._url, begin="BEGIN", pragmas=_READER_PRAGMAS)
        else:
            writers = _SERVER_WRITERS
            writing = create_engine(self._url, poolclass=NullPool)
            reading = create_engine(self._url, poolclass=NullPool, isolation_level="REPEATABLE READ").execution_options(
                postgresql_readonly=True
            )
        self._writing = _Lender(writing, name="records-writer", count=writers, is_writer=True)
        self._reading = _Lender(reading, name="records-reader", count=self._readers, is_writer=False)
        async with self._writing.lend() as connection:
            await connection.run(lambda connection: None)  # noqa: ARG005 - connecting is all

    async def close(self) -> None:
        """Wait for who is still writing or reading, then disconnect. The database may be opened again."""
        for lender in (self._writing, self._reading):
            if lender is not None:
                await lender.close()
        self._writing = self._reading = None

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Connection]:
        """Lend a connection on which everything read belongs to one moment; nothing can be written."""
        assert self._reading is not None, "the database is not open"
        async with self._reading.lend() as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Connection]:
        """Lend the writer: committed when the block ends, rolled back when it raises."""
        assert self._writing is not None, "the database is not open"
        async with self._writing.lend() as connection:
            yield connection
            await connection.commit()


def database_url(url: str) -> URL:
    """Return `url` parsed, with the driver this program uses where it names none."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database in {None, "", ":memory:"}:
        raise ValueError("the database must be a file: readers and the writer have a connection each")
    drivers = {"postgresql": "postgresql+psycopg"}
    return parsed.set(drivername=drivers.get(parsed.drivername, parsed.drivername))


def embedded_engine(url: URL, *, begin: str, pragmas: tuple[str, ...] = _WRITER_PRAGMAS) -> Engine:
    """Return an engine for SQLite that begins its transactions with `begin` rather than when the driver likes."""
    engine = create_engine(
        url,
        poolclass=NullPool,
        connect_args={"timeout": _BUSY_TIMEOUT_S, "isolation_level": None, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        for pragma in pragmas:
            connection.execute(pragma).close()

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: sqlalchemy.Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


@contextmanager
def uniqueness_as_conflict() -> Iterator[None]:
    """Turn a constraint's refusal inside the block into `kernel.errors.Conflict`."""
    try:
        yield
    except IntegrityError as error:
        raise Conflict from error
