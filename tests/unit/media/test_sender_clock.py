from media.sender_clock import WINDOW_NS, ParticipantClock, TrackClock, signed_ticks

S = 1_000_000_000
MS = 1_000_000
ARRIVED = 1_800_000_000 * S


def ntp(seconds: float) -> int:
    return int(seconds * (1 << 32))


def test_timestamps_differ_the_nearer_way_around() -> None:
    assert signed_ticks(5 - 0xFFFF_FFFE) == 7
    assert signed_ticks(0xFFFF_FFFE - 5) == -7


def test_without_a_report_nothing_is_known() -> None:
    clock = TrackClock(48000, ParticipantClock())
    clock.observe(960, ARRIVED)
    assert clock.captured_ns(960, ARRIVED) is None


def test_capture_is_told_by_the_fastest_frame() -> None:
    clock = TrackClock(48000, ParticipantClock())
    clock.report(ntp(1000), 0)
    clock.observe(0, ARRIVED + 80 * MS)
    clock.observe(960, ARRIVED + 20 * MS + 10 * MS)
    clock.observe(1920, ARRIVED + 40 * MS + 90 * MS)
    assert clock.captured_ns(1920, ARRIVED + 130 * MS) == ARRIVED + 50 * MS


def test_sound_and_picture_of_one_person_stay_together() -> None:
    person = ParticipantClock()
    sound, picture = TrackClock(48000, person), TrackClock(90000, person)
    sound.report(ntp(1000), 7777)
    picture.report(ntp(1000), 0xFFFF_FF00)
    sound.observe(7777, ARRIVED + 10 * MS)
    picture.observe(0xFFFF_FF00, ARRIVED + 70 * MS)  # encoding took longer
    assert sound.captured_ns(7777, ARRIVED + 10 * MS) == picture.captured_ns(0xFFFF_FF00, ARRIVED + 70 * MS)


def test_a_clock_that_drifts_is_followed() -> None:
    clock = TrackClock(48000, ParticipantClock())
    clock.report(ntp(1000), 0)
    clock.observe(0, ARRIVED)
    late = ARRIVED + WINDOW_NS + 5 * MS
    clock.observe(48000 * 30, late)
    assert clock.captured_ns(48000 * 30, late) == ARRIVED + WINDOW_NS
    later = ARRIVED + 2 * WINDOW_NS + 10 * MS
    clock.observe(48000 * 60, later)
    assert clock.captured_ns(48000 * 60, later) == later - 5 * MS


def test_a_clock_that_can_not_be_right_is_not_believed() -> None:
    clock = TrackClock(48000, ParticipantClock())
    clock.report(ntp(1000), 0)
    clock.observe(0, ARRIVED)
    clock.report(ntp(5000), 0)
    assert clock.captured_ns(0, ARRIVED + 20 * MS) is None


def test_a_publisher_who_starts_over_is_asked_again() -> None:
    clock = TrackClock(48000, ParticipantClock())
    clock.report(ntp(1000), 0)
    clock.observe(0, ARRIVED)
    clock.restart()
    assert clock.captured_ns(0, ARRIVED) is None
