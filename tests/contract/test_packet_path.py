"""The promises of `media.packet_path.PacketPath`, kept by whatever carries the packets.

Written against the interface alone: routes go in by its methods, sealed datagrams by `buffer` and `receive`, and what
comes out is what `send` and `send_segments` were given. Another path joins by a line in `PATHS`.
"""

import struct
from collections.abc import Callable, Iterable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.media_peer import SrtpClient, redundant, rtp
from media import rtcp
from media.bindings import SRTP_PROFILES
from media.forwarder import Forwarder
from media.packet_path import ADDRESS_LIMIT, AUDIO_LEVEL, DATAGRAM_LIMIT, OPUS, RED, RTX, VP8, Link, PacketPath
from media.srtp import SrtpKeys
from media.streams import Inbound, Outbound
from media.stun import Address

Factory = Callable[[Callable[[], int], int], PacketPath]  # the clock, and what added to it gives ns since 1970


def forwarder(clock_ns: Callable[[], int], epoch_ns: int) -> PacketPath:
    return Forwarder(clock_ns=clock_ns, epoch_ns=epoch_ns)


PATHS: tuple[Factory, ...] = (forwarder,)

MS = 1_000_000
EPOCH_NS = 1_800_000_000_000_000_000
ANNE: Address = ("192.0.2.1", 4000)
BO: Address = ("192.0.2.2", 4000)
CARE: Address = ("192.0.2.3", 4000)
SOUND, PICTURE, AGAIN = 10, 11, 12  # Anne's SSRCs
HEARD, SEEN = 20, 21  # Bo's
KEY_FRAME = b"\x10\x00\x9d\x01\x2a\x80\x02\xe0\x01"
DELTA = b"\x10\x01"


class Person:
    """A peer of the path, and the browser's half of its keys."""

    def __init__(self, path: PacketPath, address: Address, *, sealed: bool = True) -> None:
        self.address = address
        self.link: Link = path.open()
        keying = repr(address).encode().ljust(SRTP_PROFILES[0].keying_length, b"k")
        self.srtp = SrtpClient(SrtpKeys(SRTP_PROFILES[0], keying, server=False))
        self.keys = SrtpKeys(SRTP_PROFILES[0], keying)
        if sealed:
            path.seal(self.link, self.keys)
            path.bind(self.link, address)


class Tap:
    """A recorder that remembers."""

    def __init__(self) -> None:
        self.packets: list[tuple[int, int, bool, bytes, int]] = []
        self.reports: list[tuple[int, int, int]] = []

    def on_rtp(self, extended_seq: int, timestamp: int, marker: bool, payload: bytes, arrival_ns: int) -> None:
        self.packets.append((extended_seq, timestamp, marker, payload, arrival_ns))

    def on_sender_report(self, ntp: int, rtp_timestamp: int, arrival_ns: int) -> None:
        self.reports.append((ntp, rtp_timestamp, arrival_ns))


