"""A subscriber's and a recorder's numbers stay one row, whatever layers they are made of."""

import itertools
import struct

from hypothesis import given
from hypothesis import strategies as st

from media.streams import Inbound, Outbound, Recorded, SenderClock, Stored
from media.vp8 import picture_numbers, renumber_picture

SECOND = 1_000_000_000
FRAME_NS = SECOND // 30
FRAME = 3000  # of the 90 kHz clock


def payload(picture: int, base: int, *, key: bool = False) -> bytes:
    """A whole VP8 picture in one payload, with a picture id of 15 bits and TL0PICIDX."""
    return bytes([0x90, 0xC0, 0x80 | picture >> 8 & 0x7F, picture & 0xFF, base & 0xFF, 0 if key else 1, 7, 7])


class Layer:
    """A layer of a camera with numbers of its own; frame n is captured at n/30 s."""

    def __init__(self, seq: int, timestamp: int, picture: int, base: int, *, clock: bool = True) -> None:
        self.stream = Inbound(None, is_video=True)
        self.start = (seq, timestamp, picture, base)
        if clock:
            self.stream.clock = SenderClock(SECOND, timestamp & 0xFFFFFFFF, 0)  # whenever: the same for all layers

    def send(self, frame: int, *, key: bool = False) -> Stored:
        seq, timestamp, picture, base = self.start
        ext = self.stream.accept((seq + frame) & 0xFFFF, frame * FRAME_NS)
        stamp = (timestamp + frame * FRAME) & 0xFFFFFFFF
        packet = Stored(ext, stamp, 0x80, payload(picture + frame, base + frame, key=key))
        self.stream.keep(packet)
        return packet


layers = st.builds(
    Layer,
    seq=st.integers(0, 0xFFFF),
    timestamp=st.integers(0, 0xFFFFFFFF),
    picture=st.integers(0, 0x7FFF),
    base=st.integers(0, 0xFF),
    clock=st.booleans(),
)


def forward(view: Outbound, packet: Stored, now_ns: int) -> tuple[int, int, tuple[int, int]]:
    """As the packet path does it; return what the subscriber sees."""
    number, stamp = packet.ext + view.seq_offset, (packet.timestamp + view.timestamp_offset) & 0xFFFFFFFF
    view.highest, view.last_timestamp, view.last_ns = number, stamp, now_ns
    octets = bytearray(packet.payload)
    renumber_picture(octets, 0, len(octets), view.picture_shift or (0, 0))
    numbers = picture_numbers(bytes(octets))
    assert numbers is not None
    return number, stamp, numbers


@given(
    three=st.lists(layers, min_size=3, max_size=3),
    visits=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 20)), min_size=1, max_size=12),
)
def test_numbers_times_and_pictures_go_on_through_any_changes(
    three: list[Layer], visits: list[tuple[int, int]]
) -> None:
    view = Outbound(None, is_video=True, ssrc=1, payload_type=96, rtx_ssrc=2, rtx_payload_type=97)
    view.attach(three[visits[0][0]].stream)
    seen: list[tuple[int, int, tuple[int, int]]] = []
    frame = 1
    for which, count in visits:
        for nth in range(count):
            packets = [layer.send(frame, key=nth == 0) for layer in three]
            now_ns = frame * FRAME_NS
            if view.waiting:
                view.begin(packets[which].ext, packets[which].timestamp, now_ns)
            elif nth == 0 and view.source is not three[which].stream:
                view.change(three[which].stream, packets[which].ext, packets[which].timestamp, now_ns)
            seen.append(forward(view, packets[which], now_ns))
            frame += 1
    for (number, stamp, (picture, base)), after in itertools.pairwise(seen):
        assert after[0] == number + 1
        assert abs(((after[1] - stamp) & 0xFFFFFFFF) - FRAME) <= 1
        assert after[2] == ((picture + 1) & 0x7FFF, (base + 1) & 0xFF)


