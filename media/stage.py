"""Draws the composed picture: who was there at a time, what their camera or screen showed, and who spoke."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

import av
from av.error import FFmpegError
from av.video.reformatter import Interpolation, VideoReformatter

from media.layout import Rect, arrange, fit, follows, inset
from media.segment_packets import SegmentFile, SegmentPackets

FREEZE_MS: Final = 3000
"""How long the last picture stands when nothing follows; then a plain tile takes its place."""

_LEAVE_MS: Final = 2000  # so long after the last of their sound and picture somebody is still shown
_PIXELS_LIMIT: Final = 4096 * 2304
_SCALERS_LIMIT: Final = 64  # a browser may change its picture's size at any time
_BACKGROUND: Final = (24, 128, 128)  # Y, U, V
_TILE: Final = (44, 132, 124)
_SPEAKS: Final = (161, 142, 72)
_FIGURE: Final = 92
_BORDER: Final = 6  # pixels, even; around each person, coloured around whoever speaks


class PictureTrack:
    """One camera or screen, decoded as far as the time that is asked for."""

    def __init__(self, participant: str, files: Sequence[SegmentFile], *, is_screen: bool) -> None:
        self.participant: Final = participant
        self.is_screen: Final = is_screen
        self._packets = SegmentPackets(files)
        self._decoded = self._decode()
        self._next = next(self._decoded, None)
        self._shown: tuple[float, av.VideoFrame] | None = None

    @property
    def damaged(self) -> int:
        """How many segments could not be read to their end."""
        return self._packets.damaged

    def at(self, at_ms: float) -> av.VideoFrame | None:
        """Return what was to be seen at a time that does not go back; None when that is too long ago."""
        while self._next is not None and self._next[0] <= at_ms:
            self._shown = self._next
            self._next = next(self._decoded, None)
        if self._shown is None or at_ms - self._shown[0] > FREEZE_MS:
            return None
        return self._shown[1]

    def _decode(self) -> Iterator[tuple[float, av.VideoFrame]]:
        decoder = av.VideoCodecContext.create("vp8", "r")
        decoder.thread_count = 1  # so that a frame comes out with its own packet
        decoder.options = {"max_pixels": str(_PIXELS_LIMIT)}
        for at_ms, packet in self._packets:
            try:
                frames = decoder.decode(packet)
            except FFmpegError:
                continue
            for frame in frames:
                yield at_ms, frame


@dataclass(frozen=True, slots=True)
class _Scene:
    """Who and what is shown where; drawn anew only when it changes."""

    people: tuple[str, ...]
    screens: tuple[str, ...]
    lead: str | None


class Stage:
    """The picture of fixed size, drawn for times that do not go back."""

    def __init__(
        self,
        tracks: Sequence[PictureTrack],
        presence: Mapping[str, Sequence[tuple[float, float]]],
        *,
        width: int,
        height: int,
    ) -> None:
        self._cameras = [track for track in tracks if not track.is_screen]
        self._screens = [track for track in tracks if track.is_screen]
        self._presence = presence
        self._canvas = _Canvas(width, height)
        self._scene: _Scene | None = None
        self._lead: str | None = None
        self._framed: Rect | None = None
        self._drawn: dict[Rect, av.VideoFrame | None] = {}

    def at(self, at_ms: float, *, speaker: str | None = None) -> av.VideoFrame:
        """Return the picture at a time, as a frame of its own. Who spoke last stays large while nobody speaks."""
        cameras = {track.participant: frame for track in self._cameras if (frame := track.at(at_ms)) is not None}
        screens = {track.participant: frame for track in self._screens if (frame := track.at(at_ms)) is not None}
        people = [
            person
            for person, times in self._presence.items()
            if any(begins_ms <= at_ms < ends_ms + _LEAVE_MS for begins_ms, ends_ms in times)
        ]
        if speaker in people:
            self._lead = speaker
        lead = self._lead if self._lead in people and follows(people=len(people), screens=len(screens)) else None
        scene = _Scene(tuple(people), tuple(screens), lead)
        if scene != self._scene:
            self._scene, self._framed = scene, None
            self._drawn.clear()
            self._canvas.fill(self._canvas.whole, _BACKGROUND)
        places, screen_places = arrange(
            people=len(people),
            screens=len(screens),
            width=self._canvas.whole.width,
            height=self._canvas.whole.height,
            lead=None if lead is None else people.index(lead),
        )
        for person, place in zip(people, places, strict=True):
            self._draw(inset(place, _BORDER), cameras.get(person))
        self._frame(next((place for person, place in zip(people, places, strict=True) if person == speaker), None))
        for frame, place in zip(screens.values(), screen_places, strict=True):
            self._draw(place, frame)
        return self._canvas.frame()

    def _frame(self, place: Rect | None) -> None:
        """Draw the border around `place`, and take it away from where it was."""
        if place == self._framed:
            return
        if self._framed is not None:
            self._canvas.border(self._framed, _BORDER, _BACKGROUND)
        if place is not None:
            self._canvas.border(place, _BORDER, _SPEAKS)
        self._framed = place

    def _draw(self, place: Rect, frame: av.VideoFrame | None) -> None:
        before = self._drawn.get(place, _NOTHING)
        if before is frame:
            return
        self._drawn[place] = frame
        if frame is None:
            self._canvas.figure(place)
            return
        inner = fit(frame.width, frame.height, place)
        if not isinstance(before, av.VideoFrame) or fit(before.width, before.height, place) != inner:
            self._canvas.fill(place, _BACKGROUND)
        self._canvas.picture(inner, frame)


_NOTHING: Final = object()


class _Canvas:
    """Planes of a YUV 4:2:0 picture. Rects are even."""

    def __init__(self, width: int, height: int) -> None:
        self.whole: Final = Rect(0, 0, width, height)
        self._scalers: dict[tuple[int, int, Rect], VideoReformatter] = {}  # each keeps what it computed for its sizes
        self._planes = (
            memoryview(bytearray(width * height)),
            memoryview(bytearray(width * height // 4)),
            memoryview(bytearray(width * height // 4)),
        )

    def frame(self) -> av.VideoFrame:
        """Return a copy as a frame."""
        frame = av.VideoFrame(self.whole.width, self.whole.height, "yuv420p")
        for number, (plane, ours) in enumerate(zip(frame.planes, self._planes, strict=True)):
            width = self.whole.width >> bool(number)
            if plane.line_size == width:
                plane.update(bytes(ours))
                continue
            target = memoryview(plane)
            for row in range(plane.height):
                target[row * plane.line_size :][:width] = ours[row * width :][:width]
        return frame

    def fill(self, rect: Rect, colour: tuple[int, int, int]) -> None:
        for number, value in enumerate(colour):
            width = rect.width >> bool(number)
            line = bytes([value]) * width
            for start in self._rows(rect, number):
                self._planes[number][start : start + width] = line

    def border(self, rect: Rect, width: int, colour: tuple[int, int, int]) -> None:
        """Fill the edge of `rect`."""
        self.fill(Rect(rect.left, rect.top, rect.width, width), colour)
        self.fill(Rect(rect.left, rect.top + rect.height - width, rect.width, width), colour)
        self.fill(Rect(rect.left, rect.top, width, rect.height), colour)
        self.fill(Rect(rect.left + rect.width - width, rect.top, width, rect.height), colour)

    def picture(self, rect: Rect, frame: av.VideoFrame) -> None:
        """Draw `frame` scaled to `rect`."""
        if len(self._scalers) > _SCALERS_LIMIT:
            self._scalers.clear()
        scaler = self._scalers.setdefault((frame.width, frame.height, rect), VideoReformatter())
        scaled = scaler.reformat(frame, rect.width, rect.height, "yuv420p", interpolation=Interpolation.BILINEAR)
        for number, plane in enumerate(scaled.planes):
            width, source, at = rect.width >> bool(number), memoryview(plane), 0
            for start in self._rows(rect, number):
                self._planes[number][start : start + width] = source[at : at + width]
                at += plane.line_size

    def figure(self, rect: Rect) -> None:
        """Draw somebody without a picture: head and shoulders on a plain tile."""
        self.fill(rect, _TILE)
        size = min(rect.width, rect.height)
        middle = rect.width // 2
        for row, start in enumerate(self._rows(rect, 0)):
            above = (row - rect.height * 0.40) / (size * 0.15)  # the head, a circle
            below = (row - rect.height * 0.98) / (size * 0.38)  # the shoulders, an ellipse cut off below
            half = 0.0
            if abs(above) < 1:
                half = size * 0.15 * sqrt(1 - above * above)
            elif abs(below) < 1:
                half = size * 0.30 * sqrt(1 - below * below)
            if half >= 1:
                width = int(half) * 2
                left = start + middle - int(half)
                self._planes[0][left : left + width] = bytes([_FIGURE]) * width

    def _rows(self, rect: Rect, number: int) -> Iterator[int]:
        """Yield where each row of `rect` begins in plane `number`; the two colour planes are half as large."""
        half = bool(number)
        stride = self.whole.width >> half
        for row in range(rect.top >> half, (rect.top + rect.height) >> half):
            yield row * stride + (rect.left >> half)
