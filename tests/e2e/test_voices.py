"""Who speaks, in real browsers."""

from playwright.sync_api import expect

from tests.e2e.people import Person, Visit


def test_whoever_speaks_is_marked_for_the_eye_and_for_a_screen_reader(visit: Visit) -> None:
    patient, doctor = visit.begun()
    patient.press("microphone")
    _sees_speaking(patient, visit.doctor_id)
    doctor.press("microphone")
    patient.press("microphone")
    _sees_speaking(doctor, visit.patient_id)
    expect(patient.tile(visit.doctor_id).get_by_role("img", name="Speaking")).to_have_count(0)
    visit.no_troubles()


def _sees_speaking(viewer: Person, who: str) -> None:
    expect(viewer.tile(who).get_by_role("img", name="Speaking")).to_be_visible()
