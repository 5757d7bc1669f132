"""What a browser may send, and from when on it is a flood."""

from media.flood import (
    BEGINNINGS_BURST,
    BURST_S,
    OCTETS_PER_S,
    PACKETS_PER_S,
    FloodMeter,
    RenegotiationMeter,
)

TICK_NS = 50_000_000


def ticks_until_flooded(*, packets_per_tick: int, octets_per_tick: int, limit: int = 2000) -> int | None:
    meter = FloodMeter(0)
    for tick in range(1, limit):
        if meter.is_flooded(tick * packets_per_tick, tick * octets_per_tick, tick * TICK_NS):
            return tick
    return None


def test_what_is_allowed_may_go_on_for_ever() -> None:
    assert ticks_until_flooded(packets_per_tick=PACKETS_PER_S // 20, octets_per_tick=OCTETS_PER_S // 20) is None


def test_twenty_thousand_packets_a_second_are_noticed_within_a_second() -> None:
    ticks = ticks_until_flooded(packets_per_tick=1000, octets_per_tick=60_000)
    assert ticks is not None
    assert ticks < 20


def test_large_packets_count_by_their_octets() -> None:
    assert ticks_until_flooded(packets_per_tick=140, octets_per_tick=140 * 100) is None
    assert ticks_until_flooded(packets_per_tick=140, octets_per_tick=140 * 1400) is not None


def test_a_burst_after_a_silence_is_forgiven_once() -> None:
    meter = FloodMeter(0)
    burst = BURST_S * PACKETS_PER_S
    assert not meter.is_flooded(burst, 0, TICK_NS)
    assert meter.is_flooded(2 * burst, 0, 2 * TICK_NS)


def test_the_bucket_empties() -> None:
    meter = FloodMeter(0)
    burst = BURST_S * PACKETS_PER_S
    assert not meter.is_flooded(burst, 0, TICK_NS)
    assert not meter.is_flooded(burst, 0, TICK_NS + BURST_S * 1_000_000_000)
    assert not meter.is_flooded(2 * burst, 0, 2 * TICK_NS + BURST_S * 1_000_000_000)


def test_whoever_begins_anew_every_two_seconds_may_do_so_for_an_hour() -> None:
    meter = RenegotiationMeter()
    assert not any(meter.is_endless("anne", second * 10**9) for second in range(0, 3600, 2))


def test_whoever_begins_anew_without_end_is_noticed_and_others_are_not_blamed() -> None:
    meter = RenegotiationMeter()
    assert not any(meter.is_endless("anne", 5) for _ in range(BEGINNINGS_BURST))
    assert meter.is_endless("anne", 5)
    assert not meter.is_endless("bo", 5)


def test_beginnings_are_forgotten() -> None:
    meter = RenegotiationMeter()
    for number in range(1000):
        meter.is_endless(number, number * 10**8)
    assert len(meter) <= 11
