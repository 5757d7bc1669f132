"""Fixtures that several kinds of tests share; their shapes are described in tests/server_process.py."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.server_process import RunningClinic, running_clinic


@pytest.fixture
async def clinic(tmp_path: Path) -> AsyncIterator[RunningClinic]:
    """A demonstration clinic served in this process, its data in `tmp_path / "data"`."""
    async with running_clinic(tmp_path / "data") as running:
        yield running
