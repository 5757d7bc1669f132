"""Which layer of a picture one subscriber is sent: down as soon as the way is full, up again step by step."""

from collections.abc import Sequence
from typing import Final, NamedTuple

SECOND_NS: Final = 1_000_000_000
DOWN_AGAIN_NS: Final = 2 * SECOND_NS  # what was sent before the last step down is still under way
FIRST_HOLD_NS: Final = 5 * SECOND_NS  # after a step down nothing higher is tried for so long
LAST_HOLD_NS: Final = 60 * SECOND_NS  # each trial in vain doubles that, up to here
TRIAL_NS: Final = 10 * SECOND_NS  # trouble within this time after a step up was caused by it
_FULL_PERCENT: Final = 95
_FALLEN_PERCENT: Final = 97
_SAFE_PERCENT: Final = 85
_HEAVY_LOSS: Final = 38  # of 256: more than what chance does to a layer of few packets on a way that loses 5 %


class Way(NamedTuple):
    """What is known of the way to one subscriber."""

    estimate_bps: int | None  # what its browser thinks it can receive; None: it has not said lately
    sent_bps: int  # what it was sent in the second before
    pictures: int  # how many pictures share that, at least 1
    fraction_lost: int  # of 256


class LayerChoice:
    """One subscriber's choice, as an index into the layers, lowest first.

    A browser's estimate grows slowly, and only as far as it is sent something: that it is low says nothing, that it
    has fallen below what is sent does. As long as it stays there, or when a seventh is lost, the way counts as full.
    Whether more would pass can only be tried: the next layer is, after a while; in vain, the while doubles.
    """

    __slots__ = ("_estimate_bps", "_fallen", "_hold_ns", "_lowered_ns", "_raised_ns", "_try_ns", "layer")

    def __init__(self) -> None:
        self.layer = 0
        self._estimate_bps = 0  # the one before
        self._fallen = False  # the estimate, below what is sent
        self._hold_ns = FIRST_HOLD_NS
        self._lowered_ns: int | None = None
        self._raised_ns: int | None = None
        self._try_ns: int | None = None  # not before; None: nothing has spoken against the highest yet

    def update(self, rates_bps: Sequence[int], way: Way, now_ns: int) -> int:
        """Return the layer to send from now on. `rates_bps`: of each layer, 0 for one that does not come."""
        coming = [index for index, rate in enumerate(rates_bps) if rate > 0]
        if not coming:
            return self.layer
        full = self._is_full(way)
        if self.layer not in coming:  # the publisher has stopped it
            self.layer = max((index for index in coming if index < self.layer), default=coming[0])
        if full:
            self._lower(coming, rates_bps, way, now_ns)
        elif self._try_ns is None:
            self.layer = coming[-1]
        elif self.layer < coming[-1] and now_ns >= self._try_ns:
            self.layer = next(index for index in coming if index > self.layer)
            self._fallen = False
            self._raised_ns = now_ns
            self._try_ns = now_ns + FIRST_HOLD_NS
        return self.layer

    def _is_full(self, way: Way) -> bool:
        estimate_bps = way.estimate_bps or 0
        if estimate_bps >= way.sent_bps * _FULL_PERCENT // 100:
            self._fallen = False
        elif 0 < estimate_bps < self._estimate_bps * _FALLEN_PERCENT // 100:
            self._fallen = True
        self._estimate_bps = estimate_bps
        return way.fraction_lost >= _HEAVY_LOSS or (self._fallen and estimate_bps > 0)

    def _lower(self, coming: Sequence[int], rates_bps: Sequence[int], way: Way, now_ns: int) -> None:
        lower = [index for index in coming if index < self.layer]
        if not lower or (self._lowered_ns is not None and now_ns - self._lowered_ns < DOWN_AGAIN_NS):
            return
        in_vain = self._raised_ns is not None and now_ns - self._raised_ns < TRIAL_NS
        self._hold_ns = min(self._hold_ns * 2, LAST_HOLD_NS) if in_vain else FIRST_HOLD_NS
        share_bps = (way.estimate_bps or 0) * _SAFE_PERCENT // 100 // way.pictures
        self.layer = max((index for index in lower if rates_bps[index] <= share_bps), default=lower[0])
        self._lowered_ns = now_ns
        self._try_ns = now_ns + self._hold_ns
