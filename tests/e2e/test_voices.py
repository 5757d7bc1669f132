"""Who speaks, whose microphone is silent, and how the connections were: in real browsers."""

import re

from playwright.sync_api import expect

from tests.e2e.people import Api, Person, Visit
from tests.e2e.pictures import INTERPRETER


def test_whoever_speaks_is_marked_for_the_eye_and_for_a_screen_reader(visit: Visit) -> None:
    patient, doctor = visit.begun()
    patient.press("microphone")
    _sees_speaking(patient, visit.doctor_id)
    doctor.press("microphone")
    patient.press("microphone")
    _sees_speaking(doctor, visit.patient_id)
    expect(patient.tile(visit.doctor_id).get_by_role("img", name="Speaking")).to_have_count(0)
    visit.no_troubles()


def test_the_archive_shows_how_everybodys_connection_was(visit: Visit) -> None:
    _patient, doctor = visit.begun()
    doctor.page.wait_for_timeout(13_000)  # measured every two seconds, reported by the browsers every ten
    doctor.finishes_the_visit()
    custodian = visit.person(INTERPRETER)
    custodian.sign_in(visit.url, "custodian")
    custodian.page.goto(f"{visit.url}/archive/{visit.id}")
    expect(custodian.at("quality-person")).to_have_count(2)
    expect(custodian.at("quality")).to_contain_text("Margaret Thompson")
    expect(custodian.at("quality")).not_to_contain_text("call.")
    custodian.at("quality").locator("summary").first.click()
    expect(custodian.at("quality").get_by_role("table").first).to_contain_text(re.compile(r"\d+p \d+"))
    minutes = Api.sign_in(visit.api.context, "custodian").get(f"/archive/{visit.id}")["quality"]
    assert {minute["participant"] for minute in minutes} == {visit.patient_id, visit.doctor_id}
    assert sum(minute["talk_ms"] for minute in minutes) > 1000
    visit.no_troubles()


def _sees_speaking(viewer: Person, who: str) -> None:
    expect(viewer.tile(who).get_by_role("img", name="Speaking")).to_be_visible()
