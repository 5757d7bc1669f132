"""The benchmark of killed servers in small: nothing that was on the disk is lost, and what is there proves itself."""

from benchmarks.recording_faults import measure


async def test_a_recording_outlives_its_servers() -> None:
    tally = await measure(1, seed=3, of_a_visit=2)
    assert tally.kills >= 2, "each visit is recorded through several lives, and killed once more afterwards"
    assert tally.lost_s, "something was recorded"
    assert tally.closed, "and some of it was complete when the server was killed"
    assert (tally.unverifiable, tally.lost_for_ever) == (set(), set())
