"""Encryption at rest: gives each consultation its data keys, which are stored wrapped.

One key seals the record (messages, notes, attachments), another one the recorded media, because the two are kept for
different times. To unwrap one takes a key of the ring and the data key's own share (`records/key_shares.py`).
"""

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Sequence
from enum import StrEnum
from functools import partial
from typing import Any, Final, NamedTuple

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import ColumnElement, Row, and_, delete, insert, select, tuple_, update

from care.release import EntrustedKey
from kernel.errors import NotFound
from kernel.ids import ConsultationId
from records.data_key import KEY_BYTES, DataKey
from records.engine import Connection, Database
from records.key_ring import KeyRing
from records.key_shares import KeyShares, KeySharesUnusable
from records.tables import custody_parts, data_keys, retired_shares

IN_CUSTODY: Final = "custodians"
"""Stands in the place of a ring's key where custodians hold what opens a data key (`records/custody.py`)."""

_CACHED_KEYS: Final = 4096
_REWRAP_BATCH: Final = 500


class Purpose(StrEnum):
    """What a data key seals."""

    RECORD = "record"
    MEDIA = "media"


class KeyMissing(Exception):
    """There is no such data key: nothing was ever sealed with it, or it was destroyed."""


class KeyDestroyed(KeyMissing, NotFound):
    """It was destroyed on purpose: what it sealed is answered as absent, wherever somebody asks for it."""


class KeyInCustody(KeyMissing):
    """Custodians hold what opens it."""


