"""A ladder instead of a cliff: what one way of a connection carries, down in seconds and up with patience."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from kernel.ids import ParticipantId, RoomId
from rooms.events import Rung
from rooms.ports import ConnectionQuality
from rooms.tracks import Rungs

DOWN_AFTER: Final = timedelta(seconds=3)  # of trouble: two measurements that agree
UP_AFTER: Final = timedelta(seconds=10)  # without trouble; doubled by each climb that fails
UP_LIMIT: Final = timedelta(minutes=5)
FAILED_WITHIN: Final = timedelta(seconds=30)  # of a climb: then it was too early
FORGIVEN_AFTER: Final = timedelta(minutes=3)  # without trouble: the next climb is tried soon again
SILENT_AFTER: Final = timedelta(seconds=8)  # a change of network takes less
SILENT_LIMIT: Final = timedelta(minutes=2)
FORGOTTEN_AFTER: Final = timedelta(minutes=2)  # not measured: the person is gone
LADDERS_LIMIT: Final = 20_000

_STEPS: Final = (Rung.HIGH_VIDEO, Rung.LOW_VIDEO, Rung.STILL_PICTURE, Rung.AUDIO_ONLY, Rung.LIVE_TEXT)
_PLACE: Final = {rung: place for place, rung in enumerate(_STEPS)}
# At most so much of each for the rung in the same column of `_STEPS`; beyond the last one only text is left.
# Random loss below a fifth is repaired by retransmission, in-band correction and redundancy; more takes the picture.
_LOSS_PERCENT: Final = (12.0, 20.0, 30.0, 60.0)
_ROUND_TRIP_MS: Final = (1500, 2500, 4000, 8000)
_AVAILABLE_KBPS: Final = (500, 150, 70, 0)
_FULL_LOSS_PERCENT: Final = 5.0
_FULL_ROUND_TRIP_MS: Final = 400


@dataclass(frozen=True, slots=True)
class Sample:
    """One way of one person's connection, over the last seconds."""

    loss_percent: float = 0.0
    round_trip_ms: int | None = None
    available_kbps: int | None = None  # None: no limit was felt
    is_silent: bool = False  # nothing comes at all, though the person's socket lives


class Ladder:
    """One way of one person's connection: towards them, or from them."""

    __slots__ = (
        "_agreed",
        "_bad_since",
        "_climbed_at",
        "_good_since",
        "_patience",
        "_place",
        "_silences_ended_at",
        "_silent_patience",
        "_silent_since",
        "rung",
    )

    def __init__(self) -> None:
        self.rung = Rung.HIGH_VIDEO  # as told
        self._place = 0  # among `_STEPS`, by what is lost and slow
        self._agreed = 0  # the least bad place of the present trouble
        self._bad_since: datetime | None = None
        self._good_since: datetime | None = None
        self._climbed_at: datetime | None = None
        self._patience = UP_AFTER
        self._silent_since: datetime | None = None
        self._silences_ended_at: datetime | None = None
        self._silent_patience = SILENT_AFTER

    def observe(self, sample: Sample, *, now: datetime) -> Rung | None:
        """Take a measurement; return the new rung when it has changed. `now` never goes back."""
        before = self.rung
        if sample.is_silent:
            self._keep_silence(now)
        else:
            self._end_silence(now)
            self._step(_place_of(sample), now)
            self.rung = _STEPS[self._place]
        return self.rung if self.rung is not before else None

    def _keep_silence(self, now: datetime) -> None:
        """Nothing comes: that says nothing of how wide the way will be, so the place is kept for afterwards."""
        self._bad_since = self._good_since = None
        if self._silent_since is None:
            self._silent_since = now
        if now - self._silent_since >= self._silent_patience:
            self.rung = Rung.LIVE_TEXT

    def _end_silence(self, now: datetime) -> None:
        if self._silent_since is None:
            return
        self._silent_since = None
        if self.rung is Rung.LIVE_TEXT:
            if self._silences_ended_at is not None and now - self._silences_ended_at < FORGIVEN_AFTER:
                self._silent_patience = min(2 * self._silent_patience, SILENT_LIMIT)
            else:
                self._silent_patience = SILENT_AFTER
            self._silences_ended_at = now

    def _step(self, wanted: int, now: datetime) -> None:
        if wanted > self._place:
            self._good_since = None
            self._agreed = wanted if self._bad_since is None else min(self._agreed, wanted)
            self._bad_since = self._bad_since or now
            if now - self._bad_since >= DOWN_AFTER:
                self._go_down(now)
            return
        self._bad_since = None
        if self._climbed_at is not None and now - self._climbed_at >= FORGIVEN_AFTER:
            self._climbed_at, self._patience = None, UP_AFTER
        # Without pictures little is sent, so that only loss and delay can tell whether there is room for more.
        if wanted < self._place:
            self._good_since = self._good_since or now
            if now - self._good_since >= self._patience:
                self._place -= 1
                self._climbed_at, self._good_since = now, None
        else:
            self._good_since = None

    def _go_down(self, now: datetime) -> None:
        if self._climbed_at is not None and now - self._climbed_at < FAILED_WITHIN:
            self._patience = min(2 * self._patience, UP_LIMIT)
        audio_only = _PLACE[Rung.AUDIO_ONLY]
        # The picture goes first: often the voice then gets through.
        self._place = self._agreed if self._place >= audio_only else min(self._agreed, audio_only)
        self._bad_since = None


