"""Everything that a route may use, already open. Built by `server/wiring.py`, handed to each call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the wiring imports these when it opens them; declaring a route need not
    from care.directory import Directory
    from config.settings import Settings
    from demonstration.clinic import Demonstration
    from identity.service import SignInService
    from identity.tokens import TokenIssuer
    from kernel.clock import Now
    from records.event_log import SqlEventLog
    from records.unit_of_work import SqlStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The open parts of one node."""

    settings: Settings
    now: Now
    store: SqlStore
    event_log: SqlEventLog
    issuer: TokenIssuer
    sign_in: SignInService
    directory: Directory
    demonstration: Demonstration | None  # None in a real installation
