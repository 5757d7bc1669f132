"""What somebody in a visit does and sees on the pages, in the words of the test, whatever drives their browser."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from tests.e2e.pictures import Look
from tests.e2e.sound import loudest

PASSWORD = "consilium-demo"
WAIT_MS = 20_000
_AUDIBLE = 0.002  # of full scale: what is left of comfort noise is quieter by far

# In the page, given the selector of a <video>: a pixel, and the number of frames shown so far (0: none comes).
_PIXEL = """selector => {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 8;
  const context = canvas.getContext('2d');
  context.drawImage(document.querySelector(selector), 0, 0, 8, 8);
  return [...context.getImageData(4, 2, 1, 1).data.slice(0, 3)];
}"""

_FRAMES = """selector => new Promise((resolve) => {
  const video = document.querySelector(selector);
  video?.requestVideoFrameCallback((now, { presentedFrames }) => resolve(presentedFrames));
  setTimeout(resolve, 1000, 0);
})"""

# What arrives from a participant for a second and a half, as a file in base64; empty when there is no track.
_HEARD = """async participant => {
  const track = document.querySelector('c-call-stage')?.call.media.remote(participant, 'microphone');
  if (!track) return '';
  const recorder = new MediaRecorder(new MediaStream([track]));
  const recorded = new Promise((resolve) => { recorder.ondataavailable = ({ data }) => resolve(data); });
  recorder.start();
  await new Promise((resolve) => { setTimeout(resolve, 1500); });
  recorder.stop();
  const bytes = new Uint8Array(await (await recorded).arrayBuffer());
  return btoa(String.fromCharCode(...bytes));
}"""

_STATE_OF_MINE = """text => [...document.querySelectorAll('[data-testid=message].mine')]
  .find((message) => message.textContent.includes(text))?.dataset.state ?? ''"""

_MESSAGES_WITH = """text => [...document.querySelectorAll('[data-testid=message]')]
  .filter((message) => message.textContent.includes(text)).length"""


class Participant(ABC):
    """Whatever goes wrong in the page is kept in `troubles`, which fail the test at the end."""

    look: Look
    troubles: list[str]

    # --- What the driver of a browser can do ------------------------------------------------------------------------

    @abstractmethod
    def goto(self, url: str) -> None: ...

    @abstractmethod
    def click(self, selector: str) -> None:
        """Wait until the first such element can be pressed, and press it."""

    @abstractmethod
    def write(self, selector: str, text: str) -> None:
        """Wait until the field is there, and put the text into it."""

    @abstractmethod
    def press_enter(self, selector: str) -> None: ...

    @abstractmethod
    def sees_element(self, selector: str) -> None:
        """Wait until the first such element is visible."""

    @abstractmethod
    def sees_no_element(self, selector: str) -> None:
        """Wait until there is no such element."""

    @abstractmethod
    def ask(self, function: str, argument: object = None) -> Any:
        """Call a function of JavaScript in the page; return what it returns, a promise's value included."""

    @abstractmethod
    def pause(self, milliseconds: int) -> None:
        """Let the browser go on for a moment before it is asked again."""

    # --- In words ---------------------------------------------------------------------------------------------------

    def press(self, testid: str) -> None:
        self.click(_at(testid))

    def sees(self, testid: str) -> None:
        self.sees_element(_at(testid))

    def sees_no(self, testid: str) -> None:
        self.sees_no_element(_at(testid))

    def open_link(self, link: str, *, consents: bool = True, waits: bool = True) -> None:
        """From the link on: device check, the answer about recording, "I'm ready", waiting room."""
        self.goto(link)
        self.sees("consent-card")
        self.opens_devices()
        self.sees_element("c-device-check video")
        self.press("consent-given" if consents else "consent-refused")
        self.press("ready")
        if waits:
            self.sees("waiting-room")

    @abstractmethod
    def opens_devices(self) -> None:
        """Press the button that asks for the devices, where the browser doesn't say beforehand that it may."""

    def sign_in(self, url: str, login: str, password: str = PASSWORD) -> None:
        self.goto(f"{url}/sign-in")
        self.write(_at("sign-in-login"), login)
        self.write(_at("sign-in-password"), password)
        self.press("sign-in-submit")
        self.until(lambda: self.ask("() => location.pathname") != "/sign-in", "the page after signing in")

    def tab(self, name: str) -> None:
        """Open one of the doctor's panels: history, note, people, chat."""
        self.press(f"tab-{name}")

    def starts_recording(self) -> None:
        """The doctor presses record, and answers for themselves when asked for the first time."""
        self.press("record")
        self.click("dialog[open] [data-testid=consent-given]")
        self.press("own-consent-save")
        self.sees("recording-banner")

    def finishes_the_visit(self) -> None:
        self.press("finish")
        self.press("confirm-action")
        self.sees("visit-over")

    # --- In the call ------------------------------------------------------------------------------------------------

    def pixel(self, selector: str) -> tuple[int, int, int]:
        """Return a pixel near the middle of a <video>: red, green, blue."""
        red, green, blue = self.ask(_PIXEL, selector)
        return red, green, blue

    def sees_picture_of(self, participant: str, look: Look | None, source: str = "camera") -> None:
        """Wait until decoded frames, of the person's own colour if named, are on the screen and go on coming."""
        colour = (lambda: look.rgb) if look is not None else None
        self.sees_picture(participant, colour, source)

    def sees_picture(
        self, participant: str, colour: Callable[[], tuple[int, int, int]] | None, source: str = "camera"
    ) -> None:
        """As `sees_picture_of`, for a colour that changes: `colour` says what the sender shows now."""
        video = video_of(participant, source)
        self.sees_element(video)
        if colour is not None:
            self.until(lambda: alike(self.pixel(video), colour()), f"the colour of {participant}")
        before = self.ask(_FRAMES, video)
        self.until(lambda: self.ask(_FRAMES, video) > before + 10, "more frames")

    def hears(self, participant: str, look: Look) -> None:
        """Wait until what arrives from the person is loudest at the tone they hum (or its first overtone)."""

        def humming() -> bool:
            if not (recorded := self.ask(_HEARD, participant)):
                return False
            hz, loudness = loudest(recorded)
            return loudness > _AUDIBLE and any(abs(hz - tone) < 30 for tone in (look.tone_hz, 2 * look.tone_hz))

        self.until(humming, f"the voice of {look.name}")

    def says(self, text: str) -> None:
        """Write a message, wait until files that go with it are uploaded, send it, wait until it is stored."""
        self.write(_at("chat-text"), text)
        self.sees_element(f"{_at('chat-send')}:enabled")
        self.press_enter(_at("chat-text"))
        self.until(lambda: self.ask(_STATE_OF_MINE, text) in ("sent", "read"), f"“{text}” to be stored")

    def reads(self, text: str) -> None:
        self.until(lambda: self.ask(_MESSAGES_WITH, text) == 1, f"“{text}” once")

    def until(self, holds: Any, what: str, *, within_s: float = WAIT_MS / 1000) -> None:
        """Ask again until `holds()`, or fail saying `what` did not come."""
        deadline = time.monotonic() + within_s
        while not holds():
            assert time.monotonic() < deadline, f"{self.look.name} waited in vain for {what}"
            self.pause(100)


def video_of(participant: str, source: str = "camera") -> str:
    return f'[data-testid=tile][data-participant="{participant}"][data-source={source}] video'


def _at(testid: str) -> str:
    return f"[data-testid={testid}]"


def alike(pixel: tuple[int, int, int], rgb: tuple[int, int, int]) -> bool:
    return all(abs(have - want) < 40 for have, want in zip(pixel, rgb, strict=True))
