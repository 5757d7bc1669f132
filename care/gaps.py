"""What is missing from a recording: within its segments, and between them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import Final

from care.recording import Segment
from care.recording_time import Spans
from kernel.ids import ParticipantId
from rooms.events import Source

INTERRUPTED: Final = "interrupted"  # the server stopped
ABSENT: Final = "absent"  # nothing of the track arrived: it was away, or not sent
_SHORTEST: Final = timedelta(milliseconds=500)


@dataclass(frozen=True, slots=True)
class Gap:
    """Time for which a track is missing from the recording, on its time base.

    `reason` is one of `rooms.ports.SegmentGap`, `INTERRUPTED` or `ABSENT`.
    """

    participant: ParticipantId
    source: Source
    at: datetime
    offset_ms: int | None
    duration_ms: int
    reason: str


def gaps_of(segments: Sequence[Segment], spans: Spans) -> tuple[Gap, ...]:
    """Return what is missing while recording was on, in order of time. A track has no gap before it began."""
    gaps = [*_within(segments, spans)]
    in_order = sorted(segments, key=lambda segment: (*_track(segment), segment.started_at))
    for _, of_track in groupby(in_order, key=_track):
        gaps += _between([segment for segment in of_track if segment.closed], spans)
    return tuple(sorted(gaps, key=lambda gap: gap.at))


def _track(segment: Segment) -> tuple[ParticipantId, Source]:
    return segment.participant, segment.source


def _within(segments: Sequence[Segment], spans: Spans) -> Iterator[Gap]:
    for segment in segments:
        for gap in segment.gaps:
            at = segment.started_at + timedelta(milliseconds=gap.offset_ms)
            yield Gap(segment.participant, segment.source, at, spans.offset_ms(at), gap.duration_ms, gap.reason)


def _between(segments: Sequence[Segment], spans: Spans) -> Iterator[Gap]:
    for before, after in pairwise(segments):
        ended_at = before.started_at + timedelta(milliseconds=before.duration_ms)
        reason = INTERRUPTED if before.interrupted else ABSENT
        for span in spans.spans:
            begins = max(ended_at, span.started_at)
            ends = after.started_at if span.stopped_at is None else min(after.started_at, span.stopped_at)
            if ends - begins >= _SHORTEST:
                length_ms = (ends - begins) // timedelta(milliseconds=1)
                yield Gap(after.participant, after.source, begins, spans.offset_ms(begins), length_ms, reason)
