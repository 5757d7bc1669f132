"""Redundant sound (RFC 2198) as browsers send it: each packet carries the Opus of the one before once more.

A payload is a row of block headers, then the blocks; the last one, the primary, is the packet's own sound.
"""

from typing import Final, NamedTuple

from media.packet_path import OPUS

_MORE: Final = 0x80  # in a header's first octet: another header follows
_LONG: Final = 4  # octets of every header but the last


class Repeated(NamedTuple):
    """Sound of an earlier packet: where it lies, and how much earlier it began, in ticks of the stream's clock."""

    begin: int
    end: int
    earlier: int


def find_primary(octets: bytearray, begin: int, end: int) -> int:
    """Return where the primary block of the payload in `octets[begin:end]` begins; 0 when that is no such payload."""
    at, repeated = begin, 0
    while at + _LONG < end and octets[at] & _MORE:
        repeated += (octets[at + 2] & 3) << 8 | octets[at + 3]
        at += _LONG
    primary = at + 1 + repeated
    return primary if primary < end and octets[at] == OPUS else 0


def find_repeated(octets: bytearray, begin: int, primary: int) -> Repeated | None:
    """Return the block before the primary one, which `find_primary` has found: the newest of the repeated ones."""
    at, found = begin, None
    while octets[at] & _MORE:
        head = int.from_bytes(octets[at : at + _LONG], "big")
        found, at = head, at + _LONG
    if found is None or found >> 24 & 0x7F != OPUS or not found & 0x3FF:
        return None
    return Repeated(primary - (found & 0x3FF), primary, found >> 10 & 0x3FFF)
