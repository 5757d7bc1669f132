"""Mixes recorded voices, each placed by the time it was spoken, and tells how loud each of them is."""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from math import log10, sqrt
from operator import add, mul
from typing import Final

import av
from av.error import FFmpegError

from media.segment_packets import SegmentFile, SegmentPackets
from media.streams import SILENCE

SAMPLE_RATE: Final = 48000

_PER_MS: Final = SAMPLE_RATE / 1000
_BYTES: Final = 2  # one mono sample, 16 bits
_LOUDEST: Final = 32767
_EVERY: Final = 4  # samples that are looked at to tell how loud it is
_NEVER: Final = -(2**62)
_TOLERANCE: Final = SAMPLE_RATE * 15 // 1000  # rounding and drift below this are no reason for a crack in the voice


class VoiceTrack:
    """One person's sound as mono samples of 16 bits, 48 kHz, silence where there is none. Positions are in samples."""

    def __init__(self, files: Sequence[SegmentFile]) -> None:
        self._packets = SegmentPackets(files)
        self._decoded = self._decode()
        self._next = next(self._decoded, None)
        self._buffer = bytearray()
        self._at = _NEVER  # position of the buffer's first sample

    @property
    def damaged(self) -> int:
        """How many segments could not be read to their end."""
        return self._packets.damaged

    def read(self, first: int, count: int) -> bytes | None:
        """Return `count` samples from position `first`, which does not go back; None for silence."""
        end = first + count
        while self._next is not None and self._end < end and self._next[0] < end + _TOLERANCE:
            self._append(*self._next, first)
            self._next = next(self._decoded, None)
        before = min(max(0, first - self._at) * _BYTES, len(self._buffer))
        del self._buffer[:before]
        self._at += before // _BYTES
        if not self._buffer or self._at >= end:
            return None
        lead = max(0, self._at - first) * _BYTES
        taken = bytes(self._buffer[: count * _BYTES - lead])
        return (bytes(lead) + taken).ljust(count * _BYTES, b"\0")

    @property
    def _end(self) -> int:
        return self._at + len(self._buffer) // _BYTES

    def _append(self, position: int, samples: bytes, first: int) -> None:
        if not self._buffer or self._end < first:
            self._at = self._end if abs(position - self._end) <= _TOLERANCE else position
            self._buffer.clear()
        ahead = position - self._end
        if ahead > _TOLERANCE:
            self._buffer += bytes(ahead * _BYTES)
        elif ahead < -_TOLERANCE:
            samples = samples[-ahead * _BYTES :]
        self._buffer += samples

    def _decode(self) -> Iterator[tuple[int, bytes]]:
        """Yield pieces of sound with their positions. One decoder for all segments: it needs what came before."""
        decoder = av.AudioCodecContext.create("opus", "r")
        decoder.sample_rate, decoder.layout = SAMPLE_RATE, "stereo"
        resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
        for at_ms, packet in self._packets:
            position = round(at_ms * _PER_MS)
            try:
                frames = decoder.decode(packet)
            except FFmpegError:
                continue
            for frame in frames:
                frame.pts = None
                for piece in resampler.resample(frame):
                    yield position, bytes(piece.planes[0])[: piece.samples * _BYTES]
                    position += piece.samples


class Mixer:
    """Adds up what is to be heard at a time, of each participant one voice."""

    def __init__(self, voices: Mapping[str, VoiceTrack]) -> None:
        self._voices = voices
        self._heard: dict[str, bytes] = {}

    def levels(self) -> dict[str, int]:
        """Return how loud each voice in the newest block is, in -dBov (RFC 6464: 0 loudest, 127 silence)."""
        return {who: _level(part) for who, part in self._heard.items()}

    def block(self, at_ms: float, count: int) -> bytes:
        """Return `count` samples from `at_ms` on, which does not go back; what is too loud together is cut."""
        first = round(at_ms * _PER_MS)
        self._heard = {
            who: part for who, voice in self._voices.items() if (part := voice.read(first, count)) is not None
        }
        parts = list(self._heard.values())
        if not parts:
            return bytes(count * _BYTES)
        if len(parts) == 1:
            return parts[0]
        mixed = array("i", array("h", parts[0]))
        for part in parts[1:]:
            mixed = array("i", map(add, mixed, array("h", part)))
        if max(mixed) > _LOUDEST or min(mixed) < -_LOUDEST:
            mixed = array("i", (max(-_LOUDEST, min(_LOUDEST, sample)) for sample in mixed))
        return array("h", mixed).tobytes()


def _level(part: bytes) -> int:
    samples = array("h", part)[::_EVERY]
    loudness = sqrt(sum(map(mul, samples, samples)) / len(samples)) / _LOUDEST
    return min(SILENCE, round(-20 * log10(loudness))) if loudness > 0 else SILENCE
