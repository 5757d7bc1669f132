"""RTCP packets (RFC 3550, RFC 4585, RFC 5104, REMB) read and written on octets. Reading never raises on rubbish.

Readers take the whole compound packet and the bounds of one packet in it, as `packets` yields them.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

SENDER_REPORT: Final = 200
RECEIVER_REPORT: Final = 201
TRANSPORT_FEEDBACK: Final = 205
PAYLOAD_FEEDBACK: Final = 206

NACK: Final = 1  # of TRANSPORT_FEEDBACK
TRANSPORT_WIDE: Final = 15  # of TRANSPORT_FEEDBACK
PICTURE_LOSS: Final = 1  # of PAYLOAD_FEEDBACK
FULL_INTRA_REQUEST: Final = 4  # of PAYLOAD_FEEDBACK
APPLICATION_LAYER: Final = 15  # of PAYLOAD_FEEDBACK: REMB

OUR_SSRC: Final = 1  # as the sender of feedback; never used by media

PACKETS_LIMIT: Final = 32  # of one compound packet that are looked at
NACK_LIMIT: Final = 256  # sequence numbers taken from, or put into, one NACK

_REPORT_BLOCK: Final = struct.Struct("!IIIIII")
_SENDER_INFO: Final = struct.Struct("!BBHIQIII")
_FEEDBACK_HEADER: Final = struct.Struct("!BBHII")


class Packet(NamedTuple):
    """One packet of a compound: `form` is the five bits that mean a report count or a feedback format."""

    kind: int
    form: int
    start: int
    end: int


class ReportBlock(NamedTuple):
    """What one receiver says about one stream (RFC 3550, 6.4.1)."""

    ssrc: int
    fraction_lost: int  # of 256, since the report before
    total_lost: int
    highest_seq: int
    jitter: int  # in the stream's clock
    last_report: int  # middle 32 bits of the NTP time of the last sender report, 0 if none came
    delay: int  # since it came, in 1/65536 s


class SenderInfo(NamedTuple):
    """A publisher's clock (RFC 3550, 6.4.1)."""

    ssrc: int
    ntp: int
    rtp_timestamp: int


def packets(data: bytes | bytearray | memoryview, size: int) -> Iterator[Packet]:
    """Yield the packets of a compound of `size` octets, up to the first malformed one."""
    at = 0
    for _ in range(PACKETS_LIMIT):
        if at + 4 > size:
            return
        first = data[at]
        end = at + 4 + 4 * (data[at + 2] << 8 | data[at + 3])
        if first >> 6 != 2 or end > size:
            return
        padding = data[end - 1] if first & 0x20 else 0
        if padding > end - at - 4:
            return
        yield Packet(data[at + 1], first & 0x1F, at, end - padding)
        at = end


def sender_info(data: bytes | bytearray | memoryview, packet: Packet) -> SenderInfo | None:
    """Read a sender report's clock."""
    if packet.end - packet.start < 28:
        return None
    _, _, _, ssrc, ntp, timestamp, _, _ = _SENDER_INFO.unpack_from(data, packet.start)
    return SenderInfo(ssrc, ntp, timestamp)


def report_blocks(data: bytes | bytearray | memoryview, packet: Packet) -> Iterator[ReportBlock]:
    """Read the blocks of a sender or receiver report, as many as are really there."""
    at = packet.start + (28 if packet.kind == SENDER_REPORT else 8)
    for _ in range(packet.form):
        if at + 24 > packet.end:
            return
        ssrc, lost, highest, jitter, last_report, delay = _REPORT_BLOCK.unpack_from(data, at)
        total = lost & 0xFFFFFF
        yield ReportBlock(
            ssrc, lost >> 24, total - 0x1000000 if total & 0x800000 else total, highest, jitter, last_report, delay
        )
        at += 24


def media_ssrc(data: bytes | bytearray | memoryview, packet: Packet) -> int | None:
    """Read which stream a feedback packet is about."""
    if packet.end - packet.start < 12:
        return None
    return int.from_bytes(data[packet.start + 8 : packet.start + 12], "big")


