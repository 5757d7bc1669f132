"""Where a moment of the visit falls in its composed recording, which leaves out the time between stop and start."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from rooms.events import RecordingStarted, RecordingStopped, RoomEvent


@dataclass(frozen=True, slots=True)
class Span:
    """A time during which recording was on. `offset_ms` is where it begins in the composed file."""

    started_at: datetime
    stopped_at: datetime | None  # None while it is still on
    offset_ms: int


@dataclass(frozen=True, slots=True)
class Spans:
    """Every time during which a visit was recorded, in order."""

    spans: tuple[Span, ...] = ()

    @classmethod
    def of(cls, events: Iterable[RoomEvent]) -> "Spans":
        """Return the spans that the room's events tell of."""
        spans: list[Span] = []
        offset_ms = 0
        started_at: datetime | None = None
        for event in events:
            match event.fact:
                case RecordingStarted() if started_at is None:
                    started_at = event.at
                case RecordingStopped() if started_at is not None:
                    spans.append(Span(started_at, event.at, offset_ms))
                    offset_ms += _milliseconds(event.at - started_at)
                    started_at = None
                case _:
                    pass
        if started_at is not None:
            spans.append(Span(started_at, None, offset_ms))
        return cls(tuple(spans))

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
        last = self.spans[-1]
        assert last.stopped_at is not None
        return last.offset_ms + _milliseconds(last.stopped_at - last.started_at)


def _milliseconds(time: timedelta) -> int:
    return time // timedelta(milliseconds=1)
