"""Whatever people call themselves, write and send: it is shown as they wrote it, and no script of theirs runs."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Playwright, expect

from tests.e2e.conftest import Browsers
from tests.e2e.participant import PASSWORD, WAIT_MS
from tests.e2e.people import Api, Person, Visit
from tests.e2e.pictures import INTERPRETER
from tests.server_process import server_process

NASTY = "\"'><img src=x onerror=xss()><svg onload=xss()></style>{{xss()}}"
WORDIER = f'{NASTY}<script>xss()</script> javascript:xss() https://a.example/"onmouseover=xss() data:text/html,<b>'
WATCH = """
  globalThis.broken = [];
  globalThis.xss = () => { broken.push('a script of theirs ran'); };
  document.addEventListener('securitypolicyviolation', (event) => {
    broken.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
  });
"""
MARKUP = "document.querySelectorAll('img[src=x], svg[onload], [onerror], [onmouseover], a[href^=javascript]').length"


@pytest.fixture
def nasty_visit(playwright: Playwright, tmp_path: Path) -> Iterator[Visit]:
    """A consultation of people with nasty names in a department with one, in a clinic of its own."""
    with server_process(tmp_path / "data") as server, ExitStack() as stack:
        browsers = Browsers(playwright, tmp_path)
        stack.callback(browsers.close)
        context = playwright.request.new_context(base_url=server.url)
        stack.callback(context.dispose)
        admin = Api.sign_in(context, "admin")
        department = admin.post("/departments", {"name_en": NASTY, "name_zh": NASTY})
        account = {"login": "mallory", "password": PASSWORD, "name": NASTY, "role": "clinician", "language": "en"}
        doctor = admin.post("/people", {**account, "title": NASTY, "department": department["id"]})
        born = {"birth_date": "1980-01-01", "sex": "female", "language": "en"}
        patient = admin.post("/patients", {**born, "name": NASTY, "record_number": '"><b>1', "phone": NASTY})
        people = {"patient": patient["id"], "clinician": doctor["id"], "department": department["id"]}
        earlier = {"scheduled_at": "2026-05-04T08:00:00Z", "planned_minutes": 20, "reason": WORDIER}
        admin.post("/consultations", {**people, **earlier})  # from here on the patient is the doctor's
        yield Visit.planned(
            server.url, browsers, playwright, stack, doctor="mallory", patient_name=NASTY[:10], reason=WORDIER
        )


def watched(person: Person) -> Person:
    person.page.add_init_script(WATCH)
    return person


def harmless(person: Person) -> None:
    """Nothing of theirs became part of the page, and the browser's policy had nothing to stop."""
    assert person.page.evaluate("globalThis.broken") == []
    assert person.page.evaluate(MARKUP) == 0


def filled(visit: Visit) -> None:
    """Write into the history and the note what a doctor could."""
    history = f"/patients/{visit.patient_id}"
    bodies: dict[str, dict[str, Any]] = {
        "conditions": {"text": WORDIER, "note": WORDIER},
        "allergies": {"substance": WORDIER, "reaction": WORDIER, "criticality": "high"},
        "medications": {"text": WORDIER, "dosage": WORDIER},
        "observations": {"text": WORDIER, "value": 1, "unit": '"><b>'},
    }
    for kind, body in bodies.items():
        visit.api.post(f"{history}/{kind}", body)


def test_no_script_of_anybody_runs_on_any_page(nasty_visit: Visit) -> None:
    visit = nasty_visit
    filled(visit)
    link, _ = visit.guest_link(NASTY)
    patient = watched(visit.person(INTERPRETER))
    patient.open_link(visit.patient_link())
    harmless(patient)

    doctor = watched(visit.person(INTERPRETER))
    doctor.sign_in(visit.url, "mallory")
    for path in ("/dashboard", f"/patients/{visit.patient_id}", f"/visit/{visit.id}"):
        doctor.page.goto(f"{visit.url}{path}")
        expect(doctor.page.get_by_text(NASTY).filter(visible=True).first).to_be_visible(timeout=WAIT_MS)
        harmless(doctor)
    guest = watched(visit.person(INTERPRETER))
    guest.open_link(link)
    for _ in range(2):
        doctor.press("admit")
        doctor.page.wait_for_timeout(300)
    for person in (patient, guest):
        person.sees("call")

    patient.says(WORDIER)
    doctor.tab("chat")
    doctor.reads(WORDIER)
    file = {"name": f"{NASTY}.txt", "mimeType": "text/html", "buffer": b"a giraffe, no page\n"}
    patient.page.locator("input[type=file]").first.set_input_files([file])  # type: ignore[list-item]
    patient.says("a file")
    doctor.reads("a file")
    doctor.tab("note")
    doctor.at("note-subjective").fill(WORDIER)
    expect(doctor.at("note-state")).to_have_attribute("data-phase", "saved", timeout=WAIT_MS)
    for person in (patient, guest, doctor):
        harmless(person)
    doctor.finishes_the_visit()
    patient.sees("after")
    harmless(patient)

    custodian = watched(visit.person(INTERPRETER))
    custodian.sign_in(visit.url, "custodian")
    for path in ("/archive", f"/archive/{visit.id}"):
        custodian.page.goto(f"{visit.url}{path}")
        expect(custodian.page.get_by_text(NASTY).filter(visible=True).first).to_be_visible(timeout=WAIT_MS)
        harmless(custodian)
    admin = watched(visit.person(INTERPRETER))
    admin.sign_in(visit.url, "admin")
    for section in ("people", "departments", "consultations", "audit"):
        admin.page.goto(f"{visit.url}/admin/{section}")
        expect(admin.page.locator("c-admin")).to_be_visible(timeout=WAIT_MS)
        admin.page.wait_for_timeout(300)
        harmless(admin)
    visit.no_troubles()
