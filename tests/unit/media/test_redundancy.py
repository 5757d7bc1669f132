"""Reading redundant sound as RFC 2198 writes it, and whatever else might come in its place."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.media_peer import redundant
from media.packet_path import OPUS
from media.redundancy import Repeated, find_primary, find_repeated


def test_the_primary_block_and_the_one_before_it_are_found() -> None:
    payload = bytearray(b"??" + redundant(b"now", (960, b"before"), (1920, b"long before")))
    primary = find_primary(payload, 2, len(payload))
    assert payload[primary:] == b"now"
    repeated = find_repeated(payload, 2, primary)
    assert repeated is not None
    assert repeated.earlier == 960
    assert payload[repeated.begin : repeated.end] == b"before"


def test_a_packet_may_repeat_nothing() -> None:
    payload = bytearray(redundant(b"now"))
    assert find_primary(payload, 0, len(payload)) == 1
    assert find_repeated(payload, 0, 1) is None


def test_a_block_of_another_kind_or_of_nothing_is_not_sound() -> None:
    comfort_noise = struct.pack("!I", 0x80 << 24 | 13 << 24 | 960 << 10 | 2)
    payload = bytearray(comfort_noise + bytes([OPUS]) + b"xx" + b"now")
    assert find_repeated(payload, 0, find_primary(payload, 0, len(payload))) is None
    empty = bytearray(redundant(b"now", (960, b"")))
    assert find_repeated(empty, 0, find_primary(empty, 0, len(empty))) is None


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        bytes([OPUS]),  # a primary block without octets
        b"\x0d" + b"now",  # not Opus
        b"\xef\x0f\x00",  # cut off within a header
        b"\xef\x0f\x00\x64",  # no primary header
        b"\xef\x0f\x00\x64" + bytes([OPUS]) + b"shorter than the 100 octets promised",
        b"\xef\x0f\x00\x01" * 20,
    ],
)
def test_what_is_no_such_payload_has_no_primary_block(payload: bytes) -> None:
    assert find_primary(bytearray(payload + bytes(2048)), 0, len(payload)) == 0


@given(payload=st.binary(max_size=300), begin=st.integers(0, 40))
def test_whatever_comes_blocks_lie_within_it(payload: bytes, begin: int) -> None:
    octets = bytearray(bytes(begin) + payload + bytes(300))
    end = begin + len(payload)
    primary = find_primary(octets, begin, end)
    if primary:
        assert begin < primary < end
        repeated = find_repeated(octets, begin, primary)
        assert repeated is None or begin < repeated.begin < repeated.end == primary


@given(
    blocks=st.lists(st.tuples(st.integers(0, 0x3FFF), st.binary(min_size=1, max_size=120)), max_size=4),
    now=st.binary(min_size=1, max_size=120),
)
def test_what_was_written_is_read(blocks: list[tuple[int, bytes]], now: bytes) -> None:
    octets = bytearray(redundant(now, *blocks))
    primary = find_primary(octets, 0, len(octets))
    assert octets[primary:] == now
    found = find_repeated(octets, 0, primary)
    if blocks:
        earlier, sound = blocks[0]
        assert found == Repeated(primary - len(sound), primary, earlier)
    else:
        assert found is None
