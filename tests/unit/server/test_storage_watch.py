"""The alarm about space: raised once, and taken back."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from server.storage_watch import Space, StorageWatch

GIB = 1 << 30


@pytest.mark.parametrize(
    ("free_gib", "reserve_gib", "is_low"),
    [(11, 0, False), (9.9, 0, True), (50, 25, False), (50, 26, True), (0, 0, True)],
)
def test_space_is_low_when_a_tenth_is_left_or_recording_will_soon_be_refused(
    free_gib: float, reserve_gib: float, is_low: bool
) -> None:
    assert Space(int(free_gib * GIB), 100 * GIB, int(reserve_gib * GIB)).is_low is is_low


async def test_the_alarm_is_raised_once_and_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = [50 * GIB]
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(total=100 * GIB, free=free[0]))
    watch = StorageWatch(tmp_path, 0)
    with capture_logs() as logs:
        for now_free in (50, 9, 8, 20, 30):
            free[0] = now_free * GIB
            assert (await watch.look()).free_bytes == now_free * GIB
            assert watch.figures()["low"] == (now_free < 10)
    assert [(entry["event"], entry["log_level"], entry["free_mb"]) for entry in logs] == [
        ("storage_low", "error", 9 * 1024),
        ("storage_fine", "info", 20 * 1024),
    ]
