"""What a node does by itself, beside the requests: nobody waits for its answer, so its failures end in the log."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

import structlog

_log = structlog.get_logger("server.background")


class Background:
    """One task that goes on until it is closed."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._task: asyncio.Task[None] | None = None
        self._is_wanted = asyncio.Event()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin `work`; once, until it is closed."""
        assert self._task is None, "it runs already"
        self._task = asyncio.create_task(work, name=self._name)

    def repeat(self, work: Callable[[], Awaitable[object]], failure: str, *, every_s: float) -> None:
        """Begin to do `work` now and `every_s` after it was done; a failure is logged as in `undisturbed`."""
        self.start(self._rounds(work, failure, every_s))

    def hurry(self) -> None:
        """Begin the next round of `repeat` at once, or as soon as the present one is done."""
        self._is_wanted.set()

    async def close(self) -> None:
        """Break off, and return when that is done."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _rounds(self, work: Callable[[], Awaitable[object]], failure: str, every_s: float) -> None:
        while True:
            self._is_wanted.clear()
            await undisturbed(work(), failure)
            with suppress(TimeoutError):
                async with asyncio.timeout(every_s):
                    await self._is_wanted.wait()


async def undisturbed(work: Awaitable[object], failure: str, **about: object) -> bool:
    """Do `work` and tell whether that went well; else the log has `failure`, and what follows has its turn anyhow.

    The third place that catches everything, beside the two that turn errors into answers.
    """
    try:
        await work
    except Exception:  # noqa: BLE001 - the boundary of what nobody asked for: there is nobody to be told
        _log.exception(failure, **about)
        return False
    return True
