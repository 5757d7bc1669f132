"""Gaps of a recording, as a custodian finds them: whose, why, and what was on around them."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.people import WAIT_MS, Api, Visit
from tests.e2e.pictures import DOCTOR
from tests.server_process import ServerProcess, server_process


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def server(data: Path) -> Iterator[ServerProcess]:
    with server_process(data) as running:
        yield running


def test_a_gap_is_listed_and_played_from(visit: Visit, data: Path) -> None:
    record = Api.sign_in(visit.api.context, "custodian").get("/archive", recording="ready")["entries"][0]["id"]
    gap = json.dumps([{"offset_ms": 12_000, "duration_ms": 700, "reason": "loss"}])
    with closing(sqlite3.connect(data / "consilium.db")) as connection, connection:
        connection.execute(
            "UPDATE segments SET gaps = ? WHERE source = 'camera' AND participant LIKE 'pat_%' AND recording ="
            " (SELECT id FROM recordings WHERE consultation = ?)",
            (gap, record),
        )
    custodian = visit.person(DOCTOR)
    custodian.sign_in(visit.url, "custodian")
    custodian.page.goto(f"{visit.url}/archive/{record}")
    gaps = custodian.at("gaps")
    gaps.locator("summary").click()
    expect(gaps.locator("li")).to_have_attribute("data-reason", "loss", timeout=WAIT_MS)
    custodian.sees_no("play-gap")
    custodian.page.get_by_test_id("reason-quality").check()
    custodian.press("open-record")
    custodian.sees("player")
    custodian.press("play-gap")
    player = custodian.at("player")
    custodian.until(lambda: player.evaluate("video => video.currentTime") >= 10, "the film to be near the gap")
    visit.no_troubles()
