"""Makes whole VP8 frames of RTP payloads (RFC 7741) and reads what a frame's own header says (RFC 6386)."""

from dataclasses import dataclass
from typing import Final

CLOCK_RATE: Final = 90000

_FRAME_LIMIT_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Vp8Frame:
    """One encoded picture. `timestamp` is RTP's; `arrival_ns` that of its first packet."""

    data: bytes
    timestamp: int
    key: bool
    arrival_ns: int


def split_payload(payload: bytes) -> tuple[bool, int]:
    """Return whether a frame begins in this payload, and the length of the descriptor before its data.

    ValueError when the payload ends within the descriptor (RFC 7741, 4.2).
    """
    try:
        first = payload[0]
        length = 1
        if first & 0x80:
            extension = payload[1]
            length = 2
            if extension & 0x80:  # picture id, one byte or two
                length += 2 if payload[2] & 0x80 else 1
            if extension & 0x40:  # TL0PICIDX
                length += 1
            if extension & 0x30:  # TID, KEYIDX
                length += 1
    except IndexError:
        raise ValueError("the VP8 descriptor is cut off") from None
    if length >= len(payload):
        raise ValueError("there is nothing behind the VP8 descriptor")
    return first & 0x17 == 0x10, length


def picture_numbers(payload: bytes) -> tuple[int, int] | None:
    """Return picture id and TL0PICIDX (0 where there is none) of a descriptor with a picture id of 15 bits."""
    if len(payload) < 4 or not payload[0] & payload[1] & payload[2] & 0x80:
        return None
    base = payload[4] if payload[1] & 0x40 and len(payload) > 4 else 0
    return (payload[2] & 0x7F) << 8 | payload[3], base


def renumber_picture(octets: bytearray, at: int, size: int, shift: tuple[int, int]) -> None:
    """Add `shift` to the numbers that `picture_numbers` reads, in the payload of `size` octets that begins at `at`."""
    if size < 4 or not octets[at] & octets[at + 1] & octets[at + 2] & 0x80:
        return
    number = ((octets[at + 2] << 8 | octets[at + 3]) + shift[0]) & 0x7FFF
    octets[at + 2] = 0x80 | number >> 8
    octets[at + 3] = number & 0xFF
    if octets[at + 1] & 0x40 and size > 4:
        octets[at + 4] = (octets[at + 4] + shift[1]) & 0xFF


def key_frame_size(frame: bytes) -> tuple[int, int] | None:
    """Return width and height when `frame` is a key frame, else None (RFC 6386, 9.1)."""
    if len(frame) < 10 or frame[0] & 1 or frame[3:6] != b"\x9d\x01\x2a":
        return None
    width = int.from_bytes(frame[6:8], "little") & 0x3FFF
    height = int.from_bytes(frame[8:10], "little") & 0x3FFF
    return (width, height) if width and height else None


class Vp8Assembler:
    """Takes payloads in order of sequence, gives out frames. After `lose` it waits for the next beginning."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._bytes = 0
        self._timestamp = 0
        self._arrival_ns = 0

    def push(self, timestamp: int, marker: bool, payload: bytes, arrival_ns: int) -> list[Vp8Frame]:
        """Take one payload; return the frames it completes: none or one, two where the sender set no marker.

        ValueError when the payload is not VP8 or its frame grows past 4 MiB: treat it as lost.
        """
        begins, offset = split_payload(payload)
        frames: list[Vp8Frame] = []
        if begins and not (self._parts and timestamp == self._timestamp):
            if self._parts:
                frames.append(self._finish())
            self._timestamp, self._arrival_ns = timestamp, arrival_ns
        elif not self._parts:
            return []  # the middle of a frame whose beginning is lost
        self._parts.append(payload[offset:])
        self._bytes += len(payload) - offset
        if self._bytes > _FRAME_LIMIT_BYTES:
            raise ValueError("the frame is too large")
        if marker:
            frames.append(self._finish())
        return frames

    def lose(self) -> None:
        """Forget the unfinished frame: a part of it is missing."""
        self._parts.clear()
        self._bytes = 0

    def _finish(self) -> Vp8Frame:
        data = b"".join(self._parts)
        self.lose()
        return Vp8Frame(data, self._timestamp, key_frame_size(data) is not None, self._arrival_ns)
