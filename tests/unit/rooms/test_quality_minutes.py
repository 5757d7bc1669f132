"""Minutes of connection quality, gathered from measurements and browsers' reports."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from kernel.ids import RoomId
from rooms.ports import ConnectionQuality
from rooms.quality_minutes import OPEN_LIMIT, QualityMinutes, ReceptionReport
from tests.builders import DOCTOR, NOON, PATIENT, ROOM, later


def quality(score: int = 5, *, loss: float = 0.0, talk_ms: int = 0) -> ConnectionQuality:
    return ConnectionQuality(score, 40, loss, 3.0, 800, 1200, talk_ms=talk_ms)


def report(*, freeze_ms: int = 0, concealed_ms: int = 0, height: int | None = 720) -> ReceptionReport:
    return ReceptionReport(freeze_ms, concealed_ms, 30.0, height, 60)


def test_a_minute_is_the_average_of_what_was_measured_and_the_sum_of_what_was_missing() -> None:
    minutes = QualityMinutes()
    for second in range(0, 60, 2):
        minutes.measured(ROOM, {PATIENT: quality(loss=second % 4, talk_ms=500)}, now=later(second))
    for second in range(5, 60, 10):
        minutes.reported(ROOM, PATIENT, report(freeze_ms=100, height=360 if second > 30 else 720), now=later(second))
    ((room, minute),) = minutes.take(now=later(60))
    assert (room, minute.participant, minute.started_at) == (ROOM, PATIENT, NOON)
    assert (minute.score, minute.loss_percent, minute.bitrate_down_kbps) == (5, 1.0, 1200)
    assert (minute.talk_ms, minute.freeze_ms, minute.frames_per_second) == (15_000, 600, 30.0)
    assert (minute.round_trip_ms, minute.picture_height) == (43, 720)


def test_a_minute_is_taken_once_and_not_before_it_is_over() -> None:
    minutes = QualityMinutes()
    minutes.measured(ROOM, {PATIENT: quality(), DOCTOR: quality()}, now=NOON)
    assert minutes.take(now=later(59)) == []
    assert len(minutes.take(now=later(61))) == 2
    assert minutes.take(now=later(62)) == []


def test_at_the_end_unfinished_minutes_are_taken_too() -> None:
    minutes = QualityMinutes()
    minutes.measured(ROOM, {PATIENT: quality()}, now=NOON)
    assert len(minutes.take(now=later(1), all_of_them=True)) == 1


def test_what_a_viewer_misses_lowers_the_score_however_good_the_line_was() -> None:
    def score_with(**missing: int) -> int:
        minutes = QualityMinutes()
        minutes.measured(ROOM, {PATIENT: quality(5)}, now=NOON)
        minutes.reported(ROOM, PATIENT, report(**missing), now=NOON)
        return minutes.take(now=later(60))[0][1].score

    assert [score_with(freeze_ms=ms) for ms in (0, 1_999, 2_000, 6_000, 20_000)] == [5, 5, 4, 3, 2]
    assert score_with(concealed_ms=20_000) == 2


def test_reports_without_measurements_make_no_minute() -> None:
    minutes = QualityMinutes()
    minutes.reported(ROOM, PATIENT, report(), now=NOON)
    assert minutes.take(now=later(60)) == []


def test_rooms_without_end_are_bounded() -> None:
    minutes = QualityMinutes()
    for number in range(OPEN_LIMIT + 10):
        minutes.measured(RoomId(f"con_{number}"), {PATIENT: quality()}, now=NOON)
    assert len(minutes.take(now=later(60))) == OPEN_LIMIT


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 5), st.integers(0, 60_000)), max_size=80))
def test_no_minute_has_more_than_a_minute_in_it(told: list[tuple[int, int, int]]) -> None:
    minutes = QualityMinutes()
    for second, score, missing_ms in sorted(told):
        minutes.measured(ROOM, {PATIENT: quality(score, talk_ms=missing_ms)}, now=later(second))
        minutes.reported(ROOM, PATIENT, report(freeze_ms=missing_ms), now=later(second))
    taken = [minute for _, minute in minutes.take(now=later(301) + timedelta(minutes=1))]
    assert len({minute.started_at.replace(second=0) for minute in taken}) == len(taken)
    assert all(1 <= m.score <= 5 and m.freeze_ms <= 60_000 and m.talk_ms <= 60_000 for m in taken)
