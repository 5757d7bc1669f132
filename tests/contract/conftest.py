"""Fixtures of the contract suites."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.postgres_server import PostgresServer
from tests.small_clinic import SmallClinic, small_clinic


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The address of a database of this test's own, empty for a file of the clinic's directory.

    What holds on one kind holds on the other. What is only about backups of files is marked `ON_SQLITE`.
    """
    return str(request.getfixturevalue("postgres_url")) if request.param == "postgresql" else ""


@pytest.fixture
async def records(tmp_path: Path, database_url: str) -> AsyncIterator[SmallClinic]:
    """A small clinic on a database of its own."""
    async with small_clinic(tmp_path, database_url) as clinic:
        yield clinic


@pytest.fixture
def bytes_at_rest(request: pytest.FixtureRequest, tmp_path: Path, database_url: str) -> Callable[[], bytes]:
    """Returns everything the database has written to the disk."""
    if not database_url:
        return lambda: b"".join(path.read_bytes() for path in sorted(tmp_path.rglob("consilium.db*")))
    server: PostgresServer = request.getfixturevalue("postgres")
    return lambda: server.files_of(database_url)
