"""The arithmetic of one stream on its way through: what came in, what to ask for again, how numbers change going out.

No I/O and no clock: time is nanoseconds handed in. Sequence numbers inside are extended by their wraps (RFC 3550, A.1)
and begin at 65536, so that they are never negative and 0 can mean "none yet".
"""

from collections import deque
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from media.congestion import ViewersLimit
from media.layers import LayerChoice
from media.rtcp import ReportBlock
from media.tap import TrackTap
from media.vp8 import picture_numbers, renumber_picture, split_payload

RING_SIZE: Final = 1024  # packets kept of a video stream: four seconds at 2.5 Mbit/s
_RING_MASK: Final = RING_SIZE - 1
MISSING_LIMIT: Final = 512  # lost packets asked for at a time; a larger gap is answered by a new key frame
NACK_ATTEMPTS: Final = 10
NACK_RETRY_NS: Final = 100_000_000
NACK_GIVE_UP_NS: Final = 1_000_000_000
KEY_FRAME_INTERVAL_NS: Final = 300_000_000  # a publisher is asked for key frames at most this often
REPORTS_LIMIT: Final = 16  # sender reports that a receiver may still refer to
ERAS_LIMIT: Final = 4  # layers before the present one from which requests for lost packets are still answered
CLOCK_TRUST_S: Final = 2  # sender reports that put a new layer further than this from the old one are not believed
_USUAL_PERCENT: Final = 90  # of what was usual a second ago is still usual
SILENCE: Final = 127  # audio level in -dBov, RFC 6464

_RESTORED_LIMIT: Final = RING_SIZE // 2  # no two in a row are restored: of all that are not too old

AUDIO_CLOCK: Final = 48000
VIDEO_CLOCK: Final = 90000


