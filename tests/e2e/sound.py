"""What a short piece of recorded sound is made of."""

import base64
import io

import av
import numpy as np

from tests.e2e.pictures import RATE


def loudest(recorded: str) -> tuple[float, float]:
    """Decode a file in base64; return the frequency of its loudest tone in Hz, and its root mean square (1.0: full)."""
    with av.open(io.BytesIO(base64.b64decode(recorded)), "r") as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        parts = [part.to_ndarray()[0] for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    sound = np.concatenate(parts).astype(float) if parts else np.zeros(RATE)
    spectrum = np.abs(np.fft.rfft(sound))
    return float(np.argmax(spectrum)) * RATE / len(sound), float(np.sqrt(np.mean(sound**2)))
