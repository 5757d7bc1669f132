"""Draws and composes the recording of the demonstration's recorded visit: `python -m tools.demonstration_recording`.

Two drawn people talk in turns: nobody's face, nobody's voice. The segments are what the recorder would have stored, the
composition is made by the server's own composer. The result is committed in `demonstration/data/recording/`, so that a
fresh demonstration has something to play at once and needs neither codecs nor time for it.
"""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from media.composer import SegmentSource, TrackSource, compose
from rooms.events import Source

DIRECTORY = Path(__file__).parent.parent / "demonstration" / "data" / "recording"
SECONDS = 24
FRAME_RATE = 15
WIDTH, HEIGHT = 640, 360
SAMPLE_RATE = 48_000
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Speaker:
    """`turns` are the seconds in which they speak; colours are RGB from 0 to 1."""

    name: str
    pitch_hz: float
    turns: tuple[tuple[float, float], ...]
    wall: tuple[float, float, float]
    clothes: tuple[float, float, float]
    skin: tuple[float, float, float]
    hair: tuple[float, float, float]
    seed: int


CLINICIAN = Speaker(
    "clinician",
    190.0,
    ((0.8, 6.0), (11.5, 16.0), (20.5, 23.5)),
    wall=(0.78, 0.87, 0.88),
    clothes=(0.95, 0.97, 0.98),
    skin=(0.86, 0.67, 0.55),
    hair=(0.23, 0.16, 0.13),
    seed=1,
)
PATIENT = Speaker(
    "patient",
    165.0,
    ((6.5, 11.0), (16.5, 20.0)),
    wall=(0.90, 0.84, 0.76),
    clothes=(0.22, 0.42, 0.47),
    skin=(0.93, 0.77, 0.68),
    hair=(0.78, 0.78, 0.80),
    seed=2,
)


def loudness(speaker: Speaker, times: Array) -> Array:
    """Return how open the mouth is at each moment, 0 to 1: syllables within the speaker's turns."""
    generator = np.random.default_rng(speaker.seed)
    beats = np.arange(0, SECONDS + 1, 0.16)
    syllables = np.interp(times, beats, generator.uniform(0.15, 1.0, len(beats)))
    within = np.zeros_like(times)
    for begin, end in speaker.turns:
        within = np.maximum(within, np.clip((times - begin) / 0.15, 0, 1) * np.clip((end - times) / 0.15, 0, 1))
    rhythm = 0.5 - 0.5 * np.cos(2 * np.pi * 4.2 * times)
    return np.asarray(within * syllables * rhythm)


def voice(speaker: Speaker) -> np.ndarray[Any, np.dtype[np.int16]]:
    """Return a hum that rises and falls like speech and says nothing."""
    times = np.arange(SECONDS * SAMPLE_RATE) / SAMPLE_RATE
    pitch = speaker.pitch_hz * (1 + 0.06 * np.sin(2 * np.pi * 0.7 * times) + 0.03 * np.sin(2 * np.pi * 2.3 * times))
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    sound = sum(np.sin(number * phase) / number**1.4 for number in range(1, 9))
    return np.asarray(sound * loudness(speaker, times) * 3600, dtype=np.int16)


def picture(speaker: Speaker, second: float) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Draw head and shoulders, who sway a little, blink, and speak when they are heard."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    open_mouth = float(loudness(speaker, np.array([second]))[0])
    middle = WIDTH / 2 + round(3 * np.sin(second * 0.9 + speaker.seed))
    top = 168
    blink = 1.0 if (second + speaker.seed) % 3.7 < 0.14 else 6.0
    canvas = np.stack([np.full_like(x, part) for part in speaker.wall], axis=-1)

    def paint(colour: tuple[float, float, float], wide: float, high: float, dx: float, dy: float) -> None:
        distance = np.sqrt(((x - middle - dx) / wide) ** 2 + ((y - top - dy) / high) ** 2)
        cover = np.clip((1 - distance) * min(wide, high) + 0.5, 0, 1)[..., None]
        canvas[:] = canvas * (1 - cover) + np.array(colour) * cover

    paint(speaker.clothes, 150, 130, 0, 215)
    paint(speaker.hair, 80, 96, 0, -14)
    paint(speaker.skin, 26, 40, 0, 78)
    paint(speaker.skin, 66, 82, 0, 0)
    paint(speaker.hair, 62, 30, 0, -66)
    for side in (-25, 25):
        paint((0.13, 0.13, 0.15), 6, blink, side, -8)
    paint((0.55, 0.24, 0.24), 19, 2.5 + 13 * open_mouth, 0, 42)
    return np.asarray(np.clip(canvas, 0, 1) * 255, dtype=np.uint8)


