"""Sequence numbers, losses and renumbering, without packets."""

from hypothesis import given
from hypothesis import strategies as st

from media.rtcp import ReportBlock
from media.streams import (
    KEY_FRAME_INTERVAL_NS,
    MISSING_LIMIT,
    NACK_ATTEMPTS,
    NACK_GIVE_UP_NS,
    NACK_RETRY_NS,
    RING_SIZE,
    Inbound,
    Outbound,
    SenderClock,
    begins_key_frame,
    limit_round_trip,
)

SECOND = 1_000_000_000
MS = 1_000_000
KEY = b"\x90\x80\x05\x00\x9d\x01\x2a\x80\x02\xe0\x01"  # S, picture id, key frame header
DELTA = b"\x90\x80\x05\x01\x9d\x01\x2a"


def video() -> Inbound:
    return Inbound(None, is_video=True)


def audio() -> Inbound:
    return Inbound(None, is_video=False)


def take(stream: Inbound, seq: int, now_ns: int = SECOND) -> int:
    ext = stream.accept(seq & 0xFFFF, now_ns)
    if ext and stream.is_video:
        stream.keep((ext, seq, 0, b"p%d" % ext))
    return ext


def test_numbers_are_extended_by_their_wraps() -> None:
    stream = video()
    assert [take(stream, seq) for seq in (65534, 65535, 0, 1)] == [131070, 131071, 131072, 131073]


def test_a_late_packet_from_before_the_wrap_gets_its_old_number() -> None:
    stream = video()
    take(stream, 65534)
    take(stream, 0)
    assert take(stream, 65535) == 131071


def test_a_packet_counts_once_however_often_it_comes() -> None:
    stream = video()
    assert [bool(take(stream, seq)) for seq in (10, 11, 11, 10, 12, 11)] == [True, True, False, False, True, False]
    assert stream.received == 3


def test_sound_that_was_had_from_the_next_packet_counts_once_when_it_comes_after_all() -> None:
    stream = Inbound(None, is_video=False)
    take(stream, 10)
    stream.measure_jitter(9600, SECOND)
    ext = take(stream, 12)
    assert stream.may_restore(ext - 1, 10560)
    assert take(stream, 11) == 0
    assert take(stream, 13) == ext + 1
    assert stream.received == 3


def test_sound_that_has_come_already_is_not_had_again() -> None:
    stream = Inbound(None, is_video=False)
    take(stream, 10)
    stream.measure_jitter(9600, SECOND)
    ext = take(stream, 12)
    assert not stream.may_restore(ext - 1, 9600)  # of packet 10, two before
    assert take(stream, 11) == ext - 1


def test_a_packet_from_before_the_first_is_not_taken() -> None:
    stream = video()
    take(stream, 10)
    assert take(stream, 9) == 0


def test_lost_packets_are_asked_for_at_once_and_then_in_time() -> None:
    stream = video()
    take(stream, 10)
    take(stream, 14)
    assert stream.lately_missing
    assert stream.due_nacks(SECOND) == [11, 12, 13]
    assert stream.due_nacks(SECOND + NACK_RETRY_NS - 1) == []
    assert stream.due_nacks(SECOND + NACK_RETRY_NS) == [11, 12, 13]


def test_a_recovered_packet_is_not_asked_for_again() -> None:
    stream = video()
    take(stream, 10)
    take(stream, 13)
    take(stream, 11)
    assert stream.due_nacks(SECOND) == [12]


def test_asking_in_vain_ends_and_a_key_frame_is_wanted() -> None:
    stream = video()
    take(stream, 10)
    take(stream, 12)
    asked = sum(bool(stream.due_nacks(SECOND + n * NACK_RETRY_NS)) for n in range(40))
    assert asked <= NACK_ATTEMPTS
    assert stream.key_frame_wanted
    assert not stream.missing


def test_asking_ends_after_a_second_even_if_seldom_asked() -> None:
    stream = video()
    take(stream, 10)
    take(stream, 12)
    assert stream.due_nacks(SECOND + NACK_GIVE_UP_NS) == []
    assert stream.key_frame_wanted


