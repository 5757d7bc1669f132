"""Looks at how much space is left for recordings, and raises the alarm while something can still be done about it."""

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from server.background import Background

LOW_PERCENT: Final = 10
_EVERY_S: Final = 15.0

_log = structlog.get_logger("server.storage")


@dataclass(frozen=True, slots=True)
class Space:
    """How much there is where recordings are written."""

    free_bytes: int
    total_bytes: int
    reserve_bytes: int

    @property
    def is_low(self) -> bool:
        """Whether the alarm is due: a tenth is left, or recording will soon be refused."""
        return self.free_bytes < max(self.total_bytes * LOW_PERCENT // 100, 2 * self.reserve_bytes)

    @classmethod
    def of(cls, directory: Path, reserve_bytes: int) -> "Space":
        """Look. Blocks."""
        usage = shutil.disk_usage(directory)
        return cls(usage.free, usage.total, reserve_bytes)


class StorageWatch:
    """Says in the log when space runs low and when it is back; `space` is what was seen last."""

    def __init__(self, directory: Path, reserve_bytes: int, *, every_s: float = _EVERY_S) -> None:
        self._directory = directory
        self._reserve_bytes = reserve_bytes
        self._every_s = every_s
        self._background = Background("storage-watch")
        self.space = Space.of(directory, reserve_bytes)

    def start(self) -> None:
        self._tell()
        self._background.repeat(self.look, "storage_not_seen", every_s=self._every_s)

    async def close(self) -> None:
        await self._background.close()

    def figures(self) -> dict[str, float]:
        """Return what Prometheus may know."""
        space = self.space
        return {"free_bytes": space.free_bytes, "total_bytes": space.total_bytes, "low": space.is_low}

    async def look(self) -> Space:
        """Look now."""
        was_low = self.space.is_low
        self.space = await asyncio.to_thread(Space.of, self._directory, self._reserve_bytes)
        if self.space.is_low is not was_low:
            self._tell()
        return self.space

    def _tell(self) -> None:
        space = self.space
        if space.is_low:
            _log.error("storage_low", free_mb=space.free_bytes >> 20, reserve_mb=space.reserve_bytes >> 20)
        else:
            _log.info("storage_fine", free_mb=space.free_bytes >> 20)
