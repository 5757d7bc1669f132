from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from care.recording import Segment
from care.recording_time import Spans
from kernel.ids import ParticipantId, RecordingId
from rooms.events import (
    Fact,
    RecordingStarted,
    RecordingStopped,
    RoomEvent,
    Source,
    StopReason,
    VisitFinished,
)

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
DOCTOR = ParticipantId("usr_1")
RECORDING = RecordingId("rec_1")
START = RecordingStarted(RECORDING, DOCTOR)
STOP = RecordingStopped(RECORDING, DOCTOR, StopReason.ASKED)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def events(*facts: tuple[float, Fact]) -> list[RoomEvent]:
    return [RoomEvent(seq, after(at), fact) for seq, (at, fact) in enumerate(facts, start=1)]


def segment(begins: float, seconds: float, *, closed: bool = True) -> Segment:
    return Segment(
        recording=RECORDING,
        participant=DOCTOR,
        source=Source.MICROPHONE,
        index=0,
        codec="opus",
        container="audio/webm",
        started_at=after(begins),
        duration_ms=int(seconds * 1000),
        frames=1,
        size_bytes=1,
        sha256="",
        blob="",
        closed=closed,
    )


def test_a_pause_does_not_exist_in_the_composed_file() -> None:
    spans = Spans.of(events((0, START), (10, STOP), (60, START), (65, STOP)))
    assert spans.duration_ms == 15_000
    assert spans.offset_ms(after(4.5)) == 4_500
    assert spans.offset_ms(after(10)) == 10_000
    assert spans.offset_ms(after(30)) == 10_000
    assert spans.offset_ms(after(62)) == 12_000
    assert spans.offset_ms(after(99)) == 15_000
    assert spans.offset_ms(after(-1)) is None


def test_the_end_of_the_visit_is_the_end_of_the_recording() -> None:
    spans = Spans.of(events((0, START), (20, VisitFinished(DOCTOR))))
    assert [(span.started_at, span.stopped_at) for span in spans.spans] == [(after(0), after(20))]


def test_a_recording_that_is_still_on_has_no_end() -> None:
    spans = Spans.of(events((0, START)))
    assert spans.spans[0].stopped_at is None
    assert spans.offset_ms(after(100)) == 100_000


def test_without_a_recording_nothing_falls_anywhere() -> None:
    assert Spans.of(events((0, VisitFinished(DOCTOR)))).offset_ms(NOON) is None


def test_a_long_time_in_which_nobody_was_recorded_is_left_out() -> None:
    told = events((0, START), (600, STOP))
    spans = Spans.of(told, [segment(1, 60), segment(400, 60), segment(470, 100)])
    assert [(span.started_at, span.stopped_at) for span in spans.spans] == [
        (after(0), after(61)),
        (after(400), after(600)),
    ]
    assert spans.offset_ms(after(400)) == 61_000
    assert spans.offset_ms(after(200)) == 61_000


def test_what_was_recorded_outside_of_the_spans_does_not_count() -> None:
    assert Spans.of(events((0, START), (10, STOP)), [segment(20, 60)]).spans == ()


def test_what_is_being_recorded_now_is_not_left_out() -> None:
    spans = Spans.of(events((0, START)), [segment(1, 60), segment(61, 0, closed=False)])
    assert [(span.started_at, span.stopped_at) for span in spans.spans] == [(after(0), None)]


@given(st.lists(st.integers(1, 5000), min_size=2, max_size=20), st.integers(0, 100_000))
def test_offsets_grow_with_time_and_stay_within_the_file(steps: list[int], at: int) -> None:
    moment, facts = 0, []
    for number, step in enumerate(steps):
        moment += step
        facts.append((moment / 1000, STOP if number % 2 else START))
    spans = Spans.of(events(*facts, (moment / 1000 + 1, VisitFinished(DOCTOR))))
    earlier, later = spans.offset_ms(after(at / 1000)), spans.offset_ms(after(at / 1000 + 0.5))
    assert (earlier or 0) <= (later or 0) <= spans.duration_ms
