"""Where a moment of the visit falls in its composed recording, which leaves out the time between stop and start."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from care.recording import Segment
from rooms.events import RecordingStarted, RecordingStopped, RoomEvent, VisitFinished

EMPTY_LIMIT: Final = timedelta(seconds=30)
"""A longer time in which nobody was recorded (nobody was there, the server was down) is left out as well."""

_NO_END: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Span:
    """A time during which recording was on. `offset_ms` is where it begins in the composed file."""

    started_at: datetime
    stopped_at: datetime | None  # None while it is still on
    offset_ms: int

    @property
    def duration_ms(self) -> int:
        """Its length, 0 while it is still on."""
        return _milliseconds(self.stopped_at - self.started_at) if self.stopped_at else 0


@dataclass(frozen=True, slots=True)
class Spans:
    """Every time during which a visit was recorded, in order."""

    spans: tuple[Span, ...] = ()

    @classmethod
    def of(cls, events: Iterable[RoomEvent], segments: Sequence[Segment] = ()) -> "Spans":
        """Return the spans that the room's events tell of; the visit's end is one of the recording.

        With `segments`, all that were recorded, times longer than `EMPTY_LIMIT` in which there is none are left out:
        so is the composed file made, and so are moments to be found in it.
        """
        times: list[tuple[datetime, datetime | None]] = []
        started_at: datetime | None = None
        for event in events:
            match event.fact:
                case RecordingStarted() if started_at is None:
                    started_at = event.at
                case RecordingStopped() | VisitFinished() if started_at is not None:
                    times.append((started_at, event.at))
                    started_at = None
                case _:
                    pass
        if started_at is not None:
            times.append((started_at, None))
        if segments:
            covered = _covered(segments)
            times = [part for time in times for part in _within(time, covered)]
        return cls(_laid_out(times))

    @property
    def duration_ms(self) -> int:
        """Length of the composed recording, without a span that is still on."""
        return self.spans[-1].offset_ms + self.spans[-1].duration_ms if self.spans else 0

    def offset_ms(self, at: datetime) -> int | None:
        """Return where `at` falls: None before the first span, or when nothing was recorded.

        A moment between two spans falls on the beginning of the later one, a moment after the last on its end.
        """
        if not self.spans or at < self.spans[0].started_at:
            return None
        for span in self.spans:
            if at < span.started_at:
                return span.offset_ms
            if span.stopped_at is None or at <= span.stopped_at:
                return span.offset_ms + _milliseconds(at - span.started_at)
        return self.duration_ms


def _covered(segments: Iterable[Segment]) -> list[tuple[datetime, datetime]]:
    """Return when anything was recorded, as times more than `EMPTY_LIMIT` apart. An open segment has no end yet."""
    joined: list[tuple[datetime, datetime]] = []
    recorded = [segment for segment in segments if segment.frames or not segment.closed]
    for segment in sorted(recorded, key=lambda segment: segment.started_at):
        ends = segment.started_at + timedelta(milliseconds=segment.duration_ms) if segment.closed else _NO_END
        if joined and segment.started_at - joined[-1][1] <= EMPTY_LIMIT:
            joined[-1] = (joined[-1][0], max(joined[-1][1], ends))
        else:
            joined.append((segment.started_at, ends))
    return joined


def _within(
    time: tuple[datetime, datetime | None], covered: Sequence[tuple[datetime, datetime]]
) -> list[tuple[datetime, datetime | None]]:
    """Return the parts of `time` in which something was recorded; short emptiness at its ends stays."""
    started_at, stopped_at = time
    parts: list[tuple[datetime, datetime | None]] = []
    for begins, ends in covered:
        first, last = max(begins, started_at), ends if stopped_at is None else min(ends, stopped_at)
        if first < last:
            parts.append((first, last))
    if not parts:
        return []
    if parts[0][0] - started_at <= EMPTY_LIMIT:
        parts[0] = (started_at, parts[0][1])
    last_end = parts[-1][1]
    if stopped_at is None or (last_end is not None and stopped_at - last_end <= EMPTY_LIMIT):
        parts[-1] = (parts[-1][0], stopped_at)
    return parts


def _laid_out(times: Iterable[tuple[datetime, datetime | None]]) -> tuple[Span, ...]:
    spans: list[Span] = []
    offset_ms = 0
    for started_at, stopped_at in times:
        span = Span(started_at, stopped_at, offset_ms)
        spans.append(span)
        offset_ms += span.duration_ms
    return tuple(spans)


def _milliseconds(time: timedelta) -> int:
    return time // timedelta(milliseconds=1)