@dataclass(slots=True)
class _Connection:
    """Both ways of one person's connection, as last measured."""

    seen_at: datetime
    towards: Ladder
    back: Ladder


class Ladders:
    """The connections of everybody in every live call of a node."""

    def __init__(self) -> None:
        self._connections: dict[tuple[RoomId, ParticipantId], _Connection] = {}
        self._swept_at: datetime | None = None

    def measured(
        self,
        room: RoomId,
        qualities: Mapping[ParticipantId, ConnectionQuality],
        *,
        in_call: Collection[ParticipantId],
        now: datetime,
    ) -> dict[ParticipantId, Rungs]:
        """Return what everybody `in_call` receives and sends at best. Who has no measurement is silent."""
        self._sweep(now)
        rungs = {}
        for participant in in_call:
            connection = self._connections.get((room, participant))
            if connection is None:
                if len(self._connections) >= LADDERS_LIMIT:
                    continue
                connection = self._connections[room, participant] = _Connection(now, Ladder(), Ladder())
            connection.seen_at = now
            _observe(connection, qualities.get(participant), now)
            rungs[participant] = Rungs(connection.towards.rung, connection.back.rung)
        return rungs

    def forget(self, room: RoomId, participant: ParticipantId) -> None:
        """Somebody begins anew: another network, another device."""
        self._connections.pop((room, participant), None)

    def _sweep(self, now: datetime) -> None:
        if self._swept_at is not None and now - self._swept_at < FORGOTTEN_AFTER:
            return
        self._swept_at = now
        for key in [key for key, each in self._connections.items() if now - each.seen_at >= FORGOTTEN_AFTER]:
            del self._connections[key]


def _observe(connection: _Connection, quality: ConnectionQuality | None, now: datetime) -> None:
    if quality is None or quality.is_silent:
        connection.towards.observe(Sample(is_silent=True), now=now)
        connection.back.observe(Sample(is_silent=True), now=now)
        return
    round_trip_ms = quality.round_trip_ms
    # A browser's estimate is low, too, where little is sent: it counts only beside signs that the way is full.
    is_full = quality.loss_down_percent >= _FULL_LOSS_PERCENT or (round_trip_ms or 0) >= _FULL_ROUND_TRIP_MS
    available_kbps = quality.available_down_kbps if is_full else None
    connection.towards.observe(Sample(quality.loss_down_percent, round_trip_ms, available_kbps), now=now)
    connection.back.observe(Sample(quality.loss_up_percent, round_trip_ms), now=now)


def _place_of(sample: Sample) -> int:
    """Return the highest of `_STEPS` that the way carries."""
    by_loss = sum(sample.loss_percent > most for most in _LOSS_PERCENT)
    by_delay = sum((sample.round_trip_ms or 0) > most for most in _ROUND_TRIP_MS)
    by_width = 0
    if sample.available_kbps is not None:
        by_width = sum(sample.available_kbps < least for least in _AVAILABLE_KBPS)
    return max(by_loss, by_delay, by_width)
