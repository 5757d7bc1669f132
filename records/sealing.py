"""Encryption at rest: a key ring, a data key for each consultation, and sealing with the row's identity."""

import asyncio
import base64
import json
import os
import re
import secrets
from collections import OrderedDict
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import insert, select, update

from kernel.ids import ConsultationId
from records.engine import Connection, Database
from records.tables import consultation_keys

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_CACHED_KEYS: Final = 4096
_REWRAP_BATCH: Final = 500
_KEY_ID: Final = re.compile(r"k[1-9][0-9]{0,8}")


class SealBroken(Exception):
    """What was stored is not what was sealed: changed, moved to another row, or sealed under another key."""


class KeyMissing(Exception):
    """The consultation has no data key, so nothing of it was ever sealed."""


class KeyRingUnusable(Exception):
    """The key ring's file is readable by others, damaged, or lacks a key that is needed."""


class KeyRing:
    """Secrets of 256 bits by id, one of them active, in a JSON file that only the owner can read.

    The active key protects what is new; the others remain to open what is old, until `forget`.
    """

    def __init__(self, path: Path, *, active: str, keys: dict[str, bytes]) -> None:
        self._path = path
        self._active = active
        self._keys = keys

    @classmethod
    def load_or_create(cls, path: Path) -> "KeyRing":
        """Read the ring at `path`; make one with a single fresh key where there is none."""
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            ring = cls(path, active="k1", keys={"k1": secrets.token_bytes(_KEY_BYTES)})
            try:
                ring._write(exclusive=True)
            except FileExistsError:
                pass  # another process was first; its ring is the ring
            else:
                return ring
        active, keys = _stored(path)
        return cls(path, active=active, keys=keys)

    @property
    def active(self) -> str:
        """The id of the key for what is new."""
        return self._active

    @property
    def ids(self) -> tuple[str, ...]:
        """Every key's id, oldest first."""
        return tuple(sorted(self._keys, key=lambda key_id: int(key_id[1:])))

    def key(self, key_id: str) -> bytes:
        """Return the secret called `key_id`."""
        try:
            return self._keys[key_id]
        except KeyError:
            raise KeyRingUnusable(f"{self._path} has no key {key_id}") from None

    def refresh(self) -> None:
        """Learn what another process changed in the file."""
        self._active, self._keys = _stored(self._path)

    def rotate(self) -> str:
        """Add a fresh key, make it the active one, and return its id once it is durable."""
        newest = int(self.ids[-1][1:])
        fresh = f"k{newest + 1}"
        changed = KeyRing(self._path, active=fresh, keys={**self._keys, fresh: secrets.token_bytes(_KEY_BYTES)})
        changed._write(exclusive=False)
        self._active, self._keys = changed._active, changed._keys
        return fresh

    def forget(self, key_id: str) -> None:
        """Destroy an old key. What is still wrapped by it can never be opened again."""
        if key_id == self._active:
            raise ValueError("the active key can't be forgotten")
        changed = KeyRing(self._path, active=self._active, keys={k: v for k, v in self._keys.items() if k != key_id})
        changed._write(exclusive=False)
        self._keys = changed._keys

    def _write(self, *, exclusive: bool) -> None:
        """Make the file equal to this ring, whole or not at all, durable on return."""
        text = {"active": self._active, "keys": {k: base64.b64encode(v).decode() for k, v in self._keys.items()}}
        temporary = self._path.with_name(f".{self._path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                json.dump(text, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            if exclusive:
                os.link(temporary, self._path)
            else:
                temporary.replace(self._path)
        finally:
            temporary.unlink(missing_ok=True)
        directory = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _stored(path: Path) -> tuple[str, dict[str, bytes]]:
    """Return the active key's id and all keys of the ring in a file."""
    if path.stat().st_mode & 0o077:
        raise KeyRingUnusable(f"{path} can be read by others; its mode must be 0600")
    try:
        stored = json.loads(path.read_text())
        keys = {str(key_id): base64.b64decode(text, validate=True) for key_id, text in stored["keys"].items()}
        active = str(stored["active"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise KeyRingUnusable(f"{path} is damaged") from error
    sound = all(_KEY_ID.fullmatch(key_id) and len(key) == _KEY_BYTES for key_id, key in keys.items())
    if active not in keys or not sound:
        raise KeyRingUnusable(f"{path} is damaged")
    return active, keys


class DataKey:
    """One consultation's key. What it seals is nonce (12) | ciphertext | tag (16)."""

    __slots__ = ("_aead", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw: Final = raw  # only for another process that works for us, such as the one that composes
        self._aead = AESGCM(raw)

    def seal(self, plaintext: bytes, *, context: str) -> bytes:
        """Encrypt for the place named by `context`; the same words twice do not look the same."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, plaintext, context.encode())

    def open(self, sealed: bytes, *, context: str) -> bytes:
        """Return what was sealed for `context`, or raise `SealBroken`."""
        try:
            return self._aead.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context.encode())
        except (InvalidTag, ValueError):
            raise SealBroken(context) from None

    def __repr__(self) -> str:
        return "DataKey(…)"


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
        cached = self._keys.get(consultation)
        if cached is not None:
            self._keys.move_to_end(consultation)
            return cached
        row = (
            await connection.execute(
                select(consultation_keys.c.key_ring_id, consultation_keys.c.wrapped).where(
                    consultation_keys.c.consultation == consultation
                )
            )
        ).one_or_none()
        if row is not None:
            if row.key_ring_id not in self._ring.ids:
                await asyncio.to_thread(self._ring.refresh)
            key = self._unwrap(consultation, row.key_ring_id, row.wrapped)
        else:
            if not connection.is_writer:
                raise KeyMissing(consultation)
            # Within the writer's turn: once a rotation has rewrapped everything, nobody wraps by the old key again.
            await asyncio.to_thread(self._ring.refresh)
            key = DataKey(secrets.token_bytes(_KEY_BYTES))
            await connection.execute(
                insert(consultation_keys).values(
                    consultation=consultation,
                    key_ring_id=self._ring.active,
                    wrapped=self._wrap(consultation, key),
                )
            )
        if connection.is_writer:
            connection.after_commit(lambda: self._remember(consultation, key))
        else:
            self._remember(consultation, key)
        return key

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
