"""The server's side of one peer's DTLS handshake, on memory: datagrams in, datagrams and SRTP keys out.

OpenSSL sees only datagrams from addresses that have proved to know the ICE password (the caller's duty). Still, whoever
can forge the peer's own address may break a handshake in progress, so a broken one starts over with a fresh object.
"""

from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from typing import Final

from OpenSSL import SSL

from media.bindings import SRTP_PROFILES, peer_sha256
from media.srtp import SrtpKeys

DATAGRAM_LIMIT: Final = 1200  # octets of one datagram we send: below every path's limit
ATTEMPT_LIMIT: Final = 4  # handshakes for one connection: the first and three fresh ones
_EXPORTER: Final = b"EXTRACTOR-dtls_srtp"
_RECORD_HEADER: Final = 13
_PENDING_LIMIT: Final = 65536


class DtlsState(Enum):
    """How far it got. CLOSED: the peer said goodbye. FAILED: the last attempt broke, or the fingerprint is wrong."""

    HANDSHAKING = "handshaking"
    UNVERIFIED = "unverified"  # done, but the fingerprint that the peer signalled is not known yet
    ESTABLISHED = "established"
    CLOSED = "closed"
    FAILED = "failed"


class DtlsServer:
    """One peer's handshake. Drive it by `feed`, `verify`, and `expire` some twenty times a second.

    `send` is called with each datagram to send. `keys` is set once the state is ESTABLISHED, never earlier.
    """

    __slots__ = ("_attempts", "_context", "_send", "_ssl", "_verified", "keys", "state")

    def __init__(self, context: SSL.Context, send: Callable[[bytes], None]) -> None:
        self._context = context
        self._send = send
        self._verified: str | None = None
        self.state = DtlsState.HANDSHAKING
        self.keys: SrtpKeys | None = None
        self._attempts = 0
        self._begin()

    def verify(self, sha256: str) -> None:
        """Learn the fingerprint that the peer signalled (upper case, with colons). May come before or after the end."""
        self._verified = sha256
        if self.state is DtlsState.UNVERIFIED:
            self._establish()

    def feed(self, datagram: bytes) -> None:
        """Take one datagram from the peer."""
        if self.state in {DtlsState.CLOSED, DtlsState.FAILED}:
            return
        self._ssl.bio_write(datagram)
        self._step()

    def expire(self) -> None:
        """Retransmit when it is time (RFC 6347, 4.2.4); harmless when it is not."""
        if self.state is not DtlsState.HANDSHAKING:
            return
        try:
            self._ssl.DTLSv1_handle_timeout()
        except SSL.Error:
            self._restart()
        self._flush()

    def renew(self) -> None:
        """Start over with a fresh object: a handshake that stands still was disturbed. Bounded by ATTEMPT_LIMIT."""
        if self.state is DtlsState.HANDSHAKING:
            self._restart()

    def close(self) -> None:
        """Say goodbye (close_notify) if there is somebody to say it to."""
        if self.state in {DtlsState.UNVERIFIED, DtlsState.ESTABLISHED}:
            with suppress(SSL.Error):
                self._ssl.shutdown()
            self._flush()
        self.state = DtlsState.CLOSED
        self.keys = None

    def _begin(self) -> None:
        self._attempts += 1
        self._ssl = SSL.Connection(self._context)
        self._ssl.set_accept_state()
        self._ssl.set_ciphertext_mtu(DATAGRAM_LIMIT)

    def _restart(self) -> None:
        if self._attempts >= ATTEMPT_LIMIT:
            self.state = DtlsState.FAILED
        else:
            self._begin()

    def _step(self) -> None:
        try:
            if self.state is DtlsState.HANDSHAKING:
                self._ssl.do_handshake()
                self.state = DtlsState.UNVERIFIED
                if self._verified is not None:
                    self._establish()
            else:
                self._ssl.recv(DATAGRAM_LIMIT)  # nothing is expected but alerts and repeated handshake records
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self.state = DtlsState.CLOSED
        except SSL.Error:
            self._flush()  # the alert that says why
            if self.state is DtlsState.HANDSHAKING:
                self._restart()
            else:
                self.state = DtlsState.FAILED
        self._flush()

    def _establish(self) -> None:
        selected = self._ssl.get_selected_srtp_profile()
        profile = next((p for p in SRTP_PROFILES if p.name == selected), None)
        if profile is None or peer_sha256(self._ssl) != self._verified:
            self.state = DtlsState.FAILED
            return
        keying = self._ssl.export_keying_material(_EXPORTER, profile.keying_length)
        self.keys = SrtpKeys(profile, keying)
        self.state = DtlsState.ESTABLISHED

    def _flush(self) -> None:
        """Send what OpenSSL has written. Its memory knows no datagrams, so they are cut at record boundaries."""
        written = bytearray()
        try:
            while len(written) < _PENDING_LIMIT:
                written += self._ssl.bio_read(_PENDING_LIMIT)
        except SSL.WantReadError:
            pass
        for datagram in pack_records(bytes(written)):
            self._send(datagram)


def pack_records(written: bytes) -> list[bytes]:
    """Cut `written` at DTLS 1.2 record boundaries and pack whole records into datagrams of at most DATAGRAM_LIMIT."""
    datagrams: list[bytes] = []
    start = end = 0
    while end + _RECORD_HEADER <= len(written):
        following = end + _RECORD_HEADER + int.from_bytes(written[end + 11 : end + 13], "big")
        if following - start > DATAGRAM_LIMIT and end > start:
            datagrams.append(written[start:end])
            start = end
        end = min(following, len(written))
    if end > start:
        datagrams.append(written[start:end])
    return datagrams