class Sealer:
    """Gives each consultation its data keys, which are stored wrapped by the ring's active key and their share."""

    def __init__(self, database: Database, ring: KeyRing, shares: KeyShares) -> None:
        self._database = database
        self._ring = ring
        self._shares = shares
        self._keys: OrderedDict[tuple[ConsultationId, Purpose], DataKey] = OrderedDict()

    async def key(
        self, connection: Connection, consultation: ConsultationId, purpose: Purpose = Purpose.RECORD
    ) -> DataKey:
        """Return one of the consultation's keys, making it on first use.

        It can be made on a writer only; a reader raises `KeyMissing`, as everybody does for one that was destroyed. A
        key whose transaction is rolled back is forgotten with it.
        """
        known = await self.keys(connection, [consultation], purpose)
        if consultation in known:
            return known[consultation]
        if await self._is_entrusted(connection, consultation, purpose):
            raise KeyInCustody(consultation)
        if await self._is_destroyed(connection, consultation, purpose):
            raise KeyDestroyed
        if not connection.is_writer or await self.has_key(connection, consultation, purpose):
            raise KeyMissing(consultation)
        # Within the writer's turn: once a rotation has rewrapped everything, nobody wraps by the old key again.
        await asyncio.to_thread(self._ring.refresh)
        share, secret = await asyncio.to_thread(self._shares.fresh)
        key = DataKey.fresh()
        place = _Place(consultation, purpose, self._ring.active, share)
        await connection.execute(insert(data_keys).values(**place.columns, wrapped=self._wrapped(place, secret, key)))
        connection.after_commit(partial(self._remember, consultation, purpose, key))
        return key

    async def keys(
        self, connection: Connection, consultations: Collection[ConsultationId], purpose: Purpose = Purpose.RECORD
    ) -> dict[ConsultationId, DataKey]:
        """Return the keys of those consultations that have one; one query however many there are."""
        found: dict[ConsultationId, DataKey] = {}
        for consultation in consultations:
            cached = self._keys.get((consultation, purpose))
            if cached is not None:
                self._keys.move_to_end((consultation, purpose))
                found[consultation] = cached
        unknown = [consultation for consultation in consultations if consultation not in found]
        if not unknown:
            return found
        query = select(data_keys).where(data_keys.c.consultation.in_(unknown), data_keys.c.purpose == purpose)
        rows = (await connection.execute(query)).all()
        for consultation, key in (await self._unwrapped(rows)).items():
            found[consultation] = key
            if connection.is_writer:
                # The row may be this transaction's own.
                connection.after_commit(partial(self._remember, consultation, purpose, key))
            else:
                self._remember(consultation, purpose, key)
        return found

    async def destroy(self, connection: Connection, consultation: ConsultationId, *purposes: Purpose) -> None:
        """Destroy keys for ever, whatever becomes of the transaction. Nothing they sealed is opened again.

        The rows stay, without their shares, so that no other key takes their place. A key from before there were shares
        loses its row's content, and is gone when the backups of the database are.
        """
        which = and_(data_keys.c.consultation == consultation, data_keys.c.purpose.in_(purposes))
        rows = (await connection.execute(select(data_keys).where(which))).all()
        await asyncio.to_thread(self._shares.destroy, [row.share for row in rows if row.share])
        await connection.execute(update(data_keys).where(which).values(wrapped=b""))
        if Purpose.MEDIA in purposes:
            await connection.execute(delete(custody_parts).where(custody_parts.c.consultation == consultation))
        for purpose in purposes:
            self._forget(consultation, purpose)

    # In custody -------------------------------------------------------------------------------------------------------

    async def entrust(self, connection: Connection, consultation: ConsultationId, secret: bytes) -> None:
        """Wrap a recording's key by `secret`, which only others keep, and forget it. `KeyMissing` when it can't be had.

        The share it had goes with `destroy_retired_shares`, once this is committed; custodians' parts of before go now.
        """
        key = await self.key(connection, consultation, Purpose.MEDIA)
        present = (await connection.execute(select(data_keys).where(_media_row(consultation)))).one()
        share, share_secret = await asyncio.to_thread(self._shares.fresh)
        place = _Place(consultation, Purpose.MEDIA, IN_CUSTODY, share)
        wrapped = _derived(secret, place, share_secret).seal(key.raw, context=place.context)
        await connection.execute(delete(custody_parts).where(custody_parts.c.consultation == consultation))
        await connection.execute(update(data_keys).where(place.row).values(**place.columns, wrapped=wrapped))
        if present.share is not None:
            await connection.execute(insert(retired_shares).values(share=present.share))
        connection.after_commit(partial(self._forget, consultation, Purpose.MEDIA))

    async def destroy_retired_shares(self) -> None:
        """Destroy the shares of keys that were wrapped anew, so that no backup opens with what the server still has."""
        async with self._database.read() as connection:
            shares = list(await connection.scalars(select(retired_shares.c.share)))
        if shares:
            await asyncio.to_thread(self._shares.destroy, shares)
            async with self._database.write() as connection:
                await connection.execute(delete(retired_shares).where(retired_shares.c.share.in_(shares)))

    async def entrusted_key(self, connection: Connection, consultation: ConsultationId) -> EntrustedKey:
        """Return what opens with the custodians' secret; `KeyMissing` when that is nothing."""
        row = (await connection.execute(select(data_keys).where(_media_row(consultation)))).one_or_none()
        if row is None or row.key_ring_id != IN_CUSTODY or not row.wrapped:
            raise KeyMissing(consultation)
        share = (await asyncio.to_thread(self._shares.of, [row.share])).get(row.share)
        if share is None:
            raise KeyMissing(consultation)
        return EntrustedKey(row.wrapped, share, _Place.of(row).context)

    async def open_entrusted(self, connection: Connection, consultation: ConsultationId, secret: bytes) -> None:
        """Remember a recording's key in this process; `SealBroken` when `secret` is not what wraps it."""
        row = (await connection.execute(select(data_keys).where(_media_row(consultation)))).one()
        entrusted, place = await self.entrusted_key(connection, consultation), _Place.of(row)
        opened = _derived(secret, place, entrusted.share).open(entrusted.wrapped, context=place.context)
        self._remember(consultation, Purpose.MEDIA, DataKey(opened))

    async def _is_entrusted(self, connection: Connection, consultation: ConsultationId, purpose: Purpose) -> bool:
        query = select(data_keys.c.purpose).where(
            _media_row(consultation), data_keys.c.key_ring_id == IN_CUSTODY, data_keys.c.wrapped != b""
        )
        return purpose is Purpose.MEDIA and (await connection.execute(query)).first() is not None

    async def _is_destroyed(self, connection: Connection, consultation: ConsultationId, purpose: Purpose) -> bool:
        row = _Place(consultation, purpose, "", None).row
        query = select(data_keys.c.purpose).where(row, data_keys.c.wrapped == b"")
        return (await connection.execute(query)).first() is not None

    # The ring ---------------------------------------------------------------------------------------------------------

    @property
    def active_key(self) -> str:
        """The id of the ring's key that wraps what is new."""
        return self._ring.active

    async def rotate(self) -> int:
        """Make a fresh key-encryption key and wrap every data key by it; returns how many.

        The old one stays in the ring: backups need it. `KeyRing.forget` destroys it.
        """
        await asyncio.to_thread(self._ring.rotate)
        return await self.rewrap_all()

    async def rewrap_all(self) -> int:
        """Wrap every data key by the ring's active key and a share; returns how many. Safe to interrupt and repeat.

        A key whose share is not there stays as it is: the share may be in a backup.
        """
        changed, last = 0, ("", "")
        place = tuple_(data_keys.c.consultation, data_keys.c.purpose)
        while True:
            async with self._database.write() as connection:
                query = (
                    select(data_keys)
                    .where(
                        data_keys.c.key_ring_id.not_in([self._ring.active, IN_CUSTODY]),
                        data_keys.c.wrapped != b"",
                        place > last,
                    )
                    .order_by(data_keys.c.consultation, data_keys.c.purpose)
                    .limit(_REWRAP_BATCH)
                )
                rows = (await connection.execute(query)).all()
                changed += sum([await self._rewrap(connection, row) for row in rows])
            if len(rows) < _REWRAP_BATCH:
                return changed
            last = rows[-1].consultation, rows[-1].purpose

    async def require_shares(self) -> None:
        """Raise `KeySharesUnusable` when the file of the shares was lost: whatever needs one would seem destroyed."""
        if not await asyncio.to_thread(self._shares.is_empty):
            return
        query = select(data_keys.c.share).where(data_keys.c.share.is_not(None), data_keys.c.wrapped != b"").limit(1)
        async with self._database.read() as connection:
            if await connection.scalar(query) is not None:
                raise KeySharesUnusable(f"{self._shares.path} was lost: restore it from its backup")

    async def _rewrap(self, connection: Connection, row: "Row[Any]") -> bool:
        before = _Place.of(row)
        key = (await self._unwrapped([row])).get(before.consultation)
        if key is None:
            return False
        share = before.share or (await asyncio.to_thread(self._shares.fresh))[0]
        secret = (await asyncio.to_thread(self._shares.of, [share]))[share]
        after = before._replace(key_ring_id=self._ring.active, share=share)
        changes = {**after.columns, "wrapped": self._wrapped(after, secret, key)}
        await connection.execute(update(data_keys).where(after.row).values(**changes))
        return True

    async def has_key(self, connection: Connection, consultation: ConsultationId, purpose: Purpose) -> bool:
        """Whether there is, or was, such a key, even if it can't be had."""
        row = _Place(consultation, purpose, "", None).row
        return (await connection.execute(select(data_keys.c.purpose).where(row))).first() is not None

    async def _unwrapped(self, rows: Sequence["Row[Any]"]) -> dict[ConsultationId, DataKey]:
        """Return the keys in rows of one purpose, but those that were destroyed or are in custody."""
        rows = [row for row in rows if row.key_ring_id != IN_CUSTODY]
        if any(row.key_ring_id not in self._ring.ids for row in rows):
            await asyncio.to_thread(self._ring.refresh)
        wanted = [row.share for row in rows if row.share is not None]
        secrets = await asyncio.to_thread(self._shares.of, wanted) if wanted else {}
        found = {}
        for row in rows:
            place, secret = _Place.of(row), secrets.get(row.share)
            if row.wrapped and (secret is not None or place.share is None):
                wrapping = self._wrapping_key(place, secret)
                found[place.consultation] = DataKey(wrapping.open(row.wrapped, context=place.context))
        return found

    def _wrapped(self, place: "_Place", secret: bytes, key: DataKey) -> bytes:
        return self._wrapping_key(place, secret).seal(key.raw, context=place.context)

    def _wrapping_key(self, place: "_Place", secret: bytes | None) -> DataKey:
        ring_key = self._ring.key(place.key_ring_id)
        if secret is None:  # from before there were shares
            return DataKey(ring_key)
        return _derived(ring_key, place, secret)

    def _forget(self, consultation: ConsultationId, purpose: Purpose) -> None:
        self._keys.pop((consultation, purpose), None)

    def _remember(self, consultation: ConsultationId, purpose: Purpose, key: DataKey) -> None:
        self._keys[consultation, purpose] = key
        while len(self._keys) > _CACHED_KEYS:
            self._keys.popitem(last=False)


