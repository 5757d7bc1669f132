"""How much one socket may ask for: a bucket that fills steadily and is emptied by what is asked."""

from typing import Final

from kernel.errors import AppError

PER_SECOND: Final = 30.0
BURST: Final = 90.0
PATIENCE: Final = 200
"""Refusals in a row after which the socket is closed: nobody honest goes on like that."""

TYPING_INTERVAL_S: Final = 1.0
STILL_INTERVAL_S: Final = 8.0

COSTS: Final = {
    "room_enter": 5.0,
    "room_resume": 5.0,
    "lobby_watch": 10.0,
    "media_probe": 30.0,
    "media_join": 5.0,
    "media_restart": 5.0,
    "quality_report": 10.0,
    "still_send": 10.0,
    "consent_set": 10.0,
    "readiness_report": 5.0,
    "video_reception": 5.0,
    "track_publish": 3.0,
    "track_mute": 3.0,
    "track_unpublish": 3.0,
}
"""What costs more than one: events that read much from the store, set up much, stay in a room's log for ever
though a person does them seldom, or come from a clock and not from a person.
"""


class RateLimited(AppError):
    """The socket asks for more than a person could."""

    code = "rate_limited"
    message = "This is too fast. Please wait a moment."
    status = 429


class Budget:
    """One socket's bucket. Times are seconds on a clock that never goes back."""

    __slots__ = ("_refilled_s", "_refusals", "_shown_s", "_tokens", "_typed_s")

    def __init__(self, *, now_s: float) -> None:
        self._tokens = BURST
        self._refilled_s = now_s
        self._refusals = 0
        self._typed_s = now_s - TYPING_INTERVAL_S
        self._shown_s = now_s - STILL_INTERVAL_S

    @property
    def is_exhausted(self) -> bool:
        """Whether the socket went on asking long after it was refused."""
        return self._refusals > PATIENCE

    def spend(self, name: str, *, now_s: float) -> None:
        """Pay for one event, or raise `RateLimited`."""
        self._tokens = min(BURST, self._tokens + (now_s - self._refilled_s) * PER_SECOND)
        self._refilled_s = now_s
        cost = COSTS.get(name, 1.0)
        if self._tokens < cost:
            self._refusals += 1
            raise RateLimited
        self._tokens -= cost
        self._refusals = 0

    def may_relay_typing(self, *, now_s: float) -> bool:
        """Whether a typing notice may be told on now; once for each `TYPING_INTERVAL_S`."""
        if now_s - self._typed_s < TYPING_INTERVAL_S:
            return False
        self._typed_s = now_s
        return True

    def may_relay_still(self, *, now_s: float) -> bool:
        """Whether a still picture may be told on now; once for each `STILL_INTERVAL_S`."""
        if now_s - self._shown_s < STILL_INTERVAL_S:
            return False
        self._shown_s = now_s
        return True
