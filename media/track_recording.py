"""One recorded track on its way from RTP packets to segments, without decoding anything.

Packets are put in order (a missing one is waited for half a second), made into frames, and written with the publisher's
own timestamps. After a loss pictures are dropped until a key frame comes, since nothing could decode them. A new
segment begins every minute, for pictures at the next key frame, and wherever the publisher's timestamps start over.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple

from kernel.ids import RecordingId, RoomId
from media import opus, vp8
from media.reorder import Lost, ReorderBuffer
from media.sender_clock import ParticipantClock, TrackClock, signed_ticks
from media.webm import WebmTrack
from rooms.events import Source
from rooms.ports import RecordingSink, SegmentGap, SegmentSpec, SegmentWriter
from rooms.tracks import TrackRef

ROTATE_MS: Final = 60_000
"""Length of a segment."""

FLUSH_NS: Final = 1_000_000_000
"""How much can be lost when the machine stops."""

_CLOCK_WAIT_NS: Final = 1_000_000_000  # for the first sender report, before the server's arrival time has to do
_WAITING_LIMIT_BYTES: Final = 8 * 1024 * 1024
_ASK_AGAIN_NS: Final = 1_000_000_000
_CLOCK_STEP_MS: Final = 15  # a better knowledge of when the segment began is worth a new one
_JUMP_MS: Final = 2000  # timestamps and arrivals this far apart have nothing to do with each other
_SHORTEST_MS: Final = 1000  # however often a publisher's timestamps start over, segments stay few
_EARLY_NS: Final = 200_000_000  # by which the first of some frames may have been late
_SILENT_MS: Final = 1000
_FRAME_MS: Final = 33
_LONGEST_FRAME_MS: Final = 100
_GAPS_LIMIT: Final = 500
_OVERRUNS_LIMIT: Final = 64


class _Packet(NamedTuple):
    timestamp: int
    marker: bool
    payload: bytes
    arrival_ns: int


class _Frame(NamedTuple):
    data: bytes
    timestamp: int
    key: bool
    arrival_ns: int
    duration_ms: float  # 0 where only the next frame tells


@dataclass(slots=True)
class _OpenSegment:
    """What is known of the segment being written. Milliseconds count from its first frame."""

    writer: SegmentWriter
    webm: WebmTrack
    started_ns: int
    clocked: bool  # began by the publisher's clock, not just by arrival
    first_arrival_ns: int
    last_timestamp: int
    ticks: int
    last_ms: int
    end_ms: float
    frames: int
    gaps: list[SegmentGap]


class TrackRecording:
    """Used by the recorder's thread alone, `note_overrun` excepted. Raises OSError when storage fails.

    `now_ns` and `arrival_ns` are the same clock, the media plane's.
    """

    def __init__(
        self,
        sink: RecordingSink,
        *,
        room: RoomId,
        recording: RecordingId,
        track: TrackRef,
        clock: ParticipantClock,
        request_key_frame: Callable[[], None],
        rotate_ms: int = ROTATE_MS,
    ) -> None:
        self.room: Final = room
        self.recording: Final = recording
        self.track: Final = track
        self._sink = sink
        self._request_key_frame = request_key_frame
        self._rotate_ms = rotate_ms
        self._is_video = track.source is not Source.MICROPHONE
        self._rate = vp8.CLOCK_RATE if self._is_video else opus.CLOCK_RATE
        self._clock = TrackClock(self._rate, clock)
        self._order: ReorderBuffer[_Packet] = ReorderBuffer()
        self._assembler = vp8.Vp8Assembler()
        self._overruns: deque[int] = deque(maxlen=_OVERRUNS_LIMIT)
        self._waiting: list[_Frame] = []  # for the clock, before the segment begins
        self._segment: _OpenSegment | None = None
        self._awaits_key = self._is_video
        self._asked_ns = 0
        self._begins_anew = False  # the timestamps from here on have nothing to do with the segment's
        self._gap_reason = ""
        self._flushed_ns = 0
        self._is_dirty = False
        self._is_closed = False

    def note_overrun(self, seq: int) -> None:
        """Remember, from the event loop, that this packet was dropped because the recorder is behind."""
        self._overruns.append(seq)

    def packet(self, seq: int, timestamp: int, marker: bool, payload: bytes, arrival_ns: int) -> None:
        """Take one packet as it arrived."""
        if self._is_closed:
            return
        for item in self._order.push(seq, _Packet(timestamp, marker, payload, arrival_ns), arrival_ns):
            self._take(item)

    def sender_report(self, ntp: int, timestamp: int) -> None:
        """Take the publisher's clock."""
        self._clock.report(ntp, timestamp)

    def tick(self, now_ns: int) -> None:
        """Do what time demands: give up missing packets, begin a segment without a clock, make frames durable."""
        if self._is_closed:
            return
        for item in self._order.expire(now_ns):
            self._take(item)
        if self._waiting and now_ns - self._waiting[0].arrival_ns >= _CLOCK_WAIT_NS:
            self._begin()
        if self._is_dirty and self._segment is not None and now_ns - self._flushed_ns >= FLUSH_NS:
            self._segment.writer.flush()
            self._flushed_ns, self._is_dirty = now_ns, False

    def close(self) -> None:
        """Write what is still held and complete the segment. Nothing is taken afterwards."""
        if self._is_closed:
            return
        for item in self._order.flush():
            self._take(item)
        if self._waiting:
            self._begin()
        self._end()
        self._is_closed = True

    def abandon(self) -> None:
        """Stop after a failure; complete the segment if storage still allows it. Raises nothing."""
        self._is_closed = True
        self._waiting.clear()
        try:
            self._end()
        except OSError:
            self._segment = None

    # From packets to frames -------------------------------------------------------------------------------------------

    def _take(self, item: _Packet | Lost) -> None:
        if isinstance(item, Lost):
            self._lose(item)
        elif not item.payload:
            return  # the publisher was probing
        elif self._is_video:
            try:
                frames = self._assembler.push(item.timestamp, item.marker, item.payload, item.arrival_ns)
            except ValueError:
                self._resynchronise("loss")
            else:
                for frame in frames:
                    self._take_picture(frame)
        else:
            try:
                duration_ms = opus.packet_ticks(item.payload) / 48
            except ValueError:
                self._gap_reason = self._gap_reason or "loss"
            else:
                self._take_frame(_Frame(item.payload, item.timestamp, True, item.arrival_ns, duration_ms))

    def _lose(self, lost: Lost) -> None:
        overran = False
        while self._overruns and self._overruns[0] <= lost.last:
            overran = self._overruns.popleft() >= lost.first or overran
        reason = "overrun" if overran else "loss"
        if lost.restarted:
            if self._waiting:
                self._begin()
            self._begins_anew = True
            self._clock.restart()
        if self._is_video:
            self._resynchronise(reason)
        else:
            self._gap_reason = reason

    def _resynchronise(self, reason: str) -> None:
        """Go on with the next key frame: what follows a lost packet can't be decoded."""
        self._gap_reason = reason
        self._assembler.lose()
        self._awaits_key = True
        self._asked_ns = 0

    def _take_picture(self, frame: vp8.Vp8Frame) -> None:
        if self._awaits_key and not frame.key:
            self._ask(frame.arrival_ns)
            return
        self._awaits_key = False
        self._take_frame(_Frame(frame.data, frame.timestamp, frame.key, frame.arrival_ns, 0))

    def _ask(self, now_ns: int) -> None:
        if now_ns - self._asked_ns >= _ASK_AGAIN_NS:
            self._asked_ns = now_ns
            self._request_key_frame()

    # From frames to segments ------------------------------------------------------------------------------------------

    def _take_frame(self, frame: _Frame) -> None:
        self._clock.observe(frame.timestamp, frame.arrival_ns)
        if self._segment is not None and not self._continue(self._segment, frame):
            return
        if self._segment is None:
            self._waiting.append(frame)
            first = self._waiting[0]
            if (
                self._clock.captured_ns(first.timestamp, first.arrival_ns) is not None
                or frame.arrival_ns - first.arrival_ns >= _CLOCK_WAIT_NS
                or sum(len(waiting.data) for waiting in self._waiting) > _WAITING_LIMIT_BYTES
            ):
                self._begin()

    def _continue(self, segment: _OpenSegment, frame: _Frame) -> bool:
        """Write `frame` to the open segment, or end that and tell that `frame` begins the next one."""
        ticks = segment.ticks + signed_ticks(frame.timestamp - segment.last_timestamp)
        at_ms = round(ticks * 1000 / self._rate)
        since_ms = (frame.arrival_ns - segment.first_arrival_ns) // 1_000_000
        begins_anew = self._begins_anew or abs(at_ms - since_ms) > _JUMP_MS
        if begins_anew and since_ms < _SHORTEST_MS:
            at_ms, ticks, begins_anew = since_ms, since_ms * self._rate // 1000, False
        is_due = at_ms >= self._rotate_ms or len(segment.gaps) >= _GAPS_LIMIT
        if begins_anew or is_due or self._knows_better(segment, frame, at_ms):
            if frame.key:
                self._end()
                return True
            self._ask(frame.arrival_ns)
            if begins_anew:
                self._end()
                self._awaits_key = True
                return False
        self._begins_anew = False
        segment.ticks, segment.last_timestamp = ticks, frame.timestamp
        self._write(segment, frame, max(at_ms, segment.last_ms))
        return False

    def _knows_better(self, segment: _OpenSegment, frame: _Frame, at_ms: int) -> bool:
        """Whether sound that began by its arrival alone turns out to have begun at another time."""
        if segment.clocked or self._is_video:
            return False
        captured_ns = self._clock.captured_ns(frame.timestamp, frame.arrival_ns)
        if captured_ns is None:
            return False
        segment.clocked = True
        return abs(captured_ns // 1_000_000 - (segment.started_ns // 1_000_000 + at_ms)) > _CLOCK_STEP_MS

    def _begin(self) -> None:
        frames, self._waiting = self._waiting, []
        first = frames[0]
        captured_ns = self._clock.captured_ns(first.timestamp, first.arrival_ns)
        started_ns = captured_ns
        if started_ns is None:  # the frame that travelled fastest tells best when the first one left
            fastest_ns = min(
                frame.arrival_ns - signed_ticks(frame.timestamp - first.timestamp) * 1_000_000_000 // self._rate
                for frame in frames
            )
            started_ns = max(fastest_ns, first.arrival_ns - _EARLY_NS)
        codec = "vp8" if self._is_video else "opus"
        width, height = vp8.key_frame_size(first.data) or (0, 0)
        webm = WebmTrack(codec, width=width, height=height)
        spec = SegmentSpec(
            room=self.room,
            recording=self.recording,
            track=self.track,
            index=self._sink.next_index(self.room, self.recording, self.track),
            codec=codec,
            container="video/webm" if self._is_video else "audio/webm",
            started_at=datetime.fromtimestamp(started_ns / 1e9, UTC),
        )
        writer = self._sink.open(spec)
        segment = _OpenSegment(
            writer=writer,
            webm=webm,
            started_ns=started_ns,
            clocked=captured_ns is not None,
            first_arrival_ns=first.arrival_ns,
            last_timestamp=first.timestamp,
            ticks=0,
            last_ms=0,
            end_ms=0,
            frames=0,
            gaps=[],
        )
        self._segment = segment
        self._flushed_ns, self._gap_reason, self._begins_anew = first.arrival_ns, "", False
        writer.write(webm.header())
        for number, frame in enumerate(frames):
            if self._continue(segment, frame):  # the clock came to be known while they waited
                self._waiting = frames[number:]
                self._begin()
                return
            if self._segment is not segment:
                return  # their timestamps start over at a picture that needs an earlier one

    def _write(self, segment: _OpenSegment, frame: _Frame, at_ms: int) -> None:
        silent_ms = at_ms - segment.end_ms
        if silent_ms >= _SILENT_MS or (self._gap_reason and silent_ms >= 1):
            offset_ms = round(segment.end_ms)
            segment.gaps.append(SegmentGap(offset_ms, at_ms - offset_ms, self._gap_reason or "silent"))
        self._gap_reason = ""
        segment.writer.write(segment.webm.frame(frame.data, at_ms=at_ms, key=frame.key))
        spacing_ms = min(at_ms - segment.last_ms, _LONGEST_FRAME_MS) if segment.frames else _FRAME_MS
        segment.end_ms = max(segment.end_ms, at_ms + (frame.duration_ms or spacing_ms))
        segment.last_ms = at_ms
        segment.frames += 1
        self._is_dirty = True

    def _end(self) -> None:
        segment, self._segment = self._segment, None
        if segment is not None:
            self._is_dirty = False
            segment.writer.close(duration_ms=round(segment.end_ms), frames=segment.frames, gaps=segment.gaps)
