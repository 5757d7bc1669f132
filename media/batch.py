"""Sealed packets to one peer that go out by one call, which the system cuts apart again (UDP_SEGMENT of Linux)."""

from collections.abc import Callable
from typing import Any, Final

from media.bindings import SRTP_TRAILER_LIMIT, Buffer
from media.stun import Address

BATCH_OCTETS: Final = 12 * 1024  # nothing is added to a batch of this size
BATCH_PACKETS: Final = 16  # or of so many; Linux cuts 64 at most
_FULL: Final = -1
_EMPTY: Final = 1 << 16


class Batch:
    """Packets side by side, all as long as the first one; only the last may be shorter.

    `room` is the longest payload that may be added; for a longer one the batch has to be sent and cleared before.
    """

    __slots__ = ("buffer", "count", "filled", "room", "segment")

    def __init__(self, packet_limit: int) -> None:
        self.buffer = Buffer(BATCH_OCTETS + packet_limit + SRTP_TRAILER_LIMIT)
        self.clear()

    def clear(self) -> None:
        """Begin again."""
        self.room = _EMPTY
        self.segment = 0  # octets of the first packet
        self.filled = 0  # where the next packet is to be written
        self.count = 0

    def add(self, extent: int, sealed: int) -> None:
        """Take in the packet of `sealed` octets, with a payload of `extent`, that was written at `filled`."""
        if not self.filled:
            self.room, self.segment = extent, sealed
        self.filled += sealed
        self.count += 1
        if extent < self.room or self.filled >= BATCH_OCTETS or self.count >= BATCH_PACKETS:
            self.room = _FULL

    def send(
        self,
        address: Address,
        one: Callable[[Any, Address], object],
        several: Callable[[Any, int, Address], object] | None,
    ) -> int:
        """Send it by `several` if there is such a call and need of it; return how many packets were lost at that."""
        view = self.buffer.view
        if self.count > 1 and several is not None:
            try:
                several(view[: self.filled], self.segment, address)
            except OSError:
                return self.count
            return 0
        lost = 0
        for at in range(0, self.filled, self.segment or 1):
            try:
                one(view[at : min(at + self.segment, self.filled)], address)
            except OSError:
                lost += 1
        return lost
