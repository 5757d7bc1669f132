"""Visits between Chromium and Firefox, in all pairs with a Firefox in them, through the real pages."""

import io
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest
from playwright.sync_api import Playwright, sync_playwright

from benchmarks.namespace import HOST, NoNamespace, private_network
from tests.e2e.archive import decoded, loudness_at, side_colours
from tests.e2e.bidi import BidiConnection
from tests.e2e.conftest import Browsers
from tests.e2e.firefox import MICROPHONE_HZ, FirefoxPerson, firefox, needs_firefox
from tests.e2e.participant import Participant, video_of
from tests.e2e.people import Api, Visit
from tests.e2e.pictures import DOCTOR, PATIENT, Look
from tests.server_process import ServerProcess, server_process

pytestmark = needs_firefox

OWN_PICTURE = "[data-testid=self-view] video"
MAGENTA = (255, 0, 255)

CREDENTIALS = """() => document.querySelector('c-call-stage').call.media._peer
  .currentRemoteDescription.sdp.match(/ice-ufrag:(\\S+)/)[1]"""

SENT_CODECS = """() => document.querySelector('c-call-stage').call.media._senders.microphone
  .getParameters().codecs.map(({ mimeType }) => mimeType.toLowerCase())"""

A_SCREEN = """() => {
  if (!navigator.mediaDevices) return;  // about:blank
  navigator.mediaDevices.getDisplayMedia = async () => {
    const canvas = document.createElement('canvas');
    canvas.width = 1280; canvas.height = 720;
    const context = canvas.getContext('2d');
    let turn = 0;
    setInterval(() => {
      context.fillStyle = '#f0f'; context.fillRect(0, 0, 1280, 720);
      context.fillStyle = '#000'; context.fillRect(turn = (turn + 16) % 1264, 700, 16, 20);
    }, 50);
    return canvas.captureStream(20);
  };
}"""


@pytest.fixture(scope="module")
def network() -> Iterator[None]:
    with ExitStack() as stack:
        try:
            stack.enter_context(private_network())
        except NoNamespace as problem:
            pytest.skip(f"NO FIREFOX without a network namespace: {problem}")
        yield


@pytest.fixture(scope="module")
def playwright(network: None) -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def server(network: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    environ = {"CONSILIUM_MEDIA__ANNOUNCED_ADDRESSES": HOST}
    with server_process(tmp_path_factory.mktemp("clinic") / "data", environ=environ) as running:
        yield running


@pytest.fixture(scope="module")
def fox(network: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BidiConnection]:
    with firefox(tmp_path_factory.mktemp("firefox") / "profile") as running:
        yield running


@pytest.fixture
def visit(server: ServerProcess, browsers: Browsers, playwright: Playwright) -> Iterator[Visit]:
    with ExitStack() as stack:
        yield Visit.planned(server.url, browsers, playwright, stack)


def person(visit: Visit, fox: BidiConnection, browser: str, look: Look) -> Participant:
    if browser == "chromium":
        return visit.person(look)
    page = fox.open_page()
    visit.stack.callback(page.close)
    someone = FirefoxPerson(replace(look, tone_hz=MICROPHONE_HZ), page)
    visit.people.append(someone)
    return someone


def begun(visit: Visit, fox: BidiConnection, patients: str, doctors: str) -> tuple[Participant, Participant]:
    patient, doctor = person(visit, fox, patients, PATIENT), person(visit, fox, doctors, DOCTOR)
    enter_call(visit, patient, doctor)
    return patient, doctor


def enter_call(visit: Visit, patient: Participant, doctor: Participant) -> None:
    patient.open_link(visit.patient_link())
    doctor.sign_in(visit.url, visit.doctor_login)
    doctor.sees("today")
    doctor.goto(f"{visit.url}/visit/{visit.id}")
    doctor.press("admit")
    patient.sees("call")


def sees_and_hears(viewer: Participant, who: str, shown: Participant) -> None:
    """The picture has the colour that the other's camera shows at the moment, and the loudest tone is theirs."""
    viewer.sees_picture(who, lambda: shown.pixel(OWN_PICTURE))
    viewer.hears(who, shown.look)


def restarts_ice(someone: Participant) -> None:
    before = someone.ask(CREDENTIALS)
    someone.ask("() => document.querySelector('c-call-stage').call.media.restart()")
    someone.until(lambda: someone.ask(CREDENTIALS) != before, "new ICE credentials")


@pytest.mark.parametrize(
    ("patients", "doctors"), [("firefox", "chromium"), ("chromium", "firefox"), ("firefox", "firefox")]
)
def test_a_whole_visit(visit: Visit, fox: BidiConnection, patients: str, doctors: str) -> None:
    patient, doctor = begun(visit, fox, patients, doctors)
    both = ((patient, visit.doctor_id, doctor), (doctor, visit.patient_id, patient))
    for viewer, who, shown in both:
        sees_and_hears(viewer, who, shown)
    for someone, browser in ((patient, patients), (doctor, doctors)):  # Firefox hears what was taken out of redundancy
        expected = ["audio/red", "audio/opus"] if browser == "chromium" else ["audio/opus"]
        assert someone.ask(SENT_CODECS) == expected
    doctor.tab("chat")
    patient.says("It is 9.1 this morning")
    doctor.reads("It is 9.1 this morning")
    doctor.says("Thank you, I write it down")
    patient.reads("Thank you, I write it down")
    for viewer, who, shown in both:
        restarts_ice(viewer)
        sees_and_hears(viewer, who, shown)
    doctor.finishes_the_visit()
    patient.sees("after")
    visit.no_troubles()


def test_what_firefox_sends_is_recorded(visit: Visit, fox: BidiConnection) -> None:
    patient, doctor = begun(visit, fox, "firefox", "chromium")
    sees_and_hears(doctor, visit.patient_id, patient)
    doctor.starts_recording()
    patient.sees("recording-banner")
    doctor.pause(4000)  # some picture and sound for the film
    doctor.finishes_the_visit()
    visit.no_troubles()

    custodian = Api.sign_in(visit.api.context, "custodian")
    record = custodian.get(f"/archive/{visit.id}")["recording"]
    doctor.until(
        lambda: custodian.get(f"/archive/{visit.id}")["recording"]["state"] == "ready", "the film", within_s=60
    )
    film = decoded(io.BytesIO(custodian.bytes(f"/archive/{visit.id}/media")))
    assert film.duration_s > 3, record
    assert side_colours(film.middle_picture) == {"doctor"}  # on one side; on the other a colour that wanders
    for person_shown in (patient, doctor):
        tone = person_shown.look.tone_hz
        assert loudness_at(film.sound, tone) > 10 * loudness_at(film.sound, 3100), tone


def test_a_screen_is_shared_from_firefox(visit: Visit, fox: BidiConnection) -> None:
    """Firefox has no screen to share without a display: the page is handed a canvas in its place."""
    patient, doctor = person(visit, fox, "firefox", PATIENT), person(visit, fox, "chromium", DOCTOR)
    patient.page.prepare(A_SCREEN)
    enter_call(visit, patient, doctor)
    patient.press("share-screen")
    doctor.sees_picture(visit.patient_id, lambda: MAGENTA, "screen")
    sees_and_hears(doctor, visit.patient_id, patient)  # the camera goes on beside it
    patient.press("stop-sharing")
    doctor.sees_no_element(video_of(visit.patient_id, "screen"))
    visit.no_troubles()
