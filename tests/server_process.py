"""A real server with a demonstration clinic, for tests: in this process, or in one of its own.

In this process (integration tests; the fixture `clinic` of tests/conftest.py gives one with data in `tmp_path`):

    async def test_something(clinic: RunningClinic) -> None:
        doctor = await clinic.sign_in("dr.garcia")            # -> Browser: cookies, token and JSON
        status, answer = await doctor.get("/consultations")   # paths below /api/v1; post, put, patch, delete as well
        patient = await clinic.open_link(clinic.demonstration.links[0])
        clinic.services.rooms, clinic.url, clinic.data        # the open parts, the address, the data directory

In its own process (end-to-end tests, signals, restarts; `tmp_path` keeps the data between two of them):

    with server_process(tmp_path / "data") as server:         # ready when the block begins
        server.url, server.join_links, server.output          # join_links[0] is Margaret Thompson's (English)
        assert server.stop() == 0                             # SIGTERM, exit code; the block does it too
    run_command("migrate", data=tmp_path / "data")            # any other command, to its end
"""

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
from aiohttp import web

from config.loader import with_values
from config.settings import Settings
from demonstration.clinic import Demonstration, JoinLink
from identity.passwords import DEMONSTRATION_PASSWORD
from kernel.clock import Now, utc_now
from server.app import NODE, create_app
from server.lifecycle import runner_of
from server.services import Services

ROOT: Final = Path(__file__).parent.parent
_READY: Final = "Stop with Ctrl+C."
_START_S: Final = 30
_STOP_S: Final = 30


class Browser:
    """One person's HTTP side: cookies, access token, and JSON in and out."""

    def __init__(self, url: str, *, me: dict[str, Any] | None = None, token: str | None = None) -> None:
        self.url = url
        self.me = me or {}
        self.token = token
        self.http = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))  # of an IP address, too

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.http.close()

    async def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Return the status and the decoded answer (None when empty); `path` is below /api/v1."""
        async with self.response(method, path, body, data=data, headers=headers, query=query) as response:
            raw = await response.read()
            return response.status, await response.json(content_type=None) if raw else None

    @asynccontextmanager
    async def response(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Lend the whole response, for headers and streams."""
        sent = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        given: dict[str, Any] = {"data": data} if data is not None else {} if body is None else {"json": body}
        async with self.http.request(
            method, f"{self.url}/api/v1{path}", headers={**sent, **(headers or {})}, params=query, **given
        ) as response:
            yield response

    async def get(self, path: str, **query: str) -> tuple[int, Any]:
        return await self.request("GET", path, query=query)

    async def post(self, path: str, body: object = None) -> tuple[int, Any]:
        return await self.request("POST", path, body)

    async def put(self, path: str, body: object = None) -> tuple[int, Any]:
        return await self.request("PUT", path, body)

    async def patch(self, path: str, body: object = None) -> tuple[int, Any]:
        return await self.request("PATCH", path, body)

    async def delete(self, path: str) -> tuple[int, Any]:
        return await self.request("DELETE", path)


@dataclass
class Clinic:
    """A server somewhere, and the browsers of those who use it."""

    url: str
    _browsers: list[Browser] = field(default_factory=list, kw_only=True)

    def stranger(self) -> Browser:
        """Return a browser in which nobody has signed in."""
        browser = Browser(self.url)
        self._browsers.append(browser)
        return browser

    async def sign_in(self, login: str, password: str = DEMONSTRATION_PASSWORD) -> Browser:
        browser = self.stranger()
        status, answer = await browser.post("/session", {"login": login, "password": password})
        assert status == 200, answer
        browser.token, browser.me = answer["access_token"], answer["me"]
        return browser

    async def open_link(self, link: JoinLink | str) -> Browser:
        browser = self.stranger()
        secret = link if isinstance(link, str) else link.secret
        status, answer = await browser.post("/session/invitation", {"secret": secret})
        assert status == 200, answer
        browser.token, browser.me = answer["access_token"], answer["me"]
        return browser

    async def close_browsers(self) -> None:
        for browser in self._browsers:
            await browser.http.close()


