import io

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.measure import measure
from media.webm import WebmTrack


def written(track: WebmTrack, frames: list[tuple[int, bytes]]) -> bytes:
    return track.header() + b"".join(track.frame(data, at_ms=at, key=True) for at, data in frames)


def read(file: bytes) -> list[tuple[int, bytes]]:
    with av.open(io.BytesIO(file), "r", format="webm") as container:
        return [(packet.pts, bytes(packet)) for packet in container.demux() if packet.pts is not None]


@given(st.lists(st.tuples(st.integers(0, 3000), st.binary(min_size=1, max_size=300)), min_size=1, max_size=30))
def test_ffmpeg_reads_the_frames_at_their_times(steps: list[tuple[int, bytes]]) -> None:
    at, frames = 0, []
    for step, data in steps:
        at += step
        frames.append((at, b"\xfc" + data))
    assert read(written(WebmTrack("opus"), frames)) == frames


@pytest.mark.parametrize("size", [1, 122, 123, 16378, 16379, 70_000, 3_000_000])
def test_frames_of_every_size_are_read(size: int) -> None:
    frames = [(0, b"\x11" * size), (20, b"\x11")]
    assert read(written(WebmTrack("vp8", width=64, height=64), frames)) == frames


def test_the_header_tells_what_is_inside() -> None:
    picture = b"\x10\x00\x00\x9d\x01\x2a" + (640).to_bytes(2, "little") + (360).to_bytes(2, "little")
    with av.open(io.BytesIO(written(WebmTrack("vp8", width=640, height=360), [(0, picture)])), "r") as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.width, stream.height) == ("vp8", 640, 360)
    with av.open(io.BytesIO(written(WebmTrack("opus"), [(0, b"\xfc")])), "r") as container:
        sound = container.streams.audio[0]
        assert (sound.codec_context.name, sound.rate, sound.codec_context.channels) == ("opus", 48000, 2)


def test_times_that_go_back_are_refused() -> None:
    track = WebmTrack("opus")
    track.frame(b"x", at_ms=40, key=True)
    with pytest.raises(ValueError, match="order"):
        track.frame(b"x", at_ms=39, key=True)


@given(st.integers(0, 3000))
def test_wherever_a_file_ends_it_is_measured_up_to_there(end: int) -> None:
    whole = written(WebmTrack("opus"), [(number * 20, b"\xfc" * 50) for number in range(50)])
    duration_ms, frames = measure(io.BytesIO(whole[:end]))
    assert 0 <= frames <= 50
    assert duration_ms == (frames * 20 if frames else 0)
    if end >= len(whole):
        assert frames == 50
