"""Who sends more, or begins anew more often, than a browser can mean: leaky buckets, looked at by the clock."""

from collections.abc import Hashable
from typing import Final

PACKETS_PER_S: Final = 3000
"""A camera in three layers, a screen, sound, repetitions and reports make under 1500 at the bitrates offered."""
OCTETS_PER_S: Final = 2_500_000
"""20 Mbit/s: camera and screen are held to 6.5, and browsers probe for up to twice that."""
BURST_S: Final = 3
"""A way that stood still gives at once what it held back; so much of it is forgiven."""
CHECK_PACKETS: Final = 10
"""What one connectivity check counts as: two HMACs and an answer take that much longer than a packet."""
BEGINNINGS_PER_S: Final = 1
"""New connections and restarts of ICE: whoever has lost the network asks for one every two seconds at most."""
BEGINNINGS_BURST: Final = 30
"""So many are forgiven, to somebody who tries one network after the other or reloads the page again and again."""

_SECOND_NS: Final = 1_000_000_000


class FloodMeter:
    """How full one peer's buckets are. Only what is authentic may be counted: nobody else can fill them.

    Give it totals that only rise, as often as convenient; both buckets empty steadily in between.
    """

    __slots__ = ("_at_ns", "_octets", "_octets_before", "_packets", "_packets_before")

    def __init__(self, now_ns: int) -> None:
        self._at_ns = now_ns
        self._packets = self._octets = 0
        self._packets_before = self._octets_before = 0

    def is_flooded(self, packets: int, octets: int, now_ns: int) -> bool:
        """Whether more came than the peer may send, `packets` and `octets` being all that have come so far."""
        elapsed_ns = now_ns - self._at_ns
        self._at_ns = now_ns
        self._packets += packets - self._packets_before
        self._octets += octets - self._octets_before
        self._packets_before, self._octets_before = packets, octets
        flooded = self._packets > BURST_S * PACKETS_PER_S or self._octets > BURST_S * OCTETS_PER_S
        self._packets = max(self._packets - PACKETS_PER_S * elapsed_ns // _SECOND_NS, 0)
        self._octets = max(self._octets - OCTETS_PER_S * elapsed_ns // _SECOND_NS, 0)
        return flooded


class RenegotiationMeter:
    """How often each participant began anew of late; whoever has not for a while is forgotten."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: dict[Hashable, tuple[int, int]] = {}  # how full the bucket was, and when

    def __len__(self) -> int:
        return len(self._last)

    def is_endless(self, who: Hashable, now_ns: int) -> bool:
        """Count one beginning, and tell whether it is one too many."""
        self._last = {each: last for each, last in self._last.items() if _left(last, now_ns)}
        count = 1 + _left(self._last.pop(who, (0, now_ns)), now_ns)
        if count > BEGINNINGS_BURST:
            return True
        self._last[who] = (count, now_ns)
        return False


def _left(last: tuple[int, int], now_ns: int) -> int:
    count, at_ns = last
    return max(count - BEGINNINGS_PER_S * (now_ns - at_ns) // _SECOND_NS, 0)
