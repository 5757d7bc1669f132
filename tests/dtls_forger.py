"""Who forges a peer's own address, sees nothing of what passes, and wants its DTLS handshake to break."""

import random
from contextlib import suppress
from typing import Final

from OpenSSL import SSL

from media.bindings import Certificate
from media.dtls_records import (
    ALERT,
    APPLICATION_DATA,
    CERTIFICATE,
    CERTIFICATE_VERIFY,
    CHANGE_CIPHER_SPEC,
    CLIENT_HELLO,
    CLIENT_KEY_EXCHANGE,
    HANDSHAKE,
    MESSAGE_HEADER,
    RECORD_HEADER,
    message,
    record,
)
from media.plane import UdpMediaPlane
from media.stun import Address

FAR: Final = 2**47  # a record number that leaves every honest one far behind
_DRAW = random.Random(3)


def client_hello() -> bytes:
    """Return the first datagram of another client."""
    other = SSL.Connection(Certificate().context())
    other.set_connect_state()
    other.set_ciphertext_mtu(1200)
    with suppress(SSL.WantReadError):
        other.do_handshake()
    return other.bio_read(65536)


def _handshake(kind: int, seq: int, body: bytes, *, number: int = 90) -> bytes:
    return record(HANDSHAKE, number, message(kind, seq, body))


def _fragment(kind: int, seq: int, length: int, offset: int, body: bytes) -> bytes:
    head = bytes([kind]) + length.to_bytes(3, "big") + seq.to_bytes(2, "big")
    return record(HANDSHAKE, 91, head + offset.to_bytes(3, "big") + len(body).to_bytes(3, "big") + body)


def _sealed(kind: int, body: bytes, *, epoch: int = 1) -> bytes:
    return (
        bytes([kind]) + b"\xfe\xfd" + epoch.to_bytes(2, "big") + bytes(5) + b"\7" + len(body).to_bytes(2, "big") + body
    )


def _flight(seq: int) -> bytes:
    """Return what looks like a client's second flight, from the message `seq` on."""
    leaf = _DRAW.randbytes(300)
    inner = len(leaf).to_bytes(3, "big") + leaf
    return (
        _handshake(CERTIFICATE, seq, len(inner).to_bytes(3, "big") + inner)
        + _handshake(CLIENT_KEY_EXCHANGE, seq + 1, b"\x41\x04" + _DRAW.randbytes(64))
        + _handshake(CERTIFICATE_VERIFY, seq + 2, b"\x04\x03\x00\x48" + _DRAW.randbytes(72))
        + record(CHANGE_CIPHER_SPEC, 99, b"\x01")
        + _sealed(HANDSHAKE, _DRAW.randbytes(48))
    )


def forgeries() -> dict[str, list[bytes]]:
    """Return datagrams of every kind that is known to break a handshake, by what they are."""
    hello = client_hello()
    beginning = hello[RECORD_HEADER + MESSAGE_HEADER :][:35]  # up to where the cookie comes
    far = hello[:5] + FAR.to_bytes(6, "big") + hello[11:]
    return {
        "another hello": [hello],
        "a hello far ahead": [far],
        "parts of a hello": [
            _fragment(CLIENT_HELLO, 1, 300, 150, bytes(150)),
            _fragment(CLIENT_HELLO, 0, 90, 0, hello[25:75]),
        ],
        "a hello with a cookie": [_handshake(CLIENT_HELLO, 1, beginning + b"\x10" + bytes(60))],
        "fatal alerts": [record(ALERT, number, bytes([2, code])) for number, code in enumerate((40, 10, 20, 50, 80))],
        "a goodbye": [record(ALERT, 5, b"\1\0"), record(ALERT, FAR, b"\1\0")],
        "change of cipher": [record(CHANGE_CIPHER_SPEC, number, b"\x01") for number in (1, 6, FAR)],
        "application data": [record(APPLICATION_DATA, 7, bytes(40))],
        "flights": [_flight(seq) for seq in (1, 2, 3)],
        "messages out of order": [_handshake(kind, seq, bytes(60)) for kind in (14, 16, 20) for seq in (2, 5)],
        "parts mid-flight": [
            _fragment(kind, seq, 320, at, _DRAW.randbytes(80))
            for kind, seq in ((CERTIFICATE, 2), (CLIENT_KEY_EXCHANGE, 3), (CERTIFICATE_VERIFY, 4))
            for at in (0, 200)
        ],
        "sealed": [_sealed(kind, _DRAW.randbytes(48)) for kind in (20, 21, 22, 23)],
        "a later epoch": [_sealed(HANDSHAKE, _DRAW.randbytes(48), epoch=epoch) for epoch in (2, 65535)],
        "lengths that lie": [
            record(HANDSHAKE, 9, b"\x10\xff\xff\xff" + bytes(8)),
            record(HANDSHAKE, 9, b"\x0b" + bytes(3)),
        ],
        "another version": [b"\x16\x03\x03" + hello[3:]],
        "garbage": [bytes([kind]) + _DRAW.randbytes(60) for kind in (20, 22, 25, 44, 63)],
        "empty and cut": [record(HANDSHAKE, 8, b""), hello[:40], hello[:-3], b"\x16\xfe\xfd"],
    }


class Forger:
    """Sends forgeries and everything that a peer has sent before, ahead of each of its datagrams and behind it."""

    def __init__(self, plane: UdpMediaPlane) -> None:
        self.forged = 0
        self.forgeries = [each for kind in forgeries().values() for each in kind]
        self._deliver = plane._socket._on_dtls
        self._seen: dict[Address, list[bytes]] = {}
        plane._socket._on_dtls = self._arrive

    def attack(self, address: Address) -> None:
        """Send everything once, as from `address`."""
        for each in (*self.forgeries, *self._seen.get(address, ())):
            self.forged += 1
            self._deliver(each, address)

    def _arrive(self, datagram: bytes, address: Address) -> None:
        self.attack(address)
        self._deliver(datagram, address)
        self.attack(address)
        self._seen.setdefault(address, []).append(datagram)
