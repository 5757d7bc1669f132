"""Who speaks, whose microphone is silent, and how the connections were: in real browsers."""

import re

from playwright.sync_api import expect

from tests.e2e.people import Api, Person, Visit
from tests.e2e.pictures import INTERPRETER, Look

SPEECHLESS = Look("speechless", y=150, u=60, v=180, tone_hz=0)  # the microphone delivers nothing at all
SYSTEM_MUTES = """() => {
  const { call } = document.querySelector('c-call-stage');
  Object.defineProperty(call.local.tracks.microphone, 'muted', { get: () => true });
}"""
"""In the page: what a browser says when the operating system mutes the microphone, which no test machine has."""


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


def test_how_the_connection_is_stands_in_a_word_and_in_figures(visit: Visit) -> None:
    _patient, doctor = visit.begun()
    line = doctor.tile(visit.patient_id).get_by_test_id("line")
    expect(line).to_have_attribute("title", re.compile("Good|Fair|Weak"))
    line.focus()
    doctor.page.keyboard.press("Enter")
    expect(doctor.at("line-details")).to_be_visible()
    expect(doctor.at("line-details")).to_contain_text(re.compile(r"Delay\s*\d+ ms"))
    doctor.page.keyboard.press("Escape")
    expect(doctor.at("line-details")).to_be_hidden()
    visit.no_troubles()


def test_a_silent_microphone_is_noticed_on_both_sides_and_advice_is_given(visit: Visit) -> None:
    doctor = visit.doctor_arrives()
    patient = visit.person(SPEECHLESS)
    patient.open_link(visit.patient_link())
    doctor.press("admit")
    expect(patient.at("microphone-trouble")).to_have_attribute("data-trouble", "nothing")
    expect(patient.at("microphone-trouble")).to_contain_text("Nobody hears you")
    expect(doctor.tile(visit.patient_id).get_by_test_id("their-microphone-silent")).to_be_visible()
    patient.press("microphone")  # muted by oneself is no trouble
    patient.sees_no("microphone-trouble")
    expect(doctor.at("their-microphone-silent")).to_have_count(0)
    visit.no_troubles()


def test_a_microphone_that_the_system_has_muted_is_told_apart(visit: Visit) -> None:
    patient, _doctor = visit.begun()
    patient.page.evaluate(SYSTEM_MUTES)
    expect(patient.at("microphone-trouble")).to_have_attribute("data-trouble", "system_muted")
    expect(patient.at("microphone-trouble")).to_contain_text("has muted the microphone")