def nacked(data: bytes | bytearray | memoryview, packet: Packet) -> list[int]:
    """Read the sequence numbers that a NACK asks for, at most NACK_LIMIT, in the order given."""
    wanted: list[int] = []
    for at in range(packet.start + 12, packet.end - 3, 4):
        first, mask = struct.unpack_from("!HH", data, at)
        wanted.append(first)
        wanted.extend((first + bit + 1) & 0xFFFF for bit in range(16) if mask >> bit & 1)
        if len(wanted) >= NACK_LIMIT:
            break
    return wanted[:NACK_LIMIT]


def full_intra_ssrcs(data: bytes | bytearray | memoryview, packet: Packet) -> list[int]:
    """Read which streams a FIR asks a key frame of (RFC 5104, 4.3.1)."""
    ats = range(packet.start + 12, packet.end - 7, 8)
    return [int.from_bytes(data[at : at + 4], "big") for at in ats[:PACKETS_LIMIT]]


def remb_bps(data: bytes | bytearray | memoryview, packet: Packet) -> int | None:
    """Read a receiver's estimate of its bandwidth in bits per second (draft-alvestrand-rmcat-remb)."""
    at = packet.start + 12
    if packet.end - at < 8 or bytes(data[at : at + 4]) != b"REMB":
        return None
    word = int.from_bytes(data[at + 4 : at + 8], "big")
    return min((word & 0x3FFFF) << (word >> 18 & 0x3F), 10**12)


def receiver_report(blocks: Sequence[ReportBlock]) -> bytes:
    """Return one receiver report with at most 31 blocks."""
    blocks = blocks[:31]
    body = b"".join(
        _REPORT_BLOCK.pack(
            block.ssrc,
            block.fraction_lost << 24 | max(min(block.total_lost, 0x7FFFFF), -0x800000) & 0xFFFFFF,
            block.highest_seq & 0xFFFFFFFF,
            min(block.jitter, 0xFFFFFFFF),
            block.last_report,
            min(block.delay, 0xFFFFFFFF),
        )
        for block in blocks
    )
    return struct.pack("!BBHI", 0x80 | len(blocks), RECEIVER_REPORT, 1 + 6 * len(blocks), OUR_SSRC) + body


def sender_report(ssrc: int, ntp: int, rtp_timestamp: int, packet_count: int, octet_count: int) -> bytes:
    """Return one sender report without blocks."""
    return _SENDER_INFO.pack(
        0x80, SENDER_REPORT, 6, ssrc, ntp, rtp_timestamp, packet_count & 0xFFFFFFFF, octet_count & 0xFFFFFFFF
    )


def picture_loss(ssrc: int) -> bytes:
    """Return a PLI: please send a picture that needs no earlier one."""
    return _FEEDBACK_HEADER.pack(0x80 | PICTURE_LOSS, PAYLOAD_FEEDBACK, 2, OUR_SSRC, ssrc)


def nack(ssrc: int, seqs: Iterable[int]) -> bytes:
    """Return a NACK for `seqs` (16 bits each, rising modulo wraps), at most NACK_LIMIT of them."""
    pairs: list[tuple[int, int]] = []
    first: int | None = None
    mask = 0
    for _, seq in zip(range(NACK_LIMIT), seqs, strict=False):
        distance = 0 if first is None else (seq - first) & 0xFFFF
        if first is not None and 0 < distance <= 16:
            mask |= 1 << (distance - 1)
            continue
        if first is not None:
            pairs.append((first, mask))
        first, mask = seq, 0
    if first is not None:
        pairs.append((first, mask))
    header = _FEEDBACK_HEADER.pack(0x80 | NACK, TRANSPORT_FEEDBACK, 2 + len(pairs), OUR_SSRC, ssrc)
    return header + b"".join(struct.pack("!HH", *pair) for pair in pairs)


def remb(bps: int, ssrcs: Sequence[int]) -> bytes:
    """Return a REMB that limits the sum of `ssrcs` to `bps`."""
    ssrcs = ssrcs[:31]
    exponent = max(bps.bit_length() - 18, 0)
    word = len(ssrcs) << 24 | exponent << 18 | bps >> exponent
    header = _FEEDBACK_HEADER.pack(0x80 | APPLICATION_LAYER, PAYLOAD_FEEDBACK, 4 + len(ssrcs), OUR_SSRC, 0)
    return header + b"REMB" + struct.pack(f"!{1 + len(ssrcs)}I", word, *ssrcs)
