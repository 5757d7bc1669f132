"""Everything that a route may use, already open. Built by `server/app.py`, handed to each call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the wiring imports these when it opens them; declaring a route need not
    from config.settings import Settings
    from kernel.clock import Now


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The open parts of one node."""

    settings: Settings
    now: Now
