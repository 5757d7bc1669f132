"""Encryption at rest: gives each consultation its data key, which is stored wrapped by a key of the ring."""

import asyncio
from collections import OrderedDict
from collections.abc import Collection
from functools import partial
from typing import Final

from sqlalchemy import insert, select, update

from kernel.ids import ConsultationId
from records.data_key import DataKey
from records.engine import Connection, Database
from records.key_ring import KeyRing
from records.tables import consultation_keys

_CACHED_KEYS: Final = 4096
_REWRAP_BATCH: Final = 500


class KeyMissing(Exception):
    """The consultation has no data key, so nothing of it was ever sealed."""


class Sealer:
    """Gives each consultation its data key, which is stored wrapped by the ring's active key."""

    def __init__(self, database: Database, ring: KeyRing) -> None:
        self._database = database
        self._ring = ring
        self._keys: OrderedDict[ConsultationId, DataKey] = OrderedDict()

    async def key(self, connection: Connection, consultation: ConsultationId) -> DataKey:
        """Return the consultation's key, making it on first use.

        It can be made on a writer only; a reader raises `KeyMissing`. A key whose transaction is rolled back is
        forgotten with it.
        """
        known = await self.keys(connection, [consultation])
        if consultation in known:
            return known[consultation]
        if not connection.is_writer:
            raise KeyMissing(consultation)
        # Within the writer's turn: once a rotation has rewrapped everything, nobody wraps by the old key again.
        await asyncio.to_thread(self._ring.refresh)
        key = DataKey.fresh()
        await connection.execute(
            insert(consultation_keys).values(
                consultation=consultation, key_ring_id=self._ring.active, wrapped=self._wrap(consultation, key)
            )
        )
        connection.after_commit(partial(self._remember, consultation, key))
        return key

    async def keys(
        self, connection: Connection, consultations: Collection[ConsultationId]
    ) -> dict[ConsultationId, DataKey]:
        """Return the keys of those consultations that have one; one query however many there are."""
        found: dict[ConsultationId, DataKey] = {}
        for consultation in consultations:
            cached = self._keys.get(consultation)
            if cached is not None:
                self._keys.move_to_end(consultation)
                found[consultation] = cached
        unknown = [consultation for consultation in consultations if consultation not in found]
        if not unknown:
            return found
        query = select(consultation_keys).where(consultation_keys.c.consultation.in_(unknown))
        rows = (await connection.execute(query)).all()
        if any(row.key_ring_id not in self._ring.ids for row in rows):
            await asyncio.to_thread(self._ring.refresh)
        for row in rows:
            consultation = ConsultationId(row.consultation)
            found[consultation] = key = self._unwrap(consultation, row.key_ring_id, row.wrapped)
            if connection.is_writer:
                # The row may be this transaction's own.
                connection.after_commit(partial(self._remember, consultation, key))
            else:
                self._remember(consultation, key)
        return found

    async def rotate(self) -> int:
        """Make a fresh key-encryption key and wrap every data key by it; returns how many.

        The old one stays in the ring: backups need it. `KeyRing.forget` destroys it.
        """
        await asyncio.to_thread(self._ring.rotate)
        return await self.rewrap_all()

    async def rewrap_all(self) -> int:
        """Wrap every data key by the ring's active key; returns how many changed. Safe to interrupt and repeat."""
        changed = 0
        while True:
            async with self._database.write() as connection:
                rows = (
                    await connection.execute(
                        select(consultation_keys)
                        .where(consultation_keys.c.key_ring_id != self._ring.active)
                        .limit(_REWRAP_BATCH)
                    )
                ).all()
                for row in rows:
                    consultation = ConsultationId(row.consultation)
                    key = self._unwrap(consultation, row.key_ring_id, row.wrapped)
                    await connection.execute(
                        update(consultation_keys)
                        .where(consultation_keys.c.consultation == consultation)
                        .values(key_ring_id=self._ring.active, wrapped=self._wrap(consultation, key))
                    )
            changed += len(rows)
            if len(rows) < _REWRAP_BATCH:
                return changed

    def _remember(self, consultation: ConsultationId, key: DataKey) -> None:
        self._keys[consultation] = key
        while len(self._keys) > _CACHED_KEYS:
            self._keys.popitem(last=False)

    def _wrap(self, consultation: ConsultationId, key: DataKey) -> bytes:
        active = self._ring.active
        return DataKey(self._ring.key(active)).seal(key.raw, context=_wrapping(consultation, active))

    def _unwrap(self, consultation: ConsultationId, key_id: str, wrapped: bytes) -> DataKey:
        return DataKey(DataKey(self._ring.key(key_id)).open(wrapped, context=_wrapping(consultation, key_id)))


def _wrapping(consultation: ConsultationId, key_id: str) -> str:
    return f"consultation_keys/{consultation}/{key_id}"
