"""What is due to be destroyed, shown to custodians before anybody proposes to destroy it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from care.access import Action, require
from care.ports import Store
from care.reach import note_reading, reading
from care.retention import DuePlace, DueVisit, RetentionClass, RetentionRules
from identity.principal import Principal

DUE_PAGE: Final = 100


class RetentionService:
    """Shows custodians what is due, and what will be."""

    def __init__(self, store: Store, rules: RetentionRules) -> None:
        self._store = store
        self.rules: Final = rules

    async def due(
        self, principal: Principal, kind: RetentionClass, *, at: datetime, after: DuePlace | None = None
    ) -> Sequence[DueVisit]:
        """Return at most `DUE_PAGE` visits of which something is due at `at`, longest due first."""
        async with reading(self._store, principal) as work:
            require(principal, Action.RETENTION_READ)
            before = self.rules.of(kind).finished_before(at)
            due = await work.retention.due(kind, before, after=after, limit=DUE_PAGE)
        await note_reading(self._store, principal, Action.RETENTION_READ, detail=kind)
        return due
