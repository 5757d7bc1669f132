"""Feedback about arrivals, read back by a parser written from the draft, and the limit that viewers set."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from media.congestion import (
    CEILING_BPS,
    FLOOR_BPS,
    RECORD_LIMIT,
    ArrivalRecord,
    Viewer,
    ViewersLimit,
    transport_feedback,
)

MS = 1_000_000
SECOND = 1000 * MS


def read(data: bytes) -> tuple[int, int, dict[int, int | None]]:
    """Return media SSRC, feedback count and, by sequence number, the arrival in units of 250 us, None for lost."""
    first, kind, length, _, ssrc, base, status_count = struct.unpack_from("!BBHIIHH", data)
    assert first & 0xDF == 0x8F
    assert kind == 205
    assert len(data) == 4 * (length + 1)
    end = len(data) - (data[-1] if first & 0x20 else 0)
    word = struct.unpack_from("!I", data, 16)[0]
    symbols: list[int] = []
    at = 20
    while len(symbols) < status_count:
        (chunk,) = struct.unpack_from("!H", data, at)
        at += 2
        if not chunk >> 15:
            symbols += [chunk >> 13 & 3] * (chunk & 0x1FFF)
        else:
            assert chunk >> 14 & 1, "one-bit vectors are never written"
            symbols += [chunk >> shift & 3 for shift in range(12, -1, -2)]
    time = (word >> 8) * 256
    arrivals: dict[int, int | None] = {}
    for index, symbol in enumerate(symbols[:status_count]):
        seq = (base + index) & 0xFFFF
        if not symbol:
            arrivals[seq] = None
            continue
        if symbol == 1:
            time += data[at]
            at += 1
        else:
            time += struct.unpack_from("!h", data, at)[0]
            at += 2
        arrivals[seq] = time
    assert at == end
    return ssrc, word & 0xFF, arrivals


@given(
    st.integers(0, 0xFFFF),
    st.lists(st.tuples(st.integers(1, 9), st.integers(-100 * MS, 300 * MS)), min_size=1, max_size=120),
)
def test_feedback_says_what_arrived_and_when(start: int, steps: list[tuple[int, int]]) -> None:
    seq, ns = 0x10000 + start, 5 * SECOND
    arrivals = []
    for step, wait in steps:
        seq, ns = seq + step, max(ns + wait, 0)
        arrivals.append((seq, ns))
    ssrc, count, told = read(transport_feedback(42, 7, arrivals))
    assert (ssrc, count) == (42, 7)
    expected = {seq & 0xFFFF: ns // 250_000 for seq, ns in arrivals}
    assert {seq: at for seq, at in told.items() if at is not None} == expected


def test_a_long_gap_is_told_as_lost() -> None:
    _, _, told = read(transport_feedback(1, 0, [(0x10000, SECOND), (0x10000 + 900, SECOND + MS)]))
    assert len(told) == 901
    assert sum(at is None for at in told.values()) == 899


def test_what_lies_too_far_behind_is_left_out() -> None:
    _, _, told = read(transport_feedback(1, 0, [(0x10000, SECOND), (0x10000 + 5000, SECOND)]))
    assert list(told) == [5000]


def test_everything_noted_is_told_once() -> None:
    record = ArrivalRecord()
    for seq in (65534, 65535, 0, 2, 1):
        record.add(seq, SECOND)
    first = record.feedback(9)
    assert first is not None
    assert [seq for seq, at in read(first)[2].items() if at is not None] == [65534, 65535, 0, 1, 2]
    assert record.feedback(9) is None
    record.add(3, 2 * SECOND)
    second = record.feedback(9)
    assert second is not None
    assert read(second)[1] == 1


def test_the_record_is_bounded() -> None:
    record = ArrivalRecord()
    for seq in range(10_000):
        record.add(seq & 0xFFFF, SECOND + seq)
    assert len(record) == RECORD_LIMIT
    feedback = record.feedback(1)
    assert feedback is not None
    assert len(feedback) < 1200


def test_a_viewer_whose_way_is_full_limits_the_publisher_at_once() -> None:
    limit = ViewersLimit()
    assert limit.update([Viewer(800_000, 1_000_000, 1), Viewer(5_000_000, 1_000_000, 1)]) == 800_000


def test_bandwidth_is_shared_by_the_pictures_that_a_viewer_receives() -> None:
    assert ViewersLimit().update([Viewer(1_800_000, 2_000_000, 2)]) == 900_000


def test_an_estimate_above_what_is_sent_is_no_limit_however_low() -> None:
    assert ViewersLimit().update([Viewer(300_000, 250_000, 1)]) is None
    assert ViewersLimit().update([]) is None


def test_no_viewer_pushes_the_picture_below_use() -> None:
    assert ViewersLimit().update([Viewer(20_000, 100_000, 1)]) == FLOOR_BPS


def test_a_limit_is_raised_step_by_step_when_the_trouble_is_over() -> None:
    limit = ViewersLimit()
    limit.update([Viewer(1_000_000, 2_000_000, 1)])
    assert limit.update([Viewer(1_100_000, 1_000_000, 1)]) == 1_080_000
    for _ in range(60):
        highest = limit.update([Viewer(1_500_000, 1_000_000, 1)])
    assert highest == CEILING_BPS
