"""Puts a track's packets back in order, and says when one is not coming any more. No clock, no I/O."""

from dataclasses import dataclass
from typing import Final, Generic, TypeVar

HOLD_NS: Final = 500_000_000
"""How long a missing packet is waited for: several round trips of asking and resending."""

_HELD_LIMIT: Final = 2048  # packets behind a hole; some seconds of video
_RESTART: Final = 32768  # a jump no loss explains (media/tap.py): the publisher began anew

P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Lost:
    """The packets `first` to `last` never came. `restarted`: nothing after has to do with what was before."""

    first: int
    last: int
    restarted: bool = False


class ReorderBuffer(Generic[P]):
    """Takes packets by extended sequence number as they arrive, gives them out in order.

    Time comes in as nanoseconds on any clock that does not go back.
    """

    def __init__(self, *, hold_ns: int = HOLD_NS, held_limit: int = _HELD_LIMIT) -> None:
        self._hold_ns = hold_ns
        self._held_limit = held_limit
        self._expected = -1
        self._held: dict[int, tuple[P, int]] = {}

    def push(self, seq: int, packet: P, now_ns: int) -> list[P | Lost]:
        """Take a packet; return what is now in order. One that comes after its loss was declared is dropped."""
        if seq == self._expected and not self._held:
            self._expected += 1
            return [packet]
        if self._expected < 0:
            self._expected = seq
        if seq < self._expected:
            return []
        if seq - self._expected > _RESTART:
            ordered = self.flush()
            ordered.append(Lost(self._expected, seq - 1, restarted=True))
            self._expected = seq + 1
            ordered.append(packet)
            return ordered
        self._held[seq] = (packet, now_ns)
        ordered = self._run()
        while len(self._held) > self._held_limit:
            ordered += self._give_up()
        return ordered

    def expire(self, now_ns: int) -> list[P | Lost]:
        """Give up what has been waited for long enough; return what is then in order."""
        ordered: list[P | Lost] = []
        while self._held and self._held[min(self._held)][1] + self._hold_ns <= now_ns:
            ordered += self._give_up()
        return ordered

    def flush(self) -> list[P | Lost]:
        """Give up everything that is missing; return the rest."""
        ordered: list[P | Lost] = []
        while self._held:
            ordered += self._give_up()
        return ordered

    def _give_up(self) -> list[P | Lost]:
        first = min(self._held)
        lost = Lost(self._expected, first - 1)
        self._expected = first
        return [lost, *self._run()]

    def _run(self) -> list[P | Lost]:
        ordered: list[P | Lost] = []
        while self._expected in self._held:
            ordered.append(self._held.pop(self._expected)[0])
            self._expected += 1
        return ordered
