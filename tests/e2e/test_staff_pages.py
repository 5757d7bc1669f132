"""The pages around a visit in a real browser: signing in, dashboard, note, records, archive, administration."""

import csv
import io
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.e2e.participant import PASSWORD, WAIT_MS
from tests.e2e.people import Person, Visit
from tests.e2e.pictures import DOCTOR

STAFF_PAGES = {
    "dr.garcia": ["/dashboard", "/patients", "/archive"],
    "patient": ["/home"],
    "custodian": ["/archive"],
    "admin": ["/admin/people", "/admin/departments", "/admin/consultations", "/admin/health", "/admin/audit"],
}


def test_a_wrong_password_is_told_in_words_and_what_was_typed_stays(visit: Visit) -> None:
    doctor = visit.person(DOCTOR)
    doctor.page.goto(f"{visit.url}/sign-in")
    doctor.press("sign-in-submit")
    expect(doctor.at("sign-in-login")).to_have_attribute("aria-invalid", "true")
    doctor.at("sign-in-login").fill("dr.garcia")
    doctor.at("sign-in-password").fill("not this one")
    doctor.press("sign-in-submit")
    expect(doctor.at("sign-in-error")).to_contain_text("User name or password is wrong")
    expect(doctor.at("sign-in-login")).to_have_value("dr.garcia")


def test_a_demonstration_card_leads_to_the_page_one_wanted(visit: Visit) -> None:
    custodian = visit.person(DOCTOR)
    custodian.page.goto(f"{visit.url}/archive?q=asthma")
    custodian.page.locator("[data-testid=demo-account][data-login=custodian]").click()
    expect(custodian.page).to_have_url(re.compile("/archive"))
    custodian.sees("archive-search")
    visit.no_troubles()


def test_the_dashboard_says_who_came_and_how_ready_they_are(visit: Visit) -> None:
    doctor = visit.person(DOCTOR)
    doctor.sign_in(visit.url, visit.doctor_login)
    doctor.sees("waiting-room")
    visit.patient_arrives(consents=False)
    row = doctor.at("waiting-person").filter(has=doctor.page.locator(f'a[href="/visit/{visit.id}"]'))
    expect(row.get_by_test_id("ready-camera")).to_have_attribute("data-state", "ok", timeout=WAIT_MS)
    expect(row.get_by_test_id("ready-consent")).to_have_attribute("data-state", "refused")
    expect(doctor.page).to_have_title(re.compile("is waiting"))
    row.get_by_test_id("open-and-admit").click()
    expect(doctor.page.locator("[data-testid=tile]").first).to_be_visible(timeout=WAIT_MS)
    expect(doctor.page).to_have_url(f"{visit.url}/visit/{visit.id}")  # a reload does not admit again
    visit.no_troubles()


def test_a_planned_consultation_has_a_link_that_is_shown_once(visit: Visit) -> None:
    doctor = visit.person(DOCTOR)
    doctor.sign_in(visit.url, visit.doctor_login)
    doctor.press("new-consultation")
    doctor.press("plan-save")
    expect(doctor.at("plan-patient")).to_have_attribute("aria-invalid", "true")
    doctor.at("plan-patient").fill("Margaret")
    expect(doctor.at("plan-patient-option")).to_have_count(1)
    doctor.page.keyboard.press("ArrowDown")
    doctor.page.keyboard.press("Enter")
    doctor.at("plan-reason").fill("Planned with the keyboard")
    doctor.page.keyboard.press("Enter")
    link = doctor.at("invitation-link").input_value(timeout=WAIT_MS)
    doctor.press("link-done")
    expect(doctor.at("visit-row").filter(has_text="Planned with the keyboard")).to_have_count(1)
    guest = visit.person(DOCTOR)
    guest.page.goto(link)
    guest.sees("consent-card")
    visit.no_troubles()


