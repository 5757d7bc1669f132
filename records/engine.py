"""The database as a place to read and to write; the only module that knows which database it is."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
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
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.sql.selectable import TypedReturnsRows

from kernel.errors import Conflict, Invalid

_BUSY_TIMEOUT_S: Final = 10  # another process (a backup, `migrate`) may hold the write lock for a moment
_READERS: Final = 4
_OLDEST_SERVER: Final = 15  # PostgreSQL's major version

_WRITER_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # an acknowledged message survives a power cut
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = FAST",  # what is deleted is overwritten where that costs no more reading or writing
    "PRAGMA cache_size = -16384",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA journal_size_limit = 67108864",
)
_READER_PRAGMAS: Final = ("PRAGMA query_only = ON", "PRAGMA cache_size = -4096", "PRAGMA temp_store = MEMORY")

# On PostgreSQL, what takes the writers' turn: until the transaction ends, and after that everything committed is seen.
_TAKE_TURN: Final = f"SELECT pg_advisory_xact_lock({int.from_bytes(b'consili')})"
_SERVER_SETTINGS: Final = (
    "SET idle_in_transaction_session_timeout = '60s'",  # a node that hangs, or is gone, gives its turn back
)
_SERVER_LINE: Final = {  # a line that is silently dead is noticed; what the address itself says goes first
    "connect_timeout": 10,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    "application_name": "consilium",
}

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
        """Call `work` with the underlying connection on its thread. `Invalid` for what the database can't hold."""
        do = self._begin if self._is_clean else self._go_on
        self._is_clean = False
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, do, work)
        except DataError as error:  # only SQLite takes whatever it is given: a NUL, a number beyond the column's
            raise Invalid from error

    def after_commit(self, action: Callable[[], None]) -> None:
        """Call `action` once this transaction is committed, never when it is rolled back."""
        self._after_commit.append(action)

    async def commit(self) -> None:
        """End the transaction for good."""
        if not self._is_clean:
            await self.run(_commit)
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

    def _begin(self, work: Callable[[sqlalchemy.Connection], _T]) -> _T:
        """Do the transaction's first work; once more on a fresh line when the old one turns out to be dead."""
        try:
            return self._go_on(work)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            self._disconnect()
            return self._go_on(work)

    def _go_on(self, work: Callable[[sqlalchemy.Connection], _T]) -> _T:
        if self._connection is None:
            self._connection = self._engine.connect()
        if not self._connection.in_transaction():
            try:
                self._connection.begin()
            except BaseException:
                self._disconnect()  # SQLAlchemy would never again begin a transaction on it
                raise
        return work(self._connection)

    def _roll_back(self) -> None:
        if self._connection is not None and self._connection.in_transaction():
            try:
                self._connection.rollback()
            except SQLAlchemyError:
                self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            gone, self._connection = self._connection, None
            with suppress(SQLAlchemyError):
                gone.close()


class TransactionFailed(Exception):
    """The database refused a statement, so it keeps nothing of the transaction, although nobody has said so."""


def _commit(connection: sqlalchemy.Connection) -> None:
    if connection.dialect.name == "postgresql":
        line: Any = connection.connection.dbapi_connection
        if line.info.transaction_status.name == "INERROR":
            raise TransactionFailed  # PostgreSQL itself would answer COMMIT with a silent rollback
    connection.commit()


class DatabaseClosed(Exception):
    """Somebody asked for a connection after the end."""


class DatabaseUnusable(Exception):
    """The database can't be reached, or is too old; the message says why, and holds no password."""


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

    One writer connection kept open and a fair queue in front of it, a few readers beside it. Writers of all processes
    take turns: on SQLite by `BEGIN IMMEDIATE`, on PostgreSQL by an advisory lock that each of their transactions begins
    with. So what a writer has read stays true until it has written, and no two of them can deadlock.
    """

    def __init__(self, url: str, *, readers: int = _READERS) -> None:
        self._url = database_url(url)
        self._readers = readers
        self._writing: _Lender | None = None
        self._reading: _Lender | None = None

    @property
    def url(self) -> str:
        """Return the address without passwords, fit for a log line."""
        return self._url.set(query={}).render_as_string(hide_password=True)

    async def open(self) -> None:
        """Connect, or raise `DatabaseUnusable`."""
        if self._writing is not None:
            return
        if is_embedded(self._url):
            writing = embedded_engine(self._url, begin="BEGIN IMMEDIATE", pragmas=_WRITER_PRAGMAS)
            reading = embedded_engine(self._url, begin="BEGIN", pragmas=_READER_PRAGMAS)
        else:
            writing = server_engine(self._url)
            reading = server_engine(self._url, is_reader=True)
        writer = _Lender(writing, name="records-writer", count=1, is_writer=True)
        with unusable_database():
            async with writer.lend() as connection:
                await connection.run(lambda connection: None)  # noqa: ARG005 - connecting is all
        self._writing = writer
        self._reading = _Lender(reading, name="records-reader", count=self._readers, is_writer=False)

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
    """Return `url` parsed, with the driver this program uses where it names none. ValueError when it is neither
    SQLite's nor PostgreSQL's.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ValueError("the database's address is none") from error
    if parsed.drivername in {"postgresql", "postgres"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in {"sqlite", "postgresql+psycopg"}:
        raise ValueError("the database must be postgresql://… or sqlite:///…")
    if is_embedded(parsed) and parsed.database in {None, "", ":memory:"}:
        raise ValueError("the database must be a file: readers and the writer have a connection each")
    return parsed


def is_embedded(url: URL) -> bool:
    """Whether it is SQLite's."""
    return url.get_backend_name() == "sqlite"


@contextmanager
def unusable_database() -> Iterator[None]:
    """Turn the driver's errors inside the block into `DatabaseUnusable`."""
    try:
        yield
    except DBAPIError as error:
        said = str(error.orig).partition("\n")[0]
        raise DatabaseUnusable(said) from error


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


def server_engine(url: URL, *, is_reader: bool = False, wait_s: int = _BUSY_TIMEOUT_S) -> Engine:
    """Return an engine for PostgreSQL: of one that reads a snapshot, or of a writer that waits `wait_s` for its turn.

    Connecting raises `DatabaseUnusable` when the server is older than what this program was tried with.
    """
    line = {key: value for key, value in _SERVER_LINE.items() if key not in url.query}
    engine = create_engine(
        url,
        poolclass=NullPool,
        connect_args=line,
        isolation_level="REPEATABLE READ" if is_reader else "READ COMMITTED",
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        version = connection.info.server_version // 10_000
        if version < _OLDEST_SERVER:
            connection.close()
            raise DatabaseUnusable(f"PostgreSQL {version} is too old: {_OLDEST_SERVER} or newer is needed")
        for setting in (f"SET lock_timeout = '{wait_s}s'", *_SERVER_SETTINGS):
            connection.execute(setting)
        connection.commit()

    if is_reader:
        return engine.execution_options(postgresql_readonly=True)

    @event.listens_for(engine, "begin")
    def take_turn(connection: sqlalchemy.Connection) -> None:
        connection.exec_driver_sql(_TAKE_TURN)

    return engine


@asynccontextmanager
async def uniqueness_as_conflict(connection: Connection) -> AsyncIterator[None]:
    """Turn a constraint's refusal inside the block into `kernel.errors.Conflict`; the transaction can go on."""
    savepoint = await connection.run(lambda raw: raw.begin_nested())
    try:
        yield
    except IntegrityError as error:
        await connection.run(lambda _: savepoint.rollback())
        raise Conflict from error
    await connection.run(lambda _: savepoint.commit())
