import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.byte_ranges import PartAbsent, part_of


@pytest.mark.parametrize(
    ("wanted", "part"),
    [
        ("bytes=0-", (0, 1000)),
        ("bytes=0-0", (0, 1)),
        ("bytes=500-599", (500, 600)),
        ("bytes=900-5000", (900, 1000)),
        ("bytes=-100", (900, 1000)),
        ("bytes=-5000", (0, 1000)),
        ("", None),
        ("bytes=-", None),
        ("bytes=5-2", None),
        ("bytes=0-1,5-6", None),
        ("lines=0-5", None),
        ("bytes=a-b", None),
        ("bytes=٣-٤", None),
    ],
)
def test_a_range_is_read_as_the_standard_says(wanted: str, part: tuple[int, int] | None) -> None:
    assert part_of(wanted, 1000) == part


@pytest.mark.parametrize(("wanted", "size"), [("bytes=1000-", 1000), ("bytes=-0", 1000), ("bytes=0-", 0)])
def test_what_is_not_there_can_not_be_had(wanted: str, size: int) -> None:
    with pytest.raises(PartAbsent):
        part_of(wanted, size)


@given(st.text(max_size=30), st.integers(0, 10**12))
def test_a_part_is_always_within_the_file(wanted: str, size: int) -> None:
    try:
        part = part_of("bytes=" + wanted, size)
    except PartAbsent:
        return
    assert part is None or 0 <= part[0] < part[1] <= size
