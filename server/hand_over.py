"""Gives recordings into the custodians' hands once their films are made, in the background."""

from typing import Final

import structlog

from records.custody import Custody
from server.background import Background

_EVERY_S: Final = 60.0  # an operator's command may have put a key in force

_log = structlog.get_logger("server.hand_over")


class HandOver:
    """The background job of a node. The rows say what is still to be done."""

    def __init__(self, custody: Custody, *, every_s: float = _EVERY_S) -> None:
        self._custody = custody
        self._every_s = every_s
        self._background = Background("hand-over")

    def start(self) -> None:
        """Begin, with what an earlier process left undone."""
        self._background.repeat(self._sweep, "hand_over_failed", every_s=self._every_s)

    def take_up(self) -> None:
        """Look now: a film was made, or a custodian's key came into force."""
        self._background.hurry()

    async def close(self) -> None:
        """Stop. What is not handed over is, after the next `start`."""
        await self._background.close()

    async def _sweep(self) -> None:
        given = await self._custody.sweep()
        if given:
            _log.info("given_into_custody", recordings=given)
