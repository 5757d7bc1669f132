"""Runs what a command of the command line does, and tells why it could not."""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any

from server.refusal import Refused


def on_loop(work: Coroutine[Any, Any, int]) -> int:
    """Do `work` on an event loop of its own and return its exit code; 1, with the reason told, when it is refused."""
    import uvloop  # noqa: PLC0415 - `--help` must not wait for it

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(work)
    except Refused as refused:
        return complain(str(refused), code=1)


def complain(words: str, *, code: int) -> int:
    """Say on standard error what is wrong; returns `code`."""
    sys.stderr.write(f"consilium: {words}\n")
    return code
