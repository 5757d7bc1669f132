"""The packets of one node: opened, renumbered, sealed and sent on, one function call a datagram.

Control says who gets what through `PacketPath`; packets never wait for it, and nothing in here awaits. Between the
datagram and the last `sendto` one pair of buffers is shared by everybody, which is safe only because all of it is
synchronous.
"""

import struct
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from media import layer_changes, rtcp
from media.bindings import (
    SRTP_TRAILER_LIMIT,
    Buffer,
    memmove,
    new_length,
    srtp_protect,
    srtp_protect_rtcp,
    srtp_unprotect,
    srtp_unprotect_rtcp,
)
from media.packet_path import (
    ABS_SEND_TIME,
    ADDRESS_LIMIT,
    AUDIO_LEVEL,
    DATAGRAM_LIMIT,
    LAYERS,
    MID,
    OPUS,
    RED,
    REPAIRED_RID,
    RID,
    RTX,
    TRANSPORT_SEQUENCE,
    VP8,
    Link,
)
from media.redundancy import find_primary, find_repeated
from media.srtp import SrtpKeys
from media.streams import Inbound, Outbound, Recorded, SenderClock, begins_key_frame, limit_round_trip
from media.stun import Address
from media.tap import TrackTap
from media.vp8 import renumber_picture

STREAM_LIMIT: Final = 32  # SSRCs of one peer
LIVE_ADDRESS_NS: Final = 5_000_000_000  # an address heard of within this time is not taken over by another peer
QUIET_ADDRESS_NS: Final = 300_000_000  # a peer is followed to another of its addresses when the selected one rests
ROAMING_LIMIT_PER_S: Final = 200  # packets from unknown addresses that are tried, for the whole node
RETRANSMISSION_LIMIT_PER_S: Final = 1000  # asked for, by each subscriber
REPORT_NS: Final = 1_000_000_000
FEEDBACK_NS: Final = 90_000_000  # between two feedbacks about arrivals, as browsers do among themselves
FEEDBACK_PACKETS: Final = 64  # or as soon as this many have arrived
WAITING_RETRY_NS: Final = 600_000_000  # a subscriber waits this long before the publisher is reminded
BURST: Final = 2  # packets of a wake-up that go out at once; then it is a burst, and batches pay
SOUND_BPS: Final = 64_000  # set aside when a publisher is limited

_HEADER: Final = struct.Struct("!BBHII")
_EXTENSION: Final = struct.Struct("!HH")
_OUT_HEADER: Final = struct.Struct("!BBHIIHHI")  # with one word of header extensions: always 20 octets
_OUT_SIZE: Final = _OUT_HEADER.size
_ONE_BYTE_FORM: Final = 0xBEDE  # RFC 8285, 4.2
_ABS_SEND_TIME_WORD: Final = (ABS_SEND_TIME << 4 | 2) << 24
LOWEST: Final = LAYERS[0].encode()
_AUDIO_LEVEL_WORD: Final = (AUDIO_LEVEL << 4) << 24


