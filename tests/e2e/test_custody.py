"""Recordings in custody, as two custodians and a doctor use them: keys, a request, two parts, and a film that plays."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.people import PASSWORD, WAIT_MS, Api, Person, Visit
from tests.e2e.pictures import DOCTOR, PATIENT
from tests.server_process import ServerProcess, server_process

ANOTHER_PASSWORD = "a good long password"
PASSPHRASE = "seven purple kettles"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with server_process(tmp_path / "data", environ={"CONSILIUM_CUSTODY__QUORUM": "2"}) as running:
        yield running


def makes_a_key(person: Person, folder: Path) -> Path:
    """Make one's key file, save it and open it once."""
    person.press("make-key")
    person.at("new-passphrase").fill("too short")
    person.press("save-key-file")
    expect(person.page.locator("#maker-problem")).not_to_be_empty()
    for field in ("new-passphrase", "new-passphrase-again"):
        person.at(field).fill(PASSPHRASE)
    with person.page.expect_download() as saved:
        person.press("save-key-file")
    file = folder / saved.value.suggested_filename
    saved.value.save_as(file)
    person.at("saved-key-file").set_input_files(file)
    person.at("saved-passphrase").fill("something else")
    person.press("propose-key")
    expect(person.page.locator("#maker-problem")).not_to_be_empty(timeout=WAIT_MS)
    person.at("saved-passphrase").fill(PASSPHRASE)
    person.press("propose-key")
    expect(person.at("custodian-key").and_(person.page.locator("[data-yours]")).first).to_have_attribute(
        "data-state", "proposed", timeout=WAIT_MS
    )
    return file


def gives(person: Person, file: Path) -> None:
    person.at("key-file").set_input_files(file)
    person.at("key-passphrase").fill(PASSPHRASE)
    person.press("key-open")
    person.sees("given")


def test_two_custodians_release_a_recording_that_the_server_cannot_open(visit: Visit, tmp_path: Path) -> None:
    admin = Api.sign_in(visit.api.context, "admin")
    account = {"login": "second", "name": "Second Custodian", "role": "custodian", "language": "en"}
    admin.post("/people", {**account, "password": ANOTHER_PASSWORD})
    entries = Api.sign_in(visit.api.context, "custodian").get("/archive", recording="ready")["entries"]
    record = entries[0]["id"]

    first = visit.person(PATIENT)
    first.sign_in(visit.url, "custodian", PASSWORD)
    first.press("custody")
    expect(first.at("receiving")).to_have_attribute("data-count", "0", timeout=WAIT_MS)
    first_file = makes_a_key(first, tmp_path)
    second = visit.person(DOCTOR, phone=True)
    second.sign_in(visit.url, "second", ANOTHER_PASSWORD)
    second.press("custody")
    second.press("key-confirm")
    second_file = makes_a_key(second, tmp_path)
    first.page.reload()
    first.press("key-confirm")
    expect(first.at("receiving")).to_have_attribute("data-count", "2", timeout=WAIT_MS)

    first.page.goto(f"{visit.url}/archive/{record}")
    first.sees("release")
    first.page.get_by_test_id("reason-legal").check()
    first.press("open-record")
    expect(first.at("own-release")).to_have_attribute("data-state", "asked", timeout=WAIT_MS)
    gives(first, first_file)
    first.sees_no("open-release")

    second.page.goto(f"{visit.url}/custody")
    second.press("waiting")
    expect(second.at("request")).to_contain_text("1", timeout=WAIT_MS)
    gives(second, second_file)

    first.press("open-release")
    first.sees("player")
    player = first.at("player")
    player.evaluate("video => { video.muted = true; return video.play(); }")
    first.until(lambda: player.evaluate("video => video.currentTime") > 1, "the film to play")
    duration = player.evaluate("video => video.duration")
    assert duration > 4, "the whole film is known"
    player.evaluate("(video, at) => { video.currentTime = at; }", duration * 0.7)
    first.until(lambda: player.evaluate("video => !video.seeking && video.readyState >= 2"), "the film to be there")
    assert player.evaluate("video => video.currentTime") >= duration * 0.7
    first.sees("sealed-hint")
    first.sees_no("download-media")

    third = visit.person(PATIENT)
    third.sign_in(visit.url, "custodian", PASSWORD)
    third.page.goto(f"{visit.url}/archive/{record}")
    third.sees("another-browser")
    third.sees_no("open-release")
    third.press("withdraw-release")
    third.sees("viewing-reason")
    expect(third.at("earlier-releases")).to_contain_text("1")
    visit.no_troubles()
