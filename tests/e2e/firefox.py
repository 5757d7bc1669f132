"""People in front of Firefox: a real one of Debian's, with its own fake camera (a colour that wanders) and microphone.

Firefox takes no media from a server on loopback, so all of it, server included, lives in a network namespace
(`benchmarks.namespace.private_network`). It is driven by WebDriver BiDi, which it speaks itself.
"""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from tests.e2e.bidi import BidiConnection, Page
from tests.e2e.participant import WAIT_MS, Participant
from tests.e2e.pictures import Look

FIREFOX: Final = shutil.which("firefox-esr") or shutil.which("firefox")
MICROPHONE_HZ: Final = 600

needs_firefox = pytest.mark.skipif(FIREFOX is None, reason="NO FIREFOX on this machine: apt-get install firefox-esr")

_PREFERENCES: Final = {
    "media.navigator.streams.fake": True,  # its own camera and microphone
    "media.navigator.audio.fake_frequency": MICROPHONE_HZ,
    "media.navigator.permission.disabled": True,  # nobody is there to say yes
    "media.autoplay.default": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
}

_CAN_BE_PRESSED = """selector => {
  const element = document.querySelector(selector);
  return element !== null && element.checkVisibility({ visibilityProperty: true }) && !element.disabled;
}"""

_REPLACE_TEXT = """selector => {
  const field = document.querySelector(selector);
  field.focus();
  field.select();
}"""


@contextmanager
def firefox(profile: Path) -> Iterator[BidiConnection]:
    """Run Firefox without a screen until the block ends."""
    assert FIREFOX is not None
    profile.mkdir()
    lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in _PREFERENCES.items())
    (profile / "user.js").write_text("".join(lines))
    with (profile / "output").open("w+") as output:
        process = subprocess.Popen(
            [FIREFOX, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0", "about:blank"],
            stdout=output,
            stderr=output,
        )
        try:
            with BidiConnection(_address(process, profile / "output")) as connection:
                yield connection
                connection.command("browser.close")
            process.wait(WAIT_MS / 1000)
        finally:
            process.kill()
            process.wait()


def _address(process: "subprocess.Popen[bytes]", output: Path) -> str:
    deadline = time.monotonic() + WAIT_MS / 1000
    while not (found := re.search(r"WebDriver BiDi listening on (\S+)", output.read_text())):
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"Firefox did not start: {output.read_text()}")
        time.sleep(0.05)
    return f"{found[1]}/session"


@dataclass
class FirefoxPerson(Participant):
    """One person's page in Firefox, in a profile of its own."""

    look: Look
    page: Page

    @property
    def troubles(self) -> list[str]:
        return [f"{self.look.name}: {error}" for error in self.page.errors]

    def goto(self, url: str) -> None:
        self.page.goto(url)

    def click(self, selector: str) -> None:
        self._waits_for(selector)
        self.page.click(selector)

    def write(self, selector: str, text: str) -> None:
        self._waits_for(selector)
        self.page.call(_REPLACE_TEXT, selector)
        self.page.type(text)

    def press_enter(self, selector: str) -> None:
        self.page.call("selector => document.querySelector(selector).focus()", selector)
        self.page.press_enter()

    def sees_element(self, selector: str) -> None:
        shown = "selector => document.querySelector(selector)?.checkVisibility({ visibilityProperty: true })"
        self.until(lambda: self.ask(shown, selector), selector)

    def sees_no_element(self, selector: str) -> None:
        self.until(
            lambda: self.ask("selector => document.querySelector(selector) === null", selector), f"no {selector}"
        )

    def ask(self, function: str, argument: object = None) -> Any:
        return self.page.call(function, argument)

    def pause(self, milliseconds: int) -> None:
        time.sleep(milliseconds / 1000)

    def opens_devices(self) -> None:
        self.press("devices-open")

    def _waits_for(self, selector: str) -> None:
        self.until(lambda: self.ask(_CAN_BE_PRESSED, selector), selector)
