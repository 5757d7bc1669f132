"""WebDriver BiDi, the W3C's protocol for driving a browser, as far as the tests need it.

    with BidiConnection("ws://127.0.0.1:9222/session") as browser:
        page = browser.open_page()                # of a fresh profile; page.close() ends that, too
        page.goto("https://…")
        page.call("selector => document.querySelector(selector).textContent", "h1")
        page.click("button")                      # by the pointer: the page takes it for a person's
        page.errors                               # what the page complained of so far

https://www.w3.org/TR/webdriver-bidi/. A thread of its own serves the socket: Playwright's loop occupies the tests'.
"""

import asyncio
import json
import threading
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

_ANSWER_S: Final = 60
_ENTER: Final = "\ue007"

_IN_THE_MIDDLE = """selector => {
  const element = document.querySelector(selector);
  element.scrollIntoView({ block: 'center' });
  const { left, top, width, height } = element.getBoundingClientRect();
  return [Math.round(left + width / 2), Math.round(top + height / 2)];
}"""


class BidiError(Exception):
    """The browser refused a command, or what it was to do failed in the page."""


class BidiConnection:
    """One session with a browser; usable from one thread."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._pages: dict[str, Page] = {}
        self._number = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._connect())
        self.command("session.new", capabilities={})
        self.command("session.subscribe", events=["log.entryAdded"])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._disconnect())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def command(self, method: str, **parameters: object) -> Any:
        """Send a command; return its result."""
        return self._run(self._command(method, parameters))

    def open_page(self, *, width: int = 1440, height: int = 844) -> "Page":
        profile = self.command("browser.createUserContext")["userContext"]
        opened = self.command("browsingContext.create", type="window", userContext=profile)["context"]
        self.command("browsingContext.setViewport", context=opened, viewport={"width": width, "height": height})
        self._pages[opened] = page = Page(self, opened, profile)
        return page

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(asyncio.wait_for(work, _ANSWER_S), self._loop).result()

    async def _connect(self) -> None:
        self._http = aiohttp.ClientSession()
        self._socket = await self._http.ws_connect(self._url, max_msg_size=0)
        self._reading = asyncio.create_task(self._read())

    async def _disconnect(self) -> None:
        await self._http.close()
        await self._reading

    async def _command(self, method: str, parameters: dict[str, object]) -> Any:
        self._number += 1
        answer = self._answers[self._number] = self._loop.create_future()
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        return await answer

    async def _read(self) -> None:
        async for message in self._socket:
            told = json.loads(message.data)
            if told["type"] == "event":
                self._note(told["params"])
            elif told["type"] == "success":
                self._answers.pop(told["id"]).set_result(told["result"])
            else:
                self._answers.pop(told["id"]).set_exception(BidiError(f"{told['error']}: {told['message']}"))
        for answer in self._answers.values():
            answer.set_exception(BidiError("the browser has gone"))

    def _note(self, entry: dict[str, Any]) -> None:
        page = self._pages.get(entry["source"].get("context", ""))
        if page is not None and entry["level"] == "error":
            page.errors.append(entry["text"])


@dataclass
class Page:
    connection: BidiConnection
    context: str
    profile: str
    errors: list[str] = field(default_factory=list)

    def goto(self, url: str) -> None:
        self.connection.command("browsingContext.navigate", context=self.context, url=url, wait="complete")

    def prepare(self, function: str) -> None:
        """Call a function of JavaScript in every page to come before its own scripts."""
        self.connection.command("script.addPreloadScript", functionDeclaration=function, contexts=[self.context])

    def call(self, function: str, argument: object = None) -> Any:
        """Call a function of JavaScript with a JSON value; return the JSON value it returns or promises."""
        answer = self.connection.command(
            "script.callFunction",
            functionDeclaration=f"async (json) => JSON.stringify(await ({function})(JSON.parse(json)) ?? null)",
            arguments=[{"type": "string", "value": json.dumps(argument)}],
            target={"context": self.context},
            awaitPromise=True,
        )
        if answer["type"] == "exception":
            raise BidiError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

    def click(self, selector: str) -> None:
        x, y = self.call(_IN_THE_MIDDLE, selector)
        self._perform(
            "pointer",
            [
                {"type": "pointerMove", "x": x, "y": y},
                {"type": "pointerDown", "button": 0},
                {"type": "pointerUp", "button": 0},
            ],
        )

    def type(self, text: str) -> None:
        """Press the keys of a text into the element that has the focus."""
        keys = [{"type": kind, "value": letter} for letter in text for kind in ("keyDown", "keyUp")]
        self._perform("key", keys)

    def press_enter(self) -> None:
        self.type(_ENTER)

    def close(self) -> None:
        self.connection.command("browser.removeUserContext", userContext=self.profile)

    def _perform(self, kind: str, actions: Sequence[dict[str, object]]) -> None:
        self.connection.command(
            "input.performActions", context=self.context, actions=[{"type": kind, "id": kind, "actions": actions}]
        )
