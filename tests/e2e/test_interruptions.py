"""What phones do to a call, in Chromium: sound that waits for a tap, a device taken for a phone call and given back.

Safari does these things by its own rules and is not tested here (docs/BROWSERS.md): the page plays its part.
"""

from playwright.sync_api import expect

from tests.e2e.participant import WAIT_MS
from tests.e2e.people import Person, Visit
from tests.e2e.pictures import DOCTOR, PATIENT

LOCAL = "document.querySelector('c-call-stage').call.local"

SYSTEM = f"""(event) => {{
  const track = {LOCAL}.tracks.microphone;
  Object.defineProperty(track, 'muted', {{ value: event === 'mute', configurable: true }});
  track.enabled = event !== 'mute';
  track.dispatchEvent(new Event(event));
}}"""
"""In the page: the system silences the microphone (`mute`) or gives it back (`unmute`)."""

PHONE_CALL = f"""() => {{
  const {{ mediaDevices }} = navigator;
  const own = mediaDevices.getUserMedia;
  mediaDevices.getUserMedia = async () => {{ throw new DOMException('in a phone call', 'NotReadableError'); }};
  globalThis.hangUp = () => {{ mediaDevices.getUserMedia = own; }};
  for (const track of [{LOCAL}.tracks.microphone, {LOCAL}.tracks.camera]) {{
    track.stop();
    track.dispatchEvent(new Event('ended'));
  }}
}}"""
"""In the page: a phone call ends both tracks, and nothing can be opened until `hangUp()`."""

WANTS_A_TAP = """
  let touched = false;
  const isBlocked = (element) => !touched && !element.muted;
  addEventListener('pointerdown', (event) => { touched ||= event.isTrusted; }, true);
  addEventListener('play', ({ target }) => { if (isBlocked(target)) target.pause(); }, true);
  const play = HTMLMediaElement.prototype.play;
  HTMLMediaElement.prototype.play = function () {
    if (!isBlocked(this)) return play.call(this);
    return Promise.reject(new DOMException('touch the page first', 'NotAllowedError'));
  };
"""
"""In the page: nothing makes a sound before a tap. Chromium's own policy exempts a page that uses the camera."""

RETURN = "() => document.dispatchEvent(new Event('visibilitychange'))"


def microphone_off(viewer: Person, participant: str) -> None:
    expect(viewer.tile(participant).locator("c-icon[name=microphone-off]")).to_be_visible(timeout=WAIT_MS)


def test_a_phone_call_silences_the_microphone_and_gives_it_back(visit: Visit) -> None:
    patient, doctor = visit.begun(phone=True)
    patient.ask(SYSTEM, "mute")
    expect(patient.at("interrupted")).to_contain_text("phone call")
    microphone_off(doctor, visit.patient_id)
    patient.ask(SYSTEM, "unmute")
    patient.sees_no("interrupted")
    doctor.hears(visit.patient_id, PATIENT)
    visit.no_troubles()


def test_after_a_phone_call_camera_and_microphone_are_opened_again(visit: Visit) -> None:
    patient, doctor = visit.begun(phone=True)
    patient.ask(PHONE_CALL)
    expect(patient.at("interrupted")).to_contain_text("nobody sees or hears you")
    microphone_off(doctor, visit.patient_id)
    patient.press("recover")  # too early
    patient.sees("interrupted")
    patient.ask("() => hangUp()")
    patient.ask(RETURN)
    patient.sees_no("interrupted")
    doctor.sees_picture_of(visit.patient_id, PATIENT)
    doctor.hears(visit.patient_id, PATIENT)
    visit.no_troubles()


def test_sound_that_the_browser_blocks_waits_for_a_tap(visit: Visit) -> None:
    patient, _doctor = visit.begun(phone=True)
    patient.page.add_init_script(WANTS_A_TAP)
    patient.page.reload()  # back in the call, and nothing touched yet
    patient.sees("sound-on")
    patient.press("sound-on")
    patient.sees_no("sound-on")
    playing = "() => [...document.querySelectorAll('c-call-sound audio')].map((audio) => audio.paused)"
    patient.until(lambda: patient.ask(playing) == [False], "the doctor's voice to play")
    patient.hears(visit.doctor_id, DOCTOR)
    visit.no_troubles()
