"""Makes one WebM of a consultation's segments: everybody, whoever speaks marked (large, beside others), all voices.

Everything is placed by the segments' `started_at`, the server's clock, and by the times within them. The output has a
fixed frame rate and size, a duration and cues, so players can seek. It is written through a file object that may return
to its header only at the end: `records.blobs.PatchableBlobWriter`, which encrypts on the way, so that no clear copy is
ever on the disk. The work takes a processor core for some time: it belongs into a process of its own.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import BinaryIO, Final

import av
from av.container import OutputContainer

from media.mix import SAMPLE_RATE, Mixer, VoiceTrack
from media.speaker import Speech
from media.stage import PictureTrack, Stage
from rooms.events import Source

WIDTH: Final = 1280
HEIGHT: Final = 720
FRAME_RATE: Final = 20

_MS: Final = timedelta(milliseconds=1)
_OPUS_FRAME: Final = SAMPLE_RATE // 50
_BITRATE: Final = 1_200_000
_SOUND_BITRATE: Final = 48_000
_LISTEN_EVERY: Final = FRAME_RATE // 10  # frames: ten times a second, as in the live call
_STRETCHES_LIMIT: Final = 10_000  # of speech: one every two seconds for five hours
_KEY_FRAME_S: Final = 4  # seeking lands on these
_HALF_FRAME_MS: Final = 500 / FRAME_RATE  # a frame shows the middle of its time, neither early nor late on average
_ENCODER: Final = {
    "deadline": "realtime",
    "cpu-used": "10",
    "lag-in-frames": "0",
    "auto-alt-ref": "0",
    "static-thresh": "100",
    "max-intra-rate": "400",
}


@dataclass(frozen=True, slots=True)
class SegmentSource:
    """One recorded file; `open` gives a seekable binary file."""

    open: Callable[[], BinaryIO]
    started_at: datetime
    duration_ms: int


@dataclass(frozen=True, slots=True)
class TrackSource:
    """All segments of one person's microphone, camera or screen, in order of time."""

    participant: str
    source: Source
    segments: Sequence[SegmentSource]


@dataclass(frozen=True, slots=True)
class Composed:
    """What became of it. `damaged_segments` could not be read (wholly) and are blank in the result.

    `speech` says who spoke when: participant, from, to, in milliseconds of the film, in order.
    """

    duration_ms: int
    damaged_segments: int
    speech: tuple[tuple[str, int, int], ...] = ()


class NothingToCompose(ValueError):
    """There is no time, or nobody in it."""


