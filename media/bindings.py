"""Every private name of aiortc, pylibsrtp and pyOpenSSL that the media plane leans on, and what it makes of them.

Only `dtls.py` imports pyOpenSSL besides, for public names. What is promised here is checked against the pinned versions
by `tests/contract/test_media_bindings.py`, so an upgrade that moves a private name fails there and not in a call.
"""

from dataclasses import dataclass
from typing import Any, Final

from aioice.ice import get_host_addresses
from aiortc import RTCCertificate
from cryptography.hazmat.primitives.hashes import SHA256
from OpenSSL import SSL
from pylibsrtp import Policy, Session
from pylibsrtp import _binding as _srtp  # private: packets are opened and sealed in place, without copies

_ffi: Final[Any] = _srtp.ffi
_lib: Final[Any] = _srtp.lib

# int f(context, pointer, length): works in place, sets the new length, returns 0 or an error number, never raises.
srtp_protect: Final[Any] = _lib.srtp_protect
srtp_unprotect: Final[Any] = _lib.srtp_unprotect
srtp_protect_rtcp: Final[Any] = _lib.srtp_protect_rtcp
srtp_unprotect_rtcp: Final[Any] = _lib.srtp_unprotect_rtcp
memmove: Final[Any] = _ffi.memmove  # memmove(pointer | buffer, pointer | buffer, size)

_DTLS_1_2: Final = 0xFEFD

SRTP_TRAILER_LIMIT: Final = 16 + 4 + 128  # bytes that sealing may add: tag, SRTCP index, MKI


class Buffer:
    """Fixed memory that libsrtp and the socket share: `octets` for Python, `view` for slices, `at(n)` for libsrtp."""

    __slots__ = ("octets", "pointer", "view")

    def __init__(self, size: int) -> None:
        self.octets = bytearray(size)
        self.view = memoryview(self.octets)
        self.pointer: Any = _ffi.from_buffer("char[]", self.octets)

    def at(self, offset: int) -> Any:
        """Return the address of the octet at `offset`."""
        return self.pointer + offset


def new_length() -> Any:
    """Return an `int *` for the in-place functions."""
    return _ffi.new("int *")


@dataclass(frozen=True, slots=True)
class SrtpProfile:
    """One way to seal packets (RFC 5764, 4.1.2 and RFC 7714, 14.2), with sizes in octets."""

    name: bytes
    number: int
    key_length: int
    salt_length: int

    @property
    def keying_length(self) -> int:
        """Octets of keying material for both directions."""
        return 2 * (self.key_length + self.salt_length)


# In the server's order of preference; it takes no other than the AEAD ones, which all present browsers offer.
SRTP_PROFILES: Final = (
    SrtpProfile(b"SRTP_AEAD_AES_128_GCM", Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 16, 12),
    SrtpProfile(b"SRTP_AEAD_AES_256_GCM", Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 32, 12),
    SrtpProfile(b"SRTP_AES128_CM_SHA1_80", Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 16, 14),  # for measuring peers only
)
AEAD_PROFILES: Final = SRTP_PROFILES[:2]


class SrtpSession:
    """One direction of one peer's SRTP. `context` is for the in-place functions and lives as long as this does."""

    __slots__ = ("_session", "context")

    def __init__(self, profile: SrtpProfile, key_and_salt: bytes, *, inbound: bool, window: int) -> None:
        policy = Policy(
            key=key_and_salt,
            ssrc_type=Policy.SSRC_ANY_INBOUND if inbound else Policy.SSRC_ANY_OUTBOUND,
            srtp_profile=profile.number,
        )
        policy.window_size = window
        self._session = Session(policy)
        self.context: Any = self._session._srtp[0]  # noqa: SLF001 - the reason for this module


class Certificate:
    """A self-signed ECDSA certificate, made once for each node; the offer carries its fingerprint."""

    def __init__(self) -> None:
        self._certificate = RTCCertificate.generateCertificate()

    @property
    def sha256(self) -> str:
        """The fingerprint as SDP writes it: hex pairs, upper case, with colons."""
        return next(f.value for f in self._certificate.getFingerprints() if f.algorithm == "sha-256")

    def context(self) -> SSL.Context:
        """Return a new DTLS server context that asks for the peer's certificate and leaves judging it to the caller."""
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_min_proto_version(_DTLS_1_2)
        context.set_max_proto_version(_DTLS_1_2)
        context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_QUERY_MTU | SSL.OP_NO_RENEGOTIATION)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)  # who came back by a session would prove nothing
        context.set_cookie_verify_callback(lambda *_: True)  # it is the caller who has verified it
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
        context.use_certificate(self._certificate._cert)  # noqa: SLF001
        context.use_privatekey(self._certificate._key)  # noqa: SLF001
        context.set_cipher_list(
            b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384"
        )
        context.set_tlsext_use_srtp(b":".join(profile.name for profile in AEAD_PROFILES))
        return context


def own_addresses(*, ipv6: bool) -> list[str]:
    """Return this machine's addresses of one family, without loopback and link-local ones."""
    return list(get_host_addresses(use_ipv4=not ipv6, use_ipv6=ipv6))


def peer_sha256(connection: SSL.Connection) -> str | None:
    """Return the fingerprint of the peer's certificate as SDP writes it, or None before it has sent one."""
    certificate = connection.get_peer_certificate(as_cryptography=True)
    if certificate is None:
        return None
    return ":".join(f"{octet:02X}" for octet in certificate.fingerprint(SHA256()))
