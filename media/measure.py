"""Tells how much of a recorded segment can be read, when nobody lived to write it down."""

from typing import BinaryIO, Final

import av
from av.error import FFmpegError

_LAST_FRAME_MS: Final = 20


def measure(file: BinaryIO) -> tuple[int, int]:
    """Return the length in milliseconds and the number of frames of a one-track WebM file; zeros when it has none."""
    frames = 0
    last_ms = -_LAST_FRAME_MS
    try:
        with av.open(file, "r", format="webm") as container:
            for packet in container.demux():
                if packet.pts is not None and packet.time_base is not None:
                    frames += 1
                    last_ms = max(last_ms, int(packet.pts * packet.time_base * 1000))
    except FFmpegError:
        pass  # the file ends in the middle of a frame: what came before counts
    return last_ms + _LAST_FRAME_MS, frames