class Stored(NamedTuple):
    """A packet from the ring, as the publisher sent it."""

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
        "asked",
        "asked_ns",
        "base",
        "clock",
        "clock_rate",
        "coming_ns",
        "highest",
        "is_video",
        "jitter",
        "joining",
        "key_frame_asked_ns",
        "key_frame_wanted",
        "lately_missing",
        "layers",
        "level",
        "limit",
        "link",
        "missing",
        "needed_ns",
        "octets",
        "outbounds",
        "published",
        "rate_bps",
        "rated_octets",
        "received",
        "restored",
        "ring",
        "rtx_ssrc",
        "ssrc",
        "tap",
        "usual_bps",
    )

    def __init__(self, link: Any, *, is_video: bool) -> None:
        self.link = link
        self.is_video = is_video
        self.clock_rate = VIDEO_CLOCK if is_video else AUDIO_CLOCK
        self.ssrc = 0  # 0 until signalled or learned
        self.rtx_ssrc = 0
        self.published = False  # packets of an unpublished source are dropped
        self.outbounds: tuple[Outbound, ...] = ()
        self.joining: tuple[Outbound, ...] = ()  # they change to this layer at its next key frame
        self.layers: tuple[Inbound, ...] = (self,)  # of the same picture, lowest first; the first stands for all
        self.rate_bps = 0  # in the second before
        self.usual_bps = 0  # the rate when it comes
        self.coming_ns = 0  # since when it has come without a second's break
        self.asked = True  # the publisher is to send it
        self.asked_ns = 0  # since when
        self.needed_ns = 0  # when somebody last received it, or would have
        self.rated_octets = 0
        self.tap: TrackTap | None = None
        self.highest = 0
        self.base = 0
        self.received = 0  # each packet once, recovered ones included
        self.octets = 0
        self.restored: deque[int] = deque(maxlen=_RESTORED_LIMIT)  # sound that was lost, and had from the next packet
        self.level = SILENCE
        self.ring: list[tuple[int, int, int, bytes] | None] = [None] * RING_SIZE if is_video else []
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

    def begin_again(self, now_ns: int) -> None:
        """Forget what came before: the stream was shut, and what was dropped meanwhile was not lost."""
        self.highest = self.base = self.received = 0
        self.ring = [None] * len(self.ring)
        self.missing.clear()
        self.restored.clear()
        self.lately_missing = self.key_frame_wanted = False
        self.clock = None
        self.rate_bps = self.usual_bps = 0
        self.asked = True
        self.asked_ns = self.needed_ns = now_ns
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
                if kept is not None and kept[0] == ext:
                    return 0
                self.missing.pop(ext, None)
            elif ext in self.restored:
                return 0
        self.received += 1
        return ext

    def may_restore(self, ext: int, timestamp: int) -> bool:
        """Whether a lost packet can be had from the next one, which repeats what began at `timestamp`; only once."""
        forward = (timestamp - self._transit_timestamp) & 0xFFFFFFFF
        if not 0 < forward < 0x80000000:
            return False  # it repeats what has come
        self.restored.append(ext)
        return True

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

    def keep(self, packet: tuple[int, int, int, bytes]) -> None:
        """Remember a video packet, with the fields of `Stored`, for those who ask for it again.

        A plain tuple, because Python's collector passes over those: a node keeps hundreds of thousands, and looking at
        each would stop its packets for tens of milliseconds.
        """
        self.ring[packet[0] & _RING_MASK] = packet

    def kept(self, ext: int) -> Stored | None:
        """Return a remembered packet."""
        packet = self.ring[ext & _RING_MASK] if self.is_video else None
        return Stored(*packet) if packet is not None and packet[0] == ext else None

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
        fraction = _of_256(lost, interval)
        last_report = delay = 0
        if self.clock is not None:
            last_report = self.clock.ntp >> 16 & 0xFFFFFFFF
            delay = (now_ns - self.clock.arrival_ns) * 65536 // 1_000_000_000
        highest = self.highest - 0x10000 if self.highest else 0
        return ReportBlock(self.ssrc, fraction, expected - self.received, highest, int(self.jitter), last_report, delay)

    def measure_rate(self, elapsed_ns: int, now_ns: int) -> None:
        """Note how much came since the last call."""
        before = self.rate_bps
        self.rate_bps = (self.octets - self.rated_octets) * 8_000_000_000 // elapsed_ns
        self.rated_octets = self.octets
        if self.rate_bps:
            self.usual_bps = max(self.rate_bps, self.usual_bps * _USUAL_PERCENT // 100)
            if not before:
                self.coming_ns = now_ns

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


class Era(NamedTuple):
    """The numbers under which a subscriber was sent one layer, from `begin` on."""

    begin: int  # extended, as sent
    source: Inbound
    first: int  # extended, at the source
    seq_offset: int
    timestamp_offset: int
    picture_shift: tuple[int, int]


class Reach:
    """How much of what a subscriber is sent never reached us: its browser can't tell that from what its own way loses.

    Measured from one of its reports to the next, over all the streams that it was sent meanwhile.
    """

    __slots__ = ("_counted", "_expected", "_lost", "_source")

    def __init__(self) -> None:
        self._source: Inbound | None = None
        self._counted = (0, 0)  # of the source: expected and received
        self._expected = self._lost = 0

    def turn_to(self, source: Inbound | None) -> None:
        """Look at another stream from now on."""
        self._count()
        self._source = source
        self._counted = (source.expected, source.received) if source is not None else (0, 0)

    def lost(self) -> int:
        """Return which part of 256 was lost since the last call."""
        self._count()
        lost = _of_256(self._lost, self._expected)
        self._expected = self._lost = 0
        return lost

    def _count(self) -> None:
        source = self._source
        if source is None:
            return
        expected, received = source.expected - self._counted[0], source.received - self._counted[1]
        self._counted = source.expected, source.received
        if expected > 0:  # else it began again
            self._expected += expected
            self._lost += expected - received


class Outbound:
    """One stream that a subscriber receives: the publisher's packets under numbers of our own.

    It survives the publisher's stream: attached to the next one, it goes on where it was, at a key frame.
    """

    __slots__ = (
        "_eras",
        "_last_picture",
        "_reach",
        "_reports",
        "choice",
        "first",
        "highest",
        "is_video",
        "jitter",
        "last_ns",
        "last_timestamp",
        "link",
        "lost_on_the_way",
        "octets",
        "packets",
        "payload_type",
        "picture_shift",
        "red_payload_type",
        "round_trip_ns",
        "rtx_payload_type",
        "rtx_seq",
        "rtx_ssrc",
        "seq_offset",
        "source",
        "ssrc",
        "timestamp_offset",
        "total_lost",
        "track",
        "waiting",
        "wanted",
    )

    def __init__(
        self,
        link: Any,
        *,
        is_video: bool,
        ssrc: int,
        payload_type: int,
        red_payload_type: int = 0,
        rtx_ssrc: int = 0,
        rtx_payload_type: int = 0,
    ) -> None:
        self.link = link
        self.is_video = is_video
        self.ssrc = ssrc
        self.payload_type = payload_type
        self.red_payload_type = red_payload_type  # 0: the subscriber takes sound without redundancy only
        self.rtx_ssrc = rtx_ssrc
        self.rtx_payload_type = rtx_payload_type  # 0: the subscriber does not take retransmissions
        self.rtx_seq = 0
        self.track: Inbound | None = None  # what it is subscribed to
        self.source: Inbound | None = None  # the layer of it that is sent
        self.wanted: Inbound | None = None  # the layer to change to, if any
        self.choice = LayerChoice()
        self.waiting = True  # for the first packet that can be decoded
        self.first = 0  # extended number at the source of the first packet sent since it was attached
        self.seq_offset = 0
        self.timestamp_offset = 0
        self.picture_shift: tuple[int, int] | None = None  # added to picture id and TL0PICIDX
        self.highest = 0  # extended, as sent
        self.last_timestamp = 0
        self.last_ns = 0
        self.packets = 0
        self.octets = 0
        self.total_lost = 0
        self.lost_on_the_way = 0  # from us to the subscriber, of 256
        self.jitter = 0  # in the stream's clock
        self.round_trip_ns: int | None = None
        self._reach = Reach()
        self._eras: list[Era] = []  # what was sent before the present source, newest first
        self._last_picture: tuple[int, int] | None = None  # the numbers of the last picture before
        self._reports: dict[int, int] = {}  # middle of the NTP time of a sender report -> when it was sent

    def attach(self, track: Inbound | None, layer: int = 0) -> None:
        """Take packets from another picture or sound from now on, beginning with one layer of it, or from none."""
        self._end_era()
        self._eras.clear()
        self.track, self.source, self.wanted = track, track.layers[layer] if track is not None else None, None
        self._reach.turn_to(self.source)
        self.choice = LayerChoice(layer)
        self.waiting = True

    def rest(self) -> None:
        """Take no packets until `change`: the way can't carry what comes."""
        self._end_era()
        self.source = self.wanted = None
        self._reach.turn_to(None)
        self.waiting = True
        self.lost_on_the_way = 0  # of what is not sent any more

    def change(self, layer: "Inbound", ext: int, timestamp: int, now_ns: int) -> None:
        """Take packets from another layer of the same picture from its `ext` on, in which a key frame begins."""
        before = self.source
        self._end_era()
        self.source, self.wanted = layer, None
        self._reach.turn_to(layer)
        if before is None or self.waiting:
            self.waiting = True
            return
        offset = self.timestamp_offset
        self.begin(ext, timestamp, now_ns)
        if before.clock is None or layer.clock is None:
            return
        # The same moment of both layers' clocks must get the same time: lips, and the rhythm of the pictures.
        apart = (layer.clock.ntp - before.clock.ntp) * VIDEO_CLOCK >> 32
        offset += before.clock.rtp_timestamp + apart - layer.clock.rtp_timestamp
        forward = (timestamp + offset - self.last_timestamp + 0x80000000 & 0xFFFFFFFF) - 0x80000000
        if abs(forward) <= CLOCK_TRUST_S * VIDEO_CLOCK:
            self.timestamp_offset = offset if forward > 0 else offset + 1 - forward

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
            self._shift_pictures(ext)

    def stored(self, seq: int) -> Stored | None:
        """Return the packet that was sent as `seq` (16 bits), with the numbers it had then, if it is still there.

        Of a layer above the one that the way can carry nothing is sent again: it would keep the way full.
        """
        behind = (self.highest - seq) & 0xFFFF
        if self.source is None or self.waiting or not self.highest or behind >= RING_SIZE:
            return None
        number = self.highest - behind
        for era in (self._era(self.source), *self._eras):
            if number >= era.begin:
                layers = self.track.layers if self.track is not None else ()
                if len(layers) > 1 and layers.index(era.source) > self.choice.layer:
                    return None
                packet = era.source.kept(number - era.seq_offset)
                return None if packet is None else _renumbered(packet, era)
        return None

    def note_report(self, ntp: int, now_ns: int) -> None:
        """Remember that a sender report with this clock went out."""
        while len(self._reports) >= REPORTS_LIMIT:
            del self._reports[next(iter(self._reports))]
        self._reports[ntp >> 16 & 0xFFFFFFFF] = now_ns

    def hear(self, block: ReportBlock, now_ns: int) -> None:
        """Take what the subscriber says about this stream."""
        self.total_lost = block.total_lost
        self.lost_on_the_way = max(block.fraction_lost - self._reach.lost(), 0)
        self.jitter = block.jitter
        sent_ns = self._reports.get(block.last_report) if block.last_report else None
        if sent_ns is not None:
            round_trip = now_ns - sent_ns - block.delay * 1_000_000_000 // 65536
            self.round_trip_ns = max(round_trip, 0)

    def _era(self, source: Inbound) -> Era:
        begin = self.first + self.seq_offset
        return Era(begin, source, self.first, self.seq_offset, self.timestamp_offset, self.picture_shift or (0, 0))

    def _end_era(self) -> None:
        """Keep what is needed of the present source when another one takes its place."""
        if self.source is None or self.waiting or not self.highest:
            return
        era = self._era(self.source)
        self._eras = [era, *self._eras[: ERAS_LIMIT - 1]]
        last = self.highest - self.seq_offset
        for ext in range(last, max(last - 16, self.first - 1), -1):  # the last ones may be padding
            packet = self.source.kept(ext)
            numbers = picture_numbers(packet.payload) if packet is not None else None
            if numbers is not None:
                shift = era.picture_shift
                self._last_picture = ((numbers[0] + shift[0]) & 0x7FFF, (numbers[1] + shift[1]) & 0xFF)
                return

    def _shift_pictures(self, ext: int) -> None:
        """Let the picture that begins at the source's `ext` be the one after the last that was sent."""
        packet = self.source.kept(ext) if self.source is not None else None
        numbers = picture_numbers(packet.payload) if packet is not None else None
        if numbers is None or self._last_picture is None:
            self.picture_shift = None
            return
        picture, base = self._last_picture
        self.picture_shift = (picture + 1 - numbers[0]) & 0x7FFF, (base + 1 - numbers[1]) & 0xFF


class Recorded(Outbound):
    """What a recorder receives of a picture in layers: always under one row of numbers. Implements `TrackTap`."""

    __slots__ = ("tap",)

    def __init__(self, tap: TrackTap) -> None:
        super().__init__(None, is_video=True, ssrc=0, payload_type=0)
        self.tap = tap

    def on_rtp(self, extended_seq: int, timestamp: int, marker: bool, payload: bytes, arrival_ns: int) -> None:
        """Pass one packet of the present layer on; what came before the change to it is not wanted any more."""
        if self.waiting:
            self.begin(extended_seq, timestamp, arrival_ns)
        elif extended_seq < self.first:
            return
        number = extended_seq + self.seq_offset
        stamp = (timestamp + self.timestamp_offset) & 0xFFFFFFFF
        if number > self.highest:
            self.highest, self.last_timestamp, self.last_ns = number, stamp, arrival_ns
        self.tap.on_rtp(number, stamp, marker, payload, arrival_ns)

    def on_sender_report(self, ntp: int, rtp_timestamp: int, arrival_ns: int) -> None:
        """Pass the publisher's clock on, in the recorder's numbers."""
        self.tap.on_sender_report(ntp, (rtp_timestamp + self.timestamp_offset) & 0xFFFFFFFF, arrival_ns)


def _of_256(lost: int, expected: int) -> int:
    return min(255, (lost << 8) // expected) if lost > 0 and expected > 0 else 0


def _renumbered(packet: Stored, era: Era) -> Stored:
    payload = bytearray(packet.payload)
    renumber_picture(payload, 0, len(payload), era.picture_shift)
    timestamp = (packet.timestamp + era.timestamp_offset) & 0xFFFFFFFF
    return Stored(packet.ext, timestamp, packet.marker, bytes(payload))


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
