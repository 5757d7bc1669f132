"""Looks into a composed film: how long it is, what colours stand where, which tones are in it."""

from dataclasses import dataclass
from typing import Any, BinaryIO

import av
import numpy as np
from numpy.typing import NDArray

from tests.e2e.pictures import DOCTOR, PATIENT, RATE


@dataclass(frozen=True)
class Film:
    duration_s: float
    middle_picture: NDArray[np.uint8]  # rows, columns, RGB
    sound: NDArray[np.float64]  # mono, 48 kHz


def decoded(file: BinaryIO) -> Film:
    """Decode every frame; a film that is damaged anywhere raises."""
    pictures: list[Any] = []
    sound: list[NDArray[np.float64]] = []
    with av.open(file) as container:
        assert container.duration is not None
        duration_s = container.duration / 1_000_000
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        for frame in container.decode():
            if isinstance(frame, av.VideoFrame):
                pictures.append(frame)
            elif isinstance(frame, av.AudioFrame):
                sound += [part.to_ndarray()[0].astype(float) for part in resampler.resample(frame)]
    return Film(duration_s, pictures[len(pictures) // 2].to_ndarray(format="rgb24"), np.concatenate(sound))


def side_colours(picture: NDArray[np.uint8]) -> set[str]:
    """Return whose colours fill the middle of the left and of the right half."""
    height, width, _ = picture.shape
    found = set()
    for column in (width // 4, 3 * width // 4):
        pixel = picture[height // 2 - 4 : height // 2 + 4, column - 4 : column + 4].mean(axis=(0, 1))
        found |= {look.name for look in (PATIENT, DOCTOR) if np.abs(pixel - np.array(look.rgb)).max() < 40}
    return found


def loudness_at(sound: NDArray[np.float64], tone_hz: int) -> float:
    """Return the mean magnitude of the spectrum within 15 Hz of a tone."""
    spectrum = np.abs(np.fft.rfft(sound))
    frequencies = np.fft.rfftfreq(len(sound), 1 / RATE)
    return float(spectrum[np.abs(frequencies - tone_hz) < 15].mean())
