"""People in front of their browsers: what a person does and sees on the pages, in the words of the test."""

from __future__ import annotations

import io
import re
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from playwright.sync_api import APIRequestContext, Locator, Page, Playwright, ViewportSize, expect

from tests.e2e.pictures import DOCTOR, PATIENT, Look

if TYPE_CHECKING:
    from tests.e2e.conftest import Browsers

PASSWORD = "consilium-demo"
WAIT_MS = 20_000
expect.set_options(timeout=WAIT_MS)  # a busy machine is slow, not wrong
PHONE = ViewportSize(width=390, height=844)
DESKTOP = ViewportSize(width=1440, height=900)

_STORED = re.compile("sent|read")

_PIXEL = """video => {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 8;
  const context = canvas.getContext('2d');
  context.drawImage(video, 0, 0, 8, 8);
  return [...context.getImageData(4, 2, 1, 1).data.slice(0, 3)];
}"""

_HEARD = """async participant => {
  const element = document.querySelector('c-call-stage');
  const track = element?.call.media.remote(participant, 'microphone');
  if (!track) return null;
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, { fftSize: 8192, smoothingTimeConstant: 0 });
  context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
  const bins = new Float32Array(analyser.frequencyBinCount);
  let loudest = { level: -Infinity, hz: 0 };
  for (let turn = 0; turn < 30; turn += 1) {
    await new Promise((resolve) => { setTimeout(resolve, 50); });
    analyser.getFloatFrequencyData(bins);
    bins.forEach((level, bin) => {
      if (level > loudest.level) loudest = { level, hz: bin * context.sampleRate / analyser.fftSize };
    });
  }
  await context.close();
  return loudest;
}"""


class Api:
    """The HTTP API as one signed-in person uses it."""

    def __init__(self, context: APIRequestContext, token: str) -> None:
        self.context = context
        self._headers = {"Authorization": f"Bearer {token}"}

    @classmethod
    def sign_in(cls, context: APIRequestContext, login: str) -> Api:
        answer = context.post("/api/v1/session", data={"login": login, "password": PASSWORD})
        assert answer.ok, answer.text()
        return cls(context, answer.json()["access_token"])

    def get(self, path: str, **query: str | float | bool) -> Any:
        answer = self.context.get(f"/api/v1{path}", headers=self._headers, params=query)
        assert answer.ok, answer.text()
        return answer.json()

    def bytes(self, path: str) -> bytes:
        answer = self.context.get(f"/api/v1{path}", headers=self._headers)
        assert answer.ok, answer.text()
        return answer.body()

    def post(self, path: str, body: object) -> Any:
        answer = self.context.post(f"/api/v1{path}", headers=self._headers, data=body)
        assert answer.ok, answer.text()
        return answer.json()


