"""What a node does by itself now and then: it forgets sessions that have expired."""

import asyncio
from contextlib import suppress
from typing import Final

import structlog

from identity.service import SignInService

_EVERY_S: Final = 3600.0

_log = structlog.get_logger("server.housekeeping")


class Housekeeping:
    """One background task; a round that fails is logged, and the next one comes all the same."""

    def __init__(self, sign_in: SignInService, *, every_s: float = _EVERY_S) -> None:
        self._sign_in = sign_in
        self._every_s = every_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="housekeeping")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self) -> None:
        while True:
            try:
                forgotten = await self._sign_in.forget_expired()
            except Exception:  # noqa: BLE001 - a database that is away for a moment must not end the rounds
                _log.exception("round_failed")
            else:
                if forgotten:
                    _log.info("expired_sessions_forgotten", count=forgotten)
            await asyncio.sleep(self._every_s)