def test_requests_after_a_change_are_answered_with_the_numbers_of_then() -> None:
    low, high = Layer(100, 5000, 40, 9), Layer(60_000, 900_000, 7000, 200)
    view = Outbound(None, is_video=True, ssrc=1, payload_type=96, rtx_ssrc=2, rtx_payload_type=97)
    view.attach(low.stream)
    seen = []
    for frame, layer in enumerate([low, low, low, high, high, low, low], start=1):
        packets = {each: each.send(frame, key=True) for each in (low, high)}
        if view.waiting:
            view.begin(packets[layer].ext, packets[layer].timestamp, frame * FRAME_NS)
        elif view.source is not layer.stream:
            view.change(layer.stream, packets[layer].ext, packets[layer].timestamp, frame * FRAME_NS)
        seen.append(forward(view, packets[layer], frame * FRAME_NS))
    for number, stamp, numbers in seen:
        again = view.stored(number & 0xFFFF)
        assert again is not None
        assert (again.timestamp, picture_numbers(again.payload)) == (stamp, numbers)
    assert view.stored((seen[0][0] - 1) & 0xFFFF) is None


def test_the_same_moment_again_is_put_right_behind_what_was_sent() -> None:
    """A layer's key frame may be of the very picture that was forwarded last."""
    low, high = Layer(100, 5000, 40, 9), Layer(60_000, 900_000, 7000, 200)
    view = Outbound(None, is_video=True, ssrc=1, payload_type=96)
    view.attach(low.stream)
    first, second = low.send(1, key=True), high.send(1, key=True)
    view.begin(first.ext, first.timestamp, FRAME_NS)
    before = forward(view, first, FRAME_NS)
    view.change(high.stream, second.ext, second.timestamp, FRAME_NS)
    assert forward(view, second, FRAME_NS)[:2] == (before[0] + 1, before[1] + 1)


class Tape:
    def __init__(self) -> None:
        self.packets: list[tuple[int, int]] = []
        self.reports: list[tuple[int, int]] = []

    def on_rtp(self, extended_seq: int, timestamp: int, marker: bool, payload: bytes, arrival_ns: int) -> None:
        self.packets.append((extended_seq, timestamp))

    def on_sender_report(self, ntp: int, rtp_timestamp: int, arrival_ns: int) -> None:
        self.reports.append((ntp, rtp_timestamp))


def test_a_recorder_gets_one_row_of_numbers_and_a_clock_that_fits_them() -> None:
    low, high = Layer(100, 5000, 40, 9), Layer(60_000, 900_000, 7000, 200)
    tape = Tape()
    recorded = Recorded(tape)
    recorded.attach(low.stream)
    for frame in range(1, 7):
        layer = low if frame < 4 else high
        packets = {each: each.send(frame, key=True) for each in (low, high)}
        packet = packets[layer]
        if frame == 4:
            recorded.change(high.stream, packet.ext, packet.timestamp, frame * FRAME_NS)
        recorded.on_rtp(packet.ext, packet.timestamp, True, packet.payload, frame * FRAME_NS)
    late = packets[high]._replace(ext=recorded.first - 1)
    recorded.on_rtp(late.ext, late.timestamp, True, late.payload, 7 * FRAME_NS)
    first, began = tape.packets[0]
    assert tape.packets == [(first + nth, began + nth * FRAME) for nth in range(6)]
    assert first >= 0x10000
    recorded.on_sender_report(SECOND, 900_000, 0)
    assert tape.reports == [(SECOND, 5000)]


@given(data=st.binary(max_size=12), shift=st.tuples(st.integers(0, 0x7FFF), st.integers(0, 0xFF)))
def test_renumbering_leaves_everything_else_alone(data: bytes, shift: tuple[int, int]) -> None:
    octets = bytearray(data + b"rest")
    renumber_picture(octets, 0, len(data), shift)
    assert octets[len(data) :] == b"rest"
    before, after = picture_numbers(data), picture_numbers(bytes(octets[: len(data)]))
    assert (before is None) == (after is None)
    if before is None or after is None:
        assert octets[: len(data)] == data
        return
    assert after[0] == (before[0] + shift[0]) & 0x7FFF
    assert octets[0] == data[0]
    assert octets[5 : len(data)] == data[5:]
    assert struct.unpack_from("!B", octets, 1)[0] == data[1]
