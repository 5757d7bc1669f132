"""STUN binding requests (RFC 8489) as an ICE-lite agent answers them (RFC 8445), sans I/O.

Only what ICE needs: a request with USERNAME, MESSAGE-INTEGRITY and FINGERPRINT in, a success response out. Parsing
never raises and does no cryptography before the user name is known to be ours, so that strangers cost little.
"""

import binascii
import hmac
import ipaddress
import struct
from dataclasses import dataclass
from typing import Final

Address = tuple[str, int]  # as the socket gives it, cut to host and port

_COOKIE: Final = 0x2112A442
_BINDING_REQUEST: Final = 0x0001
_BINDING_SUCCESS: Final = 0x0101
_USERNAME: Final = 0x0006
_MESSAGE_INTEGRITY: Final = 0x0008
_XOR_MAPPED_ADDRESS: Final = 0x0020
_USE_CANDIDATE: Final = 0x0025
_FINGERPRINT: Final = 0x8028
_FINGERPRINT_XOR: Final = 0x5354554E
_HEADER: Final = struct.Struct("!HHI")
_ATTRIBUTE: Final = struct.Struct("!HH")
_ATTRIBUTE_LIMIT: Final = 16
_SIZE_LIMIT: Final = 548  # RFC 8489, 6.1: what fits any path when the MTU is unknown


@dataclass(frozen=True, slots=True)
class BindingRequest:
    """A well-formed request whose FINGERPRINT is right; its MESSAGE-INTEGRITY is not yet checked."""

    data: bytes
    transaction_id: bytes
    local_ufrag: str  # ours: the part of USERNAME before the colon
    nominates: bool
    integrity_at: int  # offset of the MESSAGE-INTEGRITY attribute

    def is_authentic(self, password: str) -> bool:
        """Whether MESSAGE-INTEGRITY was made with `password`."""
        covered = bytearray(self.data[: self.integrity_at])
        struct.pack_into("!H", covered, 2, self.integrity_at - 20 + 24)
        expected = hmac.digest(password.encode(), covered, "sha1")
        return hmac.compare_digest(expected, self.data[self.integrity_at + 4 : self.integrity_at + 24])


def parse_binding_request(data: bytes) -> BindingRequest | None:  # noqa: C901, PLR0911, PLR0912 - one way out a rule
    """Read a binding request as ICE sends it, or None for everything else."""
    size = len(data)
    if not 20 <= size <= _SIZE_LIMIT:
        return None
    kind, length, cookie = _HEADER.unpack_from(data)
    if kind != _BINDING_REQUEST or cookie != _COOKIE or length != size - 20 or length % 4:
        return None
    ufrag: str | None = None
    nominates = False
    integrity_at = 0
    at = 20
    for _ in range(_ATTRIBUTE_LIMIT):
        if at + 4 > size:
            return None  # no FINGERPRINT before the end
        name, extent = _ATTRIBUTE.unpack_from(data, at)
        if at + 4 + extent > size:
            return None
        if name == _FINGERPRINT:
            if extent != 4 or at + 8 != size or not _fingerprint_is_right(data, at):
                return None
            break
        if integrity_at:
            return None  # only FINGERPRINT may follow MESSAGE-INTEGRITY
        if name == _MESSAGE_INTEGRITY:
            if extent != 20:
                return None
            integrity_at = at
        elif name == _USERNAME:
            ufrag = _local_part(data[at + 4 : at + 4 + extent])
        elif name == _USE_CANDIDATE:
            nominates = True
        at += 4 + (extent + 3) // 4 * 4
    else:
        return None
    if ufrag is None or not integrity_at:
        return None
    return BindingRequest(data, data[8:20], ufrag, nominates, integrity_at)


def binding_success(request: BindingRequest, address: Address, password: str) -> bytes:
    """Return the response that tells the sender its own address as seen here."""
    host = ipaddress.ip_address(address[0].partition("%")[0])
    if isinstance(host, ipaddress.IPv6Address) and host.ipv4_mapped is not None:
        host = host.ipv4_mapped  # what a socket for both families calls an IPv4 address
    pad = struct.pack("!I", _COOKIE) + request.transaction_id
    packed = bytes(a ^ b for a, b in zip(host.packed, pad, strict=False))
    value = struct.pack("!BBH", 0, 1 if host.version == 4 else 2, address[1] ^ (_COOKIE >> 16)) + packed
    body = _ATTRIBUTE.pack(_XOR_MAPPED_ADDRESS, len(value)) + value
    head = request.transaction_id
    covered = _HEADER.pack(_BINDING_SUCCESS, len(body) + 24, _COOKIE) + head + body
    body += _ATTRIBUTE.pack(_MESSAGE_INTEGRITY, 20) + hmac.digest(password.encode(), covered, "sha1")
    covered = _HEADER.pack(_BINDING_SUCCESS, len(body) + 8, _COOKIE) + head + body
    return covered + struct.pack("!HHI", _FINGERPRINT, 4, binascii.crc32(covered) ^ _FINGERPRINT_XOR)


def _fingerprint_is_right(data: bytes, at: int) -> bool:
    (value,) = struct.unpack_from("!I", data, at + 4)
    return bool(value == binascii.crc32(data[:at]) ^ _FINGERPRINT_XOR)


def _local_part(username: bytes) -> str | None:
    local, colon, remote = username.partition(b":")
    if not colon or not remote or not 4 <= len(local) <= 256 or not local.isascii():
        return None
    return local.decode("ascii")