def test_a_gap_too_large_to_mend_is_answered_by_a_key_frame() -> None:
    stream = video()
    take(stream, 10)
    take(stream, 10 + MISSING_LIMIT + 2)
    assert not stream.missing
    assert stream.key_frame_wanted


def test_what_was_lost_before_a_key_frame_is_not_asked_for() -> None:
    stream = video()
    take(stream, 10)
    take(stream, 12)
    ext = take(stream, 14)
    stream.begin_key_frame(ext)
    assert stream.due_nacks(SECOND) == []


def test_lost_sound_is_not_asked_for() -> None:
    stream = audio()
    take(stream, 10)
    take(stream, 20)
    assert not stream.missing


def test_key_frames_are_asked_for_at_most_every_so_often() -> None:
    stream = video()
    assert stream.may_ask_key_frame(SECOND)
    assert not stream.may_ask_key_frame(SECOND + KEY_FRAME_INTERVAL_NS - 1)
    assert stream.may_ask_key_frame(SECOND + KEY_FRAME_INTERVAL_NS)


def test_the_ring_forgets_what_was_overwritten() -> None:
    stream = video()
    for seq in range(RING_SIZE + 1):
        take(stream, seq)
    assert stream.kept(0x10000) is None
    kept = stream.kept(0x10001)
    assert kept is not None
    assert kept.payload == b"p65537"


