"""The server's side of one peer's DTLS handshake, on memory: datagrams in, datagrams and SRTP keys out.

OpenSSL sees only datagrams from addresses that have proved to know the ICE password (the caller's duty). Still,
somebody may forge the peer's own address, without seeing what goes there. So every ClientHello with a random of its own
gets an attempt of its own, whatever else comes goes to all of them, and the first that ends wins. An attempt that
breaks is forgotten in silence: the alert would reach the peer itself. Whoever comes second is answered a moment later,
because the peer goes on with the first answer that it gets. Alerts in clear are dropped (RFC 6347, 4.1.2.7).
Records in clear are numbered anew, since nothing proves their numbers and one could make the real ones look too old.

What can't be prevented is a forged part of the peer's second flight in the moment before the real one. Then the last
attempt breaks, and the connection fails within a second, so that the peer makes a new one.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from enum import Enum
from typing import Final

from OpenSSL import SSL

from media.bindings import SRTP_PROFILES, peer_sha256
from media.srtp import SrtpKeys

DATAGRAM_LIMIT: Final = 1200  # octets of one datagram we send: below every path's limit
ATTEMPTS_LIMIT: Final = 4  # handshakes of one connection side by side
_BURST: Final = 8  # attempts and repeated answers at once; each call of `expire` allows one more
_STALL_EXPIRES: Final = 100  # calls of `expire`: about five seconds in which nothing goes on
_BROKEN_EXPIRES: Final = 20  # about one second, when no attempt is left
_EXPORTER: Final = b"EXTRACTOR-dtls_srtp"
_RECORD_HEADER: Final = 13
_EPOCH: Final = slice(3, 5)
_CLEAR: Final = b"\0\0"
_CHANGE_CIPHER_SPEC, _HANDSHAKE = 20, 22
_KINDS: Final = range(20, 24)
_KINDS_IN_CLEAR: Final = (_CHANGE_CIPHER_SPEC, _HANDSHAKE)
_CLIENT_HELLO: Final = 1
_MESSAGE_HEADER: Final = 12
_FRAGMENT_OFFSET: Final = slice(6, 9)
_RANDOM: Final = slice(_MESSAGE_HEADER + 2, _MESSAGE_HEADER + 34)
_PENDING_LIMIT: Final = 65536


class DtlsState(Enum):
    """How far it got. CLOSED: the peer said goodbye. FAILED: it came to nothing, or the fingerprint is wrong."""

    HANDSHAKING = "handshaking"
    UNVERIFIED = "unverified"  # done, but the fingerprint that the peer signalled is not known yet
    ESTABLISHED = "established"
    CLOSED = "closed"
    FAILED = "failed"


class _Attempt:
    """A handshake with whoever sent one ClientHello."""

    __slots__ = ("_count", "_waiting", "answer", "is_held", "ssl")

    def __init__(self, context: SSL.Context, *, is_held: bool) -> None:
        self.ssl = SSL.Connection(context)
        self.ssl.set_accept_state()
        self.ssl.set_ciphertext_mtu(DATAGRAM_LIMIT)
        self.answer: list[bytes] = []  # datagrams, to be sent again when the ClientHello comes again
        self.is_held = is_held  # until the next call of `expire`
        self._count = 0  # of records in clear
        self._waiting: bytes | None = None  # in which state it was when it had answered the ClientHello

    @property
    def has_advanced(self) -> bool:
        """Whether something of the second flight has come."""
        return self._waiting is not None and self.ssl.get_state_string() != self._waiting

    def take(self, record: bytes) -> bool:
        """Take one record and tell whether the handshake is done. Raises SSL.Error when it is broken."""
        if record[_EPOCH] == _CLEAR:
            self._count += 1
            record = record[: _EPOCH.stop] + self._count.to_bytes(6, "big") + record[_EPOCH.stop + 6 :]
        self.ssl.bio_write(record)
        try:
            self.ssl.do_handshake()
        except SSL.WantReadError:
            self._waiting = self._waiting or self.ssl.get_state_string()
            return False
        return True


class DtlsServer:
    """One peer's handshake. Drive it by `feed`, `verify`, and `expire` some twenty times a second.

    `send` is called with each datagram to send. `keys` is set once the state is ESTABLISHED, never earlier.
    """

    __slots__ = ("_allowed", "_attempts", "_context", "_send", "_ssl", "_still", "_verified", "keys", "state")

    def __init__(self, context: SSL.Context, send: Callable[[bytes], None]) -> None:
        self._context = context
        self._send = send
        self._verified: str | None = None
        self.state = DtlsState.HANDSHAKING
        self.keys: SrtpKeys | None = None
        self._attempts: dict[bytes, _Attempt] = {}  # by the ClientHello's random, oldest first
        self._ssl: SSL.Connection | None = None  # the attempt that ended
        self._allowed = _BURST
        self._still: int | None = None  # calls of `expire` since something went on; None before anything has come

    def verify(self, sha256: str) -> None:
        """Learn the fingerprint that the peer signalled (upper case, with colons). May come before or after the end."""
        self._verified = sha256
        if self.state is DtlsState.UNVERIFIED:
            self._establish()

    def feed(self, datagram: bytes) -> None:
        """Take one datagram from the peer, or in its name."""
        if self.state is DtlsState.HANDSHAKING:
            self._still = self._still or 0
            for record in _records(datagram):
                if self._take(record):
                    return  # the peer repeats what may have stood behind it
        elif self._ssl is not None and self.state in {DtlsState.UNVERIFIED, DtlsState.ESTABLISHED}:
            self._ssl.bio_write(datagram)
            self._listen(self._ssl)

    def expire(self) -> None:
        """Retransmit when it is time (RFC 6347, 4.2.4), and give up what stands still; harmless when it is not."""
        if self.state is not DtlsState.HANDSHAKING:
            return
        self._allowed = min(_BURST, self._allowed + 1)
        for random, attempt in list(self._attempts.items()):
            if attempt.is_held:
                attempt.is_held = False
                self._send_all(attempt.answer)
            try:
                attempt.ssl.DTLSv1_handle_timeout()
            except SSL.Error:
                del self._attempts[random]
            else:
                self._send_all(_written(attempt.ssl))
        if self._still is not None:
            self._still += 1
            if self._still > _STALL_EXPIRES:
                self.state = DtlsState.FAILED

    def close(self) -> None:
        """Say goodbye (close_notify) if there is somebody to say it to."""
        if self._ssl is not None and self.state in {DtlsState.UNVERIFIED, DtlsState.ESTABLISHED}:
            with suppress(SSL.Error):
                self._ssl.shutdown()
            self._send_all(_written(self._ssl))
        self.state = DtlsState.CLOSED
        self.keys = None

    def _take(self, record: bytes) -> bool:
        """Give a record to whom it concerns, and tell whether the handshake is done."""
        random = _hello_random(record)
        if random is None:
            return any(self._go_on(name, record) for name in list(self._attempts))
        if random in self._attempts and self._attempts[random].answer:
            self._answer_again(self._attempts[random])
        elif random in self._attempts or self._begin(random):
            return self._go_on(random, record)
        return False

    def _go_on(self, random: bytes, record: bytes) -> bool:
        attempt = self._attempts[random]
        try:
            is_done = attempt.take(record)
        except SSL.Error:
            del self._attempts[random]
            if not self._attempts:
                self._still = _STALL_EXPIRES - _BROKEN_EXPIRES
            return False
        if is_done:
            self._end(attempt.ssl)
            return True
        if written := _written(attempt.ssl):
            self._still = 0
            attempt.answer = attempt.answer or written
            if not attempt.is_held:
                self._send_all(written)
        return False

    def _answer_again(self, attempt: _Attempt) -> None:
        if self._allowed > 0 and not attempt.has_advanced and not attempt.is_held:
            self._allowed -= 1
            self._still = 0
            self._send_all(attempt.answer)

    def _begin(self, random: bytes) -> bool:
        """Begin an attempt, unless too many began of late or all that there are get on."""
        if self._allowed < 1:
            return False
        if len(self._attempts) >= ATTEMPTS_LIMIT:
            oldest = next((name for name, attempt in self._attempts.items() if not attempt.has_advanced), None)
            if oldest is None:
                return False
            del self._attempts[oldest]
        self._allowed -= 1
        self._attempts[random] = _Attempt(self._context, is_held=bool(self._attempts))
        return True

    def _end(self, ssl: SSL.Connection) -> None:
        self._ssl = ssl
        self._attempts.clear()
        self._send_all(_written(ssl))
        self.state = DtlsState.UNVERIFIED
        if self._verified is not None:
            self._establish()

    def _listen(self, ssl: SSL.Connection) -> None:
        """Let OpenSSL read: nothing is expected but alerts and repeated handshake records."""
        try:
            ssl.recv(DATAGRAM_LIMIT)
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self.state = DtlsState.CLOSED
        except SSL.Error:
            self.state = DtlsState.FAILED
        self._send_all(_written(ssl))

    def _establish(self) -> None:
        assert self._ssl is not None, "the handshake has ended"
        selected = self._ssl.get_selected_srtp_profile()
        profile = next((p for p in SRTP_PROFILES if p.name == selected), None)
        if profile is None or peer_sha256(self._ssl) != self._verified:
            self.state = DtlsState.FAILED
            return
        keying = self._ssl.export_keying_material(_EXPORTER, profile.keying_length)
        self.keys = SrtpKeys(profile, keying)
        self.state = DtlsState.ESTABLISHED

    def _send_all(self, datagrams: list[bytes]) -> None:
        for datagram in datagrams:
            self._send(datagram)


def _written(ssl: SSL.Connection) -> list[bytes]:
    """Take what OpenSSL has written, cut into datagrams at record boundaries: its memory knows none."""
    written = bytearray()
    try:
        while len(written) < _PENDING_LIMIT:
            written += ssl.bio_read(_PENDING_LIMIT)
    except SSL.WantReadError:
        pass
    return pack_records(bytes(written))


def _records(datagram: bytes) -> Iterator[bytes]:
    """Yield the whole records of a datagram that may mean something before there are keys."""
    place = 0
    while place + _RECORD_HEADER <= len(datagram):
        end = place + _RECORD_HEADER + int.from_bytes(datagram[place + 11 : place + 13], "big")
        if end > len(datagram) or datagram[place] not in _KINDS:
            return
        record = datagram[place:end]
        if record[0] in _KINDS_IN_CLEAR or record[_EPOCH] != _CLEAR:
            yield record
        place = end


def _hello_random(record: bytes) -> bytes | None:
    """Return the random of the ClientHello that begins in a record, None for everything else."""
    message = record[_RECORD_HEADER:]
    if record[0] != _HANDSHAKE or len(message) < _RANDOM.stop or message[0] != _CLIENT_HELLO:
        return None
    return message[_RANDOM] if message[_FRAGMENT_OFFSET] == b"\0\0\0" else None


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