def compose(
    tracks: Sequence[TrackSource],
    spans: Sequence[tuple[datetime, datetime]],
    output: BinaryIO,
    *,
    progress: Callable[[int], None] = lambda _percent: None,
) -> Composed:
    """Write the composition of `tracks` to `output`, which is then complete but not closed.

    `spans` are the times that count, in order; what lies between them is cut out. People appear in the order of
    `tracks`. `progress` hears 0 to 100. Raises `NothingToCompose`, and OSError when `output` does.
    """
    length_ms = sum((stopped_at - started_at) / _MS for started_at, stopped_at in spans)
    if length_ms < 1 or not any(track.segments for track in tracks):
        raise NothingToCompose
    origin = spans[0][0]
    pictures = [_picture_track(track, origin) for track in tracks if track.source is not Source.MICROPHONE]
    voices = {
        track.participant: VoiceTrack(_files(track, origin)) for track in tracks if track.source is Source.MICROPHONE
    }
    stage = Stage(pictures, _presence(tracks, origin), width=WIDTH, height=HEIGHT)
    mixer, speech, spoken = Mixer(voices), Speech(), _Spoken()
    frames = max(1, round(length_ms * FRAME_RATE / 1000))
    with av.open(output, "w", format="webm") as container:
        encoder = _Encoder(container)
        told = -1
        for number, wall_ms in zip(range(frames), _walls(spans), strict=False):
            sound = mixer.block(wall_ms, SAMPLE_RATE // FRAME_RATE)
            if number % _LISTEN_EVERY == 0:
                speech.hear(mixer.levels(), wall_ms)
                spoken.note(speech.speaker, number * 1000 // FRAME_RATE)
            encoder.picture(stage.at(wall_ms + _HALF_FRAME_MS, speaker=speech.speaker), number)
            encoder.sound(sound)
            percent = number * 100 // frames
            if percent != told:
                told = percent
                progress(percent)
        encoder.finish()
    progress(100)
    damaged = sum(track.damaged for track in pictures) + sum(voice.damaged for voice in voices.values())
    duration_ms = frames * 1000 // FRAME_RATE
    return Composed(duration_ms=duration_ms, damaged_segments=damaged, speech=spoken.until(duration_ms))


class _Spoken:
    """Who spoke when, noted each time somebody is looked at."""

    def __init__(self) -> None:
        self._stretches: list[tuple[str, int, int]] = []
        self._speaker: str | None = None
        self._since_ms = 0

    def note(self, speaker: str | None, at_ms: int) -> None:
        """Take who speaks at a time that does not go back."""
        if speaker == self._speaker:
            return
        if self._speaker is not None and len(self._stretches) < _STRETCHES_LIMIT:
            self._stretches.append((self._speaker, self._since_ms, at_ms))
        self._speaker, self._since_ms = speaker, at_ms

    def until(self, end_ms: int) -> tuple[tuple[str, int, int], ...]:
        """Return everything, up to the end."""
        self.note(None, end_ms)
        return tuple(self._stretches)


def _walls(spans: Sequence[tuple[datetime, datetime]]) -> Iterator[float]:
    """Yield, for each output frame, the milliseconds since the first span's beginning."""
    number = 0
    offset_ms = 0.0
    for started_at, stopped_at in spans:
        begins_ms = (started_at - spans[0][0]) / _MS
        ends_ms = offset_ms + (stopped_at - started_at) / _MS
        while (at_ms := number * 1000 / FRAME_RATE) < ends_ms:
            yield begins_ms + at_ms - offset_ms
            number += 1
        offset_ms = ends_ms


def _files(track: TrackSource, origin: datetime) -> list[tuple[Callable[[], BinaryIO], float]]:
    return [(segment.open, (segment.started_at - origin) / _MS) for segment in track.segments]


def _picture_track(track: TrackSource, origin: datetime) -> PictureTrack:
    return PictureTrack(track.participant, _files(track, origin), is_screen=track.source is Source.SCREEN)


def _presence(tracks: Sequence[TrackSource], origin: datetime) -> dict[str, list[tuple[float, float]]]:
    """Return when each person's microphone or camera was recorded."""
    presence: dict[str, list[tuple[float, float]]] = {}
    for track in tracks:
        if track.source is Source.SCREEN:
            continue
        for segment in track.segments:
            begins_ms = (segment.started_at - origin) / _MS
            presence.setdefault(track.participant, []).append((begins_ms, begins_ms + segment.duration_ms))
    return presence


class _Encoder:
    """VP8 and Opus into the container, as they come."""

    def __init__(self, container: OutputContainer) -> None:
        self._container = container
        video = container.add_stream("libvpx", rate=FRAME_RATE, options=dict(_ENCODER))
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.bit_rate = _BITRATE
        video.codec_context.gop_size = _KEY_FRAME_S * FRAME_RATE
        video.codec_context.time_base = Fraction(1, FRAME_RATE)
        video.codec_context.thread_count = 1  # libvpx's threads spend more on waiting for each other than they save
        sound = container.add_stream("libopus", rate=SAMPLE_RATE, options={"application": "voip"})
        sound.codec_context.layout = "mono"
        sound.codec_context.format = "s16"
        sound.bit_rate = _SOUND_BITRATE
        self._video, self._sound = video, sound
        self._fifo = av.AudioFifo()
        self._samples = 0

    def picture(self, frame: av.VideoFrame, number: int) -> None:
        frame.pts, frame.time_base = number, Fraction(1, FRAME_RATE)
        self._container.mux(self._video.encode(frame))

    def sound(self, samples: bytes) -> None:
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(samples) // 2)
        frame.planes[0].update(samples)
        frame.sample_rate, frame.time_base, frame.pts = SAMPLE_RATE, Fraction(1, SAMPLE_RATE), self._samples
        self._samples += frame.samples
        self._fifo.write(frame)
        for whole in self._fifo.read_many(_OPUS_FRAME):
            self._container.mux(self._sound.encode(whole))

    def finish(self) -> None:
        rest = self._fifo.read(0, partial=True)
        if rest is not None:
            self._container.mux(self._sound.encode(rest))
        self._container.mux(self._sound.encode(None))
        self._container.mux(self._video.encode(None))
