"""Legal holds between rows and the domain."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, insert, or_, select, update

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

    async def awaiting(self, custodian: UserId) -> int:
        query = select(func.count()).select_from(holds).where(can_be_confirmed_by(custodian))
        return await self._connection.scalar(query) or 0

    async def add(self, hold: Hold) -> None:
        await self._connection.execute(insert(holds).values(**asdict(hold)))

    async def save(self, hold: Hold) -> None:
        statement = update(holds).where(holds.c.id == hold.id).values(**asdict(hold))
        if (await self._connection.execute(statement)).rowcount == 0:
            raise NotFound


def can_be_confirmed_by(custodian: UserId) -> ColumnElement[bool]:
    """Whether somebody else asked for a hold, or for its lifting, and nobody confirmed that yet."""
    return or_(
        and_(holds.c.state == HoldState.ASKED, holds.c.asked_by != custodian),
        and_(holds.c.state == HoldState.LIFT_ASKED, holds.c.lift_asked_by != custodian),
    )


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
