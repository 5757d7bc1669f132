"""People who speak and show themselves without a network: RTP packets of known colours, flashes and tones.

Time is simulated: `Person.live(until_ms)` hands over what arrives up to a moment, in order of arrival, with delays and
losses as told. Every second on the second a person flashes white and beeps for 100 ms.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol

import av
import numpy as np
from aiortc.codecs.opus import OpusEncoder
from aiortc.codecs.vpx import Vp8Encoder

EPOCH_NS = 1_795_600_800_000_000_000  # 2026-11-25T10:00Z
BEEP_HZ = 3000


class Tap(Protocol):
    def on_rtp(self, extended_seq: int, timestamp: int, marker: bool, payload: bytes, arrival_ns: int) -> None: ...

    def on_sender_report(self, ntp: int, rtp_timestamp: int, arrival_ns: int) -> None: ...


@dataclass
class Person:
    """`colour` is Y, U, V; `voice` is how loud their tone is at a time.

    Their clock stands `clock_s` from the server's and runs `drift` too fast.
    """

    colour: tuple[int, int, int]
    tone_hz: float
    seed: int
    clock_s: float = 1234.5
    drift: float = 0.0
    frame_rate: int = 25
    video_delay_ms: float = 45.0
    audio_delay_ms: float = 15.0
    jitter_ms: float = 8.0
    loss: Callable[[float], float] = lambda _ms: 0.0
    recovery: float = 0.5  # of the lost ones come again a little later
    size: Callable[[float], tuple[int, int]] = lambda _ms: (640, 360)
    voice: Callable[[float], float] = lambda _ms: 0.1
    camera: Tap | None = None
    microphone: Tap | None = None
    lost: int = 0
    _key_wanted: bool = False
    _next_picture: int = 0
    _next_sound: int = 0
    _seqs: dict[str, int] = field(default_factory=lambda: {"camera": 65536, "microphone": 65536})
    _arrivals: list[tuple[float, str, tuple[int, int, bool, bytes]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._vp8, self._opus = Vp8Encoder(), OpusEncoder()
        self._bases = {"camera": self._random.getrandbits(32), "microphone": self._random.getrandbits(32)}

    def ask_key_frame(self) -> None:
        self._key_wanted = True

    def live(self, until_ms: float) -> None:
        """Capture, send and deliver everything that arrives before `until_ms`."""
        while self._next_picture * 1000 / self.frame_rate < until_ms:
            self._show(self._next_picture * 1000 / self.frame_rate)
            self._next_picture += 1
        while self._next_sound * 20 < until_ms:
            self._speak(self._next_sound * 20)
            self._next_sound += 1
        self._arrivals.sort(key=lambda arrival: arrival[0])
        while self._arrivals and self._arrivals[0][0] < until_ms:
            at_ms, kind, packet = self._arrivals.pop(0)
            tap = self.camera if kind.startswith("camera") else self.microphone
            if tap is None:
                continue
            arrival_ns = EPOCH_NS + int(at_ms * 1e6)
            if kind.endswith("report"):
                tap.on_sender_report(packet[0], packet[1], arrival_ns)
            else:
                tap.on_rtp(*packet, arrival_ns)

    def _show(self, at_ms: float) -> None:
        width, height = self.size(at_ms)
        luma, u, v = (235, 128, 128) if _beeps(at_ms) else self.colour
        frame = av.VideoFrame(width, height, "yuv420p")
        for plane, value in zip(frame.planes, (luma, u, v), strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        noise = np.random.default_rng(int(at_ms)).integers(0, 6, (height // 4, width), dtype=np.uint8)
        memoryview(frame.planes[0])[: height // 4 * frame.planes[0].line_size : 1]
        picture = np.frombuffer(frame.planes[0], np.uint8).reshape(height, frame.planes[0].line_size)
        picture[: height // 4, :width] = luma - noise
        frame.pts, frame.time_base = int(at_ms * 90), Fraction(1, 90000)
        payloads, _ = self._vp8.encode(frame, force_keyframe=self._key_wanted)
        self._key_wanted = False
        self._send("camera", at_ms, 90, payloads, self.video_delay_ms)

    def _speak(self, at_ms: float) -> None:
        times = (at_ms + np.arange(960) / 48) / 1000
        sound = self.voice(at_ms) * np.sin(2 * np.pi * self.tone_hz * times)
        beeping = np.vectorize(_beeps)(times * 1000)
        sound = np.where(beeping, 0.5 * np.sin(2 * np.pi * BEEP_HZ * times), sound)
        samples = np.repeat((sound * 32767).astype(np.int16), 2)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, int(at_ms * 48), Fraction(1, 48000)
        payloads, _ = self._opus.encode(frame)
        self._send("microphone", at_ms, 48, payloads, self.audio_delay_ms)

    def _send(self, kind: str, at_ms: float, per_ms: int, payloads: list[bytes], delay_ms: float) -> None:
        theirs_ms = at_ms * (1 + self.drift)
        timestamp = (self._bases[kind] + int(theirs_ms * per_ms)) & 0xFFFF_FFFF
        seconds = EPOCH_NS / 1e9 + theirs_ms / 1000 + self.clock_s + 2_208_988_800
        if int(at_ms) % 1000 == 400:
            report = (int(seconds * 2**32), timestamp, False, b"")
            self._arrivals.append((at_ms + delay_ms, f"{kind} report", report))
        for number, payload in enumerate(payloads):
            packet = (self._seqs[kind], timestamp, number == len(payloads) - 1, payload)
            self._seqs[kind] += 1
            arrives_ms = at_ms + delay_ms + self._random.random() * self.jitter_ms
            if self._random.random() < self.loss(at_ms):
                if self._random.random() >= self.recovery:
                    self.lost += 1
                    continue
                arrives_ms += 120
            self._arrivals.append((arrives_ms, kind, packet))


def _beeps(at_ms: float) -> bool:
    return at_ms % 1000 < 100


@dataclass(frozen=True)
class Decoded:
    """A whole file as arrays: pictures (n, height, width, 3 as Y U V at quarter size), their times, mono sound."""

    pictures: np.ndarray
    times_ms: np.ndarray
    sound: np.ndarray
    duration_ms: float

    def colour(self, at_ms: float, left: float, top: float) -> tuple[int, int, int]:
        """Return Y, U, V around a place (in parts of the whole) at a time."""
        picture = self.pictures[min(int(np.searchsorted(self.times_ms, at_ms)), len(self.pictures) - 1)]
        row, column = int(top * picture.shape[0]), int(left * picture.shape[1])
        y, u, v = picture[row - 4 : row + 4, column - 4 : column + 4].reshape(-1, 3).mean(axis=0)
        return int(y), int(u), int(v)

    def loudness(self, hz: float, from_ms: float, to_ms: float) -> float:
        """Return how strong a tone is, 1.0 for a full one."""
        part = self.sound[int(from_ms * 48) : int(to_ms * 48)]
        wave = np.exp(-2j * np.pi * hz * np.arange(len(part)) / 48000)
        return float(2 * abs((part * wave).mean()))

    def flashes_ms(self, left: float, top: float) -> list[float]:
        """Return when it turns white at a place."""
        row, column = int(top * self.pictures.shape[1]), int(left * self.pictures.shape[2])
        luma = self.pictures[:, row - 4 : row + 4, column - 4 : column + 4, 0].mean(axis=(1, 2))
        return [float(t) for t in self.times_ms[1:][(luma[1:] > 200) & (luma[:-1] <= 200)]]

    def beeps_ms(self) -> list[float]:
        """Return when a beep begins."""
        size = 240  # 5 ms
        blocks = self.sound[: len(self.sound) // size * size].reshape(-1, size)
        wave = np.exp(-2j * np.pi * BEEP_HZ * np.arange(size) / 48000)
        loud = 2 * abs((blocks * wave).mean(axis=1)) > 0.15
        begins = np.flatnonzero(loud & ~np.concatenate(([False], loud[:-1])))
        return [float(index * 5) for index in begins]


def decode(file: object) -> Decoded:
    """Decode a composed file whole; only for short ones."""
    pictures, times, sound = [], [], []
    with av.open(file, "r") as container:
        duration_ms = (container.duration or 0) / 1000
        resampler = av.AudioResampler(format="flt", layout="mono", rate=48000)
        for packet in container.demux():
            for frame in packet.decode():
                if isinstance(frame, av.VideoFrame):
                    small = frame.reformat(frame.width // 4, frame.height // 4, "yuv444p")
                    planes = [
                        np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: small.height, : small.width]
                        for plane in small.planes
                    ]
                    pictures.append(np.stack(planes, axis=-1))
                    times.append(frame.time * 1000)
                else:
                    sound += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
    return Decoded(np.array(pictures), np.array(times), np.concatenate(sound), duration_ms)