@dataclass
class RunningClinic(Clinic):
    """A server in this process."""

    app: web.Application
    data: Path

    @property
    def services(self) -> Services:
        return self.app[NODE].services

    @property
    def demonstration(self) -> Demonstration:
        shown = self.services.demonstration
        assert shown is not None, "this clinic is a real one"
        return shown


def clinic_settings(data: Path, **sections: Mapping[str, object]) -> Settings:
    """Return settings for a demonstration on free ports of loopback, changed by `sections`."""
    changed: dict[str, dict[str, object]] = {
        "server": {"port": 0},
        "media": {"host": "127.0.0.1", "port": 0, "announced_addresses": ("127.0.0.1",)},
        "data": {"directory": str(data)},
        "demonstration": {"enabled": True},
    }
    for section, values in sections.items():
        changed.setdefault(section, {}).update(values)
    return with_values(Settings(), **changed)


@asynccontextmanager
async def running_clinic(
    data: Path, *, settings: Settings | None = None, now: Now = utc_now
) -> AsyncIterator[RunningClinic]:
    """Serve in this process until the block ends."""
    settings = settings or clinic_settings(data)
    app = create_app(settings, now=now)
    runner = runner_of(app, settings, count=app[NODE].metrics.connection_troubled)
    try:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        app[NODE].lifecycle.become_ready()
        clinic = RunningClinic(f"http://127.0.0.1:{runner.addresses[0][1]}", app, data)
        try:
            yield clinic
        finally:
            await clinic.close_browsers()
    finally:
        await runner.cleanup()
        await asyncio.sleep(0)  # transports are closed in the next turn of the loop


class ServerProcess:
    """A server in its own process, its output read as it comes."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._lines: list[str] = []
        self._ready = threading.Event()
        self._readers = [
            threading.Thread(target=self._read, args=(stream,), daemon=True)
            for stream in (process.stdout, process.stderr)
        ]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def output(self) -> str:
        """Everything printed so far, logs too."""
        return "".join(self._lines)

    @property
    def url(self) -> str:
        found = re.search(r"Consilium is at\s+(\S+)", self.output)
        assert found, self.output
        return found[1]

    @property
    def join_links(self) -> list[str]:
        """The patients' links to consultations that begin now."""
        return re.findall(r"\S+/join#\S+", self.output)

    def wait_until_ready(self) -> None:
        if not self._ready.wait(_START_S) or self._process.poll() is not None:
            self.stop()
            raise AssertionError(f"the server did not start:\n{self.output}")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send the signal once, wait, and return the exit code; harmless when it has ended already."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            code = self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        for reader in self._readers:
            reader.join()
        return code

    def _read(self, stream: Any) -> None:
        with stream:
            for line in stream:
                self._lines.append(line)
                if _READY in line:
                    self._ready.set()
        self._ready.set()  # it has ended: whoever waits will see


def run_command(
    *arguments: str, data: Path, environ: Mapping[str, str] | None = None, stdin: str = ""
) -> "subprocess.CompletedProcess[str]":
    """Run `python -m server …` on a data directory to its end."""
    return subprocess.run(
        [sys.executable, "-m", "server", *arguments, "--data", str(data)],
        cwd=ROOT,
        env={**os.environ, **(environ or {})},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def server_process(
    data: Path,
    *,
    command: str = "demo",
    options: Sequence[str] = ("--port", "0", "--media-port", "0"),
    environ: Mapping[str, str] | None = None,
) -> Iterator[ServerProcess]:
    """Run `python -m server demo` until the block ends; it is ready when the block begins."""
    process = subprocess.Popen(
        [sys.executable, "-m", "server", command, "--data", str(data), *options],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **(environ or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    server = ServerProcess(process)
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.stop()
