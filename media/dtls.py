"""The server's side of one peer's DTLS handshake, on memory: datagrams in, datagrams and SRTP keys out.

Whoever knows the peer's address may forge datagrams from there. So OpenSSL, which ends a handshake at the first odd
message, is given nothing that the peer has not proved to have sent: a hello with the cookie that went to its address,
the flight that its certificate has signed, and after that what is sealed. All else is passed over.
"""

import hmac
import secrets
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from typing import Final

from OpenSSL import SSL

from media.bindings import SRTP_PROFILES, peer_sha256
from media.dtls_flight import ClientFlight
from media.dtls_records import (
    CHANGE_CIPHER_SPEC,
    CLIENT_HELLO,
    HANDSHAKE,
    MESSAGE_HEADER,
    Fragment,
    Reassembly,
    cookie_of,
    fragments,
    hello_verify_request,
    pack_records,
    record,
    records,
)
from media.srtp import SrtpKeys

DATAGRAM_LIMIT: Final = 1200  # octets of one datagram we send: below every path's limit
HELD_LIMIT: Final = 16  # sealed records kept until the flight before them is proved
_COOKIE_OCTETS: Final = 16
_EXPORTER: Final = b"EXTRACTOR-dtls_srtp"
_PENDING_LIMIT: Final = 65536


class DtlsState(Enum):
    """How far it got. CLOSED: the peer said goodbye. FAILED: the peer, and nobody in its name, did what can't be."""

    HANDSHAKING = "handshaking"
    ESTABLISHED = "established"
    CLOSED = "closed"
    FAILED = "failed"


