"""Legal holds between rows and the domain."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, insert, select, update

from care.hold import Hold, HoldState
from kernel.errors import NotFound
from kernel.ids import ConsultationId, HoldId, UserId
from records.engine import Connection
from records.tables import holds


class SqlHolds:
    """Implements `care.ports.HoldRepository`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def of(self, consultation: ConsultationId, *, limit: int) -> list[Hold]:
        query = (
            select(holds)
            .where(holds.c.consultation == consultation)
            .order_by(holds.c.asked_at.desc(), holds.c.ended_at.is_(None).desc())
            .limit(limit)
        )
        return [_from_row(row) for row in await self._connection.execute(query)]

    async def add(self, hold: Hold) -> None:
        await self._connection.execute(insert(holds).values(**asdict(hold)))

    async def save(self, hold: Hold) -> None:
        statement = update(holds).where(holds.c.id == hold.id).values(**asdict(hold))
        if (await self._connection.execute(statement)).rowcount == 0:
            raise NotFound


def _from_row(row: Row[*tuple[Any, ...]]) -> Hold:
    return Hold(
        id=HoldId(row.id),
        consultation=ConsultationId(row.consultation),
        state=HoldState(row.state),
        reason=row.reason,
        asked_by=UserId(row.asked_by),
        asked_at=row.asked_at,
        set_by=None if row.set_by is None else UserId(row.set_by),
        set_at=row.set_at,
        lift_reason=row.lift_reason,
        lift_asked_by=None if row.lift_asked_by is None else UserId(row.lift_asked_by),
        lift_asked_at=row.lift_asked_at,
        ended_by=None if row.ended_by is None else UserId(row.ended_by),
        ended_at=row.ended_at,
    )
