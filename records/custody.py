"""Recordings in custody: their keys open only with parts that custodians hold outside of the server.

While a visit is recorded and its film is made, the server keeps the recording's key as it keeps all others, so that a
crash loses nothing. After that the key is wrapped by a fresh secret, the secret is split among the custodians' keys in
force and forgotten, and so is the key. What stays here, the wrapped key and its share, opens nothing alone; but nothing
opens without it, either, so a recording can still be destroyed (`records/key_shares.py`).
"""

import asyncio
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import exists, insert, select, update

from care.custodian_key import CustodianKey
from care.recording import RecordingState
from care.release import CustodyPart, EntrustedKey, ReleaseState
from kernel.errors import NotFound
from kernel.ids import ConsultationId, CustodianKeyId, UserId
from records import custodian_key_file, hpke, secret_sharing
from records.custodian_keys import SqlCustodianKeys
from records.data_key import KEY_BYTES
from records.engine import Connection, Database
from records.sealing import IN_CUSTODY, Purpose, Sealer
from records.tables import custodian_keys, custody_parts, data_keys, recordings, releases

_BATCH: Final = 100


class TooFewKeys(Exception):
    """These key files don't open the recording: fewer than it takes, or others."""


class Custody:
    """Gives recordings into custody, and opens them with custodians' key files. Methods are for the event loop."""

    def __init__(self, database: Database, sealer: Sealer, *, quorum: int) -> None:
        """`quorum` is how many custodians it takes to open what is given into custody from now on."""
        self._database = database
        self._sealer = sealer
        self.quorum: Final = quorum

    async def sweep(self) -> int:
        """Give every recording into custody whose film is made; return how many. Nothing without enough keys."""
        await self._sealer.destroy_retired_shares()
        given, after = 0, ""
        while True:
            async with self._database.read() as connection:
                if len(await SqlCustodianKeys(connection).receiving()) < self.quorum:
                    return given
                found = await _made(connection, after=after)
            for consultation in found:
                given += await self._give(consultation)
            await self._sealer.destroy_retired_shares()
            if len(found) < _BATCH:
                return given
            after = found[-1]

    async def reseal(
        self, consultation: ConsultationId, keys: Sequence[custodian_key_file.CustodianKey], *, at: datetime
    ) -> None:
        """Split a recording's key anew among the keys in force now; `TooFewKeys` as `open`.

        Requests for it that go on are ended: what was given for them opens nothing any more.
        """
        async with self._database.write() as connection:
            receiving = await SqlCustodianKeys(connection).receiving()
            if len(receiving) < self.quorum:
                raise TooFewKeys(f"{len(receiving)} custodians' keys are in force, {self.quorum} are needed")
            await self._open(connection, consultation, keys)
            await self._entrust(connection, consultation, receiving)
            going_on = releases.c.state.in_((ReleaseState.ASKED, ReleaseState.GRANTED))
            ended = update(releases).where(releases.c.consultation == consultation, going_on)
            await connection.execute(ended.values(state=ReleaseState.WITHDRAWN, ended_at=at))
        await self._sealer.destroy_retired_shares()

    async def open(self, consultation: ConsultationId, keys: Sequence[custodian_key_file.CustodianKey]) -> None:
        """Let this process, and no other, open a recording from now on. `TooFewKeys`; `NotFound` if not in custody."""
        async with self._database.write() as connection:
            await self._open(connection, consultation, keys)

    async def given(self) -> list[ConsultationId]:
        """Return every recording that is in custody."""
        async with self._database.read() as connection:
            query = select(data_keys.c.consultation).where(
                data_keys.c.key_ring_id == IN_CUSTODY, data_keys.c.wrapped != b""
            )
            return [ConsultationId(each) for each in await connection.scalars(query.order_by("consultation"))]

    async def _give(self, consultation: ConsultationId) -> bool:
        async with self._database.write() as connection:
            receiving = await SqlCustodianKeys(connection).receiving()
            keys = [
                (await self._sealer.keys(connection, [consultation], purpose)).get(consultation)
                for purpose in (Purpose.MEDIA, Purpose.RECORD)
            ]
            if len(receiving) < self.quorum or keys[0] is None:
                return False
            if keys[1] is not None and keys[0].raw == keys[1].raw:
                return False  # from before recordings had keys of their own: the server needs it for the record
            await self._entrust(connection, consultation, receiving)
            return True

    async def _entrust(self, connection: Connection, consultation: ConsultationId, to: Sequence[CustodianKey]) -> None:
        secret = secrets.token_bytes(KEY_BYTES)
        await self._sealer.entrust(connection, consultation, secret)
        parts = await asyncio.to_thread(secret_sharing.split, secret, into=len(to), quorum=self.quorum)
        rows = [
            {
                "consultation": consultation,
                "custodian_key": key.id,
                "quorum": self.quorum,
                "sealed": hpke.seal_to(key.public_key, part, context=part_context(consultation, key.id)),
            }
            for key, part in zip(to, parts, strict=True)
        ]
        await connection.execute(insert(custody_parts), rows)

    async def _open(
        self, connection: Connection, consultation: ConsultationId, keys: Sequence[custodian_key_file.CustodianKey]
    ) -> None:
        custody = SqlCustody(connection, self._sealer)
        quorum = await custody.quorum_of(consultation)
        if quorum is None:
            raise NotFound
        opened = []
        for key in {key.fingerprint: key for key in keys}.values():
            part = await custody.part_for_key(consultation, CustodianKeyId(key.fingerprint))
            if part is not None:
                context = part_context(consultation, part.custodian_key)
                opened.append(hpke.open_with(key.private, part.sealed, context=context))
        if len(opened) < quorum:
            raise TooFewKeys(f"{quorum} of the custodians' key files are needed, {len(opened)} of these fit")
        secret = await asyncio.to_thread(secret_sharing.joined, opened, quorum=quorum)
        await self._sealer.open_entrusted(connection, consultation, secret)


