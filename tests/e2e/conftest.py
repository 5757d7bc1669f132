"""Real Chromium browsers, one for each person, against a real server in a process of its own.

A test asks for `visit`: a consultation of its own that begins now, its doctor and patient not yet there.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.e2e.people import Visit
from tests.e2e.pictures import Look, camera_file, microphone_file
from tests.server_process import ServerProcess, server_process

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

ARGUMENTS = [
    "--no-sandbox",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--autoplay-policy=no-user-gesture-required",
    "--auto-select-desktop-capture-source=Entire screen",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="NO CHROMIUM on this machine"))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with server_process(tmp_path_factory.mktemp("clinic") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """Of one module, because its event loop occupies the thread, and other modules' tests have loops of their own."""
    with sync_playwright() as running:
        yield running


class Browsers:
    """One browser process for each look, started when first asked for and kept until `close`."""

    def __init__(
        self,
        playwright: Playwright,
        folder: Path,
        *,
        cameras: Callable[[Look, Path], None] = camera_file,
        arguments: Sequence[str] = (),
        executable: Callable[[Look], str | None] = lambda _: CHROMIUM,
    ) -> None:
        self._playwright = playwright
        self._folder = folder
        self._cameras = cameras
        self._arguments = arguments
        self._executable = executable
        self._running: dict[str, Browser] = {}

    def of(self, look: Look) -> Browser:
        if look.name not in self._running:
            camera, microphone = self._folder / f"{look.name}.y4m", self._folder / f"{look.name}.wav"
            self._cameras(look, camera)
            microphone_file(look, microphone)
            self._running[look.name] = self._playwright.chromium.launch(
                executable_path=self._executable(look),
                args=[
                    *ARGUMENTS,
                    *self._arguments,
                    f"--use-file-for-fake-video-capture={camera}",
                    f"--use-file-for-fake-audio-capture={microphone}",
                ],
            )
        return self._running[look.name]

    def close(self) -> None:
        for browser in self._running.values():
            browser.close()


@pytest.fixture(scope="module")
def browsers(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browsers]:
    running = Browsers(playwright, tmp_path_factory.mktemp("looks"))
    yield running
    running.close()


@pytest.fixture
def visit(server: ServerProcess, browsers: Browsers, playwright: Playwright) -> Iterator[Visit]:
    with ExitStack() as stack:
        yield Visit.planned(server.url, browsers, playwright, stack)
