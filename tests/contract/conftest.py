"""Fixtures of the contract suites."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.small_clinic import SmallClinic, small_clinic


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[SmallClinic]:
    """A small clinic on a database of its own."""
    async with small_clinic(tmp_path) as clinic:
        yield clinic
