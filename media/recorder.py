"""Records every track the plane hands over, on one thread beside the event loop.

The loop only appends packets to a bounded queue; everything that computes or waits for the disk happens on the thread,
a batch at a time. When the thread falls behind, packets are dropped and the manifest says so: a call never waits for
its recording. When storage fails, the recording ends, its observer hears of it, and the call goes on.
"""

import asyncio
import errno
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final
from weakref import WeakValueDictionary

import structlog

from kernel.clock import monotonic_s
from kernel.ids import ParticipantId, RecordingId, RoomId
from media.sender_clock import ParticipantClock
from media.tap import TrackTap
from media.track_recording import ROTATE_MS, TrackRecording
from rooms.ports import RecordingSink
from rooms.tracks import TrackRef

QUEUE_LIMIT: Final = 32_768
"""Packets between the loop and the thread; some tens of megabytes, some seconds of a busy node."""

_POLL_S: Final = 0.05  # packets are taken in batches: waking a thread for each would cost the loop more than the work

_log = structlog.get_logger("media.recorder")

_QueuedPacket = tuple[TrackRecording, int, int, bool, bytes, int]
_Queue = deque["_QueuedPacket | Callable[[], None]"]
OnFailed = Callable[[RoomId, RecordingId, str], None]


class Recorder:
    """The recorder of one node (`media.tap.RecorderPort`). All methods are for the event loop."""

    def __init__(self, sink: RecordingSink, *, queue_limit: int = QUEUE_LIMIT, rotate_ms: int = ROTATE_MS) -> None:
        self._sink = sink
        self._queue_limit = queue_limit
        self._rotate_ms = rotate_ms
        self._on_failed: OnFailed = lambda _room, _recording, _reason: None
        self._queue: _Queue = deque()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._open: dict[TrackTap, TrackRecording] = {}
        self._clocks: WeakValueDictionary[tuple[RoomId, ParticipantId], ParticipantClock] = WeakValueDictionary()
        self._overruns = [0]
        self._worker = _Worker(self._queue, self._wake, self._failed)

    @property
    def open_tracks(self) -> int:
        """How many tracks are being recorded."""
        return len(self._open)

    @property
    def queued_packets(self) -> int:
        """How far the thread is behind."""
        return len(self._queue)

    @property
    def overruns(self) -> int:
        """How many packets were dropped since the start because the thread was behind."""
        return self._overruns[0]

    def observe(self, on_failed: OnFailed) -> None:
        """Name the one who is told, on the event loop, that a recording can't be stored."""
        self._on_failed = on_failed

    def open(
        self, room: RoomId, recording: RecordingId, track: TrackRef, request_key_frame: Callable[[], None]
    ) -> TrackTap:
        """Begin to record `track`; the next segment number is chosen by the sink."""
        loop = self._started()
        clock = self._clocks.get((room, track.participant))
        if clock is None:
            clock = self._clocks[room, track.participant] = ParticipantClock()
        work = TrackRecording(
            self._sink,
            room=room,
            recording=recording,
            track=track,
            clock=clock,
            request_key_frame=lambda: _call_on(loop, request_key_frame),
            rotate_ms=self._rotate_ms,
        )
        self._order(lambda: self._worker.tracks.add(work))
        tap = _Tap(work, self._queue, self._queue_limit, self._overruns)
        self._open[tap] = work
        request_key_frame()
        return tap

    def close(self, tap: TrackTap) -> None:
        """End the segment of `tap`. Returns before it is durable."""
        work = self._open.pop(tap, None)
        if work is not None:
            self._order(lambda: self._worker.close(work))

    async def close_recording(self, room: RoomId, recording: RecordingId) -> None:
        """Close what is open of `recording`; return when all its segments, closed earlier too, are durable."""
        for tap, work in list(self._open.items()):
            if (work.room, work.recording) == (room, recording):
                self.close(tap)
        await self._caught_up()

    async def shut_down(self) -> None:
        """Close every segment and end the thread. The recorder can be used again afterwards."""
        for tap in list(self._open):
            self.close(tap)
        await self._caught_up()
        if self._thread is not None:
            self._order(self._worker.stop)
            await asyncio.to_thread(self._thread.join)
            self._thread = None

    def _started(self) -> asyncio.AbstractEventLoop:
        self._loop = asyncio.get_running_loop()
        if self._thread is None:
            self._thread = threading.Thread(target=self._worker.run, name="recorder", daemon=True)
            self._thread.start()
        return self._loop

    def _order(self, action: Callable[[], None]) -> None:
        """Let the thread do something, after everything that was queued before."""
        self._queue.append(action)
        self._wake.set()

    async def _caught_up(self) -> None:
        if self._thread is None:
            return
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._order(lambda: _call_on(loop, lambda: _resolve(done)))
        await done

    def _failed(self, room: RoomId, recording: RecordingId, reason: str) -> None:
        assert self._loop is not None, "a track was opened"
        _call_on(self._loop, lambda: self._on_failed(room, recording, reason))


