"""Random secrets that a browser holds and the server knows only by digest."""

import hashlib
import secrets
from typing import Final

_SECRET_BYTES: Final = 32
SECRET_CHARS: Final = 128  # longest accepted from outside


def new_secret() -> str:
    """Return 256 random bits, fit for a link or a cookie."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def digest_of(secret: str) -> bytes:
    """Return the SHA-256 digest that is stored. No salt or stretching: the secret is random, not chosen."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).digest()
