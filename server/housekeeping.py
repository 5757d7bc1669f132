"""What a node does by itself now and then: it forgets sessions that have expired."""

import asyncio
from typing import Final

import structlog

from identity.service import SignInService
from server.background import Background, undisturbed

_EVERY_S: Final = 3600.0

_log = structlog.get_logger("server.housekeeping")


class Housekeeping:
    """Rounds; one that fails is logged, and the next one comes all the same."""

    def __init__(self, sign_in: SignInService, *, every_s: float = _EVERY_S) -> None:
        self._sign_in = sign_in
        self._every_s = every_s
        self._background = Background("housekeeping")

    def start(self) -> None:
        self._background.start(self._run())

    async def close(self) -> None:
        await self._background.close()

    async def _run(self) -> None:
        while True:
            await undisturbed(self._forget_expired(), "round_failed")
            await asyncio.sleep(self._every_s)

    async def _forget_expired(self) -> None:
        forgotten = await self._sign_in.forget_expired()
        if forgotten:
            _log.info("expired_sessions_forgotten", count=forgotten)
