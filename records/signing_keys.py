"""The Ed25519 keys that sign the archive: one of them signs, the earlier ones only verify.

A key's private half is destroyed when the next one begins, so nobody who comes later can sign in its name. When each
began is in the access log too (`records/statements.py`): that, not the clock, says what a key could sign.
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from records.key_ring import KeyRingUnusable
from records.private_file import write_private

_ID_LETTERS: Final = 32


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """The public half. `id` is the beginning of its SHA-256, so a key can't pose as another."""

    raw: bytes
    began: datetime
    ended: datetime | None = None  # None: it signs now

    @property
    def id(self) -> str:
        """How statements and the access log call this key."""
        return key_id(self.raw)

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Whether the private half signed exactly `message`."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except InvalidSignature:
            return False
        return True


class SigningKeys:
    """The keys of one installation, in a JSON file that only its owner can read."""

    def __init__(self, path: Path, private: Ed25519PrivateKey, keys: tuple[VerifyingKey, ...]) -> None:
        self._path = path
        self._private = private
        self._keys = keys

    @classmethod
    def load_or_create(cls, path: Path, *, at: datetime) -> "SigningKeys":
        """Read the keys at `path`; make a first one, which begins `at`, where there are none."""
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            private = Ed25519PrivateKey.generate()
            keys = (VerifyingKey(private.public_key().public_bytes_raw(), at),)
            try:
                write_private(path, _written(private, keys), exclusive=True)
            except FileExistsError:
                pass  # another process was first; its keys are the keys
            else:
                return cls(path, private, keys)
        return cls(path, *_stored(path))

    @property
    def active(self) -> VerifyingKey:
        """The one that signs."""
        return self._keys[-1]

    @property
    def all(self) -> tuple[VerifyingKey, ...]:
        """Every key, oldest first."""
        return self._keys

    def find(self, wanted: str) -> VerifyingKey | None:
        """Return the key of an id, None when it never was one of ours."""
        return next((key for key in self._keys if key.id == wanted), None)

    def sign(self, message: bytes) -> bytes:
        """Return the active key's signature, 64 bytes."""
        return self._private.sign(message)

    def refresh(self) -> None:
        """Learn what another process changed in the file. Blocks."""
        self._private, self._keys = _stored(self._path)

    def rotate(self, *, at: datetime) -> VerifyingKey:
        """Begin a fresh key and destroy the private half of the one before; durable on return. Blocks."""
        private = Ed25519PrivateKey.generate()
        last = self._keys[-1]
        keys = (
            *self._keys[:-1],
            VerifyingKey(last.raw, last.began, at),
            VerifyingKey(private.public_key().public_bytes_raw(), at),
        )
        write_private(self._path, _written(private, keys), exclusive=False)
        self._private, self._keys = private, keys
        return self.active


def key_id(raw: bytes) -> str:
    """Return the id of a public key."""
    return hashlib.sha256(raw).hexdigest()[:_ID_LETTERS]


def _written(private: Ed25519PrivateKey, keys: tuple[VerifyingKey, ...]) -> dict[str, Any]:
    return {
        "private": base64.b64encode(private.private_bytes_raw()).decode(),
        "keys": [
            {
                "public": base64.b64encode(key.raw).decode(),
                "began": key.began.isoformat(),
                "ended": key.ended and key.ended.isoformat(),
            }
            for key in keys
        ],
    }


def _stored(path: Path) -> tuple[Ed25519PrivateKey, tuple[VerifyingKey, ...]]:
    if path.stat().st_mode & 0o077:
        raise KeyRingUnusable(f"{path} can be read by others; its mode must be 0600")
    try:
        stored = json.loads(path.read_text())
        private = Ed25519PrivateKey.from_private_bytes(base64.b64decode(stored["private"], validate=True))
        keys = tuple(
            VerifyingKey(
                base64.b64decode(each["public"], validate=True),
                datetime.fromisoformat(each["began"]),
                None if each["ended"] is None else datetime.fromisoformat(each["ended"]),
            )
            for each in stored["keys"]
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise KeyRingUnusable(f"{path} is damaged") from error
    if not keys or keys[-1].raw != private.public_key().public_bytes_raw():
        raise KeyRingUnusable(f"{path} is damaged")
    return private, keys
