"""The patient's way, the call of both sides and the dialogs against the accessibility rules, in light and in dark."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.e2e.people import Person, Visit
from tests.e2e.pictures import PATIENT

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
