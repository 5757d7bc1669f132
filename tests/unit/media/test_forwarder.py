"""What is the forwarder's own, beside the promises that `tests/contract/test_packet_path.py` holds it to."""

import gc
import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.media_peer import SrtpClient, rtp
from media.bindings import SRTP_PROFILES
from media.forwarder import STREAM_LIMIT, Forwarder
from media.packet_path import ADDRESS_LIMIT, Link
from media.srtp import SrtpKeys
from media.streams import RING_SIZE, Inbound, Outbound
from media.stun import Address

MS = 1_000_000
ANNE: Address = ("192.0.2.1", 4000)
BO: Address = ("192.0.2.2", 4000)
KEY_FRAME = b"\x10\x00\x9d\x01\x2a\x80\x02\xe0\x01"


class Node:
    """A forwarder with Anne's camera and microphone going to Bo, a clock that is set, and what was sent."""

    def __init__(self) -> None:
        self.now_ns = 1_000_000_000
        self.sent: list[tuple[bytes, Address]] = []
        self.path = Forwarder(clock_ns=lambda: self.now_ns, epoch_ns=0)
        self.path.send = lambda octets, address: self.sent.append((bytes(octets), address))
        self.anne, self.anne_srtp = self._link(ANNE)
        self.bo, self.bo_srtp = self._link(BO)
        self.microphone, self.camera = self._stream("0", 10, 0), self._stream("1", 11, 12)
        self.views = [self._view(self.microphone, 20), self._view(self.camera, 21)]
        self.path.wake()

    def receive(self, datagram: bytes, address: Address) -> None:
        self.path.buffer.octets[: len(datagram)] = datagram
        self.path.receive(len(datagram), address)
        self.path.flush()

    def from_anne(self, packet: bytes) -> None:
        self.receive(self.anne_srtp.seal(packet), ANNE)

    def to(self, address: Address) -> list[bytes]:
        client = self.anne_srtp if address == ANNE else self.bo_srtp
        opened = [client.open(octets) for octets, to in self.sent if to == address]
        self.sent = [(octets, to) for octets, to in self.sent if to != address]
        return opened

    def _link(self, address: Address) -> tuple[Link, SrtpClient]:
        link = self.path.open()
        keying = address[0].encode().ljust(SRTP_PROFILES[0].keying_length, b"k")
        self.path.seal(link, SrtpKeys(SRTP_PROFILES[0], keying))
        self.path.bind(link, address)
        return link, SrtpClient(SrtpKeys(SRTP_PROFILES[0], keying, server=False))

    def _stream(self, mid: str, ssrc: int, rtx_ssrc: int) -> Inbound:
        stream = self.path.add_inbound(self.anne, mid, is_video=rtx_ssrc != 0)
        self.path.signal(stream, ssrc, rtx_ssrc)
        self.path.publish(stream, published=True)
        return stream

    def _view(self, source: Inbound, ssrc: int) -> Outbound:
        view = Outbound(
            self.bo,
            is_video=source.is_video,
            ssrc=ssrc,
            payload_type=96 if source.is_video else 111,
            rtx_ssrc=ssrc + 100,
            rtx_payload_type=97,
        )
        self.path.add_outbound(self.bo, view)
        self.path.attach(view, source)
        return view


def picture(seq: int, payload: bytes = KEY_FRAME) -> bytes:
    return rtp(ssrc=11, payload_type=96, seq=seq, timestamp=seq * 3000, payload=payload)