class _Place(NamedTuple):
    """Which data key it is, and what wraps it."""

    consultation: ConsultationId
    purpose: Purpose
    key_ring_id: str
    share: str | None

    @classmethod
    def of(cls, row: "Row[Any]") -> "_Place":
        return cls(ConsultationId(row.consultation), Purpose(row.purpose), row.key_ring_id, row.share)

    @property
    def row(self) -> "ColumnElement[bool]":
        return and_(data_keys.c.consultation == self.consultation, data_keys.c.purpose == self.purpose)

    @property
    def columns(self) -> dict[str, str | None]:
        return self._asdict()

    @property
    def context(self) -> str:
        """What the wrapped key is bound to."""
        if self.share is None:
            return f"consultation_keys/{self.consultation}/{self.key_ring_id}"
        return f"data_keys/{self.consultation}/{self.purpose}/{self.key_ring_id}/{self.share}"


def _derived(secret: bytes, place: _Place, share: bytes) -> DataKey:
    """Return what wraps a data key: made of a secret that wraps many or is kept elsewhere, and of the key's share."""
    return DataKey(HKDF(SHA256(), KEY_BYTES, salt=share, info=place.context.encode()).derive(secret))


def _media_row(consultation: ConsultationId) -> ColumnElement[bool]:
    return and_(data_keys.c.consultation == consultation, data_keys.c.purpose == Purpose.MEDIA)
