"""What somebody sees whose browser sends more than the clinic accepts, and what the others see."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.participant import WAIT_MS
from tests.e2e.people import Visit

RENEGOTIATE = """() => {
  const { call } = document.querySelector('c-call-stage');
  globalThis.renegotiating = setInterval(() => call._session.request('media_restart', {}).catch(() => {}), 100);
}"""
"""In the page: a browser gone mad asks for a restart of ICE, again and again."""

CALM = "() => clearInterval(globalThis.renegotiating)"


@pytest.mark.parametrize("phone", [True, False], ids=["phone", "desktop"])
def test_whoever_is_cut_off_is_told_and_keeps_the_chat(visit: Visit, phone: bool, tmp_path: Path) -> None:
    patient, doctor = visit.begun(phone=phone)
    patient.ask(RENEGOTIATE)
    told = patient.at("cut-off")
    expect(told).to_contain_text("sound and picture were ended", timeout=WAIT_MS)
    expect(told).to_have_attribute("role", "status")
    patient.ask(CALM)
    expect(patient.tile(visit.doctor_id).locator("video")).to_be_hidden(timeout=WAIT_MS)
    patient.page.screenshot(path=tmp_path / "cut-off.png")

    patient.press("try-again")  # too early: the minute is not over
    expect(told).to_be_visible()
    if phone:
        patient.press("chat")
    patient.says("I hear you no more")
    doctor.tab("chat")
    doctor.reads("I hear you no more")

    patient.page.reload()  # as somebody would; still within the minute
    expect(patient.at("cut-off")).to_be_visible(timeout=WAIT_MS)
    visit.no_troubles()
