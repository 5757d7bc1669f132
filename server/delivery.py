"""Brings the sealed files of recordings from the spool to the object store, in the background.

The rows say what is still to be done, so a restart goes on where the last process stopped. A local copy goes only after
the remote one was read back and was the same.
"""

import asyncio
from datetime import timedelta
from typing import Final

import structlog

from kernel.clock import Now
from records.deliveries import DELIVERIES_LIMIT, Deliveries, Waiting
from records.object_store import StoreFailed
from server.background import Background

_EVERY_S: Final = 2.0
_BATCH: Final = 16
_FIRST_RETRY: Final = timedelta(seconds=2)
_LAST_RETRY: Final = timedelta(minutes=5)

_log = structlog.get_logger("server.delivery")


class Delivery:
    """The background job of a node that has an object store."""

    def __init__(self, deliveries: Deliveries, now: Now, *, every_s: float = _EVERY_S) -> None:
        self._deliveries = deliveries
        self._now = now
        self._every_s = every_s
        self._is_failing = False
        self._background = Background("delivery")

    @property
    def is_failing(self) -> bool:
        """Whether the newest attempt to deliver something failed."""
        return self._is_failing

    def start(self) -> None:
        """Begin, with whatever an earlier process left in the spool."""
        self._background.repeat(self._round, "delivery_failed", every_s=self._every_s)

    async def close(self) -> None:
        """Stop. A file under way is delivered again by the next `start`."""
        await self._background.close()

    async def _round(self) -> None:
        while due := await self._deliveries.due(self._now(), limit=_BATCH):
            for first in range(0, len(due), DELIVERIES_LIMIT):
                await asyncio.gather(*(self._deliver(waiting) for waiting in due[first : first + DELIVERIES_LIMIT]))
            if self._is_failing:
                break
        while await self._deliveries.evict(limit=_BATCH):
            pass

    async def _deliver(self, waiting: Waiting) -> None:
        try:
            await self._deliveries.deliver(waiting.blob, at=self._now())
        except OSError as error:
            failure = error.failure if isinstance(error, StoreFailed) else "not_in_spool"
            delay = min(_LAST_RETRY, _FIRST_RETRY * 2 ** min(waiting.attempts, 16))
            await self._deliveries.postpone(waiting, failure, retry_at=self._now() + delay)
            if not self._is_failing:
                _log.error("not_delivered", cause=failure, attempts=waiting.attempts + 1)
            self._is_failing = True
        else:
            if self._is_failing:
                self._is_failing = False
                _log.info("delivering_again")
                await self._deliveries.retry_all()