@dataclass
class Person:
    """One person's page. Whatever goes wrong in the page fails the test at the end (`troubles`)."""

    look: Look
    page: Page
    troubles: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(WAIT_MS)
        self.page.on("pageerror", lambda error: self.troubles.append(f"{self.look.name}: {error}"))
        self.page.on("console", self._on_console)

    def _on_console(self, message: Any) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.troubles.append(f"{self.look.name}: {message.text}")

    def at(self, testid: str) -> Locator:
        return self.page.get_by_test_id(testid)

    def press(self, testid: str) -> None:
        self.at(testid).first.click()

    def sees(self, testid: str) -> None:
        expect(self.at(testid).first).to_be_visible(timeout=WAIT_MS)

    def sees_no(self, testid: str) -> None:
        expect(self.at(testid)).to_have_count(0, timeout=WAIT_MS)

    # --- On the way in ---------------------------------------------------------------------------------------------

    def open_link(self, link: str, *, consents: bool = True, waits: bool = True) -> None:
        """From the link on: device check, the answer about recording, "I'm ready", waiting room."""
        self.page.goto(link)
        self.sees("consent-card")
        expect(self.page.locator("c-device-check video").first).to_be_visible(timeout=WAIT_MS)
        self.press("consent-given" if consents else "consent-refused")
        self.press("ready")
        if waits:
            self.sees("waiting-room")

    def sign_in(self, url: str, login: str) -> None:
        self.page.goto(f"{url}/sign-in")
        self.at("sign-in-login").fill(login)
        self.at("sign-in-password").fill(PASSWORD)
        self.press("sign-in-submit")
        expect(self.page).not_to_have_url(f"{url}/sign-in")

    def tab(self, name: str) -> None:
        """Open one of the doctor's panels: history, note, people, chat."""
        self.press(f"tab-{name}")

    def agrees_to_be_recorded(self) -> None:
        """A participant in the call changes their answer in the settings."""
        self.press("settings")
        self.press("consent-give")
        expect(self.at("consent-now")).to_have_attribute("data-decision", "given")
        self.press("dialog-close")

    def withdraws_consent(self) -> None:
        self.press("settings")
        self.press("consent-withdraw")
        expect(self.at("consent-now")).to_have_attribute("data-decision", "withdrawn")
        self.press("dialog-close")

    def starts_recording(self) -> None:
        """The doctor presses record, and answers for themselves when asked for the first time."""
        self.press("record")
        self.page.locator("dialog[open]").get_by_test_id("consent-given").click()
        self.press("own-consent-save")
        self.sees("recording-banner")

    def finishes_the_visit(self) -> None:
        self.press("finish")
        self.press("confirm-action")
        self.sees("visit-over")

    # --- In the call -----------------------------------------------------------------------------------------------

    def tile(self, participant: str, source: str = "camera") -> Locator:
        return self.page.locator(f'[data-testid=tile][data-participant="{participant}"][data-source={source}]')

    def sees_picture_of(self, participant: str, look: Look | None, source: str = "camera") -> None:
        """Wait until decoded frames, of the person's own colour if named, are on the screen and go on coming."""
        video = self.tile(participant, source).locator("video")
        expect(video).to_be_visible(timeout=WAIT_MS)
        if look is not None:
            self.until(lambda: _alike(video.evaluate(_PIXEL), look.rgb), f"the colour of {look.name}")
        before = video.evaluate("video => video.getVideoPlaybackQuality().totalVideoFrames")
        self.until(
            lambda: video.evaluate("video => video.getVideoPlaybackQuality().totalVideoFrames") > before + 10,
            "more frames",
        )

    def hears(self, participant: str, look: Look) -> None:
        """Wait until what arrives from the person is loudest at the tone they hum (or its first overtone)."""

        def humming() -> bool:
            found = self.page.evaluate(_HEARD, participant)
            tones = (look.tone_hz, 2 * look.tone_hz)
            return bool(found) and found["level"] > -70 and any(abs(found["hz"] - tone) < 30 for tone in tones)

        self.until(humming, f"the voice of {look.name}")

    def says(self, text: str) -> None:
        """Write a message, wait until files that go with it are uploaded, and send it."""
        self.at("chat-text").fill(text)
        expect(self.at("chat-send")).to_be_enabled()
        self.at("chat-text").press("Enter")
        expect(self.page.locator("[data-testid=message].mine", has_text=text)).to_have_attribute(
            "data-state", _STORED, timeout=WAIT_MS
        )

    def reads(self, text: str) -> None:
        expect(self.at("message").filter(has_text=text)).to_have_count(1, timeout=WAIT_MS)

    def until(self, holds: Any, what: str, *, within_s: float = WAIT_MS / 1000) -> None:
        """Ask again until `holds()`, or fail saying `what` did not come."""
        deadline = time.monotonic() + within_s
        while not holds():
            assert time.monotonic() < deadline, f"{self.look.name} waited in vain for {what}"
            self.page.wait_for_timeout(100)


