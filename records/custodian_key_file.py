"""A custodian's private key, in a file that opens with a passphrase and never lies on the server.

JSON: `{"type", "owner", "public_key", "kdf": {"name", "iterations", "salt"}, "sealed"}`, bytes in base64. `sealed` is
the private key (X25519, 32 bytes) under AES-256-GCM with a key that PBKDF2 makes of the passphrase; browsers have no
stronger function of their own. The page makes and opens the same file (`static/crypto/key-file.js`).
"""

import base64
import hashlib
import json
import os
import secrets
import unicodedata
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from records.data_key import KEY_BYTES, DataKey, SealBroken

TYPE: Final = "consilium-custodian-key/1"
PASSPHRASE_LEAST: Final = 14
FILE_LIMIT_BYTES: Final = 16 * 1024

_KDF: Final = "PBKDF2-HMAC-SHA256"
_ITERATIONS: Final = 1_000_000
_ITERATIONS_MOST: Final = 20_000_000
_SALT_BYTES: Final = 16


class KeyFileUnusable(Exception):
    """Not a custodian's key file, or it does not open with this passphrase."""


@dataclass(frozen=True, slots=True, repr=False)
class CustodianKey:
    """A custodian's key pair."""

    private: X25519PrivateKey

    @property
    def public(self) -> bytes:
        """The half that recordings are sealed to."""
        return self.private.public_key().public_bytes_raw()

    @property
    def fingerprint(self) -> str:
        """What the key is called."""
        return fingerprint_of(self.public)


def fingerprint_of(public_key: bytes) -> str:
    """Return a public key's SHA-256 in hex, by which people compare it."""
    return hashlib.sha256(public_key).hexdigest()


def fresh_key() -> CustodianKey:
    """Return a new random key pair."""
    return CustodianKey(X25519PrivateKey.generate())


def key_file(key: CustodianKey, *, owner: str, passphrase: str, iterations: int = _ITERATIONS) -> bytes:
    """Return the file's content; ValueError for a passphrase that is too short to be one."""
    if len(passphrase) < PASSPHRASE_LEAST:
        raise ValueError(f"a passphrase has at least {PASSPHRASE_LEAST} characters")
    salt = os.urandom(_SALT_BYTES)
    wrapping = _wrapping_key(passphrase, salt, iterations)
    content = {
        "type": TYPE,
        "owner": owner,
        "public_key": _text(key.public),
        "kdf": {"name": _KDF, "iterations": iterations, "salt": _text(salt)},
        "sealed": _text(wrapping.seal(key.private.private_bytes_raw(), context=_context(key.public))),
    }
    return json.dumps(content, ensure_ascii=False, indent=1).encode()


def opened(content: bytes, passphrase: str) -> CustodianKey:
    """Return the key in a file. `KeyFileUnusable` says what is wrong."""
    try:
        stored = json.loads(content) if len(content) <= FILE_LIMIT_BYTES else None
        public, salt, sealed, iterations = _read(stored)
    except (ValueError, TypeError, KeyError):
        raise KeyFileUnusable("this is not a custodian's key file") from None
    try:
        private = _wrapping_key(passphrase, salt, iterations).open(sealed, context=_context(public))
    except SealBroken:
        raise KeyFileUnusable("the passphrase is wrong, or the file was altered") from None
    key = CustodianKey(X25519PrivateKey.from_private_bytes(private))
    if not secrets.compare_digest(key.public, public):
        raise KeyFileUnusable("the file was altered")
    return key


def _read(stored: Any) -> tuple[bytes, bytes, bytes, int]:
    kdf = stored["kdf"]
    if stored["type"] != TYPE or kdf["name"] != _KDF:
        raise ValueError("another kind of file")
    iterations = kdf["iterations"]
    if not isinstance(iterations, int) or not 1 <= iterations <= _ITERATIONS_MOST:
        raise ValueError("iterations")
    public, salt, sealed = (
        base64.b64decode(text, validate=True) for text in (stored["public_key"], kdf["salt"], stored["sealed"])
    )
    return public, salt, sealed, iterations


def _wrapping_key(passphrase: str, salt: bytes, iterations: int) -> DataKey:
    typed = unicodedata.normalize("NFC", passphrase).encode()
    return DataKey(hashlib.pbkdf2_hmac("sha256", typed, salt, iterations, KEY_BYTES))


def _context(public: bytes) -> str:
    return f"{TYPE}/{fingerprint_of(public)}"


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
