"""The arithmetic of one stream on its way through: what came in, what to ask for again, how numbers change going out.

No I/O and no clock: time is nanoseconds handed in. Sequence numbers inside are extended by their wraps (RFC 3550, A.1)
and begin at 65536, so that they are never negative and 0 can mean "none yet".
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from media.congestion import ViewersLimit
from media.rtcp import ReportBlock
from media.tap import TrackTap
from media.vp8 import split_payload

RING_SIZE: Final = 1024  # packets kept of a video stream: four seconds at 2.5 Mbit/s
_RING_MASK: Final = RING_SIZE - 1
MISSING_LIMIT: Final = 512  # lost packets asked for at a time; a larger gap is answered by a new key frame
NACK_ATTEMPTS: Final = 10
NACK_RETRY_NS: Final = 100_000_000
NACK_GIVE_UP_NS: Final = 1_000_000_000
KEY_FRAME_INTERVAL_NS: Final = 300_000_000  # a publisher is asked for key frames at most this often
REPORTS_LIMIT: Final = 16  # sender reports that a receiver may still refer to
SILENCE: Final = 127  # audio level in -dBov, RFC 6464

AUDIO_CLOCK: Final = 48000
VIDEO_CLOCK: Final = 90000


class Stored(NamedTuple):
    """A packet in the ring, as the publisher sent it."""

    ext: int
    timestamp: int
    marker: int  # 0x80 or 0
    payload: bytes


class SenderClock(NamedTuple):
    """The newest sender report of a publisher's stream."""

    ntp: int
    rtp_timestamp: int
    arrival_ns: int