def test_a_report_says_what_was_lost_since_the_one_before() -> None:
    stream = video()
    for seq in (*range(64), *range(96, 128)):
        take(stream, seq)
    stream.clock = SenderClock(0x0001_2345_6789_ABCD, 90, SECOND)
    first = stream.report(SECOND + SECOND // 2)
    assert (first.fraction_lost, first.total_lost, first.highest_seq) == (64, 32, 127)
    assert (first.last_report, first.delay) == (0x23456789, 32768)
    assert stream.report(2 * SECOND).fraction_lost == 0


def told(view: Outbound, fraction_lost: int) -> int:
    """What a subscriber's own way loses, when its browser has told of so much."""
    view.hear(ReportBlock(1, fraction_lost, 0, 0, 0, 0, 0), SECOND)
    return view.lost_on_the_way


def test_what_a_publishers_way_lost_is_no_loss_of_the_subscribers_way() -> None:
    stream, other = audio(), audio()
    view = Outbound(None, is_video=False, ssrc=1, payload_type=111)
    view.attach(stream)
    for seq in range(100, 200, 2):
        take(stream, seq)
    assert told(view, 128) <= 2
    for seq in range(199, 264):
        take(stream, seq)
    assert told(view, 64) == 64
    for seq in (*range(264, 280), 296):  # half of this is lost ...
        take(stream, seq)
    view.attach(other)
    for seq in range(32):  # ... and a quarter of all
        take(other, seq)
    assert told(view, 80) == 80 - 256 * 16 // (33 + 32)
    other.begin_again(SECOND)
    take(other, 9_000)
    assert told(view, 10) == 10


def test_a_stream_that_was_shut_begins_again_without_loss() -> None:
    stream = video()
    for seq in range(10):
        take(stream, seq)
    stream.begin_again(0)
    take(stream, 300)
    take(stream, 301)
    assert not stream.missing
    assert (stream.expected, stream.received) == (2, 2)
    assert stream.report(SECOND).total_lost == 0
    assert stream.kept(0x10005) is None


def test_jitter_grows_with_uneven_arrival_and_not_with_even() -> None:
    even, uneven = audio(), audio()
    for n in range(100):
        even.measure_jitter(n * 960, n * 20 * MS)
        uneven.measure_jitter(n * 960, n * 20 * MS + (n % 2) * 10 * MS)
    assert even.jitter < 1
    assert 400 < uneven.jitter < 500  # ten milliseconds are 480 ticks


def test_jitter_survives_the_wrap_of_timestamps() -> None:
    stream = audio()
    for n in range(100):
        stream.measure_jitter((0xFFFFF000 + n * 960) & 0xFFFFFFFF, n * 20 * MS)
    assert stream.jitter < 1


def outbound(source: Inbound | None = None) -> Outbound:
    view = Outbound(None, is_video=True, ssrc=1, payload_type=96, rtx_ssrc=2, rtx_payload_type=97)
    view.attach(source)
    return view


def sent(view: Outbound, ext: int, timestamp: int, now_ns: int) -> tuple[int, int]:
    """Renumber as the packet path does; returns number and timestamp as sent."""
    if view.waiting:
        view.begin(ext, timestamp, now_ns)
    number, stamp = ext + view.seq_offset, (timestamp + view.timestamp_offset) & 0xFFFFFFFF
    if number > view.highest:
        view.highest, view.last_timestamp, view.last_ns = number, stamp, now_ns
    return number, stamp


def test_a_subscribers_numbers_begin_in_the_lower_half() -> None:
    number, stamp = sent(outbound(), 0x10000 + 65000, 777, SECOND)
    assert number & 0xFFFF < 0x8000
    assert stamp == 777


def test_another_source_continues_number_and_time() -> None:
    view = outbound(video())
    number, stamp = sent(view, 0x10010, 5000, SECOND)
    view.attach(video())
    following, later = sent(view, 0x25000, 4_000_000_000, SECOND + SECOND // 2)
    assert following == number + 1
    assert later == stamp + 45_000


def test_a_subscribers_request_finds_the_publishers_packet() -> None:
    source = video()
    view = outbound(source)
    for seq in range(65530, 65550):
        ext = take(source, seq)
        number, _ = sent(view, ext, seq, SECOND)
    for behind in range(20):
        found = view.stored((number - behind) & 0xFFFF)
        assert found is not None
        assert found.ext == source.highest - behind
    assert view.stored((number + 1) & 0xFFFF) is None
    assert view.stored((number - 20) & 0xFFFF) is None


def test_packets_of_the_source_before_are_not_found_after_a_switch() -> None:
    before, after = video(), video()
    view = outbound(before)
    number, _ = sent(view, take(before, 10), 0, SECOND)
    view.attach(after)
    sent(view, take(after, 500), 0, SECOND)
    assert view.stored(number & 0xFFFF) is None


def test_the_round_trip_is_what_the_subscriber_did_not_wait() -> None:
    view = outbound()
    view.note_report(0x0001_2345_6789_0000, SECOND)
    view.hear(ReportBlock(1, 13, 4, 0, 90, 0x23456789, 6554), SECOND + 150 * MS)  # held for 100 ms
    assert view.round_trip_ns is not None
    assert abs(view.round_trip_ns - 50 * MS) < MS
    assert (view.total_lost, view.jitter) == (4, 90)


def test_a_made_up_report_measures_nothing() -> None:
    view = outbound()
    view.hear(ReportBlock(1, 0, 0, 0, 0, 0x12345678, 0), SECOND)
    assert view.round_trip_ns is None


def test_a_key_frame_is_known_by_its_first_packet_only() -> None:
    assert begins_key_frame(KEY)
    assert not begins_key_frame(DELTA)
    assert not begins_key_frame(b"\x80" + KEY[1:])  # not the start of a partition
    assert not begins_key_frame(b"")


def test_retries_follow_the_round_trip_within_bounds() -> None:
    assert limit_round_trip([]) == NACK_RETRY_NS
    assert limit_round_trip([100 * MS, 60 * MS]) == 90 * MS
    assert limit_round_trip([1]) == NACK_RETRY_NS // 3
    assert limit_round_trip([5 * SECOND]) == 3 * NACK_RETRY_NS


@given(st.binary(max_size=40))
def test_looking_for_a_key_frame_in_rubbish_never_raises(payload: bytes) -> None:
    begins_key_frame(payload)


@given(st.integers(0, 0xFFFF), st.lists(st.integers(-30, 30), max_size=300), st.integers(0, 9))
def test_whatever_comes_nothing_counts_twice_and_tables_stay_bounded(start: int, steps: list[int], late: int) -> None:
    stream = video()
    seen: set[int] = set()
    at = start
    for turn, step in enumerate(steps):
        at += step
        ext = take(stream, at, SECOND + turn * late * MS)
        assert ext not in seen or ext == 0
        seen.add(ext)
        if turn % 7 == 0:
            stream.due_nacks(SECOND + turn * late * MS)
        assert len(stream.missing) <= MISSING_LIMIT
        assert all(lost not in seen for lost in stream.missing)
    assert stream.received == len(seen - {0})
    assert stream.expected >= stream.received
