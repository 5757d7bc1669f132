"""Tells when a publisher captured a frame, on the server's clock, from sender reports (RFC 3550, 6.4.1). No I/O.

One person's sound and picture share the person's clock, so they stay together however differently long they were
encoded and travelled; different persons are aligned by the fastest way any of their frames took to the server.
"""

from typing import Final

WINDOW_NS: Final = 30_000_000_000
"""How long the fastest frame counts, once or twice: clocks drift apart some milliseconds a minute."""

_TRUSTED_NS: Final = 1_000_000_000  # a clock that claims more than this between capture and arrival is wrong


class ParticipantClock:
    """The distance between one person's clock and the server's, as seen over the last half minute or whole one."""

    def __init__(self) -> None:
        self._window_ends_ns = 0
        self._fastest: int | None = None
        self._fastest_before: int | None = None

    def observe(self, sender_ns: int, arrival_ns: int) -> None:
        """Take note that what was captured at `sender_ns` (their clock) arrived at `arrival_ns` (ours)."""
        if arrival_ns >= self._window_ends_ns:
            lapsed = arrival_ns >= self._window_ends_ns + WINDOW_NS
            self._fastest_before, self._fastest = (None if lapsed else self._fastest), None
            self._window_ends_ns = arrival_ns + WINDOW_NS
        distance = arrival_ns - sender_ns
        if self._fastest is None or distance < self._fastest:
            self._fastest = distance

    def server_ns(self, sender_ns: int) -> int | None:
        """Return the server's time of `sender_ns`, None while nothing was observed."""
        known = [distance for distance in (self._fastest, self._fastest_before) if distance is not None]
        return sender_ns + min(known) if known else None


class TrackClock:
    """One track's RTP timestamps on the clock of the person it belongs to."""

    def __init__(self, rate: int, participant: ParticipantClock) -> None:
        self._rate = rate
        self._participant = participant
        self._report: tuple[int, int] | None = None

    def report(self, ntp: int, timestamp: int) -> None:
        """Take a sender report: `ntp` (32.32 seconds) is the moment of `timestamp`."""
        self._report = (ntp * 1_000_000_000 >> 32, timestamp)

    def restart(self) -> None:
        """Forget the reports: the publisher began anew with other timestamps."""
        self._report = None

    def observe(self, timestamp: int, arrival_ns: int) -> None:
        """Take note of a frame's arrival."""
        sender_ns = self._sender_ns(timestamp)
        if sender_ns is not None:
            self._participant.observe(sender_ns, arrival_ns)

    def captured_ns(self, timestamp: int, arrival_ns: int) -> int | None:
        """Return when the frame of `timestamp` was captured, on the server's clock; None when that is not known."""
        sender_ns = self._sender_ns(timestamp)
        captured_ns = None if sender_ns is None else self._participant.server_ns(sender_ns)
        if captured_ns is None or abs(arrival_ns - captured_ns) > _TRUSTED_NS:
            return None
        return captured_ns

    def _sender_ns(self, timestamp: int) -> int | None:
        if self._report is None:
            return None
        ntp_ns, base = self._report
        return ntp_ns + signed_ticks(timestamp - base) * 1_000_000_000 // self._rate


def signed_ticks(difference: int) -> int:
    """Return the difference of two 32-bit timestamps as the nearer way around."""
    return ((difference + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000
