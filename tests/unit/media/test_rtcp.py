"""Control packets; aiortc's parser is the judge of what we write, and hypothesis of what we read."""

import struct

from aiortc import rtp as oracle
from hypothesis import given
from hypothesis import strategies as st

from media import rtcp

seqs = st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=40, unique=True)


def only(data: bytes) -> rtcp.Packet:
    (packet,) = rtcp.packets(data, len(data))
    return packet


@given(st.integers(0x10000, 0x30000), st.lists(st.integers(1, 40), max_size=60))
def test_a_nack_says_exactly_what_was_asked_for(first: int, steps: list[int]) -> None:
    wanted = [first]
    for step in steps:
        wanted.append(wanted[-1] + step)
    numbers = [ext & 0xFFFF for ext in wanted]
    data = rtcp.nack(77, numbers)
    (packet,) = oracle.RtcpPacket.parse(data)
    assert packet.media_ssrc == 77
    assert [seq & 0xFFFF for seq in packet.lost] == numbers
    assert rtcp.nacked(data, only(data)) == numbers


@given(seqs)
def test_a_browsers_nack_is_read(lost: list[int]) -> None:
    data = bytes(oracle.RtcpRtpfbPacket(fmt=1, ssrc=1, media_ssrc=9, lost=sorted(lost)))
    packet = only(data)
    assert rtcp.media_ssrc(data, packet) == 9
    assert set(rtcp.nacked(data, packet)) == set(lost)


def test_a_nack_for_more_than_the_limit_is_cut() -> None:
    data = rtcp.nack(1, [3 * n for n in range(1000)])
    assert len(rtcp.nacked(data, only(data))) == rtcp.NACK_LIMIT
    flood = struct.pack("!BBHII", 0x81, 205, 2 + 1000, 1, 2) + b"\x00\x01\xff\xff" * 1000
    assert len(rtcp.nacked(flood, only(flood))) == rtcp.NACK_LIMIT


def test_a_receiver_report_is_read_as_it_was_written() -> None:
    blocks = [
        rtcp.ReportBlock(11, 25, -3, 0x1FFFF, 90, 0xAABBCCDD, 6554),
        rtcp.ReportBlock(12, 0, 0x7FFFFF, 7, 0, 0, 0),
    ]
    data = rtcp.receiver_report(blocks)
    assert list(rtcp.report_blocks(data, only(data))) == blocks
    (packet,) = oracle.RtcpPacket.parse(data)
    assert [report.ssrc for report in packet.reports] == [11, 12]
    assert [report.packets_lost for report in packet.reports] == [-3, 0x7FFFFF]


def test_a_report_carries_at_most_31_blocks() -> None:
    data = rtcp.receiver_report([rtcp.ReportBlock(n, 0, 0, 0, 0, 0, 0) for n in range(40)])
    assert only(data).form == 31


def test_a_sender_report_is_read_as_it_was_written() -> None:
    data = rtcp.sender_report(5, 0x1122334455667788, 0xFFFF0000, 10, 2000)
    assert rtcp.sender_info(data, only(data)) == rtcp.SenderInfo(5, 0x1122334455667788, 0xFFFF0000)
    (packet,) = oracle.RtcpPacket.parse(data)
    assert (packet.ssrc, packet.sender_info.ntp_timestamp) == (5, 0x1122334455667788)


def test_a_request_for_a_key_frame_names_its_stream() -> None:
    (packet,) = oracle.RtcpPacket.parse(rtcp.picture_loss(99))
    assert (packet.fmt, packet.media_ssrc) == (oracle.RTCP_PSFB_PLI, 99)


def test_a_fir_names_its_streams() -> None:
    data = struct.pack("!BBHII", 0x84, 206, 6, 1, 0) + struct.pack("!IIII", 7, 0, 8, 0)
    assert rtcp.full_intra_ssrcs(data, only(data)) == [7, 8]


@given(st.integers(1, 10**9))
def test_a_limit_is_read_within_its_precision(bps: int) -> None:
    data = rtcp.remb(bps, [3, 4])
    read = rtcp.remb_bps(data, only(data))
    assert read is not None
    assert 0 <= bps - read <= bps / 2**17
    (packet,) = oracle.RtcpPacket.parse(data)
    assert oracle.unpack_remb_fci(packet.fci) == (read, [3, 4])


def test_a_compound_is_read_packet_by_packet() -> None:
    data = rtcp.sender_report(5, 1, 2, 3, 4) + rtcp.picture_loss(6) + rtcp.nack(7, [8])
    assert [packet.kind for packet in rtcp.packets(data, len(data))] == [200, 206, 205]


def test_reading_stops_at_the_first_malformed_packet() -> None:
    data = rtcp.picture_loss(6) + b"\x81\xce\xff\xff" + rtcp.picture_loss(7)
    assert len(list(rtcp.packets(data, len(data)))) == 1


def test_padding_is_not_read_as_content() -> None:
    data = bytearray(rtcp.nack(7, [8]) + bytes([0, 0, 0, 4]))
    data[0] |= 0x20
    data[3] += 1
    assert rtcp.nacked(data, only(bytes(data))) == [8]


@given(st.binary(max_size=400))
def test_rubbish_never_raises(data: bytes) -> None:
    read_everything(data)


@given(st.integers(200, 207), st.integers(0, 31), st.binary(max_size=120))
def test_a_sound_header_before_rubbish_never_raises(kind: int, form: int, body: bytes) -> None:
    body = body[: len(body) // 4 * 4]
    read_everything(struct.pack("!BBH", 0x80 | form, kind, len(body) // 4) + body)


def read_everything(data: bytes) -> None:
    for packet in rtcp.packets(data, len(data)):
        assert 0 <= packet.start < packet.end <= len(data)
        rtcp.sender_info(data, packet)
        list(rtcp.report_blocks(data, packet))
        rtcp.media_ssrc(data, packet)
        assert len(rtcp.nacked(data, packet)) <= rtcp.NACK_LIMIT
        rtcp.full_intra_ssrcs(data, packet)
        rtcp.remb_bps(data, packet)