class _Tap:
    """Puts packets into the queue, or counts them where there is no room."""

    def __init__(self, work: TrackRecording, queue: _Queue, limit: int, overruns: list[int]) -> None:
        self._work = work
        self._queue = queue
        self._limit = limit
        self._overruns = overruns

    def on_rtp(self, extended_seq: int, timestamp: int, marker: bool, payload: bytes, arrival_ns: int) -> None:
        if len(self._queue) < self._limit:
            self._queue.append((self._work, extended_seq, timestamp, marker, payload, arrival_ns))
        else:
            self._work.note_overrun(extended_seq)
            self._overruns[0] += 1

    def on_sender_report(self, ntp: int, rtp_timestamp: int, arrival_ns: int) -> None:  # noqa: ARG002 - the port's
        if len(self._queue) < self._limit:
            work = self._work
            self._queue.append(lambda: work.sender_report(ntp, rtp_timestamp))


class _Worker:
    """What runs on the thread."""

    def __init__(self, queue: _Queue, wake: threading.Event, on_failed: OnFailed) -> None:
        self.tracks: set[TrackRecording] = set()
        self._queue = queue
        self._wake = wake
        self._on_failed = on_failed
        self._stopping = False
        self._arrival_ns = 0  # the newest seen, and when: the plane's clock, as far as a thread beside it can tell
        self._seen_s = 0.0

    def run(self) -> None:
        self._stopping = False
        while not self._stopping:
            self._wake.wait(_POLL_S if self.tracks else None)
            self._wake.clear()
            self._drain()
            self._tick()

    def stop(self) -> None:
        self._stopping = True

    def close(self, work: TrackRecording) -> None:
        self.tracks.discard(work)
        self._guard(work, work.close)

    def _drain(self) -> None:
        queue = self._queue
        for _ in range(len(queue)):
            item = queue.popleft()
            if callable(item):
                item()
                continue
            work, seq, timestamp, marker, payload, arrival_ns = item
            if arrival_ns > self._arrival_ns:
                self._arrival_ns, self._seen_s = arrival_ns, monotonic_s()
            try:
                work.packet(seq, timestamp, marker, payload, arrival_ns)
            except Exception as error:  # noqa: BLE001 - one track's trouble must not end the thread of all
                self._fail(work, error)

    def _tick(self) -> None:
        now_ns = self._arrival_ns + int((monotonic_s() - self._seen_s) * 1e9)
        for work in list(self.tracks):
            self._guard(work, lambda work=work: work.tick(now_ns))  # type: ignore[misc]

    def _guard(self, work: TrackRecording, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(work, error)

    def _fail(self, work: TrackRecording, error: Exception) -> None:
        """End the whole recording that `work` belongs to, and say so."""
        is_full = isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
        reason = "storage_full" if is_full else "storage_failed"
        _log.error("recording_failed", recording=work.recording, cause=reason, exc_info=error)
        work.abandon()
        for other in list(self.tracks):
            if (other.room, other.recording) == (work.room, work.recording):
                other.abandon()
                self.tracks.discard(other)
        self._on_failed(work.room, work.recording, reason)


def _resolve(done: "asyncio.Future[None]") -> None:
    if not done.done():
        done.set_result(None)


def _call_on(loop: asyncio.AbstractEventLoop, action: Callable[[], object]) -> None:
    with suppress(RuntimeError):  # the loop is closed: nobody is there to be told
        loop.call_soon_threadsafe(action)
