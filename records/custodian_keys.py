"""Custodians' public keys between rows and the domain."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from care.custodian_key import RECEIVING, CustodianKey, CustodianKeyState
from kernel.errors import NotFound
from kernel.ids import CustodianKeyId, UserId
from records.engine import Connection, uniqueness_as_conflict
from records.tables import custodian_keys


class SqlCustodianKeys:
    """Implements `care.ports.CustodianKeyRepository`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def all(self) -> list[CustodianKey]:
        query = select(custodian_keys).order_by(custodian_keys.c.proposed_at, custodian_keys.c.id)
        return [_from_row(row) for row in await self._connection.execute(query)]

    async def receiving(self) -> list[CustodianKey]:
        query = select(custodian_keys).where(custodian_keys.c.state.in_(RECEIVING)).order_by(custodian_keys.c.id)
        return [_from_row(row) for row in await self._connection.execute(query)]

    async def get(self, key: CustodianKeyId) -> CustodianKey:
        row = (await self._connection.execute(select(custodian_keys).where(custodian_keys.c.id == key))).one_or_none()
        if row is None:
            raise NotFound
        return _from_row(row)

    async def add(self, key: CustodianKey) -> None:
        async with uniqueness_as_conflict(self._connection):
            await self._connection.execute(insert(custodian_keys).values(**asdict(key)))

    async def save(self, key: CustodianKey) -> None:
        statement = update(custodian_keys).where(custodian_keys.c.id == key.id).values(**asdict(key))
        if (await self._connection.execute(statement)).rowcount == 0:
            raise NotFound

    async def remove(self, key: CustodianKeyId) -> None:
        await self._connection.execute(delete(custodian_keys).where(custodian_keys.c.id == key))


def _from_row(row: Row[*tuple[Any, ...]]) -> CustodianKey:
    return CustodianKey(
        id=CustodianKeyId(row.id),
        owner=UserId(row.owner),
        public_key=row.public_key,
        state=CustodianKeyState(row.state),
        proposed_at=row.proposed_at,
        confirmed_by=None if row.confirmed_by is None else UserId(row.confirmed_by),
        confirmed_at=row.confirmed_at,
        retire_asked_by=None if row.retire_asked_by is None else UserId(row.retire_asked_by),
        retire_asked_at=row.retire_asked_at,
        retired_by=None if row.retired_by is None else UserId(row.retired_by),
        retired_at=row.retired_at,
    )
