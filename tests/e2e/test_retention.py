"""What is due to be destroyed, as a custodian sees it before and after, on a desktop and on a phone."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.people import WAIT_MS, Api, Visit
from tests.e2e.pictures import DOCTOR, PATIENT
from tests.server_process import ServerProcess, run_command, server_process


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def server(data: Path) -> Iterator[ServerProcess]:
    with server_process(data) as running:
        yield running


def test_a_custodian_sees_what_will_be_due_and_what_was_destroyed(visit: Visit, data: Path) -> None:
    record = Api.sign_in(visit.api.context, "custodian").get("/archive", recording="ready")["entries"][0]["id"]
    custodian = visit.person(DOCTOR)
    custodian.sign_in(visit.url, "custodian")
    custodian.press("retention")
    expect(custodian.page.locator("c-empty")).to_be_visible(timeout=WAIT_MS)
    custodian.at("retention-day").fill("2099-12-31")
    due = custodian.page.locator(f'[data-testid=due][href="/archive/{record}"]')
    expect(due).to_be_visible(timeout=WAIT_MS)
    due.click()
    custodian.sees("viewing-reason")

    with closing(sqlite3.connect(data / "consilium.db")) as connection, connection:
        connection.execute("UPDATE consultations SET finished_at = '2019-03-01 09:00:00' WHERE id = ?", (record,))
    assert run_command("archive", "destroy-due", "--yes", data=data).returncode == 0
    phone = visit.person(PATIENT, phone=True)
    phone.sign_in(visit.url, "custodian")
    phone.page.goto(f"{visit.url}/archive/{record}")
    phone.sees("destroyed")
    phone.sees_no("viewing-reason")
    phone.press("check-now")
    expect(phone.at("verdict")).to_have_attribute("kind", "good", timeout=WAIT_MS)
    visit.no_troubles()
