"""The flight by which a DTLS client proves who it is, picked out of whatever else comes from its address.

Until both sides seal, anybody who can forge the client's address may send what looks like its messages. But only the
owner of the certificate whose fingerprint was signalled can sign the handshake (RFC 5246, 7.4.8); so what is signed is
the client's, and nothing else needs to be believed.
"""

import hashlib
from collections import deque
from itertools import product
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from media.dtls_records import (
    CERTIFICATE,
    CERTIFICATE_VERIFY,
    CLIENT_KEY_EXCHANGE,
    MESSAGE_HEADER,
    Fragment,
    Reassembly,
)

VARIANT_LIMIT: Final = 3  # messages kept of each kind, the newest: each needs a signature to be checked
FLIGHT: Final = (CERTIFICATE, CLIENT_KEY_EXCHANGE, CERTIFICATE_VERIFY)  # in their order
_HASHES: Final = {b"\x04\x03": hashes.SHA256(), b"\x05\x03": hashes.SHA384(), b"\x06\x03": hashes.SHA512()}


class ClientFlight:
    """Certificate, key exchange and proof of one client, behind a transcript of the handshake up to there.

    `first_seq` is the number of the client's message after its hello.
    """

    __slots__ = ("_first_seq", "_reassembly", "_transcript", "_variants")

    def __init__(self, transcript: bytes, first_seq: int) -> None:
        self._transcript = transcript
        self._first_seq = first_seq
        self._reassembly = Reassembly()
        self._variants = tuple(deque[bytes](maxlen=VARIANT_LIMIT) for _ in FLIGHT)

    def take(self, fragment: Fragment, sha256: str | None) -> bytes | None:
        """Return the three messages, once what has come so far holds a proof by the certificate of this fingerprint."""
        if fragment.kind not in FLIGHT or fragment.seq != self._first_seq + FLIGHT.index(fragment.kind):
            return None
        whole = self._reassembly.take(fragment)
        variants = self._variants[FLIGHT.index(fragment.kind)]
        if whole is None:
            return None
        if whole in variants:
            variants.remove(whole)
        variants.append(whole)
        return self.proved(sha256, whole)

    def proved(self, sha256: str | None, newest: bytes | None = None) -> bytes | None:
        """Return the three messages if they hold the proof; with `newest`, only such as include it are looked at."""
        certificates, exchanges, proofs = self._variants
        fitting = [each for each in certificates if _fingerprint(each) == sha256]
        for certificate, exchange, proof in product(fitting, reversed(exchanges), reversed(proofs)):
            flight = (certificate, exchange, proof)
            if newest is not None and newest not in flight:
                continue
            if _is_signed(self._transcript + certificate + exchange, proof, _leaf(certificate)):
                return b"".join(flight)
        return None


def _leaf(certificate: bytes) -> bytes:
    """Return the first certificate of a Certificate message, as it claims to be."""
    at = MESSAGE_HEADER + 3  # behind the length of the list
    return certificate[at + 3 : at + 3 + int.from_bytes(certificate[at : at + 3], "big")]


def _fingerprint(certificate: bytes) -> str:
    return hashlib.sha256(_leaf(certificate)).digest().hex(":").upper()


def _is_signed(transcript: bytes, proof: bytes, leaf: bytes) -> bool:
    """Whether `proof` is the certificate's signature; only ECDSA, as browsers make certificates unless told else."""
    algorithm = _HASHES.get(proof[MESSAGE_HEADER : MESSAGE_HEADER + 2])
    if algorithm is None:
        return False
    try:
        key = x509.load_der_x509_certificate(leaf).public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey):
            return False
        key.verify(proof[MESSAGE_HEADER + 4 :], transcript, ec.ECDSA(algorithm))
    except (InvalidSignature, ValueError):
        return False
    return True
