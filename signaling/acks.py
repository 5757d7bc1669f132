"""The one place where errors of the socket become answers."""

import logging
from collections import Counter
from collections.abc import Awaitable
from typing import Final

from kernel.errors import AppError
from signaling import strict_json
from signaling.protocol import Ok, refused

_log = logging.getLogger(__name__)

DONE: Final = strict_json.encode(Ok(ok=True))


async def acknowledgement(work: Awaitable[Ok | None], counts: Counter[str]) -> bytes:
    """Await one event's work and return the JSON of its acknowledgement. Never raises.

    What was refused is counted by code. What went wrong is logged, without what was sent, and told as `internal`.
    """
    try:
        result = await work
    except AppError as error:
        counts[f"refused_{error.code}"] += 1
        return strict_json.encode(refused(error))
    except Exception:  # noqa: BLE001 - the boundary: nothing internal reaches a client, and no socket stops answering
        counts["failed"] += 1
        _log.exception("an event could not be handled")
        return strict_json.encode(refused(AppError()))
    return DONE if result is None else strict_json.encode(result)
