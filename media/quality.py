"""How good one person's connection is, from counters read twice."""

from dataclasses import dataclass
from typing import Final

from rooms.ports import ConnectionQuality, VideoLayer

# The E-model's rating (ITU-T G.107) and its bands of satisfaction, best first.
_BANDS: Final = ((80, 5), (70, 4), (60, 3), (50, 2))
_BEST: Final = 93.2
_LOSS_WEIGHT: Final = 2.5  # rating lost for each percent of packets
_SWITCHED_OFF_NS: Final = 8_000_000_000  # a microphone that works has some noise sooner


@dataclass(frozen=True, slots=True)
class Counters:
    """What has been counted on one connection up to a moment; the first six only grow."""

    at_ns: int
    expected: int = 0  # packets that the person has sent, as numbered
    received: int = 0
    octets_in: int = 0
    octets_out: int = 0
    voice_ns: int = 0  # time in which the person spoke
    lost_down_percent: float = 0.0  # as the person's browser reported last, which for sound it does every five seconds
    jitter_ms: float = 0.0
    round_trip_ms: int | None = None
    available_bps: int | None = None  # towards the person, as their browser thinks
    microphone_silent_ns: int = 0  # for how long their microphone has delivered digital silence
    silent: bool = False
    video_layer: VideoLayer | None = None


def measure(before: Counters, after: Counters) -> ConnectionQuality:
    """Return the quality between two moments. Loss is the worse of both directions."""
    seconds = max((after.at_ns - before.at_ns) / 1e9, 0.001)
    expected = after.expected - before.expected
    loss_up = _percent(expected - (after.received - before.received), expected)
    loss_down = after.lost_down_percent
    loss_percent = max(loss_up, loss_down)
    return ConnectionQuality(
        score=1 if after.silent else score(loss_percent, after.round_trip_ms or 0, after.jitter_ms),
        round_trip_ms=after.round_trip_ms,
        loss_percent=round(loss_percent, 1),
        jitter_ms=round(after.jitter_ms, 1),
        bitrate_up_kbps=_kbps(after.octets_in - before.octets_in, seconds),
        bitrate_down_kbps=_kbps(after.octets_out - before.octets_out, seconds),
        loss_up_percent=round(loss_up, 1),
        loss_down_percent=round(loss_down, 1),
        available_down_kbps=None if after.available_bps is None else after.available_bps // 1000,
        talk_ms=max(after.voice_ns - before.voice_ns, 0) // 1_000_000,
        microphone_silent=after.microphone_silent_ns >= _SWITCHED_OFF_NS,
        is_silent=after.silent,
        video_layer=after.video_layer,
    )


def score(loss_percent: float, round_trip_ms: float, jitter_ms: float) -> int:
    """Return 1 (hardly usable) to 5 (good): the E-model with delay, twice the jitter and loss, in bands."""
    delay_ms = round_trip_ms / 2 + 2 * jitter_ms + 10
    rating = _BEST - (delay_ms / 40 if delay_ms < 160 else (delay_ms - 120) / 10) - _LOSS_WEIGHT * loss_percent
    return next((points for limit, points in _BANDS if rating >= limit), 1)


def _percent(lost: int, of: int) -> float:
    return min(max(100 * lost / of, 0.0), 100.0) if of > 0 else 0.0


def _kbps(octets: int, seconds: float) -> int:
    return max(round(octets * 8 / seconds / 1000), 0)
