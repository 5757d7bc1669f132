"""Which layer of a picture one subscriber is sent: down as soon as the way is full, up again step by step."""

from collections.abc import Sequence
from typing import Final, NamedTuple

NOTHING: Final = -1  # instead of a layer: not even the lowest one passes beside the sound
SECOND_NS: Final = 1_000_000_000
DOWN_AGAIN_NS: Final = 2 * SECOND_NS  # what was sent before the last step down is still under way
FIRST_HOLD_NS: Final = 5 * SECOND_NS  # after a step down nothing higher is tried for so long
LAST_HOLD_NS: Final = 60 * SECOND_NS  # each trial in vain doubles that, up to here
PATIENCE_NS: Final = 3 * SECOND_NS  # the lowest layer is given up when the way has been full for so long
TRIAL_NS: Final = 10 * SECOND_NS  # trouble within this time after a step up was caused by it
_FULL_PERCENT: Final = 95
_FALLEN_PERCENT: Final = 97
_SAFE_PERCENT: Final = 85
_HEAVY_LOSS: Final = 38  # of 256: more than what chance does to a layer of few packets on a way that loses 5 %
_RUINOUS_LOSS: Final = 90  # of 256: pictures come to nothing, and sound suffers from them


class Way(NamedTuple):
    """What is known of the way to one subscriber."""

    estimate_bps: int | None  # what its browser thinks it can receive; None: it has not said lately
    sent_bps: int  # the pictures that it was sent in the second before
    pictures: int  # how many pictures share that, at least 1
    fraction_lost: int  # of 256

    @property
    def share_bps(self) -> int:
        """What one picture may take of the estimate."""
        return (self.estimate_bps or 0) * _SAFE_PERCENT // 100 // self.pictures


class LayerChoice:
    """One subscriber's choice, as an index into the layers, lowest first, or NOTHING.

    A browser's estimate grows slowly, and only as far as it is sent something: that it is low says nothing, that it
    has fallen below what is sent does. As long as it stays there, or when a seventh is lost, the way counts as full.
    Whether more would pass can only be tried: the next layer is, after a while; in vain, the while doubles.
    """

    __slots__ = (
        "_estimate_bps",
        "_fallen",
        "_full_ns",
        "_hold_ns",
        "_lowered_ns",
        "_raised_ns",
        "_try_ns",
        "is_full",
        "layer",
    )

    def __init__(self, layer: int = 0) -> None:
        self.layer = layer
        self.is_full = False  # the way, when it was last looked at
        self._estimate_bps = 0  # the one before
        self._fallen = False  # the estimate, below what is sent
        self._full_ns: int | None = None  # since when the way has been full
        self._hold_ns = FIRST_HOLD_NS
        self._lowered_ns: int | None = None
        self._raised_ns: int | None = None
        self._try_ns: int | None = None  # not before; None: nothing has spoken against the highest yet

    @property
    def is_free(self) -> bool:
        """Whether nothing has spoken against the highest layer yet."""
        return self._try_ns is None

    def is_on_trial(self, now_ns: int) -> bool:
        """Whether the present layer may turn out to be too much."""
        return self._raised_ns is not None and now_ns - self._raised_ns < TRIAL_NS

    def update(self, rates_bps: Sequence[int], way: Way, now_ns: int) -> int:
        """Return the layer to send from now on. `rates_bps`: of each layer, 0 for one that can't be had."""
        offered = [index for index, rate in enumerate(rates_bps) if rate > 0]
        if not offered:
            return self.layer
        self.is_full = self._is_full(way)
        if not self.is_full:
            self._full_ns = None
        elif self._full_ns is None:
            self._full_ns = now_ns
        if self.layer != NOTHING and self.layer not in offered:  # the publisher has stopped it
            self.layer = max((index for index in offered if index < self.layer), default=offered[0])
        if self.is_full:
            self._lower(offered, rates_bps, way, now_ns)
        elif self._try_ns is None:
            self.layer = offered[-1]
        elif self.layer < offered[-1] and now_ns >= self._try_ns:
            self.layer = next(index for index in offered if index > self.layer)
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

    def _lower(self, offered: Sequence[int], rates_bps: Sequence[int], way: Way, now_ns: int) -> None:
        if self._lowered_ns is not None and now_ns - self._lowered_ns < DOWN_AGAIN_NS:
            return
        lower = [index for index in offered if index < self.layer]
        if lower:
            after = max((index for index in lower if rates_bps[index] <= way.share_bps), default=lower[0])
        elif self._passes(rates_bps[offered[0]], way, now_ns):
            return
        else:
            after = NOTHING
        self._hold_ns = min(self._hold_ns * 2, LAST_HOLD_NS) if self.is_on_trial(now_ns) else FIRST_HOLD_NS
        self.layer = after
        self._full_ns = None
        self._lowered_ns = now_ns
        self._try_ns = now_ns + self._hold_ns

    def _passes(self, rate_bps: int, way: Way, now_ns: int) -> bool:
        """Whether the lowest layer gets through a way that is full, or may still do."""
        if self.layer == NOTHING or self._full_ns is None or now_ns - self._full_ns < PATIENCE_NS:
            return True
        return way.fraction_lost < _RUINOUS_LOSS and not (self._fallen and way.share_bps < rate_bps)