class Forwarder:
    """`PacketPath` in Python. `receive` takes what lies in `buffer`; `flush` ends a wake-up; `tick` every 50 ms.

    `send(octets, address)` is to be set before anything comes; an OSError of it costs one packet. `send_segments`
    does the same for several packets of equal length, side by side, where the system knows how. `epoch_ns` added to
    the packet clock gives nanoseconds since 1970, for the recorder.
    """

    send: Callable[[Any, Address], object]
    send_segments: Callable[[Any, int, Address], object] | None

    def __init__(self, *, clock_ns: Callable[[], int], epoch_ns: int) -> None:
        self.buffer = Buffer(DATAGRAM_LIMIT)
        self.drops: Counter[str] = Counter()
        self.forwarded = 0
        self.retransmitted = 0
        self.restored = 0
        self.now_ns = clock_ns()
        self.links: set[Link] = set()
        self._clock_ns = clock_ns
        self._epoch_ns = epoch_ns
        self.send = _nowhere
        self.send_segments = None
        self._by_address: dict[Address, Link] = {}
        self._by_ssrc: dict[int, Link] = {}  # for roaming: the first owner keeps an SSRC
        self._urgent: set[Inbound] = set()
        self._in_wake_up = 0  # packets forwarded
        self._batched: set[Link] = set()  # peers that something of this wake-up is still to be sent to
        self._send_time_word = 0
        self._roaming_ns = self.now_ns
        self._roaming_tries = 0
        self._in: Any = self.buffer.pointer
        self._out = Buffer(DATAGRAM_LIMIT + SRTP_TRAILER_LIMIT)
        self._out_pointer: Any = self._out.pointer
        self._out_body: Any = self._out.at(_OUT_SIZE)
        self._length: Any = new_length()

    # --- control: who gets what -------------------------------------------------------------------------------------

    def open(self) -> Link:
        link = Link(self._clock_ns())
        self.links.add(link)
        return link

    def close(self, link: Link) -> None:
        self.links.discard(link)
        link.batch.clear()
        for outbound in list(link.outbounds.values()):
            self.remove_outbound(outbound)
        for stream in link.inbounds.values():
            for outbound in (*stream.outbounds, *stream.joining):
                outbound.attach(None)
            stream.outbounds = stream.joining = ()
            stream.tap = None
            self._urgent.discard(stream)
        for address in link.addresses:
            del self._by_address[address]
        for ssrc in link.streams:
            if self._by_ssrc.get(ssrc) is link:
                del self._by_ssrc[ssrc]
        link.addresses.clear()
        link.streams.clear()
        link.inbounds.clear()
        link.keys = link.rx = link.tx = None

    def seal(self, link: Link, keys: SrtpKeys) -> None:
        link.keys, link.rx, link.tx = keys, keys.rx, keys.tx

    def link_at(self, address: Address) -> Link | None:
        return self._by_address.get(address)

    def bind(self, link: Link, address: Address) -> bool:
        owner = self._by_address.get(address)
        now_ns = self._clock_ns()
        if owner is not None and owner is not link:
            if now_ns - owner.heard_ns < LIVE_ADDRESS_NS:
                return False
            del owner.addresses[address]
            if owner.address == address:
                owner.address = next(reversed(owner.addresses), None)
        if owner is not link and len(link.addresses) >= ADDRESS_LIMIT:
            oldest = min((a for a in link.addresses if a != link.address), key=lambda a: link.addresses[a])
            del link.addresses[oldest], self._by_address[oldest]
        link.addresses[address] = now_ns
        self._by_address[address] = link
        if link.address is None:
            self.select(link, address)
        return True

    def select(self, link: Link, address: Address) -> None:
        link.address = address
        link.selected_ns = self._clock_ns()

    def add_inbound(self, link: Link, mid: str, *, is_video: bool, layers: Sequence[str] = ()) -> Inbound:
        stream = Inbound(link, is_video=is_video)
        link.inbounds[mid.encode()] = stream
        for layer in layers[1:]:
            link.inbounds[f"{mid}/{layer}".encode()] = above = Inbound(link, is_video=is_video)
            stream.layers = (*stream.layers, above)
        return stream

    def signal(self, stream: Inbound, ssrc: int, rtx_ssrc: int) -> None:
        if ssrc and ssrc != stream.ssrc:
            stream.ssrc = self._own(stream, stream.ssrc, ssrc)
        if rtx_ssrc and rtx_ssrc != stream.rtx_ssrc:
            stream.rtx_ssrc = self._own(stream, stream.rtx_ssrc, rtx_ssrc)

    def publish(self, stream: Inbound, *, published: bool) -> None:
        for layer in stream.layers:
            if published and not layer.published:
                layer.begin_again(self._clock_ns())
            layer.published = published

    def add_outbound(self, link: Link, outbound: Outbound) -> None:
        link.outbounds[outbound.ssrc] = outbound

    def remove_outbound(self, outbound: Outbound) -> None:
        self.attach(outbound, None)
        outbound.link.outbounds.pop(outbound.ssrc, None)

    def attach(self, outbound: Outbound, source: Inbound | None) -> None:
        if outbound.track is source:
            return
        layer_changes.part(outbound)
        if source is None:
            outbound.attach(None)
            return
        layer = layer_changes.highest(source.layers)
        outbound.attach(source, source.layers.index(layer))
        layer.outbounds = (*layer.outbounds, outbound)
        self._want_key_frame(layer)

    def tap(self, stream: Inbound, tap: TrackTap | None) -> None:
        for layer in stream.layers:
            layer.tap = None
            layer.joining = tuple(each for each in layer.joining if not isinstance(each, Recorded))
        if tap is not None and len(stream.layers) > 1:
            tap = recorded = Recorded(tap)
            stream = layer_changes.highest(stream.layers)
            recorded.attach(stream)
        stream.tap = tap
        if tap is not None:
            self._want_key_frame(stream)
            if stream.clock is not None:
                arrival_ns = stream.clock.arrival_ns + self._epoch_ns
                tap.on_sender_report(stream.clock.ntp, stream.clock.rtp_timestamp, arrival_ns)

    def needed(self, stream: Inbound) -> tuple[int, ...]:
        return layer_changes.needed(stream, self._clock_ns())

    def ask_key_frame(self, stream: Inbound) -> None:
        self._want_key_frame(next((layer for layer in stream.layers if layer.tap is not None), stream))

    def _want_key_frame(self, stream: Inbound) -> None:
        if stream.is_video:
            stream.key_frame_wanted = True
            self._mend(stream, self._clock_ns())

    # --- packets ----------------------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Begin a wake-up: all of its packets count as arrived now."""
        self.now_ns = now_ns = self._clock_ns()
        self._in_wake_up = 0
        self._send_time_word = _ABS_SEND_TIME_WORD | (now_ns << 18) // 1_000_000_000 & 0xFFFFFF

    def receive(self, size: int, address: Address) -> None:
        """Take the `size` octets in `buffer`, at least 12 and shaped like RTP or RTCP."""
        known = self._by_address.get(address)
        link = known or self._claimant(size)
        if link is None or link.rx is None:
            self.drops["stranger" if link is None else "early"] += 1
            return
        length = self._length
        length[0] = size
        control = 192 <= self.buffer.octets[1] <= 223
        if (srtp_unprotect_rtcp if control else srtp_unprotect)(link.rx, self._in, length):
            self.drops["unauthenticated"] += 1
            return
        now_ns = self.now_ns
        link.heard_ns = now_ns
        link.received += 1
        link.octets_in += size
        if address == link.address:
            link.selected_ns = now_ns
        elif (known is not None and now_ns - link.selected_ns > QUIET_ADDRESS_NS) or (
            known is None and self.bind(link, address)
        ):
            self.select(link, address)
        if control:
            self._take_control(link, length[0])
        else:
            self._take_media(link, length[0])

    def flush(self) -> None:
        """End a wake-up: send the pictures that came in it, ask for what turned out to be lost in it."""
        while self._batched:
            self._send_batch(self._batched.pop())
        while self._urgent:
            self._mend(self._urgent.pop(), self.now_ns)

    def tick(self) -> None:
        """Do what is due: feedback about arrivals, repeated requests, reports."""
        self.wake()
        now_ns = self.now_ns
        for link in self.links:
            if link.tx is None:
                continue
            if now_ns - link.acknowledged_ns >= FEEDBACK_NS or len(link.arrivals) >= FEEDBACK_PACKETS:
                self._acknowledge(link, now_ns)
            for stream in link.inbounds.values():
                if stream.is_video and stream.published:
                    self._remind(stream, now_ns)
            if now_ns - link.reported_ns >= REPORT_NS:
                self._report(link, now_ns)

    def _take_media(self, link: Link, size: int) -> None:  # noqa: C901, PLR0912 - a call costs as much as the work
        octets = self.buffer.octets
        first, second, seq, timestamp, ssrc = _HEADER.unpack_from(octets)
        start = 12 + 4 * (first & 15)
        level = -1
        if first & 0x10:
            if start + 4 > size:
                self.drops["malformed"] += 1
                return
            form, words = _EXTENSION.unpack_from(octets, start)
            at = start + 4
            start = at + 4 * words
            if start > size:
                self.drops["malformed"] += 1
                return
            if form == _ONE_BYTE_FORM:
                while at < start - 1:
                    head = octets[at]
                    name = head >> 4
                    if name == TRANSPORT_SEQUENCE and at + 2 < start:
                        link.arrivals.add(octets[at + 1] << 8 | octets[at + 2], self.now_ns)
                    elif name == AUDIO_LEVEL:
                        level = octets[at + 1] & 0x7F
                    at += 2 + (head & 15) if head else 1
        if first & 0x20:
            size -= octets[size - 1]
        stream = link.streams.get(ssrc) or self._learn(link, ssrc, second & 0x7F)
        if stream is None or size < start:
            self.drops["unknown_stream" if stream is None else "malformed"] += 1
            return
        if not stream.published:
            self.drops["unpublished"] += 1
            return
        if ssrc != stream.ssrc:  # a retransmission: its first two octets are the original's number (RFC 4588)
            if size < start + 2:
                return  # padding to probe the way
            seq = octets[start] << 8 | octets[start + 1]
            start += 2
        elif level >= 0:
            stream.level = level
        if second & 0x7F == RED and not stream.is_video:
            self._take_redundant(stream, seq, timestamp, second & 0x80, start, size)
            return
        ext = stream.accept(seq, self.now_ns)
        if ext:
            self._forward(stream, ext, timestamp, second & 0x80, start, size - start, 0, recovered=ssrc != stream.ssrc)
        else:
            self.drops["duplicate"] += 1

    def _take_redundant(  # noqa: PLR0917 - as above
        self, stream: Inbound, seq: int, timestamp: int, marker: int, start: int, end: int
    ) -> None:
        """Forward sound that repeats the packet before, which may be lost."""
        primary = find_primary(self.buffer.octets, start, end)
        if not primary:
            self.drops["malformed"] += 1
            return
        highest = stream.highest
        ext = stream.accept(seq, self.now_ns)
        if not ext:
            self.drops["duplicate"] += 1
            return
        if not highest:
            start = primary  # what it repeats was not published yet
        elif ext > highest + 1:
            self._restore(stream, ext - 1, timestamp, start, primary)
        self._forward(stream, ext, timestamp, marker, start, end - start, primary - start, recovered=False)

    def _restore(self, stream: Inbound, ext: int, timestamp: int, start: int, primary: int) -> None:
        """Send lost sound, which the packet after it repeats."""
        repeated = find_repeated(self.buffer.octets, start, primary)
        if repeated is None:
            return
        began = (timestamp - repeated.earlier) & 0xFFFFFFFF
        if stream.may_restore(ext, began):
            self.restored += 1
            self._forward(stream, ext, began, 0, repeated.begin, repeated.end - repeated.begin, 0, recovered=True)

    def _forward(  # noqa: C901, PLR0912, PLR0915, PLR0917 - the innermost loop
        self,
        stream: Inbound,
        ext: int,
        timestamp: int,
        marker: int,
        start: int,
        extent: int,
        lead: int,
        *,
        recovered: bool,
    ) -> None:
        """Send one new packet, whose payload lies in `buffer`, to everybody who is subscribed.

        The first `lead` octets of redundant sound are for those who take redundancy, and for nobody else.
        """
        now_ns = self.now_ns
        if not recovered:
            stream.measure_jitter(timestamp, now_ns)
        stream.octets += extent
        tap = stream.tap
        if stream.is_video:
            payload = bytes(self.buffer.view[start : start + extent])
            stream.keep((ext, timestamp, marker, payload))
            if (stream.key_frame_wanted or stream.missing or stream.joining) and begins_key_frame(payload):
                stream.begin_key_frame(ext)
                if stream.joining:
                    self._join(stream, ext, timestamp)
                    tap = stream.tap
            if stream.lately_missing or stream.key_frame_wanted:
                self._urgent.add(stream)
            word = self._send_time_word
        else:
            payload = bytes(self.buffer.view[start + lead : start + extent]) if tap is not None else b""
            word = _AUDIO_LEVEL_WORD | stream.level << 16
        if tap is not None:
            tap.on_rtp(ext, timestamp, marker != 0, payload, now_ns + self._epoch_ns)
        whole = source = self._in + start
        kind, octets = 0, extent
        self._in_wake_up += 1
        batches = stream.is_video and self._in_wake_up > BURST
        length = self._length
        buffer, out, body, at = self._out, self._out_pointer, self._out_body, 0
        for outbound in stream.outbounds:
            if outbound.waiting:
                if not begins_key_frame(payload) if stream.is_video else recovered:
                    continue
                outbound.begin(ext, timestamp, now_ns)
                self._tell_clock(stream, outbound)
            elif ext < outbound.first:
                continue
            link = outbound.link
            address = link.address
            if address is None:
                continue
            if lead:
                kind = outbound.red_payload_type if ext != outbound.first else 0
                source, octets = (whole, extent) if kind else (whole + lead, extent - lead)
            if batches:
                batch = link.batch
                if extent > batch.room:
                    self._send_batch(link)
                buffer, at = batch.buffer, batch.filled
                out = buffer.pointer + at
                body = out + _OUT_SIZE
            number = ext + outbound.seq_offset
            stamp = (timestamp + outbound.timestamp_offset) & 0xFFFFFFFF
            _OUT_HEADER.pack_into(
                buffer.octets,
                at,
                0x90,
                marker | (kind or outbound.payload_type),
                number & 0xFFFF,
                stamp,
                outbound.ssrc,
                _ONE_BYTE_FORM,
                1,
                word,
            )
            memmove(body, source, octets)
            if outbound.picture_shift is not None:
                renumber_picture(buffer.octets, at + _OUT_SIZE, octets, outbound.picture_shift)
            length[0] = _OUT_SIZE + octets
            if srtp_protect(link.tx, out, length):
                self.drops["seal_failed"] += 1
                continue
            sealed = length[0]
            if batches:
                batch.add(extent, sealed)
                if not at:
                    self._batched.add(link)
            else:
                try:
                    self.send(buffer.view[:sealed], address)
                except OSError:
                    self.drops["send_failed"] += 1
                    continue
            self.forwarded += 1
            outbound.packets += 1
            outbound.octets += octets
            link.octets_out += sealed
            if number > outbound.highest:
                outbound.highest = number
                outbound.last_timestamp = stamp
                outbound.last_ns = now_ns
                if outbound.is_video:
                    link.last_media_ns = now_ns
                else:
                    link.sound_octets_out += sealed

    def _send_batch(self, link: Link) -> None:
        batch = link.batch
        if link.address is not None and (lost := batch.send(link.address, self.send, self.send_segments)):
            self.drops["send_failed"] += lost
            self.forwarded -= lost
        batch.clear()

    def _join(self, stream: Inbound, ext: int, timestamp: int) -> None:
        """Change to this layer those who wait for its key frame, and give them its clock."""
        for outbound in layer_changes.join(stream, ext, timestamp, self.now_ns, self._epoch_ns):
            if not outbound.waiting:
                self._tell_clock(stream, outbound)

    def _retransmit(self, outbound: Outbound, seq: int) -> None:
        """Answer a subscriber's request for `seq` as RFC 4588 says, if the packet is still there."""
        link = outbound.link
        if self.now_ns - link.retransmission_ns >= REPORT_NS:
            link.retransmission_ns, link.retransmissions = self.now_ns, 0
        link.retransmissions += 1
        if link.retransmissions > RETRANSMISSION_LIMIT_PER_S:
            self.drops["retransmission_limited"] += 1
            return
        packet = outbound.stored(seq)
        if packet is None or not outbound.rtx_payload_type:
            return
        outbound.rtx_seq = (outbound.rtx_seq + 1) & 0xFFFF
        _OUT_HEADER.pack_into(
            self._out.octets,
            0,
            0x90,
            packet.marker | outbound.rtx_payload_type,
            outbound.rtx_seq,
            packet.timestamp,
            outbound.rtx_ssrc,
            _ONE_BYTE_FORM,
            1,
            self._send_time_word,
        )
        extent = len(packet.payload)
        self._out.octets[_OUT_SIZE] = seq >> 8
        self._out.octets[_OUT_SIZE + 1] = seq & 0xFF
        memmove(self._out_body + 2, packet.payload, extent)
        self._length[0] = _OUT_SIZE + 2 + extent
        if srtp_protect(link.tx, self._out_pointer, self._length) == 0:
            self._dispatch(link)
            self.retransmitted += 1

    def _claimant(self, size: int) -> Link | None:
        """Return whose SSRC a packet from an unknown address carries: a peer whose address may have changed."""
        octets = self.buffer.octets
        at = 4 if 192 <= octets[1] <= 223 else 8
        link = self._by_ssrc.get(int.from_bytes(octets[at : at + 4], "big"))
        if link is None or size < 28:  # header and tag
            return None
        if self.now_ns - self._roaming_ns >= REPORT_NS:
            self._roaming_ns, self._roaming_tries = self.now_ns, 0
        self._roaming_tries += 1
        return link if self._roaming_tries <= ROAMING_LIMIT_PER_S else None

    def _learn(self, link: Link, ssrc: int, payload_type: int) -> Inbound | None:
        """Find the stream of an SSRC that was not announced, by the mid extension of its packet."""
        octets = self.buffer.octets
        stream = link.inbounds.get(_name(octets)) if octets[0] & 0x10 else None
        if stream is None or len(link.streams) >= STREAM_LIMIT:
            return None
        if payload_type == RTX and stream.is_video and not stream.rtx_ssrc:
            stream.rtx_ssrc = self._own(stream, 0, ssrc)
        elif payload_type in ((VP8,) if stream.is_video else (OPUS, RED)) and not stream.ssrc:
            stream.ssrc = self._own(stream, 0, ssrc)
        else:
            return None
        return stream

    def _own(self, stream: Inbound, before: int, ssrc: int) -> int:
        link: Link = stream.link
        if before:
            link.streams.pop(before, None)
            if self._by_ssrc.get(before) is link:
                del self._by_ssrc[before]
        if len(link.streams) < STREAM_LIMIT:
            link.streams[ssrc] = stream
            self._by_ssrc.setdefault(ssrc, link)
        return ssrc

    # --- control packets --------------------------------------------------------------------------------------------

    def _take_control(self, link: Link, size: int) -> None:
        octets, now_ns = self.buffer.octets, self.now_ns
        for packet in rtcp.packets(octets, size):
            if packet.kind in (rtcp.SENDER_REPORT, rtcp.RECEIVER_REPORT):
                if packet.kind == rtcp.SENDER_REPORT:
                    self._take_sender_report(link, rtcp.sender_info(octets, packet))
                for block in rtcp.report_blocks(octets, packet):
                    outbound = link.outbounds.get(block.ssrc)
                    if outbound is not None:
                        outbound.hear(block, now_ns)
            elif packet.kind == rtcp.TRANSPORT_FEEDBACK and packet.form == rtcp.NACK:
                outbound = link.outbounds.get(rtcp.media_ssrc(octets, packet) or 0)
                if outbound is not None:
                    for seq in rtcp.nacked(octets, packet):
                        self._retransmit(outbound, seq)
            elif packet.kind == rtcp.PAYLOAD_FEEDBACK:
                self._take_payload_feedback(link, packet)

    def _take_payload_feedback(self, link: Link, packet: rtcp.Packet) -> None:
        octets = self.buffer.octets
        if packet.form == rtcp.APPLICATION_LAYER:
            estimate_bps = rtcp.remb_bps(octets, packet)
            if estimate_bps is not None:
                link.estimate_bps, link.estimate_ns = estimate_bps, self.now_ns
            return
        if packet.form == rtcp.FULL_INTRA_REQUEST:
            ssrcs = rtcp.full_intra_ssrcs(octets, packet)
        elif packet.form == rtcp.PICTURE_LOSS:
            ssrcs = [rtcp.media_ssrc(octets, packet) or 0]
        else:
            return
        for ssrc in ssrcs:
            outbound = link.outbounds.get(ssrc)
            if outbound is not None and outbound.source is not None:
                outbound.source.key_frame_wanted = outbound.is_video
                self._urgent.add(outbound.source)

    def _take_sender_report(self, link: Link, info: rtcp.SenderInfo | None) -> None:
        stream = link.streams.get(info.ssrc) if info is not None else None
        if info is None or stream is None or info.ssrc != stream.ssrc or not stream.published:
            return
        stream.clock = SenderClock(info.ntp, info.rtp_timestamp, self.now_ns)
        if stream.tap is not None:
            stream.tap.on_sender_report(info.ntp, info.rtp_timestamp, self.now_ns + self._epoch_ns)
        for outbound in stream.outbounds:
            if not outbound.waiting:
                self._tell_clock(stream, outbound)

    def _tell_clock(self, stream: Inbound, outbound: Outbound) -> None:
        """Give the publisher's clock to a subscriber, in the subscriber's numbers: lip sync rests on it."""
        if stream.clock is not None:
            clock = stream.clock
            timestamp = (clock.rtp_timestamp + outbound.timestamp_offset) & 0xFFFFFFFF
            outbound.note_report(clock.ntp, self.now_ns)
            self._send_control(
                outbound.link,
                rtcp.sender_report(outbound.ssrc, clock.ntp, timestamp, outbound.packets, outbound.octets),
            )

    def _mend(self, stream: Inbound, now_ns: int) -> None:
        """Ask the publisher for lost packets that are due, and for a key frame if one is wanted and it is time."""
        link: Link = stream.link
        if link.tx is None or not stream.ssrc:
            return
        if stream.missing:
            due = stream.due_nacks(now_ns, limit_round_trip(list(_round_trips(link))))
            if due:
                self._send_control(link, rtcp.nack(stream.ssrc, due))
        if stream.key_frame_wanted and stream.may_ask_key_frame(now_ns):
            self._send_control(link, rtcp.picture_loss(stream.ssrc))

    def _remind(self, stream: Inbound, now_ns: int) -> None:
        if now_ns - stream.key_frame_asked_ns >= WAITING_RETRY_NS and (
            stream.joining or any(each.waiting for each in stream.outbounds)
        ):
            stream.key_frame_wanted = True
        if stream.missing or stream.key_frame_wanted:
            self._mend(stream, now_ns)

    def _acknowledge(self, link: Link, now_ns: int) -> None:
        link.acknowledged_ns = now_ns
        ssrc = next(iter(link.streams), 0)
        feedback = link.arrivals.feedback(ssrc)
        if feedback is not None and link.transport_feedback:
            self._send_control(link, feedback)

    def _report(self, link: Link, now_ns: int) -> None:
        """Tell a publisher how its streams arrive, and how much of its pictures the viewers can take."""
        elapsed_ns = now_ns - link.reported_ns
        for stream in link.inbounds.values():
            stream.measure_rate(elapsed_ns, now_ns)
        octets = link.octets_out - link.sound_octets_out
        link.sent_bps = (octets - link.reported_octets) * 8_000_000_000 // elapsed_ns
        link.reported_octets, link.reported_ns = octets, now_ns
        for layer in layer_changes.chosen(link, now_ns):
            self._want_key_frame(layer)
        heard = [stream for stream in link.inbounds.values() if stream.highest and stream.ssrc]
        if heard:
            self._send_control(link, rtcp.receiver_report([stream.report(now_ns) for stream in heard]))
        limits = {
            stream.ssrc: limit
            for stream in heard
            if stream.is_video
            and not layer_changes.is_layered(stream)
            and (limit := stream.limit.update(layer_changes.viewers(stream, now_ns))) is not None
        }
        if limits:
            self._send_control(link, rtcp.remb(sum(limits.values()) + SOUND_BPS, list(limits)))

    def _send_control(self, link: Link, data: bytes) -> None:
        if link.tx is None:
            return
        self._out.octets[: len(data)] = data
        self._length[0] = len(data)
        if srtp_protect_rtcp(link.tx, self._out_pointer, self._length) == 0:
            self._dispatch(link)

    def _dispatch(self, link: Link) -> None:
        if link.address is None:
            return
        sealed = self._length[0]
        try:
            self.send(self._out.view[:sealed], link.address)
        except OSError:
            self.drops["send_failed"] += 1
        else:
            link.octets_out += sealed


def _nowhere(_octets: Any, _address: Address) -> None:
    raise BlockingIOError("the socket is not open")


def _name(octets: bytearray) -> bytes:
    """Read which stream a packet says it is of, as `Link.inbounds` names them.

    Its extension block is known to lie within `octets`.
    """
    mid = layer = b""
    at = 12 + 4 * (octets[0] & 15)
    form, words = _EXTENSION.unpack_from(octets, at)
    at += 4
    end = at + 4 * words
    while form == _ONE_BYTE_FORM and at < end:
        head = octets[at]
        value = bytes(octets[at + 1 : min(at + 2 + (head & 15), end)])
        if head >> 4 == MID:
            mid = value
        elif head >> 4 in {RID, REPAIRED_RID}:
            layer = value
        at += 2 + (head & 15) if head else 1
    return mid + b"/" + layer if layer and layer != LOWEST else mid


def _round_trips(link: Link) -> Iterator[int]:
    return (each.round_trip_ns for each in link.outbounds.values() if each.round_trip_ns is not None)