class Inbound:
    """One stream that a publisher sends. Owned by the packet path; control reads its counters."""

    __slots__ = (
        "_prior_expected",
        "_prior_received",
        "_transit",
        "_transit_timestamp",
        "base",
        "clock",
        "clock_rate",
        "highest",
        "is_video",
        "jitter",
        "key_frame_asked_ns",
        "key_frame_wanted",
        "lately_missing",
        "level",
        "limit",
        "link",
        "missing",
        "octets",
        "outbounds",
        "published",
        "received",
        "ring",
        "rtx_ssrc",
        "ssrc",
        "tap",
    )

    def __init__(self, link: Any, *, is_video: bool) -> None:
        self.link = link
        self.is_video = is_video
        self.clock_rate = VIDEO_CLOCK if is_video else AUDIO_CLOCK
        self.ssrc = 0  # 0 until signalled or learned
        self.rtx_ssrc = 0
        self.published = False  # packets of an unpublished source are dropped
        self.outbounds: tuple[Outbound, ...] = ()
        self.tap: TrackTap | None = None
        self.highest = 0
        self.base = 0
        self.received = 0  # each packet once, recovered ones included
        self.octets = 0
        self.level = SILENCE
        self.ring: list[Stored | None] = [None] * RING_SIZE if is_video else []
        self.missing: dict[int, tuple[int, int, int]] = {}  # ext -> attempts, next attempt ns, since ns
        self.lately_missing = False  # something in `missing` was not asked for even once
        self.key_frame_wanted = False
        self.key_frame_asked_ns = -KEY_FRAME_INTERVAL_NS
        self.limit = ViewersLimit()
        self.clock: SenderClock | None = None
        self.jitter = 0.0  # in the stream's clock
        self._transit = 0
        self._transit_timestamp = -1
        self._prior_expected = 0
        self._prior_received = 0

    def begin_again(self) -> None:
        """Forget what came before: the stream was shut, and what was dropped meanwhile was not lost."""
        self.highest = self.base = self.received = 0
        self.ring = [None] * len(self.ring)
        self.missing.clear()
        self.lately_missing = self.key_frame_wanted = False
        self.clock = None
        self._transit_timestamp = -1
        self._prior_expected = self._prior_received = 0

    def accept(self, seq: int, now_ns: int) -> int:
        """Return the extended number of a packet that is new, or 0 for one that came before or is too old."""
        highest = self.highest
        if not highest:
            self.highest = self.base = ext = 0x10000 + seq
            self.received = 1
            return ext
        step = (seq - highest) & 0xFFFF
        if step == 1:
            self.highest = ext = highest + 1
        elif 0 < step < 0x8000:
            ext = highest + step
            if self.is_video:
                self._miss(highest + 1, ext, now_ns)
            self.highest = ext
        else:
            ext = highest + step - 0x10000 if step else highest
            if ext < self.base or highest - ext >= RING_SIZE:
                return 0
            if self.is_video:
                kept = self.ring[ext & _RING_MASK]
                if kept is not None and kept.ext == ext:
                    return 0
                self.missing.pop(ext, None)
        self.received += 1
        return ext

    def measure_jitter(self, timestamp: int, now_ns: int) -> None:
        """Take the arrival of a first-time packet into the estimate (RFC 3550, 6.4.1), once for each timestamp."""
        if timestamp == self._transit_timestamp:
            return
        transit = now_ns * self.clock_rate // 1_000_000_000 - timestamp
        if self._transit_timestamp >= 0:
            moved = (transit - self._transit) & 0xFFFFFFFF
            self.jitter += ((moved if moved < 0x80000000 else 0x100000000 - moved) - self.jitter) / 16
        self._transit = transit
        self._transit_timestamp = timestamp

    def keep(self, packet: Stored) -> None:
        """Remember a video packet for those who ask for it again."""
        self.ring[packet.ext & _RING_MASK] = packet

    def kept(self, ext: int) -> Stored | None:
        """Return a remembered packet."""
        packet = self.ring[ext & _RING_MASK] if self.is_video else None
        return packet if packet is not None and packet.ext == ext else None

    def begin_key_frame(self, ext: int) -> None:
        """Note that a key frame begins at `ext`: what was lost before it is not needed any more."""
        self.key_frame_wanted = False
        for lost in [lost for lost in self.missing if lost < ext]:
            del self.missing[lost]

    def due_nacks(self, now_ns: int, retry_ns: int = NACK_RETRY_NS) -> list[int]:
        """Return the 16-bit numbers to ask for now, rising. What was asked for in vain becomes a wish for a picture."""
        self.lately_missing = False
        due: list[int] = []
        for ext, (attempts, next_ns, since_ns) in sorted(self.missing.items()):
            if attempts >= NACK_ATTEMPTS or now_ns - since_ns >= NACK_GIVE_UP_NS or self.highest - ext >= RING_SIZE:
                del self.missing[ext]
                self.key_frame_wanted = True
            elif next_ns <= now_ns:
                self.missing[ext] = (attempts + 1, now_ns + retry_ns, since_ns)
                due.append(ext & 0xFFFF)
        return due

    def may_ask_key_frame(self, now_ns: int) -> bool:
        """Whether to ask the publisher for a key frame now; the wish is kept until it may."""
        if now_ns - self.key_frame_asked_ns < KEY_FRAME_INTERVAL_NS:
            return False
        self.key_frame_asked_ns = now_ns
        return True

    def report(self, now_ns: int) -> ReportBlock:
        """Return what we tell the publisher about its stream since the report before."""
        expected = self.highest - self.base + 1 if self.highest else 0
        interval = expected - self._prior_expected
        lost = interval - (self.received - self._prior_received)
        self._prior_expected, self._prior_received = expected, self.received
        fraction = min(255, (lost << 8) // interval) if lost > 0 and interval > 0 else 0
        last_report = delay = 0
        if self.clock is not None:
            last_report = self.clock.ntp >> 16 & 0xFFFFFFFF
            delay = (now_ns - self.clock.arrival_ns) * 65536 // 1_000_000_000
        highest = self.highest - 0x10000 if self.highest else 0
        return ReportBlock(self.ssrc, fraction, expected - self.received, highest, int(self.jitter), last_report, delay)

    @property
    def expected(self) -> int:
        """Packets that the publisher has sent, as far as its numbers tell."""
        return self.highest - self.base + 1 if self.highest else 0

    def _miss(self, first: int, end: int, now_ns: int) -> None:
        if end - first + len(self.missing) > MISSING_LIMIT:
            self.missing.clear()
            self.key_frame_wanted = True
            return
        for ext in range(first, end):
            self.missing[ext] = (0, now_ns, now_ns)
        self.lately_missing = True


class Outbound:
    """One stream that a subscriber receives: the publisher's packets under numbers of our own.

    It survives the publisher's stream: attached to the next one, it goes on where it was, at a key frame.
    """

    __slots__ = (
        "_reports",
        "first",
        "highest",
        "is_video",
        "jitter",
        "last_ns",
        "last_timestamp",
        "link",
        "octets",
        "packets",
        "payload_type",
        "round_trip_ns",
        "rtx_payload_type",
        "rtx_seq",
        "rtx_ssrc",
        "seq_offset",
        "source",
        "ssrc",
        "timestamp_offset",
        "total_lost",
        "waiting",
    )

    def __init__(
        self,
        link: Any,
        *,
        is_video: bool,
        ssrc: int,
        payload_type: int,
        rtx_ssrc: int = 0,
        rtx_payload_type: int = 0,
    ) -> None:
        self.link = link
        self.is_video = is_video
        self.ssrc = ssrc
        self.payload_type = payload_type
        self.rtx_ssrc = rtx_ssrc
        self.rtx_payload_type = rtx_payload_type  # 0: the subscriber does not take retransmissions
        self.rtx_seq = 0
        self.source: Inbound | None = None
        self.waiting = True  # for the first packet that can be decoded
        self.first = 0  # extended number at the source of the first packet sent since it was attached
        self.seq_offset = 0
        self.timestamp_offset = 0
        self.highest = 0  # extended, as sent
        self.last_timestamp = 0
        self.last_ns = 0
        self.packets = 0
        self.octets = 0
        self.total_lost = 0
        self.jitter = 0  # in the stream's clock
        self.round_trip_ns: int | None = None
        self._reports: dict[int, int] = {}  # middle of the NTP time of a sender report -> when it was sent

    def attach(self, source: Inbound | None) -> None:
        """Take packets from another stream from now on, or from none."""
        self.source = source
        self.waiting = True

    def begin(self, ext: int, timestamp: int, now_ns: int) -> None:
        """Settle the offsets so that the source's packet `ext` follows the last one sent, in number and in time."""
        self.waiting = False
        self.first = ext
        if not self.highest:
            # Starting in the lower half keeps a loss of the first packets from hiding a wrap (RFC 3711, 3.3.1).
            self.seq_offset = 0x10000 + (ext & 0x7FFF) - ext
        else:
            rate = VIDEO_CLOCK if self.is_video else AUDIO_CLOCK
            elapsed = max((now_ns - self.last_ns) * rate // 1_000_000_000, 1)
            self.seq_offset = self.highest + 1 - ext
            self.timestamp_offset = self.last_timestamp + elapsed - timestamp

    def stored(self, seq: int) -> Stored | None:
        """Return the source's packet that was sent as `seq` (16 bits) if it is still there."""
        if self.source is None or self.waiting or not self.highest:
            return None
        behind = (self.highest - seq) & 0xFFFF
        ext = self.highest - behind - self.seq_offset
        return self.source.kept(ext) if behind < RING_SIZE and ext >= self.first else None

    def note_report(self, ntp: int, now_ns: int) -> None:
        """Remember that a sender report with this clock went out."""
        while len(self._reports) >= REPORTS_LIMIT:
            del self._reports[next(iter(self._reports))]
        self._reports[ntp >> 16 & 0xFFFFFFFF] = now_ns

    def hear(self, block: ReportBlock, now_ns: int) -> None:
        """Take what the subscriber says about this stream."""
        self.total_lost = block.total_lost
        self.jitter = block.jitter
        sent_ns = self._reports.get(block.last_report) if block.last_report else None
        if sent_ns is not None:
            round_trip = now_ns - sent_ns - block.delay * 1_000_000_000 // 65536
            self.round_trip_ns = max(round_trip, 0)


def begins_key_frame(payload: bytes) -> bool:
    """Whether a VP8 payload is the first of a picture that needs no earlier one."""
    try:
        begins, offset = split_payload(payload)
    except ValueError:
        return False
    return begins and not payload[offset] & 1


def limit_round_trip(round_trips_ns: Sequence[int]) -> int:
    """Return how long to wait before asking again for a lost packet, given what is known of the way back and forth."""
    if not round_trips_ns:
        return NACK_RETRY_NS
    return min(max(min(round_trips_ns) * 3 // 2, NACK_RETRY_NS // 3), NACK_RETRY_NS * 3)
