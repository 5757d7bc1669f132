"""What is due to be destroyed, shown to custodians before it is."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from care.access import Action, require
from care.ports import Store
from care.reach import note_reading, reading
from care.retention import DuePlace, DueVisit, RetentionRule
from identity.principal import Principal

DUE_PAGE: Final = 100


class RetentionService:
    """Shows custodians what is due, and what will be."""

    def __init__(self, store: Store, rule: RetentionRule) -> None:
        self._store = store
        self.rule: Final = rule

    async def due(self, principal: Principal, *, at: datetime, after: DuePlace | None = None) -> Sequence[DueVisit]:
        """Return at most `DUE_PAGE` visits that are due at `at`, longest due first."""
        async with reading(self._store, principal) as work:
            require(principal, Action.RETENTION_READ)
            due = await work.retention.due(self.rule.finished_before(at), after=after, limit=DUE_PAGE)
        await note_reading(self._store, principal, Action.RETENTION_READ)
        return due