def test_a_note_is_kept_without_a_connection_and_saved_when_it_is_back(visit: Visit) -> None:
    doctor = visit.doctor_arrives()
    doctor.press("tab-note")
    doctor.at("note-plan").fill("Rest")
    _note_is(doctor, "saved")
    doctor.page.context.set_offline(True)
    doctor.at("note-plan").fill("Rest, and fluids")
    _note_is(doctor, "failed")
    doctor.page.context.set_offline(False)
    _note_is(doctor, "saved")
    assert visit.api.get(f"/consultations/{visit.id}/note")["plan"] == "Rest, and fluids"


def test_two_pages_of_one_note_offer_both_versions_and_lose_neither(visit: Visit) -> None:
    doctor = visit.doctor_arrives()
    doctor.press("tab-note")
    doctor.at("note-plan").fill("Written first")
    _note_is(doctor, "saved")
    second = Person(DOCTOR, doctor.page.context.new_page())
    second.page.goto(doctor.page.url)
    second.press("tab-note")
    second.at("note-plan").fill("Written on the second page")
    _note_is(second, "saved")
    doctor.at("note-plan").fill("Written on the first page")
    expect(doctor.at("note-conflict")).to_be_visible(timeout=WAIT_MS)
    expect(doctor.at("note")).to_contain_text("Written on the second page")
    doctor.press("note-keep-mine")
    _note_is(doctor, "saved")
    assert visit.api.get(f"/consultations/{visit.id}/note")["plan"] == "Written on the first page"


def test_the_archive_is_searched_sorted_and_exported(visit: Visit, tmp_path: Path) -> None:
    custodian = visit.person(DOCTOR)
    custodian.sign_in(visit.url, "custodian")
    custodian.at("archive-search").fill("Margaret")
    custodian.press("archive-submit")
    expect(custodian.at("chip-q")).to_be_visible()
    rows = custodian.at("archive-row")
    expect(rows.filter(has_not_text="Margaret Thompson")).to_have_count(0)
    expect(rows.first).to_be_visible()
    custodian.press("sort-date")
    expect(custodian.page.locator("th[aria-sort=ascending]")).to_have_count(1)
    with custodian.page.expect_download() as downloading:
        custodian.press("export")
    file = tmp_path / "archive.csv"
    downloading.value.save_as(file)
    lines = list(csv.reader(io.StringIO(file.read_text("utf-8-sig"))))
    assert lines[0][:3] == ["日期", "患者", "医生"]  # in the language of the custodian's account
    assert len(lines) == 1 + rows.count()
    visit.no_troubles()


def test_an_administrator_opens_an_account_and_closes_it_again(visit: Visit) -> None:
    administrator = visit.person(DOCTOR)
    administrator.sign_in(visit.url, "admin")
    administrator.press("new-person")
    administrator.at("person-name").fill("Ines Duarte")
    administrator.at("person-login").fill("ines.duarte")
    administrator.at("person-password").fill("short")
    administrator.press("person-save")
    expect(administrator.at("person-password")).to_have_attribute("aria-invalid", "true")
    administrator.at("person-password").fill(f"{PASSWORD}-of-ines")
    administrator.press("person-save")
    row = administrator.page.locator("[data-testid=person-row][data-login='ines.duarte']")
    expect(row).to_contain_text("Active")
    row.get_by_test_id("deactivate").click()
    administrator.press("confirm-action")
    expect(row).to_contain_text("Deactivated")
    visit.no_troubles()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_staff_page_passes_the_accessibility_rules(visit: Visit, scheme: str) -> None:
    found = []
    for login, paths in STAFF_PAGES.items():
        person = visit.person(DOCTOR)
        person.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        person.sign_in(visit.url, login)
        for path in paths:
            person.page.goto(visit.url + path)
            expect(person.page.locator("main h1").first).to_be_visible(timeout=WAIT_MS)
            expect(person.page.locator("main [aria-busy=true][role=status]")).to_have_count(0, timeout=WAIT_MS)
            report = Axe().run(
                person.page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
            )
            found += [
                f"{path}: {rule['id']}: {rule['nodes'][0]['html'][:200]}" for rule in report.response["violations"]
            ]
    assert found == []
    visit.no_troubles()


def _note_is(person: Person, phase: str) -> None:
    expect(person.at("note")).to_have_attribute("data-phase", phase, timeout=WAIT_MS)