class SqlCustody:
    """Implements `care.ports.CustodyRepository`."""

    def __init__(self, connection: Connection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer

    async def quorum_of(self, consultation: ConsultationId) -> int | None:
        query = (
            select(custody_parts.c.quorum)
            .join(data_keys, data_keys.c.consultation == custody_parts.c.consultation)
            .where(
                custody_parts.c.consultation == consultation,
                data_keys.c.purpose == Purpose.MEDIA,
                data_keys.c.key_ring_id == IN_CUSTODY,
                data_keys.c.wrapped != b"",
            )
            .limit(1)
        )
        quorum: int | None = await self._connection.scalar(query)
        return quorum

    async def part_for(self, consultation: ConsultationId, custodian: UserId) -> CustodyPart | None:
        query = (
            select(custody_parts.c.custodian_key)
            .join(custodian_keys, custodian_keys.c.id == custody_parts.c.custodian_key)
            .where(custody_parts.c.consultation == consultation, custodian_keys.c.owner == custodian)
            .limit(1)
        )
        key = await self._connection.scalar(query)
        return None if key is None else await self.part_for_key(consultation, CustodianKeyId(key))

    async def part_for_key(self, consultation: ConsultationId, key: CustodianKeyId) -> CustodyPart | None:
        """Return the part that is sealed to a key."""
        query = select(custody_parts.c.sealed).where(
            custody_parts.c.consultation == consultation, custody_parts.c.custodian_key == key
        )
        sealed = await self._connection.scalar(query)
        return None if sealed is None else CustodyPart(key, sealed)

    async def holders(self, consultation: ConsultationId) -> list[UserId]:
        query = (
            select(custodian_keys.c.owner)
            .join(custody_parts, custody_parts.c.custodian_key == custodian_keys.c.id)
            .where(custody_parts.c.consultation == consultation)
            .order_by(custodian_keys.c.owner)
        )
        return [UserId(owner) for owner in await self._connection.scalars(query)]

    async def entrusted_key(self, consultation: ConsultationId) -> EntrustedKey:
        return await self._sealer.entrusted_key(self._connection, consultation)


def part_context(consultation: ConsultationId, key: CustodianKeyId) -> str:
    """Return what a custodian's part is bound to; the browser says the same (`static/crypto/custody.js`)."""
    return f"custody/{consultation}/{key}"


async def _made(connection: Connection, *, after: str) -> list[ConsultationId]:
    """Return recordings whose film is made and whose key is the server's, some by id."""
    query = (
        select(recordings.c.consultation)
        .where(
            recordings.c.state == RecordingState.READY,
            recordings.c.consultation > after,
            exists().where(
                data_keys.c.consultation == recordings.c.consultation,
                data_keys.c.purpose == Purpose.MEDIA,
                data_keys.c.key_ring_id != IN_CUSTODY,
                data_keys.c.wrapped != b"",
            ),
        )
        .order_by(recordings.c.consultation)
        .limit(_BATCH)
    )
    return [ConsultationId(each) for each in await connection.scalars(query)]