class DtlsServer:
    """One peer's handshake. Drive it by `feed`, `verify`, and `expire` some twenty times a second.

    `send` is called with each datagram to send. `keys` is set once the state is ESTABLISHED, never earlier. A handshake
    that gets nowhere stays HANDSHAKING; whoever drives it sets the deadline.
    """

    __slots__ = (
        "_answer",
        "_context",
        "_cookie",
        "_flight",
        "_held",
        "_hello",
        "_hello_parts",
        "_number",
        "_send",
        "_ssl",
        "_verified",
        "keys",
        "state",
    )

    def __init__(self, context: SSL.Context, send: Callable[[bytes], None]) -> None:
        self._context = context
        self._send = send
        self._cookie = secrets.token_bytes(_COOKIE_OCTETS)
        self._verified: str | None = None
        self._number = 0  # of the last record in clear that OpenSSL was given: nothing proves the peer's own numbers
        self._hello_parts = Reassembly()
        self._hello = b""
        self._answer = b""  # to the hello
        self._ssl: SSL.Connection | None = None
        self._flight: ClientFlight | None = None  # until it is proved
        self._held: deque[bytes] = deque(maxlen=HELD_LIMIT)
        self.state = DtlsState.HANDSHAKING
        self.keys: SrtpKeys | None = None

    def verify(self, sha256: str) -> None:
        """Learn the fingerprint that the peer signalled (upper case, with colons). May come at any time."""
        self._verified = sha256
        if self._flight is not None:
            self._go_on(self._flight.proved(sha256))

    def feed(self, datagram: bytes) -> None:
        """Take one datagram that came from the peer's address."""
        for each in records(datagram):
            if self.state in {DtlsState.CLOSED, DtlsState.FAILED}:
                return
            if each.epoch == 1:
                self._take_sealed(each.octets)
            elif each.epoch == 0 and each.kind == HANDSHAKE and (self._ssl is None or self._flight is not None):
                for fragment in fragments(each.body):
                    self._take(fragment)

    def expire(self) -> None:
        """Retransmit when it is time (RFC 6347, 4.2.4); harmless when it is not."""
        if self.state is DtlsState.HANDSHAKING and self._ssl is not None:
            try:
                self._ssl.DTLSv1_handle_timeout()
            except SSL.Error:  # so often that OpenSSL gives up; the peer may begin anew
                self._flush(self._ssl)
                self._forget()
            else:
                self._flush(self._ssl)

    def close(self) -> None:
        """Say goodbye (close_notify) if there is somebody to say it to."""
        if self.state is DtlsState.ESTABLISHED and self._ssl is not None:
            with suppress(SSL.Error):
                self._ssl.shutdown()
            self._flush(self._ssl)
        self.state = DtlsState.CLOSED
        self.keys = None

    def _take(self, fragment: Fragment) -> None:
        if fragment.kind == CLIENT_HELLO:
            self._take_hello(fragment)
        elif self._flight is not None:
            self._go_on(self._flight.take(fragment, self._verified))

    def _take_hello(self, fragment: Fragment) -> None:
        """Begin with the hello of somebody who gets what is sent to the peer, else ask for one."""
        if fragment.offset == 0:
            cookie = cookie_of(fragment.body)
            if cookie is None:
                return
            if not hmac.compare_digest(cookie, self._cookie):
                self._ask_for_cookie()
                return
            self._hello_parts = Reassembly()  # without what came before this beginning, which proves who it is from
        hello = self._hello_parts.take(fragment)
        if hello is None or cookie_of(hello[MESSAGE_HEADER:]) != self._cookie:
            return
        if hello == self._hello:
            self._send_packed(self._answer)  # sooner than OpenSSL would: browsers ask again after 50 ms
        else:
            self._begin(hello, fragment.seq)

    def _ask_for_cookie(self) -> None:
        if self._ssl is None:  # later, only somebody else could have lost it
            self._send(hello_verify_request(self._cookie))

    def _begin(self, hello: bytes, seq: int) -> None:
        ssl = SSL.Connection(self._context)
        ssl.set_accept_state()
        ssl.set_ciphertext_mtu(DATAGRAM_LIMIT)
        ssl.bio_write(record(HANDSHAKE, self._next_number(), hello))
        try:
            ssl.DTLSv1_listen()
            ssl.do_handshake()
        except SSL.WantReadError:
            self._ssl, self._hello, self._answer = ssl, hello, self._flush(ssl)
            self._flight = ClientFlight(hello + _messages(self._answer), seq + 1)
            self._held.clear()
        except SSL.Error:  # in silence: its end may be forged, and an alert would reach the peer itself
            self._forget()

    def _forget(self) -> None:
        self._ssl = self._flight = None
        self._hello = b""

    def _go_on(self, flight: bytes | None) -> None:
        """Give OpenSSL what is proved, and what came sealed behind it."""
        if flight is None or self._ssl is None:
            return
        self._flight, self._hello_parts, self._answer = None, Reassembly(), b""  # of no more use
        self._ssl.bio_write(record(HANDSHAKE, self._next_number(), flight))
        self._ssl.bio_write(record(CHANGE_CIPHER_SPEC, self._next_number(), b"\x01"))
        for each in self._held:
            self._ssl.bio_write(each)
        self._held.clear()
        self._step(self._ssl)

    def _take_sealed(self, octets: bytes) -> None:
        if self._ssl is None:
            return
        if self._flight is not None:
            self._held.append(octets)
            return
        self._ssl.bio_write(octets)
        self._step(self._ssl)

    def _step(self, ssl: SSL.Connection) -> None:
        try:
            if self.state is DtlsState.HANDSHAKING:
                ssl.do_handshake()
                self._establish(ssl)
            else:
                ssl.recv(DATAGRAM_LIMIT)  # nothing is expected but a goodbye and a repeated end of the handshake
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self.state = DtlsState.CLOSED
        except SSL.Error:
            self.state = DtlsState.FAILED
        self._flush(ssl)

    def _establish(self, ssl: SSL.Connection) -> None:
        selected = ssl.get_selected_srtp_profile()
        profile = next((p for p in SRTP_PROFILES if p.name == selected), None)
        if profile is None or peer_sha256(ssl) != self._verified:
            self.state = DtlsState.FAILED
            return
        keying = ssl.export_keying_material(_EXPORTER, profile.keying_length)
        self.keys = SrtpKeys(profile, keying)
        self.state = DtlsState.ESTABLISHED

    def _flush(self, ssl: SSL.Connection) -> bytes:
        """Send what OpenSSL has written, and return it. Its memory knows no datagrams: they are cut at records."""
        written = bytearray()
        with suppress(SSL.WantReadError):
            while len(written) < _PENDING_LIMIT:
                written += ssl.bio_read(_PENDING_LIMIT)
        self._send_packed(bytes(written))
        return bytes(written)

    def _send_packed(self, written: bytes) -> None:
        for datagram in pack_records(written, DATAGRAM_LIMIT):
            self._send(datagram)

    def _next_number(self) -> int:
        self._number += 1
        return self._number


def _messages(written: bytes) -> bytes:
    """Return the handshake messages in what OpenSSL has written, whole, as the transcript has them."""
    reassembly = Reassembly()
    taken = (reassembly.take(part) for each in records(written) for part in fragments(each.body))
    return b"".join(whole for whole in taken if whole is not None)
