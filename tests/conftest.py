"""Fixtures that several kinds of tests share; their shapes are described in tests/server_process.py."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from records.migrations import migrate
from tests.postgres_server import PostgresServer, postgres_programs, postgres_server
from tests.s3_server import S3Server, Trouble, s3_server
from tests.server_process import RunningClinic, running_clinic


@pytest.fixture(scope="session")
def seeded_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demonstration clinic's data directory, made once; tests work on copies of it."""
    data = tmp_path_factory.mktemp("seeded") / "data"

    async def seed() -> None:
        async with running_clinic(data):
            pass

    asyncio.run(seed())
    return data


@pytest.fixture
async def clinic(tmp_path: Path, seeded_data: Path) -> AsyncIterator[RunningClinic]:
    """A demonstration clinic served in this process, its data in `tmp_path / "data"`."""
    shutil.copytree(seeded_data, tmp_path / "data")
    async with running_clinic(tmp_path / "data") as running:
        yield running


@pytest.fixture(scope="session")
def running_s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture
def s3(running_s3: S3Server) -> S3Server:
    """An S3 server that works until it is told otherwise."""
    running_s3.trouble = Trouble.NONE
    return running_s3


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL with a database "migrated", of this version's shape, to copy."""
    programs = postgres_programs()
    if programs is None:
        pytest.skip("NO POSTGRESQL on this machine: apt-get install postgresql")
    with postgres_server(programs) as server:
        server.sql("CREATE DATABASE migrated")
        migrate(server.url("migrated"))
        yield server


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """The address of a PostgreSQL database of this test's own, of this version's shape, empty."""
    url = postgres.new_database(template="migrated")
    yield url
    postgres.drop(url)
