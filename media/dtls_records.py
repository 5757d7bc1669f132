"""DTLS 1.2 as it lies in datagrams (RFC 6347, 4): records, handshake messages and their fragments.

Reading never raises, and nothing that is read here is authentic.
"""

import struct
from collections import OrderedDict
from collections.abc import Iterator
from typing import Final, NamedTuple

CHANGE_CIPHER_SPEC: Final = 20
ALERT: Final = 21
HANDSHAKE: Final = 22
APPLICATION_DATA: Final = 23

CLIENT_HELLO: Final = 1
HELLO_VERIFY_REQUEST: Final = 3
CERTIFICATE: Final = 11
CERTIFICATE_VERIFY: Final = 15
CLIENT_KEY_EXCHANGE: Final = 16

RECORD_HEADER: Final = 13
MESSAGE_HEADER: Final = 12
MESSAGE_LIMIT: Final = 4096  # octets of a message's body; a browser's longest, its hello, has under 2000
UNFINISHED_LIMIT: Final = 8  # messages of which parts have come

_VERSION_1_0: Final = b"\xfe\xff"
_VERSION_1_2: Final = b"\xfe\xfd"
_RECORD: Final = struct.Struct("!B2sHHIH")  # kind, version, epoch, number (in two), length
_COOKIE_AT: Final = 34  # in a hello: behind the version and what is random, the session's id comes first


class Record(NamedTuple):
    """One record. `octets` is all of it; from the second epoch on its body is sealed."""

    kind: int
    epoch: int
    octets: bytes

    @property
    def body(self) -> bytes:
        """What is behind the header."""
        return self.octets[RECORD_HEADER:]


class Fragment(NamedTuple):
    """A part of a handshake message, or all of it. `length` is the whole message's, without its header."""

    kind: int
    length: int
    seq: int
    offset: int
    body: bytes


def records(datagram: bytes) -> Iterator[Record]:
    """Yield the records of a datagram, up to the first that is not one."""
    at = 0
    while at + RECORD_HEADER <= len(datagram):
        kind, version, epoch, _, _, length = _RECORD.unpack_from(datagram, at)
        end = at + RECORD_HEADER + length
        if not CHANGE_CIPHER_SPEC <= kind <= APPLICATION_DATA or version[0] != 0xFE or end > len(datagram):
            return
        yield Record(kind, epoch, datagram[at:end])
        at = end


def record(kind: int, number: int, body: bytes) -> bytes:
    """Return a record of the first epoch, in which nothing is sealed."""
    return _RECORD.pack(kind, _VERSION_1_2, 0, number >> 32, number & 0xFFFFFFFF, len(body)) + body


def fragments(body: bytes) -> Iterator[Fragment]:
    """Yield the fragments in a handshake record's body, up to the first that is not one."""
    at = 0
    while at + MESSAGE_HEADER <= len(body):
        kind, length = body[at], int.from_bytes(body[at + 1 : at + 4], "big")
        seq, offset = int.from_bytes(body[at + 4 : at + 6], "big"), int.from_bytes(body[at + 6 : at + 9], "big")
        end = at + MESSAGE_HEADER + int.from_bytes(body[at + 9 : at + 12], "big")
        if end > len(body) or offset + end - at - MESSAGE_HEADER > length or length > MESSAGE_LIMIT:
            return
        yield Fragment(kind, length, seq, offset, body[at + MESSAGE_HEADER : end])
        at = end


def message(kind: int, seq: int, body: bytes) -> bytes:
    """Return a whole message with its header, as it is sent in one piece and counted in the transcript."""
    length = len(body).to_bytes(3, "big")
    return bytes([kind]) + length + seq.to_bytes(2, "big") + bytes(3) + length + body


def cookie_of(hello: bytes) -> bytes | None:
    """Return the cookie in the body of a client's hello, of which the beginning is enough; None if it is not one."""
    at = _COOKIE_AT + 1 + hello[_COOKIE_AT] if len(hello) > _COOKIE_AT else len(hello)
    if at >= len(hello) or at + 1 + hello[at] > len(hello):
        return None
    return hello[at + 1 : at + 1 + hello[at]]


def hello_verify_request(cookie: bytes) -> bytes:
    """Return the record that asks for a hello with `cookie` (RFC 6347, 4.2.1).

    Always the same one, with the number before those of our answer, so that none of the answer's is used up by it.
    """
    return record(HANDSHAKE, 0, message(HELLO_VERIFY_REQUEST, 0, _VERSION_1_0 + bytes([len(cookie)]) + cookie))


class Reassembly:
    """Makes messages whole of their fragments, where the newer one holds: whoever sends again has the last word."""

    __slots__ = ("_unfinished",)

    def __init__(self) -> None:
        self._unfinished: OrderedDict[tuple[int, int, int], tuple[bytearray, bytearray]] = OrderedDict()

    def take(self, fragment: Fragment) -> bytes | None:
        """Return the whole message, header first, if this fragment leaves nothing missing."""
        if len(fragment.body) == fragment.length:
            return message(fragment.kind, fragment.seq, fragment.body)
        key = (fragment.kind, fragment.seq, fragment.length)
        if key not in self._unfinished:
            self._unfinished[key] = (bytearray(fragment.length), bytearray(b"\1" * fragment.length))
        body, missing = self._unfinished[key]
        end = fragment.offset + len(fragment.body)
        body[fragment.offset : end] = fragment.body
        missing[fragment.offset : end] = bytes(len(fragment.body))
        self._unfinished.move_to_end(key)
        if len(self._unfinished) > UNFINISHED_LIMIT:
            self._unfinished.popitem(last=False)
        return message(fragment.kind, fragment.seq, bytes(body)) if 1 not in missing else None


def pack_records(written: bytes, limit: int) -> list[bytes]:
    """Cut `written` at its records and pack them whole into datagrams of at most `limit` octets."""
    datagrams: list[bytes] = []
    start = end = 0
    while end + RECORD_HEADER <= len(written):
        following = end + RECORD_HEADER + int.from_bytes(written[end + 11 : end + 13], "big")
        if following - start > limit and end > start:
            datagrams.append(written[start:end])
            start = end
        end = min(following, len(written))
    if end > start:
        datagrams.append(written[start:end])
    return datagrams
