"""What the test browsers' cameras and microphones deliver: one plain colour and one tone for each person."""

import io
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, FRAMES, FPS = 640, 360, 20, 20
RATE = 48_000


@dataclass(frozen=True)
class Look:
    """A person as a test recognises them: BT.601 limited-range luma and chroma, and the tone they hum, in Hz."""

    name: str
    y: int
    u: int
    v: int
    tone_hz: int

    @property
    def rgb(self) -> tuple[int, int, int]:
        """About what a decoder makes of the colour."""
        c, d, e = self.y - 16, self.u - 128, self.v - 128
        red, green, blue = 1.164 * c + 1.596 * e, 1.164 * c - 0.392 * d - 0.813 * e, 1.164 * c + 2.017 * d
        return tuple(int(min(255, max(0, part))) for part in (red, green, blue))  # type: ignore[return-value]


PATIENT = Look("patient", y=150, u=60, v=180, tone_hz=440)  # orange
DOCTOR = Look("doctor", y=110, u=190, v=80, tone_hz=1000)  # blue
INTERPRETER = Look("interpreter", y=130, u=90, v=70, tone_hz=1600)  # green


def still_file(png: bytes, path: Path) -> None:
    """Write a picture of WIDTH x HEIGHT as a camera that shows nothing else."""
    with av.open(io.BytesIO(png), "r") as container:
        picture = next(container.decode(video=0)).reformat(format="yuv420p")
    planes = [
        np.frombuffer(bytes(plane), np.uint8).reshape(-1, plane.line_size)[:, : plane.width] for plane in picture.planes
    ]
    _write_y4m(path, [planes] * 2)


def camera_file(look: Look, path: Path) -> None:
    """Write a short loop: the colour, with a white bar that moves so that no two frames are alike."""
    frames = []
    for number in range(FRAMES):
        luma = np.full((HEIGHT, WIDTH), look.y, np.uint8)
        left = number * (WIDTH - 16) // FRAMES
        luma[-24:, left : left + 16] = 235
        chroma = [np.full((HEIGHT // 2, WIDTH // 2), part, np.uint8) for part in (look.u, look.v)]
        frames.append([luma, *chroma])
    _write_y4m(path, frames)


def _write_y4m(path: Path, frames: Sequence[Sequence[NDArray[np.uint8]]]) -> None:
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FPS}:1 Ip A1:1 C420jpeg\n".encode())
        for planes in frames:
            file.write(b"FRAME\n" + b"".join(plane.tobytes() for plane in planes))


def microphone_file(look: Look, path: Path) -> None:
    """Write ten seconds of short hums, which noise suppression takes for a voice rather than for a fan."""
    time = np.arange(10 * RATE) / RATE
    hum = sum(np.sin(2 * np.pi * look.tone_hz * harmonic * time) / harmonic for harmonic in (1, 2))
    rhythm = np.clip(np.sin(2 * np.pi * 2.3 * time) * 4, 0, 1) * (0.6 + 0.4 * np.sin(2 * np.pi * 0.7 * time))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((hum * rhythm * 9000).astype("<i2").tobytes())