def _alike(pixel: list[int], rgb: tuple[int, int, int]) -> bool:
    return all(abs(have - want) < 40 for have, want in zip(pixel, rgb, strict=True))


@dataclass
class Visit:
    """A consultation of its own that begins now."""

    url: str
    id: str
    patient_id: str
    doctor_id: str
    doctor_login: str
    api: Api
    browsers: Browsers
    stack: ExitStack
    people: list[Person] = field(default_factory=list)
    language: str = "en"
    dark: bool = False

    @classmethod
    def planned(
        cls,
        url: str,
        browsers: Browsers,
        playwright: Playwright,
        stack: ExitStack,
        *,
        doctor: str = "dr.garcia",
        patient_name: str = "Margaret Thompson",
        reason: str = "Blood sugar before breakfast is high again",
    ) -> Visit:
        context = playwright.request.new_context(base_url=url)
        stack.callback(context.dispose)
        api = Api.sign_in(context, doctor)
        me, patient = api.get("/me"), api.get("/patients", q=patient_name)["patients"][0]
        consultation = api.post(
            "/consultations",
            {
                "patient": patient["id"],
                "clinician": me["subject"],
                "scheduled_at": datetime.now(UTC).isoformat(),  # noqa: TID251 - a person looks at the clock
                "planned_minutes": 20,
                "reason": reason,
            },
        )
        return cls(url, consultation["id"], patient["id"], me["participant"], doctor, api, browsers, stack)

    def person(self, look: Look, *, phone: bool = False) -> Person:
        """Open a fresh browser profile for somebody."""
        context = self.browsers.of(look).new_context(
            viewport=PHONE if phone else DESKTOP,
            has_touch=phone,
            is_mobile=phone,
            locale=self.language,
            color_scheme="dark" if self.dark else "light",
            permissions=["camera", "microphone"],
        )
        self.stack.callback(context.close)
        person = Person(look, context.new_page())
        self.people.append(person)
        return person

    def patient_link(self) -> str:
        """Return a fresh link for the patient, whose own name the server puts on it."""
        return str(self._link("patient", "")["link"])

    def guest_link(self, name: str, relation: str = "interpreter") -> tuple[str, str]:
        """Return a guest's link and the id they will have in the room."""
        issued = self._link(relation, name)
        return issued["link"], issued["invitation"]["id"]

    def _link(self, relation: str, name: str) -> Any:
        body = {"relation": relation, "name": name, "language": self.language}
        return self.api.post(f"/consultations/{self.id}/invitations", body)

    def patient_arrives(self, *, phone: bool = False, consents: bool = True) -> Person:
        patient = self.person(PATIENT, phone=phone)
        patient.open_link(self.patient_link(), consents=consents)
        return patient

    def doctor_arrives(self, *, phone: bool = False) -> Person:
        doctor = self.person(DOCTOR, phone=phone)
        doctor.sign_in(self.url, self.doctor_login)
        doctor.page.goto(f"{self.url}/visit/{self.id}")
        doctor.sees("doctor-visit")
        return doctor

    def begun(self, *, phone: bool = False, consents: bool = True) -> tuple[Person, Person]:
        """Patient and doctor in the call, each seeing and hearing the other."""
        patient = self.patient_arrives(phone=phone, consents=consents)
        doctor = self.doctor_arrives()
        doctor.press("admit")
        patient.sees("call")
        patient.sees_picture_of(self.doctor_id, DOCTOR)
        doctor.sees_picture_of(self.patient_id, PATIENT)
        return patient, doctor

    def no_troubles(self) -> None:
        assert [trouble for person in self.people for trouble in person.troubles] == []


def picture_file(colour: tuple[int, int, int]) -> bytes:
    """Return a small PNG of one colour."""
    frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), colour, np.uint8), format="rgb24")
    file = io.BytesIO()
    with av.open(file, "w", format="image2pipe") as container:
        stream = container.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb24"
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return file.getvalue()