def test_a_burst_arrives_in_order_and_goes_out_by_fewer_calls() -> None:
    node = Node()
    cuts: list[int] = []

    def send_segments(octets: bytes, segment: int, address: Address) -> None:
        cuts.append(len(octets) // segment)
        node.sent += [(bytes(octets[at : at + segment]), address) for at in range(0, len(octets), segment)]

    node.path.send_segments = send_segments
    node.path.wake()
    for seq in range(1, 41):
        datagram = node.anne_srtp.seal(picture(seq, KEY_FRAME.ljust(900 + seq // 20, b"k")))
        node.path.buffer.octets[: len(datagram)] = datagram
        node.path.receive(len(datagram), ANNE)
    node.path.flush()
    media = [packet for packet in node.to(BO) if packet[1] & 0x7F == 96]
    numbers = [int.from_bytes(packet[2:4], "big") for packet in media]
    assert numbers == list(range(numbers[0], numbers[0] + 40))
    assert [len(packet) for packet in media] == [920 + seq // 20 for seq in range(1, 41)]
    assert sum(cuts) >= 36
    assert max(cuts) > 8


def test_what_is_kept_for_repetition_is_no_burden_to_the_collector() -> None:
    node = Node()
    for seq in range(1, RING_SIZE + 1):
        node.from_anne(picture(seq))
    gc.collect()
    assert all(node.camera.ring)
    assert not any(gc.is_tracked(packet) for packet in node.camera.ring)


headers = st.builds(
    lambda first, kind, seq, ssrc: struct.pack("!BBHII", 0x80 | first, kind, seq, 0, ssrc),
    st.integers(0, 63),
    st.sampled_from([96, 97, 111, 96 | 0x80, 0, 127]),
    st.integers(0, 0x3FFF),
    st.sampled_from([10, 11, 12, 99]),
)


@settings(max_examples=300)
@given(st.lists(st.tuples(headers, st.binary(max_size=60)), max_size=6))
def test_authentic_rubbish_is_dropped_and_the_next_packet_passes(packets: list[tuple[bytes, bytes]]) -> None:
    node = Node()
    for head, rest in packets:
        node.receive(node.anne_srtp.seal(head + rest) or b"\x80" * 20, ANNE)
        node.path.flush()
    node.now_ns += 1100 * MS
    node.path.tick()
    node.sent.clear()
    node.from_anne(rtp(ssrc=10, payload_type=111, seq=0x4000, timestamp=1, payload=b"sound"))
    assert [packet[20:] for packet in node.to(BO) if packet and packet[1] == 111] == [b"sound"]
    assert len(node.anne.streams) <= STREAM_LIMIT
    assert len(node.anne.addresses) <= ADDRESS_LIMIT


elements = st.lists(
    st.tuples(st.integers(0, 15), st.binary(min_size=1, max_size=16)).map(
        lambda each: bytes([each[0] << 4 | len(each[1]) - 1]) + each[1]
    )
    | st.sampled_from([b"\0", b"\xf0", b"\x31", b"\x210", b"\x211"]),
    max_size=6,
).map(b"".join)
extensions = st.builds(
    lambda form, words, body: struct.pack("!HH", form, words) + body,
    st.sampled_from([0xBEDE, 0x1000, 0]),
    st.integers(0, 12) | st.just(0xFFFF),
    elements | st.binary(max_size=40),
)
payloads = st.binary(max_size=40) | st.sampled_from([KEY_FRAME, b"\x90\xf0\x80", b"\x7f\x00\x13\xff"])


def outcome(opened: bytes, behind: int) -> tuple[list[bytes], dict[str, int], int]:
    """Let a packet of Anne's that was opened be taken, with so many octets of a value behind it in the buffer."""
    node = Node()
    node.path.buffer.octets[:] = bytes([behind]) * len(node.path.buffer.octets)
    node.path.buffer.octets[: len(opened)] = opened
    node.path._take_media(node.anne, len(opened))
    node.path.flush()
    return [packet[20:] for packet in node.to(BO)], dict(node.path.drops), len(node.anne.streams)


@settings(max_examples=500)
@given(headers, extensions | st.just(b""), payloads)
def test_a_header_is_read_without_an_error_and_never_beyond_its_packet(head: bytes, block: bytes, body: bytes) -> None:
    opened = head + block + body
    assert outcome(opened, 0x00) == outcome(opened, 0xFF) == outcome(opened, 0x90)


@given(
    st.integers(0, 0x3FFF),
    st.binary(min_size=1, max_size=900),
    st.lists(st.integers(0, 0xFFFFFFFF), max_size=15),
    elements,
)
def test_what_is_forwarded_is_the_payload_that_was_sent_whatever_the_header_brings(
    seq: int, sound: bytes, contributors: list[int], block: bytes
) -> None:
    node = Node()
    words = (len(block) + 3) // 4
    packet = struct.pack("!BBHII", 0x90 | len(contributors), 111, seq, 7, 10) + b"".join(
        each.to_bytes(4, "big") for each in contributors
    )
    packet += struct.pack("!HH", 0xBEDE, words) + block.ljust(4 * words, b"\0") + sound
    node.path.buffer.octets[: len(packet)] = packet
    node.path._take_media(node.anne, len(packet))
    node.path.flush()
    assert [sent[20:] for sent in node.to(BO) if sent[1] & 0x7F == 111] == [sound]
