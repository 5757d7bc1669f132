"""What `records.engine.Database` promises: turns, snapshots, and nothing half done."""

import asyncio

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.exc import DBAPIError

from records.engine import Database, DatabaseClosed, database_url
from records.tables import departments
from tests.small_clinic import ON_SQLITE, SmallClinic


def department(number: int) -> dict[str, str]:
    return {"id": f"dep_{number}", "name_en": f"Department {number}", "name_zh": f"{number} 科"}


async def count(database: Database) -> int:
    async with database.read() as connection:
        return int(await connection.scalar(select(func.count()).select_from(departments)))


async def test_two_hundred_writers_at_once_all_succeed(records: SmallClinic) -> None:
    async def write(number: int) -> None:
        async with records.database.write() as connection:
            await connection.scalar(select(func.count()).select_from(departments))
            await asyncio.sleep(0)  # let the others push
            await connection.execute(insert(departments), department(number))

    await asyncio.gather(*(write(number) for number in range(200)))
    assert await count(records.database) == 201


@ON_SQLITE
async def test_a_second_process_may_write_in_between(records: SmallClinic) -> None:
    other = Database(f"sqlite:///{records.directory / 'consilium.db'}")
    await other.open()

    async def write(database: Database, numbers: range) -> None:
        for number in numbers:
            async with database.write() as connection:
                await connection.execute(insert(departments), department(number))

    await asyncio.gather(write(records.database, range(50)), write(other, range(100, 150)))
    assert await count(records.database) == 101
    await other.close()


async def test_what_raises_leaves_nothing_behind(records: SmallClinic) -> None:
    async def write_and_fail() -> None:
        async with records.database.write() as connection:
            await connection.execute(insert(departments), department(1))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await write_and_fail()
    assert await count(records.database) == 1


async def test_a_cancelled_writer_leaves_nothing_behind_and_the_next_one_works(records: SmallClinic) -> None:
    entered = asyncio.Event()

    async def write_and_wait() -> None:
        async with records.database.write() as connection:
            await connection.execute(insert(departments), department(1))
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(write_and_wait())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with records.database.write() as connection:
        await connection.execute(insert(departments), department(2))
    assert await count(records.database) == 2


async def test_cancelling_in_the_middle_of_a_statement_is_safe(records: SmallClinic) -> None:
    async def write(number: int) -> None:
        async with records.database.write() as connection:
            for part in range(5):
                await connection.execute(insert(departments), department(number * 10 + part))

    for turn in range(20):
        task = asyncio.create_task(write(100 + turn))
        for _ in range(turn):
            await asyncio.sleep(0.0002)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    async with records.database.write() as connection:
        await connection.execute(insert(departments), department(1))
    assert (await count(records.database) - 2) % 5 == 0, "a writer was stored in part"


async def test_a_reader_sees_one_moment(records: SmallClinic) -> None:
    async with records.database.read() as reader:
        before = await reader.scalar(select(func.count()).select_from(departments))
        async with records.database.write() as connection:
            await connection.execute(insert(departments), department(1))
        assert await reader.scalar(select(func.count()).select_from(departments)) == before
    assert await count(records.database) == before + 1


async def test_a_reader_can_not_write(records: SmallClinic) -> None:
    with pytest.raises(DBAPIError, match=r"read-?only"):
        async with records.database.read() as connection:
            await connection.execute(insert(departments), department(1))


async def test_more_readers_than_connections_wait_their_turn(records: SmallClinic) -> None:
    counts = await asyncio.gather(*(count(records.database) for _ in range(50)))
    assert set(counts) == {1}


async def test_actions_after_commit_wait_for_the_commit(records: SmallClinic) -> None:
    done: list[str] = []
    async with records.database.write() as connection:
        connection.after_commit(lambda: done.append("committed"))
        await connection.execute(insert(departments), department(1))
        assert not done
    assert done == ["committed"]

    async def write_and_fail() -> None:
        async with records.database.write() as connection:
            connection.after_commit(lambda: done.append("never"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await write_and_fail()
    assert done == ["committed"]


@ON_SQLITE
async def test_an_acknowledged_write_is_on_the_disk(records: SmallClinic) -> None:
    async with records.database.write() as connection:
        assert await connection.run(lambda c: c.exec_driver_sql("PRAGMA synchronous").scalar()) == 2
        assert await connection.run(lambda c: c.exec_driver_sql("PRAGMA journal_mode").scalar()) == "wal"
        assert await connection.run(lambda c: c.exec_driver_sql("PRAGMA foreign_keys").scalar()) == 1


async def test_closing_waits_for_the_writer_and_refuses_the_rest(records: SmallClinic) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def write() -> None:
        async with records.database.write() as connection:
            await connection.execute(insert(departments), department(1))
            entered.set()
            await leave.wait()

    async def write_late() -> None:
        async with records.database.write():
            pass

    writer = asyncio.create_task(write())
    await entered.wait()
    closing = asyncio.create_task(records.database.close())
    await asyncio.sleep(0)
    late = asyncio.create_task(write_late())
    await asyncio.sleep(0)
    leave.set()
    await writer
    await closing
    with pytest.raises(DatabaseClosed):
        await late
    await records.database.open()
    assert await count(records.database) == 2


def test_a_database_in_memory_is_refused() -> None:
    with pytest.raises(ValueError, match="must be a file"):
        database_url("sqlite://")


def test_a_password_never_shows_in_the_address() -> None:
    assert "hush" not in Database("postgresql://consilium:hush@db/consilium").url
