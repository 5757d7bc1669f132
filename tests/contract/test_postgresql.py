"""What is true of PostgreSQL alone: the shape, writers of several processes, lines that die, and its refusals."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, insert, make_url, select, text
from sqlalchemy.exc import DBAPIError

from care.recording import Recording, RecordingState
from identity.audit import AuditEntry
from kernel.errors import Conflict
from kernel.ids import RecordingId
from records.audit import SqlAuditTrail
from records.data_key import DataKey
from records.engine import Database, DatabaseUnusable, TransactionFailed, server_engine
from records.engine import database_url as parsed
from records.migrations import current, migrate
from records.sealing import Sealer
from records.tables import departments, metadata
from tests.postgres_server import PASSWORD, PostgresServer
from tests.small_clinic import CARDIOLOGY, NOON, VISIT, SmallClinic, small_clinic


@pytest.fixture
async def clinic(tmp_path: Path, postgres_url: str) -> AsyncIterator[SmallClinic]:
    async with small_clinic(tmp_path, postgres_url) as clinic:
        yield clinic


@pytest.fixture
async def elsewhere(clinic: SmallClinic) -> AsyncIterator[Database]:
    """The same database, as another process has it."""
    async with AsyncExitStack() as stack:
        database = Database(clinic.url)
        await database.open()
        stack.push_async_callback(database.close)
        yield database


def test_the_steps_make_exactly_the_tables(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    assert current(url) is None
    assert migrate(url) is True
    assert migrate(url) is False
    engine = server_engine(parsed(url))
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"version_table": "schema_version", "include_name": lambda name, *_: name != "ix_archive_words_terms"},
        )
        assert compare_metadata(context, metadata) == []
        indexes = connection.execute(text("SELECT indexname FROM pg_indexes WHERE tablename = 'archive_words'"))
        assert "ix_archive_words_terms" in set(indexes.scalars())
    engine.dispose()
    postgres.drop(url)


async def test_processes_that_start_together_migrate_once(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    changed = await asyncio.gather(*(asyncio.to_thread(migrate, url) for _ in range(4)))
    assert sorted(changed) == [False, False, False, True]
    postgres.drop(url)


async def test_two_processes_make_one_key_for_a_visit(clinic: SmallClinic, elsewhere: Database) -> None:
    sealers = [clinic.sealer, Sealer(elsewhere, clinic.ring, clinic.shares)]

    async def key(database: Database, sealer: Sealer) -> DataKey:
        async with database.write() as connection:
            return await sealer.key(connection, VISIT)

    first, second = await asyncio.gather(key(clinic.database, sealers[0]), key(elsewhere, sealers[1]))
    assert first.raw == second.raw


async def test_entries_of_two_processes_stand_in_one_chain(clinic: SmallClinic, elsewhere: Database) -> None:
    async def write(database: Database, name: str) -> None:
        for number in range(20):
            async with database.write() as connection:
                entry = AuditEntry(NOON, name, "", "test.write", "clinic", "-", detail=str(number))
                await SqlAuditTrail(connection, at=NOON).add_entries([entry])

    await asyncio.gather(write(clinic.database, "one"), write(elsewhere, "other"))
    async with clinic.database.read() as connection:
        report = await SqlAuditTrail(connection, at=NOON).verify()
    assert (report.broken_at, report.entries) == (None, 40)


async def test_what_a_writer_has_read_stays_true_until_it_has_written(clinic: SmallClinic, elsewhere: Database) -> None:
    async def add(database: Database, number: int) -> None:
        async with database.write() as connection:
            count = await connection.scalar(select(func.count()).select_from(departments))
            await asyncio.sleep(0)
            row = {"id": f"dep_{number}", "name_en": str(count), "name_zh": ""}
            await connection.execute(insert(departments).values(row))

    await asyncio.gather(*(add(clinic.database if n % 2 else elsewhere, n) for n in range(20)))
    async with clinic.database.read() as connection:
        seen = set(await connection.scalars(select(departments.c.name_en)))
    assert seen >= {str(count) for count in range(1, 21)}, "each saw what all before it had written"


async def test_a_film_may_be_longer_than_two_gibibytes(clinic: SmallClinic) -> None:
    film = Recording(RecordingId("rec_1"), VISIT, RecordingState.COMPOSING, NOON, size_bytes=3 * 2**30)
    columns = "id, consultation, state, started_at"
    clinic.sql(
        f"INSERT INTO recordings ({columns}) VALUES (:id, :visit, 'composing', :at)", id=film.id, visit=VISIT, at=NOON
    )
    async with clinic.store.write() as work:
        await work.recordings.save(film)
    async with clinic.store.read() as work:
        assert await work.recordings.of(VISIT) == film


async def test_a_refused_row_leaves_the_transaction_usable(clinic: SmallClinic) -> None:
    async with clinic.store.write() as work:
        with pytest.raises(Conflict):
            await work.people.add_department(CARDIOLOGY)
        assert await work.people.department(CARDIOLOGY.id) == CARDIOLOGY


async def test_a_transaction_that_failed_is_never_taken_for_committed(clinic: SmallClinic) -> None:
    async def goes_on_after_a_refusal() -> None:
        async with clinic.database.write() as connection:
            with suppress(DBAPIError):
                await connection.execute(text("SELECT * FROM no_such_table"))

    with pytest.raises(TransactionFailed):
        await goes_on_after_a_refusal()


async def test_a_line_that_died_between_transactions_is_replaced(clinic: SmallClinic, postgres: PostgresServer) -> None:
    name = make_url(clinic.url).database
    async with clinic.database.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(departments)) == 1
    postgres.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    async with clinic.database.write() as connection:
        await connection.execute(insert(departments).values({"id": "dep_2", "name_en": "two", "name_zh": ""}))
    for _ in range(8):  # every reader in turn
        async with clinic.database.read() as connection:
            assert await connection.scalar(select(func.count()).select_from(departments)) == 2


async def test_a_server_that_was_away_is_used_again_when_it_is_back(
    clinic: SmallClinic, postgres: PostgresServer
) -> None:
    postgres.stop()
    try:
        with pytest.raises(Exception, match=r"connection|terminat"):
            async with clinic.database.write() as connection:
                await connection.execute(insert(departments).values({"id": "dep_2", "name_en": "2", "name_zh": ""}))
    finally:
        postgres.start()
    async with clinic.database.write() as connection:
        await connection.execute(insert(departments).values({"id": "dep_2", "name_en": "2", "name_zh": ""}))


@pytest.mark.parametrize("url", ["mysql://somewhere/x", "postgresql+asyncpg://somewhere/x", "not an address"])
def test_another_database_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="database"):
        parsed(url)


async def test_who_can_not_connect_is_told_why_and_never_the_password(postgres: PostgresServer) -> None:
    wrong = make_url(postgres.url()).set(password="another/secret").render_as_string(hide_password=False)
    nowhere = make_url(postgres.url()).set(port=1).render_as_string(hide_password=False)
    for url in (wrong, nowhere):
        database = Database(url)
        with pytest.raises(DatabaseUnusable) as refused:
            await database.open()
        with pytest.raises(DatabaseUnusable):
            migrate(url)
        for words in (str(refused.value), database.url):
            assert PASSWORD not in words
            assert "another/secret" not in words
    assert "127.0.0.1" in Database(postgres.url()).url
