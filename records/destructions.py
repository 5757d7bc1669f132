"""Proposals to destroy what is due, between rows and the domain."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from care.destruction import Destruction, DestructionCounts, DestructionItem, DestructionState, Outcome
from care.retention import RetentionClass
from kernel.errors import NotFound
from kernel.ids import ConsultationId, DestructionId, UserId
from records.engine import Connection
from records.tables import consultations, destruction_items, destructions


class SqlDestructions:
    """Implements `care.ports.DestructionRepository`, and what carrying them out needs beyond it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, destruction: DestructionId) -> Destruction:
        query = select(destructions).where(destructions.c.id == destruction)
        row = (await self._connection.execute(query)).one_or_none()
        if row is None:
            raise NotFound
        return _from_row(row)

    async def newest(self, *, limit: int) -> list[Destruction]:
        query = select(destructions).order_by(destructions.c.proposed_at.desc(), destructions.c.id).limit(limit)
        return [_from_row(row) for row in await self._connection.execute(query)]

    async def add(self, destruction: Destruction, visits: Sequence[ConsultationId]) -> None:
        await self._connection.execute(insert(destructions).values(**asdict(destruction)))
        rows = [{"destruction": destruction.id, "consultation": visit, "outcome": Outcome.WAITING} for visit in visits]
        await self._connection.execute(insert(destruction_items), rows)

    async def save(self, destruction: Destruction) -> None:
        statement = update(destructions).where(destructions.c.id == destruction.id).values(**asdict(destruction))
        if (await self._connection.execute(statement)).rowcount == 0:
            raise NotFound

    async def items(self, destruction: DestructionId) -> list[DestructionItem]:
        query = (
            select(destruction_items.c.consultation, destruction_items.c.outcome)
            .join(consultations, consultations.c.id == destruction_items.c.consultation)
            .where(destruction_items.c.destruction == destruction)
            .order_by(consultations.c.finished_at, consultations.c.id)
        )
        return [
            DestructionItem(ConsultationId(row.consultation), Outcome(row.outcome))
            for row in await self._connection.execute(query)
        ]

    async def counts(self, destruction: DestructionId) -> DestructionCounts:
        query = (
            select(destruction_items.c.outcome, func.count())
            .where(destruction_items.c.destruction == destruction)
            .group_by(destruction_items.c.outcome)
        )
        found = {row[0]: row[1] for row in await self._connection.execute(query)}
        return DestructionCounts(**{outcome.value: found.get(outcome, 0) for outcome in Outcome})

    async def confirmed(self) -> list[Destruction]:
        """Return those that are to be carried out, the one confirmed first first."""
        query = select(destructions).where(destructions.c.state == DestructionState.CONFIRMED)
        rows = await self._connection.execute(query.order_by(destructions.c.confirmed_at))
        return [_from_row(row) for row in rows]

    async def note(self, destruction: DestructionId, consultation: ConsultationId, outcome: Outcome) -> None:
        """Note what became of a visit."""
        await self._connection.execute(
            update(destruction_items)
            .where(destruction_items.c.destruction == destruction, destruction_items.c.consultation == consultation)
            .values(outcome=outcome)
        )


def _from_row(row: Row[*tuple[Any, ...]]) -> Destruction:
    return Destruction(
        id=DestructionId(row.id),
        kind=RetentionClass(row.kind),
        due_at=row.due_at,
        proposed_by=UserId(row.proposed_by),
        proposed_at=row.proposed_at,
        state=DestructionState(row.state),
        confirmed_by=None if row.confirmed_by is None else UserId(row.confirmed_by),
        confirmed_at=row.confirmed_at,
        ended_by=None if row.ended_by is None else UserId(row.ended_by),
        ended_at=row.ended_at,
        decline_reason=row.decline_reason,
    )
