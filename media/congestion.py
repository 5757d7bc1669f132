"""How fast publishers may send: transport-wide feedback about what arrived, and the limit that their viewers set.

The format is draft-holmer-rmcat-transport-wide-cc-extensions-01; the publisher's browser does the estimating.
"""

import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

from media.rtcp import OUR_SSRC, TRANSPORT_FEEDBACK, TRANSPORT_WIDE

RECORD_LIMIT: Final = 256  # arrivals kept until the next feedback; more are not acknowledged
SPAN_LIMIT: Final = 1024  # sequence numbers that one feedback covers
FLOOR_BPS: Final = 150_000  # a picture below this is of no use; sound needs a fifth of it
CEILING_BPS: Final = 10_000_000  # a limit this high is none
ESTIMATE_AGE_NS: Final = 10_000_000_000  # a subscriber's estimate older than this says nothing any more

_FULL_PERCENT: Final = 95
_RECOVERY_PERCENT: Final = 108
_UNIT_NS: Final = 250_000  # of a delta
_REFERENCE_NS: Final = 64_000_000
_SMALL: Final = 1
_LARGE: Final = 2
_HEADER: Final = struct.Struct("!BBHIIHH")


class ArrivalRecord:
    """When the packets of one publisher arrived, by transport-wide sequence number, until they are reported."""

    __slots__ = ("_arrivals", "_count", "_highest")

    def __init__(self) -> None:
        self._arrivals: dict[int, int] = {}  # extended sequence number -> ns
        self._highest = 0x10000
        self._count = 0

    def add(self, seq: int, arrival_ns: int) -> None:
        """Note one packet. Whatever has been noted must not be dropped afterwards: the sender forgets it."""
        distance = (seq - self._highest) & 0xFFFF
        if distance < 0x8000:
            extended = self._highest = self._highest + distance
        else:
            extended = self._highest - 0x10000 + distance
        if len(self._arrivals) < RECORD_LIMIT:
            self._arrivals[extended] = arrival_ns

    def __len__(self) -> int:
        return len(self._arrivals)

    def feedback(self, ssrc: int) -> bytes | None:
        """Return the report about everything noted since the one before, or None if there is nothing."""
        if not self._arrivals:
            return None
        arrivals = sorted(self._arrivals.items())
        self._arrivals.clear()
        packet = transport_feedback(ssrc, self._count, arrivals)
        self._count = (self._count + 1) & 0xFF
        return packet


def transport_feedback(ssrc: int, count: int, arrivals: list[tuple[int, int]]) -> bytes:
    """Return the feedback packet for `arrivals`: (extended sequence number, ns), rising, not empty.

    What lies more than SPAN_LIMIT behind the newest is left out, and so is what can't be said in a 16-bit delta.
    """
    newest = arrivals[-1][0]
    arrivals = [arrival for arrival in arrivals if newest - arrival[0] < SPAN_LIMIT]
    base, first_ns = arrivals[0]
    reference = first_ns // _REFERENCE_NS
    last = reference * (_REFERENCE_NS // _UNIT_NS)
    symbols = [0] * (newest - base + 1)
    deltas = bytearray()
    for seq, arrival_ns in arrivals:
        at = arrival_ns // _UNIT_NS
        delta = at - last
        if 0 <= delta <= 0xFF:
            symbols[seq - base] = _SMALL
            deltas.append(delta)
        elif -0x8000 <= delta <= 0x7FFF:
            symbols[seq - base] = _LARGE
            deltas += struct.pack("!h", delta)
        else:
            continue
        last = at
    body = _chunks(symbols) + bytes(deltas)
    padding = -len(body) % 4
    if padding:
        body += bytes(padding - 1) + bytes([padding])
    header = _HEADER.pack(
        0x80 | (0x20 if padding else 0) | TRANSPORT_WIDE,
        TRANSPORT_FEEDBACK,
        (_HEADER.size + 4 + len(body)) // 4 - 1,
        OUR_SSRC,
        ssrc,
        base & 0xFFFF,
        len(symbols),
    )
    return header + struct.pack("!I", (reference & 0xFFFFFF) << 8 | count) + body


class Viewer(NamedTuple):
    """What is known of one subscriber of a picture."""

    estimate_bps: int  # what its browser thinks it can receive
    sent_bps: int  # the pictures that it was sent lately
    pictures: int  # how many pictures share that


class ViewersLimit:
    """What a publisher's picture may use so that every viewer can follow: lowered at once, raised step by step.

    A browser's estimate grows only as far as it is sent something, so it counts as a limit only when it is below what
    was sent: then the way is really full.
    """

    __slots__ = ("_limit_bps",)

    def __init__(self) -> None:
        self._limit_bps: int | None = None

    def update(self, viewers: Iterable[Viewer]) -> int | None:
        """Return the limit in bits per second, or None as long as nobody has had trouble. Call once a second."""
        shares = [
            viewer.estimate_bps // max(viewer.pictures, 1)
            for viewer in viewers
            if viewer.estimate_bps < viewer.sent_bps * _FULL_PERCENT // 100
        ]
        if shares:
            lowest = max(min(shares), FLOOR_BPS)
            self._limit_bps = lowest if self._limit_bps is None else min(self._limit_bps, lowest)
        elif self._limit_bps is not None:
            self._limit_bps = min(self._limit_bps * _RECOVERY_PERCENT // 100, CEILING_BPS)
        return self._limit_bps


def _chunks(symbols: list[int]) -> bytes:
    """Write runs of seven equal symbols and more as one run-length chunk, the rest as two-bit vectors of seven."""
    out = bytearray()
    at = 0
    while at < len(symbols):
        symbol = symbols[at]
        run = at
        while run < len(symbols) and symbols[run] == symbol and run - at < 0x1FFF:
            run += 1
        if run - at >= 7 or run == len(symbols):
            out += struct.pack("!H", symbol << 13 | run - at)
            at = run
            continue
        vector = 0xC000
        for place, each in enumerate(symbols[at : at + 7]):
            vector |= each << (12 - 2 * place)
        out += struct.pack("!H", vector)
        at += 7
    return bytes(out)
