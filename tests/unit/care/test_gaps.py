"""Gaps of a recording that goes on through pauses, reconnections and restarts of the server."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from care.gaps import gaps_of
from care.recording import Segment
from care.recording_time import Span, Spans
from kernel.ids import ParticipantId, RecordingId
from rooms.events import Source
from rooms.ports import SegmentGap
from tests.small_clinic import NOON


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def segment(
    begins: float,
    ends: float,
    *,
    of: str = "usr_han",
    source: Source = Source.CAMERA,
    interrupted: bool = False,
    gaps: tuple[SegmentGap, ...] = (),
) -> Segment:
    return Segment(
        recording=RecordingId("rec_1"),
        participant=ParticipantId(of),
        source=source,
        index=0,
        codec="vp8",
        container="video/webm",
        started_at=at(begins),
        duration_ms=round((ends - begins) * 1000),
        frames=1,
        size_bytes=1,
        sha256="",
        blob=f"{of} {begins}",
        closed=True,
        gaps=gaps,
        interrupted=interrupted,
    )


ON = Spans((Span(at(0), at(60), 0), Span(at(100), at(160), 60_000)))  # a pause of forty seconds between


def told(segments: Sequence[Segment], spans: Spans = ON) -> list[tuple[str, int | None, int, str]]:
    return [(gap.participant, gap.offset_ms, gap.duration_ms, gap.reason) for gap in gaps_of(segments, spans)]


def test_segments_that_follow_each_other_leave_no_gap() -> None:
    assert told([segment(0, 20), segment(20.4, 60), segment(100.2, 160)]) == []


def test_a_server_that_stopped_leaves_a_gap_in_every_track() -> None:
    segments = [
        segment(0, 20, interrupted=True),
        segment(0, 20.5, source=Source.MICROPHONE, interrupted=True),
        segment(25, 60),
        segment(26, 60, source=Source.MICROPHONE),
    ]
    assert told(segments) == [("usr_han", 20_000, 5000, "interrupted"), ("usr_han", 20_500, 5500, "interrupted")]


def test_somebody_who_was_away_leaves_a_gap_and_nobody_else_does() -> None:
    segments = [segment(0, 10), segment(30, 60), segment(0, 60, of="pat_rose")]
    assert told(segments) == [("usr_han", 10_000, 20_000, "absent")]


def test_a_pause_is_no_gap_but_what_is_missing_beside_it_is() -> None:
    assert told([segment(0, 60), segment(100, 160)]) == []
    assert told([segment(0, 50), segment(110, 160)]) == [
        ("usr_han", 50_000, 10_000, "absent"),
        ("usr_han", 60_000, 10_000, "absent"),
    ]


def test_who_comes_later_or_leaves_earlier_has_no_gap_there() -> None:
    assert told([segment(40, 60), segment(100, 110)]) == []


def test_what_is_missing_within_a_segment_is_told_with_its_own_reason() -> None:
    segments = [segment(0, 20, gaps=(SegmentGap(5000, 300, "loss"),)), segment(30, 60)]
    assert told(segments) == [("usr_han", 5000, 300, "loss"), ("usr_han", 20_000, 10_000, "absent")]
