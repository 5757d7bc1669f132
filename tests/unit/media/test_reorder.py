from hypothesis import given
from hypothesis import strategies as st

from media.reorder import Lost, ReorderBuffer

MS = 1_000_000


def test_packets_in_order_pass_at_once() -> None:
    order: ReorderBuffer[str] = ReorderBuffer()
    assert order.push(65536, "a", 0) == ["a"]
    assert order.push(65537, "b", 20 * MS) == ["b"]


def test_a_late_packet_is_put_in_its_place() -> None:
    order: ReorderBuffer[str] = ReorderBuffer()
    order.push(10, "a", 0)
    assert order.push(12, "c", 20 * MS) == []
    assert order.push(13, "d", 40 * MS) == []
    assert order.push(11, "b", 300 * MS) == ["b", "c", "d"]


def test_a_missing_packet_is_lost_half_a_second_after_the_one_behind_it() -> None:
    order: ReorderBuffer[str] = ReorderBuffer()
    order.push(10, "a", 0)
    order.push(13, "d", 100 * MS)
    assert order.expire(599 * MS) == []
    assert order.expire(600 * MS) == [Lost(11, 12), "d"]
    assert order.push(12, "c", 601 * MS) == []
    assert order.push(14, "e", 620 * MS) == ["e"]


def test_the_next_hole_is_waited_for_from_its_own_beginning() -> None:
    order: ReorderBuffer[str] = ReorderBuffer()
    order.push(1, "a", 0)
    order.push(3, "c", 100 * MS)
    order.push(5, "e", 300 * MS)
    assert order.expire(650 * MS) == [Lost(2, 2), "c"]
    assert order.expire(800 * MS) == [Lost(4, 4), "e"]


def test_what_is_held_has_a_bound() -> None:
    order: ReorderBuffer[int] = ReorderBuffer(held_limit=3)
    order.push(0, 0, 0)
    for seq in (2, 3, 4):
        assert order.push(seq, seq, 0) == []
    assert order.push(5, 5, 0) == [Lost(1, 1), 2, 3, 4, 5]


def test_a_publisher_who_starts_over_is_no_loss() -> None:
    order: ReorderBuffer[str] = ReorderBuffer()
    order.push(65536, "a", 0)
    order.push(65538, "c", 0)
    assert order.push(65538 + 40000, "x", 0) == [
        Lost(65537, 65537),
        "c",
        Lost(65539, 65538 + 39999, restarted=True),
        "x",
    ]
    assert order.push(65538 + 40001, "y", 0) == ["y"]


@given(st.permutations(range(1, 60)), st.sets(st.integers(1, 59)))
def test_everything_comes_out_once_in_order_or_is_declared_lost(arrivals: list[int], dropped: set[int]) -> None:
    order: ReorderBuffer[int] = ReorderBuffer(held_limit=1000)
    out = order.push(0, 0, 0)
    for now, seq in enumerate(arrivals):
        if seq not in dropped:
            out += order.push(seq, seq, now)
    out += order.flush()
    told: list[int] = []
    for item in out:
        told += range(item.first, item.last + 1) if isinstance(item, Lost) else [item]
    assert told == list(range(len(told)))
    assert [item for item in out if not isinstance(item, Lost)] == [seq for seq in range(60) if seq not in dropped]
