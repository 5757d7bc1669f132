"""HPKE (RFC 9180, base mode): sealing something to somebody's public key, so that this program can't open it again.

DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM; what is sealed is encapsulated key (32) | ciphertext | tag (16).
`static/crypto/hpke.js` does the same in browsers.
"""

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from records.data_key import SealBroken

PUBLIC_KEY_BYTES: Final = 32

_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def is_public_key(raw: bytes) -> bool:
    """Whether something can be sealed to `raw`: 32 bytes, and no point that gives everybody the same secret."""
    try:
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(raw))
    except ValueError:
        return False
    return True


def seal_to(public_key: bytes, plaintext: bytes, *, context: str) -> bytes:
    """Seal for the holder of a private key, and for the place named by `context`."""
    return _SUITE.encrypt(plaintext, X25519PublicKey.from_public_bytes(public_key), context.encode())


def open_with(private_key: X25519PrivateKey, sealed: bytes, *, context: str) -> bytes:
    """Return what was sealed to this key for `context`; `SealBroken` when it was not."""
    try:
        return _SUITE.decrypt(sealed, private_key, context.encode())
    except (InvalidTag, ValueError):
        raise SealBroken(context) from None
