"""What is due to be destroyed: one custodian proposes, another one confirms on a phone, both see what became of it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.people import WAIT_MS, Api, Visit
from tests.e2e.pictures import DOCTOR, PATIENT
from tests.server_process import ServerProcess, server_process

ANOTHER_PASSWORD = "a good long password"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def server(data: Path) -> Iterator[ServerProcess]:
    with server_process(data) as running:
        yield running


def second_custodian(visit: Visit) -> None:
    account = {"login": "second", "name": "Second Custodian", "role": "custodian", "language": "en"}
    Api.sign_in(visit.api.context, "admin").post("/people", {**account, "password": ANOTHER_PASSWORD})


def ended_long_ago(data: Path, record: str) -> None:
    with closing(sqlite3.connect(data / "consilium.db")) as connection, connection:
        connection.execute("UPDATE consultations SET finished_at = '2001-03-01 09:00:00' WHERE id = ?", (record,))


def test_one_custodian_proposes_a_destruction_and_another_confirms_it(visit: Visit, data: Path) -> None:
    record = Api.sign_in(visit.api.context, "custodian").get("/archive", recording="ready")["entries"][0]["id"]
    second_custodian(visit)
    first = visit.person(DOCTOR)
    first.sign_in(visit.url, "custodian")
    first.press("retention")
    expect(first.page.locator("c-empty")).to_be_visible(timeout=WAIT_MS)
    first.at("retention-day").fill("2099-12-31")
    due = first.page.locator(f'[data-testid=due][href="/archive/{record}"]')
    expect(due).to_be_visible(timeout=WAIT_MS)
    first.sees("not-yet")
    due.click()
    first.sees("viewing-reason")

    ended_long_ago(data, record)
    first.page.goto(f"{visit.url}/retention")
    first.press("begin-proposal")
    first.press("propose")
    expect(first.at("destruction")).to_have_attribute("data-state", "proposed", timeout=WAIT_MS)
    first.sees("second-person")
    first.sees_no("begin-confirm")

    second = visit.person(PATIENT, phone=True)
    second.sign_in(visit.url, "second", ANOTHER_PASSWORD)
    second.press("retention")
    second.press("destruction-visits")
    expect(second.at("destruction").locator(f'a[href="/archive/{record}"]')).to_be_visible(timeout=WAIT_MS)
    second.press("begin-confirm")
    second.press("destruction-confirm")
    for person in (second, first):
        if person is first:
            person.page.reload()
        expect(person.at("destruction")).to_have_attribute("data-state", "done", timeout=WAIT_MS)
    second.page.goto(f"{visit.url}/archive/{record}")
    second.sees("destroyed")
    second.sees_no("viewing-reason")
    second.press("check-now")
    expect(second.at("verdict")).to_have_attribute("kind", "good", timeout=WAIT_MS)

    first.at("retention-kind").select_option("records")
    first.press("begin-proposal")
    first.press("propose")
    proposal = second.at("destruction").and_(second.page.locator("[data-state=proposed]"))
    second.page.goto(f"{visit.url}/retention")
    proposal.get_by_test_id("begin-decline").click()
    second.press("destruction-decline")  # without a reason
    expect(second.page.locator("#destruction-problem")).not_to_be_empty()
    second.at("destruction-reason").fill("Ask the lawyer first")
    second.press("destruction-decline")
    expect(second.page.locator("[data-testid=destruction][data-state=declined]")).to_contain_text(
        "Ask the lawyer first"
    )
    first.page.reload()
    first.at("retention-kind").select_option("records")
    first.press("begin-proposal")
    first.press("propose")
    second.page.reload()
    proposal.get_by_test_id("begin-confirm").click()
    second.press("destruction-confirm")
    expect(second.page.locator("[data-testid=destruction][data-state=done]")).to_have_count(2, timeout=WAIT_MS)
    first.page.goto(f"{visit.url}/archive/{record}")
    first.sees("all-destroyed")
    visit.no_troubles()
