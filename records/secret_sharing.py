"""Parts of a secret, of which some number opens it and fewer say nothing about it (Shamir, GF(256)).

A part is one byte for each byte of the secret and its place on the curve; the only part of a secret that one person may
open is the secret. `static/crypto/secret-sharing.js` joins them in browsers.
"""

from collections.abc import Sequence

import pyshamir


def split(secret: bytes, *, into: int, quorum: int) -> list[bytes]:
    """Return `into` parts, any `quorum` of which make the secret."""
    if not 1 <= quorum <= into:
        raise ValueError("no fewer parts than it takes")
    if quorum == 1:
        return [secret] * into
    return [bytes(part) for part in pyshamir.split(secret, into, quorum)]


def joined(parts: Sequence[bytes], *, quorum: int) -> bytes:
    """Return the secret of at least `quorum` different parts. Parts of another secret give another one."""
    if len(parts) < quorum:
        raise ValueError("too few parts")
    if quorum == 1:
        return parts[0]
    return bytes(pyshamir.combine([bytearray(part) for part in parts[:quorum]]))
