"""What the test browsers' cameras and microphones deliver: one plain colour and one tone for each person."""

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

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


def camera_file(folder: Path, look: Look) -> Path:
    """Write a short loop: the colour, with a white bar that moves so that no two frames are alike."""
    path = folder / f"{look.name}.y4m"
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FPS}:1 Ip A1:1 C420jpeg\n".encode())
        for number in range(FRAMES):
            luma = np.full((HEIGHT, WIDTH), look.y, np.uint8)
            left = number * (WIDTH - 16) // FRAMES
            luma[-24:, left : left + 16] = 235
            file.write(b"FRAME\n" + luma.tobytes())
            file.write(np.full((HEIGHT // 2, WIDTH // 2), look.u, np.uint8).tobytes())
            file.write(np.full((HEIGHT // 2, WIDTH // 2), look.v, np.uint8).tobytes())
    return path


def microphone_file(folder: Path, look: Look) -> Path:
    """Write ten seconds of short hums, which noise suppression takes for a voice rather than for a fan."""
    path = folder / f"{look.name}.wav"
    time = np.arange(10 * RATE) / RATE
    hum = sum(np.sin(2 * np.pi * look.tone_hz * harmonic * time) / harmonic for harmonic in (1, 2))
    rhythm = np.clip(np.sin(2 * np.pi * 2.3 * time) * 4, 0, 1) * (0.6 + 0.4 * np.sin(2 * np.pi * 0.7 * time))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((hum * rhythm * 9000).astype("<i2").tobytes())
    return path
