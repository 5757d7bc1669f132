"""The packet path without a socket: whatever an authenticated peer sends, nothing is raised and nobody else suffers."""

import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.media_peer import SrtpClient, rtp
from media.bindings import SRTP_PROFILES
from media.forwarder import ROAMING_LIMIT_PER_S, STREAM_LIMIT, Forwarder
from media.packet_path import ADDRESS_LIMIT, Link
from media.srtp import SrtpKeys
from media.streams import Inbound, Outbound
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


def test_the_publishers_extensions_and_padding_stay_behind() -> None:
    node = Node()
    node.sent.clear()
    packet = rtp(
        ssrc=11,
        payload_type=96,
        seq=1,
        timestamp=1,
        payload=KEY_FRAME + b"\0\0\0\4",
        extensions=b"\x20" + b"1" + b"\x41\0\1",
    )
    node.from_anne(bytes([packet[0] | 0x20]) + packet[1:])
    (sent,) = node.to(BO)
    assert sent[20:] == KEY_FRAME
    assert struct.unpack_from("!HH", sent, 12) == (0xBEDE, 1)
    assert sent[16] >> 4 == 3, "only when it was sent"


def test_a_packet_of_padding_keeps_the_numbers_without_a_gap() -> None:
    node = Node()
    node.from_anne(picture(1))
    empty = picture(2, b"\0\0\0\4")
    node.from_anne(bytes([empty[0] | 0x20]) + empty[1:])
    node.from_anne(picture(3, b"\x10\x01"))
    media = [packet for packet in node.to(BO) if packet[1] & 0x7F == 96]
    assert [packet[20:] for packet in media] == [KEY_FRAME, b"", b"\x10\x01"]


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


def test_what_waits_for_the_end_of_a_wake_up_is_not_sent_to_somebody_who_left() -> None:
    node = Node()
    node.path.wake()
    for seq in range(1, 7):
        datagram = node.anne_srtp.seal(picture(seq))
        node.path.buffer.octets[: len(datagram)] = datagram
        node.path.receive(len(datagram), ANNE)
    node.path.close(node.bo)
    node.sent.clear()
    node.path.flush()
    assert [to for _, to in node.sent if to == BO] == []


def test_one_subscribers_trouble_is_not_anothers() -> None:
    node = Node()
    other, client = node._link(("192.0.2.3", 4000))
    view = Outbound(other, is_video=False, ssrc=30, payload_type=111)
    node.path.add_outbound(other, view)
    node.path.attach(view, node.microphone)
    sent: list[bytes] = []

    def send(octets: bytes, address: Address) -> None:
        if address == BO:
            raise BlockingIOError
        sent.append(bytes(octets))

    node.path.send = send
    node.from_anne(rtp(ssrc=10, payload_type=111, seq=1, timestamp=1, payload=b"sound"))
    assert client.open(sent[0])[20:] == b"sound"
    assert node.path.drops["send_failed"] == 1


def test_a_closed_publisher_leaves_subscribers_waiting_and_no_trace() -> None:
    node = Node()
    node.path.close(node.anne)
    assert node.path.link_at(ANNE) is None
    assert all(view.source is None for view in node.views)
    node.receive(bytes([0x80, 96]) + bytes(40), ANNE)
    assert node.path.drops["stranger"] == 1
    node.path.tick()


def test_tries_from_unknown_addresses_are_limited() -> None:
    node = Node()
    forged = rtp(ssrc=11, payload_type=96, seq=1, timestamp=1, payload=bytes(60))
    for n in range(ROAMING_LIMIT_PER_S + 50):
        node.receive(forged, ("198.51.100.1", 5000 + n))
    assert node.path.drops["unauthenticated"] == ROAMING_LIMIT_PER_S
    assert node.path.drops["stranger"] == 50
    assert node.anne.address == ANNE


def test_subscribers_who_still_wait_are_not_forgotten() -> None:
    node = Node()
    node.to(ANNE)
    for _ in range(8):
        node.now_ns += 200 * MS
        node.path.tick()
    requests = [packet for packet in node.to(ANNE) if packet[1] == 206]
    assert 2 <= len(requests) <= 4
    node.from_anne(picture(1))
    node.to(ANNE)
    for _ in range(8):
        node.now_ns += 200 * MS
        node.path.tick()
    assert not [packet for packet in node.to(ANNE) if packet[1] == 206]


def test_without_a_retransmission_format_nothing_is_sent_twice() -> None:
    node = Node()
    node.views[1].rtx_payload_type = 0
    node.from_anne(picture(1))
    before = len(node.sent)
    nack = struct.pack("!BBHIIHH", 0x81, 205, 3, 1, 21, node.views[1].highest & 0xFFFF, 0)
    node.receive(node.bo_srtp.seal(nack), BO)
    assert len(node.sent) == before


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


@settings(max_examples=300)
@given(st.integers(192, 223), st.integers(0, 31), st.sampled_from([10, 20, 21, 99]), st.binary(max_size=100))
def test_authentic_control_rubbish_changes_nothing_for_others(kind: int, form: int, ssrc: int, rest: bytes) -> None:
    node = Node()
    node.from_anne(picture(1))
    rest = rest[: len(rest) // 4 * 4]
    packet = struct.pack("!BBHII", 0x80 | form, kind, 2 + len(rest) // 4, 1, ssrc) + rest
    node.receive(node.bo_srtp.seal(packet), BO)
    node.path.flush()
    node.now_ns += 1100 * MS
    node.path.tick()
    node.sent.clear()
    node.from_anne(picture(2, b"\x10\x01"))
    assert [packet[20:] for packet in node.to(BO) if packet and packet[1] & 0x7F == 96] == [b"\x10\x01"]
