"""One consultation's key, and what is sealed with it: AES-256-GCM, bound to the place where it belongs."""

import os
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16


class SealBroken(Exception):
    """What was stored is not what was sealed: changed, moved to another row, or sealed under another key."""


class DataKey:
    """One consultation's key. What it seals is nonce (12) | ciphertext | tag (16)."""

    __slots__ = ("_aead", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw: Final = raw  # only for another process that works for us, such as the one that composes
        self._aead = AESGCM(raw)

    @classmethod
    def fresh(cls) -> "DataKey":
        """Return a new random key."""
        return cls(secrets.token_bytes(KEY_BYTES))

    def seal(self, plaintext: bytes, *, context: str) -> bytes:
        """Encrypt for the place named by `context`; the same words twice do not look the same."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, plaintext, context.encode())

    def open(self, sealed: bytes, *, context: str) -> bytes:
        """Return what was sealed for `context`, or raise `SealBroken`."""
        try:
            return self._aead.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context.encode())
        except (InvalidTag, ValueError):
            raise SealBroken(context) from None

    def __repr__(self) -> str:
        return "DataKey(…)"