def camera(speaker: Speaker) -> bytes:
    """Return the speaker's picture as the recorder stores it: VP8 in WebM."""

    def frames() -> Iterator[av.VideoFrame]:
        for number in range(SECONDS * FRAME_RATE):
            frame = av.VideoFrame.from_ndarray(picture(speaker, number / FRAME_RATE), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FRAME_RATE)
            yield frame.reformat(format="yuv420p")

    def add(container: Any) -> Any:
        stream = container.add_stream("libvpx", rate=FRAME_RATE)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = WIDTH, HEIGHT, "yuv420p", 40_000
        stream.options = {"deadline": "good", "cpu-used": "2", "auto-alt-ref": "0", "g": str(5 * FRAME_RATE)}
        return stream

    return encoded(add, frames())


def microphone(speaker: Speaker) -> bytes:
    """Return the speaker's voice as the recorder stores it: Opus in WebM."""
    sound = voice(speaker)

    def frames() -> Iterator[av.AudioFrame]:
        for start in range(0, len(sound), 960):
            frame = av.AudioFrame.from_ndarray(sound[None, start : start + 960], format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, start, Fraction(1, SAMPLE_RATE)
            yield frame

    def add(container: Any) -> Any:
        stream = container.add_stream("libopus", rate=SAMPLE_RATE)
        stream.layout, stream.bit_rate = "mono", 16_000
        return stream

    return encoded(add, frames())


def encoded(add_stream: Callable[[Any], Any], frames: Iterator[Any]) -> bytes:
    output = io.BytesIO()
    with av.open(output, "w", format="webm") as container:
        stream = add_stream(container)
        for frame in frames:
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return output.getvalue()


def squeezed(composed: bytes) -> bytes:
    """Return the composition with its picture coded again, slowly and small: the composer has no time for that."""
    output = io.BytesIO()
    with av.open(io.BytesIO(composed), "r") as given, av.open(output, "w", format="webm") as container:
        picture_in, sound_in = given.streams.video[0], given.streams.audio[0]
        picture_out = container.add_stream("libvpx", rate=20)
        picture_out.width, picture_out.height, picture_out.pix_fmt = picture_in.width, picture_in.height, "yuv420p"
        picture_out.bit_rate = 90_000
        picture_out.options = {"deadline": "good", "cpu-used": "1", "auto-alt-ref": "0", "g": "80"}
        sound_out = container.add_stream_from_template(sound_in)
        for packet in given.demux(picture_in, sound_in):
            if packet.dts is None:
                continue
            if packet.stream is sound_in:
                packet.stream = sound_out
                container.mux(packet)
                continue
            for frame in picture_in.decode(packet):
                container.mux(picture_out.encode(frame))
        container.mux(picture_out.encode(None))
    return output.getvalue()


def main() -> None:
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    tracks = []
    for speaker in (PATIENT, CLINICIAN):
        for source, content in ((Source.MICROPHONE, microphone(speaker)), (Source.CAMERA, camera(speaker))):
            (DIRECTORY / f"{speaker.name}-{source}.webm").write_bytes(content)
            print(speaker.name, source, len(content))
            segment = SegmentSource(lambda content=content: io.BytesIO(content), NOON, SECONDS * 1000)  # type: ignore[misc]
            tracks.append(TrackSource(speaker.name, source, [segment]))
    output = io.BytesIO()
    composed = compose(tracks, [(NOON, NOON + timedelta(seconds=SECONDS))], output)
    content = squeezed(output.getvalue())
    (DIRECTORY / "composed.webm").write_bytes(content)
    (DIRECTORY / "speech.json").write_text(json.dumps(composed.speech) + "\n")
    print("composed", composed, len(content))


if __name__ == "__main__":
    main()
