"""The ids that every log line of a request or event carries; never patient data."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_context: ContextVar[dict[str, str]] = ContextVar("log_context")


def current() -> dict[str, str]:
    """Return a copy of the ids bound in this task."""
    return dict(_context.get({}))


@contextmanager
def bound(**ids: str) -> Iterator[None]:
    """Add `ids` to every log line written inside the block."""
    token = _context.set({**_context.get({}), **ids})
    try:
        yield
    finally:
        _context.reset(token)