class Call:
    """Anne's microphone and camera go to Bo; the clock is set by hand, and a network takes what is sent."""

    def __init__(self, factory: Factory, *, cuts: bool = True) -> None:
        self.now_ns = 5_000 * MS
        self.sent: list[tuple[bytes, Address]] = []
        self.refused: set[Address] = set()  # sending there fails
        self.path = factory(lambda: self.now_ns, EPOCH_NS)
        self.path.send = self._send
        self.path.send_segments = self._send_segments if cuts else None
        self.anne, self.bo = Person(self.path, ANNE), Person(self.path, BO)
        self.microphone = self.publish(self.anne, "0", SOUND)
        self.camera = self.publish(self.anne, "1", PICTURE, AGAIN)
        self.heard = self.subscribe(self.bo, self.microphone, HEARD)
        self.seen = self.subscribe(self.bo, self.camera, SEEN)

    def publish(self, person: Person, mid: str, ssrc: int, rtx_ssrc: int = 0) -> Inbound:
        stream = self.path.add_inbound(person.link, mid, is_video=rtx_ssrc != 0)
        self.path.signal(stream, ssrc, rtx_ssrc)
        self.path.publish(stream, published=True)
        return stream

    def subscribe(self, person: Person, source: Inbound, ssrc: int, *, red: int = 0) -> Outbound:
        view = Outbound(
            person.link,
            is_video=source.is_video,
            ssrc=ssrc,
            payload_type=VP8 if source.is_video else OPUS,
            red_payload_type=red,
            rtx_ssrc=ssrc + 100 if source.is_video else 0,
            rtx_payload_type=RTX if source.is_video else 0,
        )
        self.path.add_outbound(person.link, view)
        self.path.attach(view, source)
        return view

    def arrive(self, datagrams: Iterable[bytes], address: Address) -> None:
        """One wake-up."""
        self.path.wake()
        for datagram in datagrams:
            self.path.buffer.octets[: len(datagram)] = datagram
            self.path.receive(len(datagram), address)
        self.path.flush()

    def say(self, person: Person, *packets: bytes, address: Address | None = None) -> None:
        """Let packets of a person arrive in one wake-up."""
        self.arrive([person.srtp.seal(packet) for packet in packets], address or person.address)

    def show(self, *seqs: int, payload: bytes = DELTA) -> None:
        """Let Anne's camera send; its packet 1 is a key frame."""
        self.say(self.anne, *(picture(seq, KEY_FRAME if seq == 1 else payload) for seq in seqs))

    def pass_time(self, ms: int) -> None:
        """Let time pass in ticks."""
        for _ in range(ms // 50):
            self.now_ns += 50 * MS
            self.path.tick()

    def to(self, person: Person, address: Address | None = None) -> list[bytes]:
        """Return what has been sent to a person since the last time, opened."""
        where = address or person.address
        opened = [person.srtp.open(octets) for octets, to in self.sent if to == where]
        self.sent = [(octets, to) for octets, to in self.sent if to != where]
        assert all(opened), "what is sent can be opened"
        return opened

    def seen_by(self, person: Person) -> list[bytes]:
        """Return the packets of pictures among what has been sent to a person."""
        return [packet for packet in self.to(person) if packet[1] & 0x7F == VP8]

    def _send(self, octets: bytes, address: Address) -> None:
        if address in self.refused:
            raise BlockingIOError
        self.sent.append((bytes(octets), address))

    def _send_segments(self, octets: bytes, segment: int, address: Address) -> None:
        for at in range(0, len(octets), segment):
            self._send(octets[at : at + segment], address)


@pytest.fixture(params=PATHS, ids=lambda factory: factory.__name__)
def call(request: pytest.FixtureRequest) -> Call:
    return Call(request.param)


def sound(seq: int, ssrc: int = SOUND) -> bytes:
    return rtp(ssrc=ssrc, payload_type=OPUS, seq=seq, timestamp=seq * 960, payload=b"sound %d" % seq)


def twice(seq: int, *, level: int = 30) -> bytes:
    """Return sound that repeats the packet before."""
    payload = redundant(b"sound %d" % seq, (960, b"sound %d" % (seq - 1)))
    extensions = bytes([AUDIO_LEVEL << 4, level])
    return rtp(ssrc=SOUND, payload_type=RED, seq=seq, timestamp=seq * 960, payload=payload, extensions=extensions)


def picture(seq: int, payload: bytes = DELTA, ssrc: int = PICTURE) -> bytes:
    return rtp(ssrc=ssrc, payload_type=VP8, seq=seq, timestamp=seq * 3000, payload=payload)


def repeated(seq: int, original: int, payload: bytes) -> bytes:
    """Return what a publisher sends when it is asked for `original` again (RFC 4588)."""
    body = struct.pack("!H", original) + payload
    return rtp(ssrc=AGAIN, payload_type=RTX, seq=seq, timestamp=original * 3000, payload=body)


def seq_of(packet: bytes) -> int:
    return struct.unpack_from("!H", packet, 2)[0]


def timestamp_of(packet: bytes) -> int:
    return struct.unpack_from("!I", packet, 4)[0]


def ssrc_of(packet: bytes) -> int:
    return struct.unpack_from("!I", packet, 8)[0]


def payload_of(packet: bytes) -> bytes:
    start = 12 + 4 * (packet[0] & 15)
    if packet[0] & 0x10:
        start += 4 + 4 * struct.unpack_from("!H", packet, start + 2)[0]
    return packet[start:]


def asked_again(sent: list[bytes], ssrc: int = PICTURE) -> list[int]:
    """Return the numbers that NACKs among control packets ask for."""
    return [
        seq
        for data in sent
        for packet in rtcp.packets(data, len(data))
        if (packet.kind, packet.form) == (rtcp.TRANSPORT_FEEDBACK, rtcp.NACK) and rtcp.media_ssrc(data, packet) == ssrc
        for seq in rtcp.nacked(data, packet)
    ]


def pictures_asked(sent: list[bytes], ssrc: int = PICTURE) -> int:
    """Return how often a publisher is asked for a key frame."""
    return sum(
        (packet.kind, packet.form) == (rtcp.PAYLOAD_FEEDBACK, rtcp.PICTURE_LOSS)
        and rtcp.media_ssrc(data, packet) == ssrc
        for data in sent
        for packet in rtcp.packets(data, len(data))
    )


# --- routes ----------------------------------------------------------------------------------------------------------


def test_sound_and_pictures_come_under_the_subscribers_own_numbers(call: Call) -> None:
    call.say(call.anne, sound(1), picture(1, KEY_FRAME), sound(2), picture(2))
    sent = call.to(call.bo)
    heard = [packet for packet in sent if ssrc_of(packet) == HEARD]
    seen = [packet for packet in sent if ssrc_of(packet) == SEEN]
    assert [payload_of(packet) for packet in heard] == [b"sound 1", b"sound 2"]
    assert [payload_of(packet) for packet in seen] == [KEY_FRAME, DELTA]
    assert {packet[1] & 0x7F for packet in heard} == {OPUS}
    assert {packet[1] & 0x7F for packet in seen} == {VP8}
    assert seq_of(seen[1]) == seq_of(seen[0]) + 1
    assert timestamp_of(seen[1]) == timestamp_of(seen[0]) + 3000
    assert call.path.forwarded == call.heard.packets + call.seen.packets == 4


def test_the_publishers_header_extensions_and_padding_stay_behind(call: Call) -> None:
    named = rtp(
        ssrc=PICTURE, payload_type=VP8, seq=1, timestamp=1, payload=KEY_FRAME + b"\0\0\0\4", extensions=b"\x20" + b"1"
    )
    call.say(call.anne, bytes([named[0] | 0x20]) + named[1:])
    (sent,) = call.seen_by(call.bo)
    assert payload_of(sent) == KEY_FRAME
    assert not sent[0] & 0x20
    assert b"\x20" + b"1" not in sent[12:20]


def test_a_packet_of_padding_keeps_the_numbers_without_a_gap(call: Call) -> None:
    empty = picture(2, b"\0\0\0\4")
    call.say(call.anne, picture(1, KEY_FRAME), bytes([empty[0] | 0x20]) + empty[1:], picture(3))
    seen = call.seen_by(call.bo)
    assert [payload_of(packet) for packet in seen] == [KEY_FRAME, b"", DELTA]
    assert [seq_of(packet) - seq_of(seen[0]) for packet in seen] == [0, 1, 2]


def test_nothing_passes_that_is_not_published_and_numbers_go_on_when_it_is_again(call: Call) -> None:
    call.show(1, 2)
    before = call.seen_by(call.bo)
    call.path.publish(call.camera, published=False)
    call.show(3, 4)
    assert call.seen_by(call.bo) == []
    assert call.path.drops["unpublished"] == 2
    call.path.publish(call.camera, published=True)
    call.path.attach(call.seen, None)
    call.path.attach(call.seen, call.camera)
    call.say(call.anne, picture(900, KEY_FRAME))
    (after,) = call.seen_by(call.bo)
    assert seq_of(after) == seq_of(before[-1]) + 1


def test_a_subscribers_stream_goes_on_from_one_source_to_the_next(call: Call) -> None:
    care = Person(call.path, CARE)
    other = call.publish(care, "1", 31, 32)
    call.show(1, 2)
    before = call.seen_by(call.bo)
    call.path.attach(call.seen, other)
    call.now_ns += 40 * MS
    call.show(3)
    call.say(care, picture(700, ssrc=31), picture(701, KEY_FRAME, ssrc=31), picture(702, ssrc=31))
    after = call.seen_by(call.bo)
    assert [payload_of(packet) for packet in after] == [KEY_FRAME, DELTA], "a picture begins with a key frame"
    assert [seq_of(packet) for packet in after] == [seq_of(before[-1]) + 1, seq_of(before[-1]) + 2]
    assert timestamp_of(after[0]) > timestamp_of(before[-1])


def test_everybody_subscribed_gets_it_and_nobody_else(call: Call) -> None:
    care = Person(call.path, CARE)
    view = call.subscribe(care, call.camera, 40)
    call.show(1)
    assert [ssrc_of(packet) for packet in call.seen_by(care)] == [40]
    assert [ssrc_of(packet) for packet in call.seen_by(call.bo)] == [SEEN]
    call.path.remove_outbound(view)
    call.show(2)
    assert call.seen_by(care) == []
    assert len(call.seen_by(call.bo)) == 1


def test_a_stream_that_was_not_announced_is_known_by_its_section(call: Call) -> None:
    other = call.path.add_inbound(call.anne.link, "7", is_video=True)
    call.path.publish(other, published=True)
    call.path.attach(call.seen, other)
    named = {"payload_type": VP8, "timestamp": 1, "extensions": b"\x20" + b"7"}
    call.say(call.anne, rtp(ssrc=77, seq=1, payload=KEY_FRAME, **named), rtp(ssrc=78, seq=1, payload=DELTA, **named))
    assert [payload_of(packet) for packet in call.seen_by(call.bo)] == [KEY_FRAME]
    assert call.path.drops["unknown_stream"] == 1, "a section has one stream"


def test_a_peer_that_is_closed_is_forgotten(call: Call) -> None:
    call.show(1)
    call.path.close(call.bo.link)
    call.path.close(call.anne.link)
    call.sent.clear()
    call.show(2)
    call.pass_time(2000)
    assert call.sent == []
    assert call.path.drops["stranger"] == 1
    assert call.path.link_at(ANNE) is None
    assert call.path.link_at(BO) is None
    assert call.path.bind(Person(call.path, CARE).link, ANNE), "its address is free at once"


def test_what_waits_in_a_wake_up_is_not_sent_to_somebody_who_left(call: Call) -> None:
    call.path.wake()
    for seq in range(1, 9):
        datagram = call.anne.srtp.seal(picture(seq, KEY_FRAME))
        call.path.buffer.octets[: len(datagram)] = datagram
        call.path.receive(len(datagram), ANNE)
    call.path.close(call.bo.link)
    call.sent.clear()
    call.path.flush()
    assert [to for _, to in call.sent if to == BO] == []


# --- packets ---------------------------------------------------------------------------------------------------------


def test_a_packet_passes_once(call: Call) -> None:
    sealed = call.anne.srtp.seal(picture(1, KEY_FRAME))
    call.arrive([sealed, sealed], ANNE)
    call.say(call.anne, repeated(1, 1, KEY_FRAME))
    assert len(call.seen_by(call.bo)) == 1
    assert call.path.drops["unauthenticated"] == 1, "a replay"
    assert call.path.drops["duplicate"] == 1


def test_numbers_wrap(call: Call) -> None:
    call.say(call.anne, picture(65534, KEY_FRAME), picture(65535), picture(0), picture(1))
    seqs = [seq_of(packet) for packet in call.seen_by(call.bo)]
    assert seqs == list(range(seqs[0], seqs[0] + 4))
    assert call.camera.expected == call.camera.received == 4


@pytest.mark.parametrize("factory", PATHS)
@pytest.mark.parametrize("cuts", [True, False])
def test_a_burst_arrives_whole_and_in_order(factory: Factory, cuts: bool) -> None:
    call = Call(factory, cuts=cuts)
    call.say(call.anne, *(picture(seq, KEY_FRAME.ljust(900 + seq // 20 - seq % 7 // 6, b"k")) for seq in range(1, 101)))
    seen = call.seen_by(call.bo)
    assert [seq_of(packet) for packet in seen] == list(range(seq_of(seen[0]), seq_of(seen[0]) + 100))
    assert [len(payload_of(packet)) for packet in seen] == [900 + seq // 20 - seq % 7 // 6 for seq in range(1, 101)]
    assert call.path.forwarded == 100


@pytest.mark.parametrize("factory", PATHS)
@pytest.mark.parametrize("cuts", [True, False])
def test_what_cannot_be_sent_is_counted_and_nobody_elses_loss(factory: Factory, cuts: bool) -> None:
    call = Call(factory, cuts=cuts)
    care = Person(call.path, CARE)
    call.subscribe(care, call.camera, 40)
    call.refused.add(BO)
    call.say(call.anne, *(picture(seq, KEY_FRAME) for seq in range(1, 9)))
    assert len(call.seen_by(care)) == 8
    assert call.path.drops["send_failed"] == 8
    assert call.path.forwarded == 8
    call.refused.clear()
    call.show(9)
    assert len(call.seen_by(call.bo)) == 1


def test_the_longest_datagram_passes(call: Call) -> None:
    payload = KEY_FRAME.ljust(DATAGRAM_LIMIT - 1 - 12 - 16, b"k")  # header and tag
    call.say(call.anne, *(picture(seq, payload) for seq in range(1, 20)))
    assert [payload_of(packet) for packet in call.seen_by(call.bo)] == [payload] * 19


# --- loss ------------------------------------------------------------------------------------------------------------


def test_what_is_lost_is_asked_for_again_and_goes_on_when_it_comes(call: Call) -> None:
    call.show(1, 2)
    call.to(call.anne)
    call.show(5)
    assert asked_again(call.to(call.anne)) == [3, 4]
    call.say(call.anne, repeated(1, 3, b"\x10\x03"), picture(4))
    seen = call.seen_by(call.bo)
    assert [seq_of(packet) - seq_of(seen[0]) for packet in seen] == [0, 1, 4, 2, 3]
    assert payload_of(seen[3]) == b"\x10\x03"
    call.pass_time(1500)
    assert asked_again(call.to(call.anne)) == []


def test_what_stays_lost_is_asked_for_a_bounded_number_of_times_then_a_picture_is(call: Call) -> None:
    call.show(1, 2)
    call.pass_time(500)
    call.to(call.anne)
    call.show(4)
    call.pass_time(800)
    asked = call.to(call.anne)
    assert 2 <= asked_again(asked).count(3) <= 30
    assert pictures_asked(asked) == 0
    call.pass_time(3000)
    call.to(call.anne)
    call.say(call.anne, picture(5, KEY_FRAME))
    call.pass_time(3000)
    assert asked_again(call.to(call.anne)) == [], "not for ever"


def test_a_large_gap_is_answered_by_a_picture(call: Call) -> None:
    call.show(1)
    call.pass_time(500)
    call.to(call.anne)
    call.show(6000)
    call.pass_time(50)
    asked = call.to(call.anne)
    assert asked_again(asked) == []
    assert pictures_asked(asked) == 1


def test_a_subscriber_gets_again_what_it_asks_for(call: Call) -> None:
    call.show(1, 2, 3)
    missed = call.seen_by(call.bo)[1]
    call.say(call.bo, rtcp.nack(SEEN, [seq_of(missed)]))
    (again,) = call.to(call.bo)
    assert ssrc_of(again) == SEEN + 100
    assert again[1] & 0x7F == RTX
    assert timestamp_of(again) == timestamp_of(missed)
    assert payload_of(again) == struct.pack("!H", seq_of(missed)) + payload_of(missed)
    assert call.path.retransmitted == 1
    assert call.path.forwarded == 3, "repeated ones do not count"


def test_a_subscriber_gets_nothing_again_that_was_never_sent_or_long_ago(call: Call) -> None:
    call.show(1)
    first = seq_of(call.seen_by(call.bo)[0])
    call.show(*range(2, 3000))
    call.to(call.bo)
    call.say(call.bo, rtcp.nack(SEEN, [first]), rtcp.nack(SEEN, [(first + 20000) & 0xFFFF]), rtcp.nack(HEARD, [1]))
    assert [packet for packet in call.to(call.bo) if packet[1] & 0x7F == RTX] == []


def test_a_subscriber_without_a_format_for_it_gets_nothing_again(call: Call) -> None:
    care = Person(call.path, CARE)
    view = Outbound(care.link, is_video=True, ssrc=40, payload_type=VP8)
    call.path.add_outbound(care.link, view)
    call.path.attach(view, call.camera)
    call.show(1)
    (sent,) = call.seen_by(care)
    call.say(care, rtcp.nack(40, [seq_of(sent)]))
    assert call.to(care) == []


def test_what_a_subscriber_asks_for_again_is_bounded(call: Call) -> None:
    call.show(1)
    seq = seq_of(call.seen_by(call.bo)[0])
    for _ in range(5000):
        call.say(call.bo, rtcp.nack(SEEN, [seq]))
    assert 0 < call.path.retransmitted <= 1000
    assert call.path.drops["retransmission_limited"] == 5000 - call.path.retransmitted
    call.pass_time(1100)
    call.say(call.bo, rtcp.nack(SEEN, [seq]))
    assert call.path.drops["retransmission_limited"] + call.path.retransmitted == 5001


# --- key frames ------------------------------------------------------------------------------------------------------


def test_wishes_for_a_picture_reach_the_publisher_at_most_every_300_ms_and_are_kept_till_then(call: Call) -> None:
    call.show(1)
    call.pass_time(1000)
    call.to(call.anne)
    for _ in range(50):
        call.say(call.bo, rtcp.picture_loss(SEEN))
        call.path.ask_key_frame(call.camera)
    assert pictures_asked(call.to(call.anne)) == 1
    call.pass_time(250)
    assert pictures_asked(call.to(call.anne)) == 0
    call.pass_time(100)
    assert pictures_asked(call.to(call.anne)) == 1
    call.say(call.anne, picture(2, KEY_FRAME))
    call.pass_time(1000)
    assert pictures_asked(call.to(call.anne)) == 0, "it has come"


def test_a_full_intra_request_is_such_a_wish(call: Call) -> None:
    call.show(1)
    call.pass_time(1000)
    call.to(call.anne)
    call.say(call.bo, struct.pack("!BBHIIIBBBB", 0x84, 206, 4, 1, 0, SEEN, 1, 0, 0, 0))
    assert pictures_asked(call.to(call.anne)) == 1


def test_a_new_subscriber_waits_for_a_picture_which_is_asked_for_until_it_comes(call: Call) -> None:
    call.show(1)
    call.pass_time(1000)
    call.to(call.anne)
    care = Person(call.path, CARE)
    call.subscribe(care, call.camera, 40)
    call.show(2)
    call.pass_time(2000)
    assert 2 <= pictures_asked(call.to(call.anne)) <= 7
    assert call.seen_by(care) == []
    call.say(call.anne, picture(3, KEY_FRAME), picture(4))
    assert [payload_of(packet) for packet in call.seen_by(care)] == [KEY_FRAME, DELTA]


def test_sound_needs_no_picture(call: Call) -> None:
    call.to(call.anne)
    call.path.ask_key_frame(call.microphone)
    call.say(call.bo, rtcp.picture_loss(HEARD))
    call.pass_time(1000)
    assert pictures_asked(call.to(call.anne), SOUND) == 0


# --- reports ---------------------------------------------------------------------------------------------------------


def test_the_publishers_clock_is_told_in_the_subscribers_numbers(call: Call) -> None:
    call.show(1, 2)
    seen = call.seen_by(call.bo)
    call.say(call.anne, rtcp.sender_report(PICTURE, 7 << 32, 2 * 3000, 2, 2))
    data = call.to(call.bo)[-1]
    (packet,) = rtcp.packets(data, len(data))
    info = rtcp.sender_info(data, packet)
    assert info is not None
    assert (info.ssrc, info.ntp, info.rtp_timestamp) == (SEEN, 7 << 32, timestamp_of(seen[1]))


def test_a_publisher_is_told_how_its_streams_arrive(call: Call) -> None:
    call.say(call.anne, *(sound(seq) for seq in range(1, 101) if seq % 4))
    call.to(call.anne)
    call.pass_time(1100)
    blocks = {
        block.ssrc: block
        for data in call.to(call.anne)
        for packet in rtcp.packets(data, len(data))
        if packet.kind == rtcp.RECEIVER_REPORT
        for block in rtcp.report_blocks(data, packet)
    }
    assert blocks[SOUND].total_lost == 24, "the last one is not known to be lost"
    assert 60 <= blocks[SOUND].fraction_lost <= 66, "in 256ths"


def test_arrivals_are_acknowledged_to_those_who_want_it(call: Call) -> None:
    numbered = rtp(ssrc=SOUND, payload_type=OPUS, seq=1, timestamp=1, payload=b"x", extensions=b"\x41\0\1")
    for wanted in (False, True):
        call.anne.link.transport_feedback = wanted
        call.say(call.anne, numbered[:2] + struct.pack("!H", 1 + wanted) + numbered[4:])
        call.pass_time(200)
        kinds = [(data[1], data[0] & 31) for data in call.to(call.anne)]
        assert ((rtcp.TRANSPORT_FEEDBACK, rtcp.TRANSPORT_WIDE) in kinds) is wanted


def test_what_a_subscriber_reports_is_counted(call: Call) -> None:
    call.show(1)
    call.say(call.bo, rtcp.receiver_report([rtcp.ReportBlock(SEEN, 0, 17, 1, 900, 0, 0)]))
    assert (call.seen.total_lost, call.seen.jitter) == (17, 900)


# --- the recorder ----------------------------------------------------------------------------------------------------


def test_a_tap_gets_each_packet_once_in_the_publishers_numbers_with_the_time_of_day(call: Call) -> None:
    tap = Tap()
    call.path.tap(call.camera, tap)
    call.show(1, 2)
    call.show(2, 4)
    call.say(call.anne, repeated(1, 3, b"\x10\x03"))
    call.say(call.anne, rtcp.sender_report(PICTURE, 7 << 32, 12000, 1, 1))
    at_ns = call.now_ns + EPOCH_NS
    assert [(seq & 0xFFFF, timestamp, payload, at) for seq, timestamp, _, payload, at in tap.packets] == [
        (1, 3000, KEY_FRAME, at_ns),
        (2, 6000, DELTA, at_ns),
        (4, 12000, DELTA, at_ns),
        (3, 9000, b"\x10\x03", at_ns),
    ]
    assert tap.reports == [(7 << 32, 12000, at_ns)]
    call.path.tap(call.camera, None)
    call.show(5)
    assert len(tap.packets) == 4


def test_a_tap_that_comes_later_is_told_the_clock_and_gets_a_picture(call: Call) -> None:
    call.show(1)
    call.say(call.anne, rtcp.sender_report(PICTURE, 7 << 32, 3000, 1, 1))
    told_ns = call.now_ns + EPOCH_NS
    call.pass_time(1000)
    call.to(call.anne)
    tap = Tap()
    call.path.tap(call.camera, tap)
    assert tap.reports == [(7 << 32, 3000, told_ns)]
    assert pictures_asked(call.to(call.anne)) == 1


def test_a_tap_needs_no_subscriber(call: Call) -> None:
    tap = Tap()
    call.path.close(call.bo.link)
    call.path.tap(call.microphone, tap)
    call.say(call.anne, sound(1))
    assert [payload for *_, payload, _ in tap.packets] == [b"sound 1"]


# --- addresses -------------------------------------------------------------------------------------------------------


def test_before_the_keys_are_there_everything_is_dropped(call: Call) -> None:
    early = Person(call.path, CARE, sealed=False)
    call.path.bind(early.link, CARE)
    call.say(early, sound(1))
    assert call.path.drops["early"] == 1
    call.path.seal(early.link, early.keys)
    stream = call.publish(early, "0", 50)
    call.say(early, sound(2, 50))
    assert stream.received == 1


def test_an_authentic_packet_from_elsewhere_moves_the_peer(call: Call) -> None:
    call.show(1)
    moved: Address = ("198.51.100.7", 9)
    call.say(call.anne, picture(2), address=moved)
    assert call.path.link_at(moved) is call.anne.link
    assert call.anne.link.address == moved
    assert len(call.seen_by(call.bo)) == 2
    call.to(call.anne)
    call.path.ask_key_frame(call.camera)
    call.pass_time(400)
    assert pictures_asked(call.to(call.anne, moved)) == 1, "what is for her goes there"
    assert call.to(call.anne) == []


def test_a_forged_packet_moves_nobody_and_tries_are_limited(call: Call) -> None:
    forged = picture(1, bytes(60))
    for port in range(1, 1001):
        call.arrive([forged], ("198.51.100.7", port))
    assert call.anne.link.address == ANNE
    assert 0 < call.path.drops["unauthenticated"] <= 200
    assert call.path.drops["unauthenticated"] + call.path.drops["stranger"] == 1000
    call.now_ns += 1100 * MS
    call.say(call.anne, picture(2), address=("198.51.100.7", 9))
    assert call.anne.link.address == ("198.51.100.7", 9), "the limit is for a second"


def test_an_address_where_another_is_alive_is_not_taken_over(call: Call) -> None:
    call.show(1)
    assert not call.path.bind(call.bo.link, ANNE)
    assert call.path.link_at(ANNE) is call.anne.link
    call.now_ns += 6000 * MS
    assert call.path.bind(call.bo.link, ANNE)
    assert call.path.link_at(ANNE) is call.bo.link
    assert call.anne.link.address is None


def test_a_peer_has_a_bounded_number_of_addresses_and_keeps_the_selected_one(call: Call) -> None:
    for port in range(1, 1000):
        assert call.path.bind(call.bo.link, ("198.51.100.7", port))
    bound = [port for port in range(1, 1000) if call.path.link_at(("198.51.100.7", port)) is not None]
    assert len(bound) == ADDRESS_LIMIT - 1
    assert call.path.link_at(BO) is call.bo.link
    call.path.select(call.bo.link, ("198.51.100.7", 999))
    call.show(1)
    assert len([to for _, to in call.sent if to == ("198.51.100.7", 999)]) >= 1


def test_a_peer_is_followed_to_another_known_address_when_the_selected_one_rests(call: Call) -> None:
    other: Address = ("198.51.100.7", 9)
    call.path.bind(call.anne.link, other)
    call.show(1)
    call.say(call.anne, picture(2), address=other)
    assert call.anne.link.address == ANNE
    call.now_ns += 400 * MS
    call.say(call.anne, picture(3), address=other)
    assert call.anne.link.address == other


# --- redundant sound -------------------------------------------------------------------------------------------------


def with_care(call: Call) -> Person:
    """Let Care hear Anne too, with a browser that takes redundancy; Bo's does not."""
    care = Person(call.path, CARE)
    call.subscribe(care, call.microphone, HEARD, red=RED)
    return care


def test_redundant_sound_goes_on_unchanged_to_those_who_take_it_and_plain_to_others(call: Call) -> None:
    care = with_care(call)
    call.say(call.anne, twice(1), twice(2), twice(3, level=17))
    heard = call.to(care)
    assert [packet[1] for packet in heard] == [OPUS, RED, RED]  # what the first one repeats was not for them
    assert [payload_of(packet) for packet in heard] == [b"sound 1", *(payload_of(twice(seq)) for seq in (2, 3))]
    plain = call.to(call.bo)
    assert [packet[1] for packet in plain] == [OPUS] * 3
    assert [payload_of(packet) for packet in plain] == [b"sound 1", b"sound 2", b"sound 3"]
    for packets in (heard, plain):
        assert [seq_of(packet) - seq_of(packets[0]) for packet in packets] == [0, 1, 2]
        assert [timestamp_of(packet) - timestamp_of(packets[0]) for packet in packets] == [0, 960, 1920]
        assert [packet[17] for packet in packets] == [30, 30, 17]  # the level stays readable


def test_sound_without_redundancy_reaches_those_who_would_take_it(call: Call) -> None:
    care = with_care(call)
    call.say(call.anne, sound(1), twice(2), sound(3))
    assert [packet[1] for packet in call.to(care)] == [OPUS, RED, OPUS]


def test_lost_sound_is_had_from_the_next_packet(call: Call) -> None:
    care, tap = with_care(call), Tap()
    call.path.tap(call.microphone, tap)
    call.say(call.anne, twice(1), twice(3), twice(4))
    plain = call.to(call.bo)
    assert [payload_of(packet) for packet in plain] == [b"sound 1", b"sound 2", b"sound 3", b"sound 4"]
    assert [seq_of(packet) - seq_of(plain[0]) for packet in plain] == [0, 1, 2, 3]
    assert [timestamp_of(packet) - timestamp_of(plain[0]) for packet in plain] == [0, 960, 1920, 2880]
    heard = call.to(care)
    assert [packet[1] for packet in heard] == [OPUS, OPUS, RED, RED]
    assert [seq_of(packet) - seq_of(heard[0]) for packet in heard] == [0, 1, 2, 3]
    assert [payload for _, _, _, payload, _ in tap.packets] == [b"sound 1", b"sound 2", b"sound 3", b"sound 4"]
    assert [ext - tap.packets[0][0] for ext, *_ in tap.packets] == [0, 1, 2, 3]
    assert call.path.restored == 1


def test_sound_that_is_late_after_all_is_sent_once(call: Call) -> None:
    with_care(call)
    tap = Tap()
    call.path.tap(call.microphone, tap)
    call.say(call.anne, twice(1), twice(3), twice(2), twice(4))
    assert [payload_of(packet) for packet in call.to(call.bo)] == [b"sound 1", b"sound 2", b"sound 3", b"sound 4"]
    assert len({ext for ext, *_ in tap.packets}) == len(tap.packets) == 4
    assert call.path.drops["duplicate"] == 1
    assert call.path.drops["seal_failed"] == 0


def test_of_several_lost_packets_the_last_one_is_had(call: Call) -> None:
    call.say(call.anne, twice(1), twice(5))
    plain = call.to(call.bo)
    assert [payload_of(packet) for packet in plain] == [b"sound 1", b"sound 4", b"sound 5"]
    assert [seq_of(packet) - seq_of(plain[0]) for packet in plain] == [0, 3, 4]


def test_sound_from_before_it_was_published_or_subscribed_is_not_passed_on(call: Call) -> None:
    call.path.publish(call.microphone, published=False)
    call.say(call.anne, twice(1))
    call.path.publish(call.microphone, published=True)
    call.say(call.anne, twice(2))
    care = with_care(call)
    call.say(call.anne, twice(4))
    assert [payload_of(packet) for packet in call.to(care)] == [b"sound 4"]
    assert b"sound 1" not in b"".join(call.to(call.bo))


def test_broken_redundancy_is_dropped_and_counted(call: Call) -> None:
    broken = rtp(ssrc=SOUND, payload_type=RED, seq=1, timestamp=1, payload=b"\xef\xff\xff\xff")
    call.say(call.anne, broken)
    assert call.to(call.bo) == []
    assert call.path.drops["malformed"] == 1
    assert passes(call)


# --- rubbish ---------------------------------------------------------------------------------------------------------


def passes(call: Call) -> bool:
    """Whether Anne's sound still reaches Bo, whatever has happened."""
    call.pass_time(1100)
    call.say(call.anne, sound(0x4000))
    return b"sound 16384" in [payload_of(packet) for packet in call.to(call.bo) if packet[1] == OPUS]


rubbish = st.binary(min_size=12, max_size=200).map(lambda octets: bytes([0x80 | octets[0] & 0x3F]) + octets[1:])
headers = st.builds(
    lambda first, kind, seq, ssrc: struct.pack("!BBHII", 0x80 | first, kind, seq, 0, ssrc),
    st.integers(0, 63),
    st.sampled_from([VP8, RTX, OPUS, RED, VP8 | 0x80, 0, 127]),
    st.integers(0, 0x3FFF),
    st.sampled_from([SOUND, PICTURE, AGAIN, 99]),
)
control = st.builds(
    lambda form, kind, ssrc, rest: (
        struct.pack("!BBHII", 0x80 | form, kind, 2 + len(rest) // 4, 1, ssrc) + rest[: len(rest) // 4 * 4]
    ),
    st.integers(0, 31),
    st.integers(192, 223),
    st.sampled_from([SOUND, PICTURE, HEARD, SEEN, 99]),
    st.binary(max_size=100),
)
thorough = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("factory", PATHS)
@thorough
@given(datagrams=st.lists(rubbish, max_size=8))
def test_rubbish_of_strangers_and_under_a_peers_address_is_dropped(factory: Factory, datagrams: list[bytes]) -> None:
    call = Call(factory)
    call.arrive(datagrams, ("198.51.100.7", 9))
    call.arrive(datagrams, ANNE)
    assert sum(call.path.drops.values()) == 2 * len(datagrams)
    assert passes(call)


@pytest.mark.parametrize("factory", PATHS)
@thorough
@given(packets=st.lists(st.tuples(headers, st.binary(max_size=60)), max_size=8))
def test_authentic_rubbish_harms_nobody(factory: Factory, packets: list[tuple[bytes, bytes]]) -> None:
    call = Call(factory)
    call.say(call.anne, *(head + rest for head, rest in packets))
    assert passes(call)


@pytest.mark.parametrize("factory", PATHS)
@thorough
@given(packets=st.lists(control, min_size=1, max_size=8))
def test_authentic_control_rubbish_harms_nobody(factory: Factory, packets: list[bytes]) -> None:
    call = Call(factory)
    call.show(1)
    call.say(call.bo, *packets)
    call.say(call.anne, *packets)
    assert passes(call)
    call.show(2)
    assert [payload_of(packet) for packet in call.seen_by(call.bo)] == [DELTA]
