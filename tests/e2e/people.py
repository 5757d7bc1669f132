"""People in front of their browsers: what a person does and sees on the pages, in the words of the test."""

from __future__ import annotations

import io
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from playwright.sync_api import APIRequestContext, Locator, Page, Playwright, ViewportSize, expect

from tests.e2e.participant import PASSWORD, WAIT_MS, Participant
from tests.e2e.pictures import DOCTOR, PATIENT, Look

if TYPE_CHECKING:
    from tests.e2e.conftest import Browsers

expect.set_options(timeout=WAIT_MS)  # a busy machine is slow, not wrong
PHONE = ViewportSize(width=390, height=844)
DESKTOP = ViewportSize(width=1440, height=900)


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
class Person(Participant):
    """One person's page in Chromium, driven by Playwright."""

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

    def goto(self, url: str) -> None:
        self.page.goto(url)

    def click(self, selector: str) -> None:
        self.page.locator(selector).first.click()

    def write(self, selector: str, text: str) -> None:
        self.page.locator(selector).first.fill(text)

    def press_enter(self, selector: str) -> None:
        self.page.locator(selector).first.press("Enter")

    def sees_element(self, selector: str) -> None:
        expect(self.page.locator(selector).first).to_be_visible(timeout=WAIT_MS)

    def sees_no_element(self, selector: str) -> None:
        expect(self.page.locator(selector)).to_have_count(0, timeout=WAIT_MS)

    def ask(self, function: str, argument: object = None) -> Any:
        return self.page.evaluate(function, argument)

    def pause(self, milliseconds: int) -> None:
        self.page.wait_for_timeout(milliseconds)

    def opens_devices(self) -> None:
        """They open by themselves: the page is allowed to before it asks."""

    def at(self, testid: str) -> Locator:
        return self.page.get_by_test_id(testid)

    def tile(self, participant: str, source: str = "camera") -> Locator:
        return self.page.locator(f'[data-testid=tile][data-participant="{participant}"][data-source={source}]')

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
    people: list[Participant] = field(default_factory=list)
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
        troubles = [trouble for person in self.people for trouble in person.troubles]
        assert not troubles, troubles


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
