"""Writes how good the connections were, once a minute and all rooms in one transaction, far from the packets."""

import asyncio
from contextlib import suppress
from typing import Final

from care.ports import Store
from kernel.clock import Now
from kernel.ids import ConsultationId, RoomId
from rooms.quality_minutes import QualityMinute, QualityMinutes
from server.background import Background, undisturbed

EVERY_S: Final = 60.0
UNSAVED_LIMIT: Final = 20_000
"""Minutes that are kept for the next round while the store does not answer; older ones are dropped."""


class QualityLog:
    """Rounds, and one at the end of each visit; what one could not write the next one does."""

    def __init__(self, minutes: QualityMinutes, store: Store, now: Now, *, every_s: float = EVERY_S) -> None:
        self._minutes = minutes
        self._store = store
        self._now = now
        self._every_s = every_s
        self._unsaved: list[tuple[RoomId, QualityMinute]] = []
        self._visit_ended = asyncio.Event()
        self._background = Background("quality-log")

    def start(self) -> None:
        self._background.start(self._run())

    async def close(self) -> None:
        """Write what there is, unfinished minutes too."""
        await self._background.close()
        await undisturbed(self._write(all_of_them=True), "quality_lost")

    def finished(self, room: RoomId) -> None:
        """Write a visit's last minutes now: somebody may open its record at once."""
        self._minutes.end(room)
        self._visit_ended.set()

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._every_s):
                    await self._visit_ended.wait()
            self._visit_ended.clear()
            await undisturbed(self._write(), "quality_not_written")

    async def _write(self, *, all_of_them: bool = False) -> None:
        taken = self._minutes.take(now=self._now(), all_of_them=all_of_them)
        self._unsaved = [*self._unsaved, *taken][-UNSAVED_LIMIT:]
        if not self._unsaved:
            return
        async with self._store.write() as work:
            await work.quality.add([(ConsultationId(room), minute) for room, minute in self._unsaved])
        self._unsaved = []
