"""How the recorder listens: one more subscription of a published track, fed with packets as they arrived."""

from collections.abc import Callable
from typing import Protocol

from kernel.ids import RecordingId, RoomId
from rooms.tracks import TrackRef


class TrackTap(Protocol):
    """Receives one track's packets on the event loop. Every call returns at once, never blocks and never raises.

    `arrival_ns` is nanoseconds since the Unix epoch on a clock that the plane sets once when it opens and that never
    goes back afterwards: differences are exact, and two participants' tracks can be aligned by it.
    """

    def on_rtp(self, extended_seq: int, timestamp: int, marker: bool, payload: bytes, arrival_ns: int) -> None:
        """Take one packet, each `extended_seq` at most once, as they arrived: late and recovered ones out of order.

        `extended_seq` is the publisher's sequence number extended by its wraps (RFC 3550, A.1), from 65536 upwards. A
        publisher who starts over with a new connection gets a new tap. `timestamp` is the publisher's own, 32 bits:
        48000 Hz for Opus, 90000 Hz for VP8. `payload` is free of padding, may be empty (the publisher was probing) and
        may be kept: nobody changes it.
        """

    def on_sender_report(self, ntp: int, rtp_timestamp: int, arrival_ns: int) -> None:
        """Take the publisher's clock: `ntp` (64 bits, seconds since 1900 in 32.32) is when `rtp_timestamp` was."""


class RecorderPort(Protocol):
    """What the plane asks of the recorder. Called from the event loop; only `close_recording` may take time."""

    def observe(self, on_failed: Callable[[RoomId, RecordingId, str], None]) -> None:
        """Name the one who is told, on the event loop, that a recording can't be stored; the reason is not a secret."""

    def open(
        self,
        room: RoomId,
        recording: RecordingId,
        track: TrackRef,
        request_key_frame: Callable[[], None],
    ) -> TrackTap:
        """Begin to record `track` as a new segment.

        `request_key_frame` asks the publisher for a picture that needs no earlier one; call it from the event loop as
        often as wanted: the plane throttles it. It does nothing for sound or when the track is gone.
        """

    def close(self, tap: TrackTap) -> None:
        """End the segment of `tap`: nothing more will be fed to it. Returns before the segment is durable."""

    async def close_recording(self, room: RoomId, recording: RecordingId) -> None:
        """Close what is still open of `recording` and return when all of its segments are durable."""


class NoRecorder:
    """A plane without recording, for nodes and tests that need none: taps swallow what they are fed."""

    def observe(self, on_failed: Callable[[RoomId, RecordingId, str], None]) -> None:
        """Never calls back."""

    def open(
        self,
        room: RoomId,  # noqa: ARG002 - the port's signature
        recording: RecordingId,  # noqa: ARG002
        track: TrackRef,  # noqa: ARG002
        request_key_frame: Callable[[], None],  # noqa: ARG002
    ) -> TrackTap:
        """Return a tap that drops everything."""
        return _Void()

    def close(self, tap: TrackTap) -> None:
        """Do nothing."""

    async def close_recording(self, room: RoomId, recording: RecordingId) -> None:
        """Do nothing."""


class _Void:
    def on_rtp(self, extended_seq: int, timestamp: int, marker: bool, payload: bytes, arrival_ns: int) -> None:
        """Drop it."""

    def on_sender_report(self, ntp: int, rtp_timestamp: int, arrival_ns: int) -> None:
        """Drop it."""
