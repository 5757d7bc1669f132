"""Carries out the destructions that two people agreed on, in the background."""

from typing import Final

import structlog

from records.destruction import Destroyer
from records.unit_of_work import SqlStore
from server.background import Background, undisturbed

_EVERY_S: Final = 300.0  # files that could not be removed are tried again

_log = structlog.get_logger("server.carrying_out")


class CarryingOut:
    """The background job of a node. The rows say what is still to be done."""

    def __init__(self, store: SqlStore, destroyer: Destroyer, *, every_s: float = _EVERY_S) -> None:
        self._store = store
        self._destroyer = destroyer
        self._every_s = every_s
        self._background = Background("carrying-out")

    def start(self) -> None:
        """Begin, with what an earlier process left undone."""
        self._background.repeat(self._round, "destruction_failed", every_s=self._every_s)

    def take_up(self) -> None:
        """Look now: a proposal was confirmed."""
        self._background.hurry()

    async def close(self) -> None:
        """Stop. What is not carried out is, after the next `start`."""
        await self._background.close()

    async def _round(self) -> None:
        async with self._store.read() as work:
            agreed = await work.destructions.confirmed()
        for destruction in agreed:
            carried_out = self._destroyer.carry_out(destruction, each=undisturbed)
            if await undisturbed(carried_out, "destruction_failed", destruction=destruction.id):
                _log.info("carried_out", destruction=destruction.id, kind=destruction.kind)
        await self._destroyer.sweep()
