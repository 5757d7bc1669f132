"""Writes one track's frames as WebM that can be read however suddenly it ends.

A muxer of our own, because a recording in progress asks for less than FFmpeg's and for something else: the file only
grows, segment and clusters have unknown lengths, so every frame is readable as soon as its bytes are stored (FFmpeg
keeps a cluster in memory until it is complete), Opus starts without the encoder's delay, which RTP does not know, and
a frame costs a few microseconds. The elements are those of RFC 9559; times are whole milliseconds.
"""

import struct
from typing import Final

_CLUSTER_MS: Final = 1000
_BLOCK: Final = struct.Struct(">BhB")  # track number as a size-1 vint, time within the cluster, flags
_KEY: Final = 0x80
_UNKNOWN: Final = b"\x01\xff\xff\xff\xff\xff\xff\xff"
_APPLICATION: Final = b"Consilium"


class WebmTrack:
    """Returns, piece by piece, the bytes of a file with one track. Pieces are appended in order."""

    def __init__(self, codec: str, *, width: int = 0, height: int = 0) -> None:
        """`codec` is "opus", or "vp8" with the size of its first key frame."""
        self._entry = _opus_track() if codec == "opus" else _vp8_track(width, height)
        self._cluster_ms: int | None = None
        self._last_ms = 0

    def header(self) -> bytes:
        """Return what comes before the first frame."""
        ebml = _element(
            0x1A45DFA3,
            _number(0x4286, 1),
            _number(0x42F7, 1),
            _number(0x42F2, 4),
            _number(0x42F3, 8),
            _element(0x4282, b"webm"),
            _number(0x4287, 4),
            _number(0x4285, 2),
        )
        info = _element(
            0x1549A966, _number(0x2AD7B1, 1_000_000), _element(0x4D80, _APPLICATION), _element(0x5741, _APPLICATION)
        )
        return b"".join((ebml, _id(0x18538067), _UNKNOWN, info, _element(0x1654AE6B, self._entry)))

    def frame(self, data: bytes, *, at_ms: int, key: bool) -> bytes:
        """Return one frame. `at_ms` counts from the first frame and does not go back."""
        if at_ms < self._last_ms:
            raise ValueError("frames come in order")
        self._last_ms = at_ms
        block = b"\xa3" + _size(len(data) + 4)
        if self._cluster_ms is None or at_ms - self._cluster_ms >= _CLUSTER_MS:
            self._cluster_ms = at_ms
            block = _id(0x1F43B675) + _UNKNOWN + _number(0xE7, at_ms) + block
        return block + _BLOCK.pack(0x81, at_ms - self._cluster_ms, _KEY if key else 0) + data


def _opus_track() -> bytes:
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 2, 0, 48000, 0, 0)  # RFC 7845, 5.1, without pre-skip
    audio = _element(0xE1, _element(0xB5, struct.pack(">d", 48000.0)), _number(0x9F, 2))
    return _track(2, b"A_OPUS", _element(0x63A2, head), _number(0x56AA, 0), _number(0x56BB, 80_000_000), audio)


def _vp8_track(width: int, height: int) -> bytes:
    return _track(1, b"V_VP8", _element(0xE0, _number(0xB0, width), _number(0xBA, height)))


def _track(kind: int, codec: bytes, *more: bytes) -> bytes:
    return _element(
        0xAE, _number(0xD7, 1), _number(0x73C5, 1), _number(0x83, kind), _number(0x9C, 0), _element(0x86, codec), *more
    )


def _element(element_id: int, *content: bytes) -> bytes:
    body = b"".join(content)
    return _id(element_id) + _size(len(body)) + body


def _number(element_id: int, value: int) -> bytes:
    return _element(element_id, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def _id(element_id: int) -> bytes:
    return element_id.to_bytes((element_id.bit_length() + 7) // 8, "big")


def _size(length: int) -> bytes:
    """Return `length` as the shortest vint (RFC 8794, 4); all ones would mean "unknown"."""
    octets = 1
    while length >= (1 << (7 * octets)) - 1:
        octets += 1
    return (length | 1 << (7 * octets)).to_bytes(octets, "big")
