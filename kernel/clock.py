"""The only place that asks the machine what time it is."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

Now = Callable[[], datetime]
"""Returns the present as an aware UTC datetime. Everything that needs the time is handed one."""


def utc_now() -> datetime:
    """Return the wall clock as an aware UTC datetime."""
    return datetime.now(UTC)  # noqa: TID251 - this is the place


def monotonic_s() -> float:
    """Return seconds on a clock that never goes back, for measuring how long something took."""
    return time.monotonic()


def monotonic_ns() -> int:
    """Return nanoseconds on the same kind of clock, for the arrival of packets."""
    return time.monotonic_ns()
