import pytest
from aiortc.codecs.vpx import VpxPayloadDescriptor
from hypothesis import given
from hypothesis import strategies as st

from media.vp8 import Vp8Assembler, key_frame_size, picture_numbers, renumber_picture, split_payload

KEY = (
    bytes.fromhex("10020000")[:3]
    + b"\x9d\x01\x2a"
    + (640).to_bytes(2, "little")
    + (360).to_bytes(2, "little")
    + b"rest"
)
DELTA = b"\x11\x00\x00delta-frame"


@given(
    start=st.booleans(),
    partition=st.integers(0, 7),
    extension=st.tuples(
        st.none() | st.integers(0, 0x7FFF),
        st.none() | st.integers(0, 255),
        st.none() | st.tuples(st.integers(0, 3), st.integers(0, 1)),
        st.none() | st.integers(0, 31),
    ),
)
def test_every_descriptor_is_split_from_its_data(
    start: bool, partition: int, extension: tuple[int | None, int | None, tuple[int, int] | None, int | None]
) -> None:
    descriptor = bytes(VpxPayloadDescriptor(int(start), partition, *extension))
    begins, length = split_payload(descriptor + b"data")
    assert length == len(descriptor)
    assert begins == (start and partition == 0)


@given(st.binary(max_size=12))
def test_garbage_is_refused_or_split_but_nothing_else(payload: bytes) -> None:
    try:
        _, length = split_payload(payload)
    except ValueError:
        return
    assert 0 < length < len(payload)


@given(st.binary(max_size=40), st.binary(min_size=5, max_size=5), st.binary(min_size=5, max_size=5))
def test_nothing_outside_a_payload_is_read_or_changed(payload: bytes, before: bytes, behind: bytes) -> None:
    shift = (0x1234, 0x56)
    octets, others = bytearray(before + payload + behind), bytearray(behind + payload + before)
    renumber_picture(octets, 5, len(payload), shift)
    renumber_picture(others, 5, len(payload), shift)
    changed = octets[5:-5]
    assert changed == others[5:-5]
    assert octets == before + changed + behind
    numbers = picture_numbers(payload)
    assert (numbers is None) == (picture_numbers(bytes(changed)) is None)
    if numbers is None:
        assert changed == payload


@given(st.integers(0, 0x7FFF), st.integers(0, 255), st.integers(0, 0x7FFF), st.integers(0, 255), st.booleans())
def test_numbers_that_were_shifted_are_read_as_such_and_shifted_back(
    picture: int, base: int, picture_shift: int, base_shift: int, has_base: bool
) -> None:
    descriptor = bytes([0x90, 0xC0 if has_base else 0x80]) + (0x8000 | picture).to_bytes(2, "big")
    payload = descriptor + bytes([base] if has_base else []) + b"data"
    assert picture_numbers(payload) == (picture, base if has_base else 0)
    octets = bytearray(payload)
    renumber_picture(octets, 0, len(octets), (picture_shift, base_shift))
    shifted = (picture + picture_shift) & 0x7FFF, (base + base_shift) & 0xFF if has_base else 0
    assert picture_numbers(bytes(octets)) == shifted
    assert split_payload(bytes(octets)) == split_payload(payload)
    renumber_picture(octets, 0, len(octets), (-picture_shift, -base_shift))
    assert octets == payload


def test_a_key_frame_tells_its_size_and_a_delta_frame_does_not() -> None:
    assert key_frame_size(KEY) == (640, 360)
    assert key_frame_size(DELTA) is None
    assert key_frame_size(KEY[:9]) is None


def test_a_frame_is_complete_with_its_marker() -> None:
    assembler = Vp8Assembler()
    assert assembler.push(90, False, b"\x10" + KEY[:5], 1) == []
    (frame,) = assembler.push(90, True, b"\x00" + KEY[5:], 2)
    assert (frame.data, frame.timestamp, frame.key, frame.arrival_ns) == (KEY, 90, True, 1)


def test_a_frame_without_marker_ends_where_the_next_begins() -> None:
    assembler = Vp8Assembler()
    assembler.push(90, False, b"\x10" + KEY, 1)
    first, second = assembler.push(180, True, b"\x10" + DELTA, 2)
    assert (first.data, second.data, second.key) == (KEY, DELTA, False)


def test_partitions_of_one_frame_stay_together() -> None:
    assembler = Vp8Assembler()
    assembler.push(90, False, b"\x10abc", 1)
    assembler.push(90, False, b"\x11def", 1)
    (frame,) = assembler.push(90, True, b"\x12ghi", 1)
    assert frame.data == b"abcdefghi"


def test_the_rest_of_a_frame_whose_beginning_is_lost_is_dropped() -> None:
    assembler = Vp8Assembler()
    assembler.push(90, False, b"\x10abc", 1)
    assembler.lose()
    assert assembler.push(90, True, b"\x00def", 2) == []
    (frame,) = assembler.push(180, True, b"\x10" + DELTA, 3)
    assert frame.data == DELTA


def test_a_frame_without_end_is_refused() -> None:
    assembler = Vp8Assembler()
    for _ in range(4 * 1024):
        assembler.push(90, False, b"\x10" + bytes(1024), 1)
    with pytest.raises(ValueError, match="too large"):
        assembler.push(90, False, b"\x10" + bytes(1024), 1)
