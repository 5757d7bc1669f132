"""Reads the packets of one track through all of its segments, whatever condition they are in."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO

import av
from av.error import FFmpegError

SegmentFile = tuple[Callable[[], BinaryIO], float]
"""How to open a segment, and when it begins, in milliseconds since the composition's origin."""


class SegmentPackets:
    """Yields `(begins_ms, packet)` in order. A segment that can't be read, or not to its end, is counted and passed."""

    def __init__(self, files: Sequence[SegmentFile]) -> None:
        self._files = files
        self.damaged = 0

    def __iter__(self) -> Iterator[tuple[float, "av.Packet[Any]"]]:
        for open_file, begins_ms in self._files:
            try:
                yield from self._of(open_file, begins_ms)
            except (FFmpegError, OSError):
                self.damaged += 1

    def _of(self, open_file: Callable[[], BinaryIO], begins_ms: float) -> Iterator[tuple[float, "av.Packet[Any]"]]:
        with open_file() as file, av.open(file, "r", format="webm") as container:
            for packet in container.demux():
                if packet.pts is not None and packet.time_base is not None:
                    yield begins_ms + float(packet.pts * packet.time_base) * 1000, packet
