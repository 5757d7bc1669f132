"""The patient's way, the call and the dialogs: the accessibility rules in light and dark, and the keyboard alone."""

import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.e2e.people import Person, Visit
from tests.e2e.pictures import DOCTOR, PATIENT

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


class Checks:
    """What the rules found, page by page."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def look(self, person: Person, page: str) -> None:
        person.page.wait_for_timeout(300)  # colours in transition are neither the one nor the other
        report = Axe().run(person.page, options={"runOnly": RULES})
        self.found += [
            f"{page}: {rule['id']}: {node['html'][:200]}"
            for rule in report.response["violations"]
            for node in rule["nodes"]
        ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_patients_pages_pass_the_accessibility_rules(visit: Visit, scheme: str) -> None:
    visit.dark = scheme == "dark"
    checks = Checks()
    patient = visit.person(PATIENT, phone=True)
    patient.page.goto(visit.patient_link())
    patient.sees("consent-card")
    expect(patient.page.locator("c-device-check video").first).to_be_visible()
    patient.press("ready")
    expect(patient.page.get_by_role("alert")).to_be_visible()  # an answer is wanted first
    checks.look(patient, "join")
    patient.press("consent-given")
    patient.press("ready")
    patient.sees("waiting-room")
    checks.look(patient, "waiting room")
    doctor = visit.doctor_arrives()
    doctor.press("admit")
    patient.sees_picture_of(visit.doctor_id, None)
    checks.look(patient, "call")
    patient.press("chat")
    patient.says("It was 9.1 this morning")
    checks.look(patient, "chat")
    patient.press("chat-close")
    patient.press("settings")
    checks.look(patient, "settings")
    patient.press("dialog-close")
    patient.press("leave")
    checks.look(patient, "left")
    patient.press("come-back")
    patient.sees("call")
    doctor.finishes_the_visit()
    patient.sees("after")
    checks.look(patient, "after")
    assert checks.found == []
    visit.no_troubles()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_doctors_call_and_its_dialogs_pass_the_accessibility_rules(visit: Visit, scheme: str) -> None:
    visit.dark = scheme == "dark"
    checks = Checks()
    patient, doctor = visit.begun()
    doctor.press("record")
    checks.look(doctor, "own consent")
    doctor.page.locator("dialog[open]").get_by_test_id("consent-given").click()
    doctor.press("own-consent-save")
    doctor.sees("recording-banner")
    patient.says("A word that makes a short message")
    doctor.sees("toast")
    for tab in ("history", "note", "people", "chat"):
        doctor.tab(tab)
        checks.look(doctor, tab)
    doctor.tab("history")
    doctor.press("add-allergies")
    checks.look(doctor, "a new entry")
    doctor.press("dialog-close")
    doctor.press("invite")
    checks.look(doctor, "invite")
    doctor.at("invite-name").fill("Noor Haddad")
    doctor.press("invite-save")
    doctor.sees("invitation-link")
    checks.look(doctor, "link")
    doctor.press("link-done")
    doctor.press("finish")
    checks.look(doctor, "confirmation")
    doctor.press("confirm-action")
    doctor.sees("visit-over")
    checks.look(doctor, "over")
    doctor.page.goto(f"{visit.url}/dashboard")
    doctor.press("new-consultation")
    doctor.sees("plan-form")
    checks.look(doctor, "plan")
    doctor.page.goto(f"{visit.url}/patients/{visit.patient_id}")
    doctor.sees("earlier-consultations")
    checks.look(doctor, "medical record")
    assert checks.found == []
    visit.no_troubles()


def test_a_patient_goes_the_whole_way_by_keyboard(visit: Visit) -> None:
    patient = visit.person(PATIENT)
    patient.page.goto(visit.patient_link())
    patient.sees("consent-card")
    expect(patient.page.locator("c-device-check video").first).to_be_visible()
    _press(patient, "consent-given", "Space")
    _press(patient, "ready", "Enter")
    patient.sees("waiting-room")
    doctor = visit.doctor_arrives()
    _press(doctor, "admit", "Enter")
    patient.sees_picture_of(visit.doctor_id, None)
    _press(patient, "microphone", "Space")
    expect(patient.at("microphone")).to_have_class(re.compile(r"\boff\b"))
    _press(patient, "settings", "Enter")
    patient.sees("settings-dialog")
    patient.page.keyboard.press("Escape")
    expect(patient.at("settings")).to_be_focused()
    _press(patient, "leave", "Enter")
    _press(patient, "come-back", "Enter")
    patient.sees("call")
    visit.no_troubles()


def test_a_doctor_goes_from_the_dashboard_to_the_archive_by_keyboard(visit: Visit) -> None:
    visit.patient_arrives()
    doctor = visit.person(DOCTOR)
    doctor.sign_in(visit.url, visit.doctor_login)
    row = doctor.at("waiting-person").filter(has=doctor.page.locator(f'a[href="/visit/{visit.id}"]'))
    expect(row).to_be_visible()
    _until(doctor, lambda: row.get_by_test_id("open-and-admit").evaluate("each => each === document.activeElement"))
    doctor.page.keyboard.press("Enter")
    doctor.sees_picture_of(visit.patient_id, None)
    _until(doctor, lambda: _at(doctor) == "tab-history")
    doctor.page.keyboard.press("ArrowRight")
    _until(doctor, lambda: _at(doctor) == "note-plan")
    doctor.page.keyboard.type("Rest, and fluids")
    expect(doctor.at("note")).to_have_attribute("data-phase", "saved")
    doctor.page.keyboard.press("Tab")
    expect(doctor.at("note-sign")).to_be_focused()
    doctor.page.keyboard.press("Enter")
    _press(doctor, "confirm-action", "Enter")
    doctor.sees("note-signed")
    _press(doctor, "finish", "Enter")
    _press(doctor, "confirm-action", "Enter")
    doctor.sees("visit-over")
    _press(doctor, "over-archive", "Enter")
    doctor.sees("transcript")
    visit.no_troubles()


def _at(person: Person) -> str | None:
    """Return the test id of what has the focus."""
    return person.page.evaluate("document.activeElement?.dataset.testid")  # type: ignore[no-any-return]


def _press(person: Person, testid: str, key: str) -> None:
    """Walk to a control with Tab alone and press a key on it."""
    person.sees(testid)
    _until(person, lambda: _at(person) == testid)
    person.page.keyboard.press(key)


def _until(person: Person, arrived: Callable[[], bool], *, at_most: int = 120) -> None:
    for _ in range(at_most):
        if arrived():
            return
        person.page.keyboard.press("Tab")
    assert arrived(), f"the keyboard stopped at {_at(person)}"
