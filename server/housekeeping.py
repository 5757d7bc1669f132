"""What a node does by itself now and then: it forgets sessions that have expired."""

from typing import Final

import structlog

from identity.service import SignInService
from server.background import Background

_EVERY_S: Final = 3600.0

_log = structlog.get_logger("server.housekeeping")


class Housekeeping:
    """Rounds; one that fails is logged, and the next one comes all the same."""

    def __init__(self, sign_in: SignInService, *, every_s: float = _EVERY_S) -> None:
        self._sign_in = sign_in
        self._every_s = every_s
        self._background = Background("housekeeping")

    def start(self) -> None:
        self._background.repeat(self._forget_expired, "round_failed", every_s=self._every_s)

    async def close(self) -> None:
        await self._background.close()

    async def _forget_expired(self) -> None:
        forgotten = await self._sign_in.forget_expired()
        if forgotten:
            _log.info("expired_sessions_forgotten", count=forgotten)
