"""Whatever happens, the sender gets an answer, and nothing internal is in it."""

import json
import logging
from collections import Counter

from kernel.errors import AppError
from rooms.errors import NotAdmitted
from signaling.acks import acknowledgement
from signaling.protocol import Ok, Posted


async def outcome(result: Ok | Exception | None) -> Ok | None:
    if isinstance(result, Exception):
        raise result
    return result


async def answer(result: Ok | Exception | None, counts: Counter[str] | None = None) -> object:
    return json.loads(await acknowledgement(outcome(result), counts if counts is not None else Counter()))


async def test_what_is_done_is_acknowledged_with_what_it_gave():
    assert await answer(None) == {"ok": True}
    assert await answer(Posted(ok=True, seq=7)) == {"ok": True, "seq": 7}


async def test_what_is_refused_is_told_by_its_code_and_counted():
    counts: Counter[str] = Counter()
    assert await answer(NotAdmitted(), counts) == {
        "ok": False,
        "error": {"code": NotAdmitted.code, "message": NotAdmitted.message},
    }
    assert counts == {"refused_room.not_admitted": 1}


async def test_what_goes_wrong_inside_is_told_as_internal_and_nothing_of_it(caplog):
    counts: Counter[str] = Counter()
    with caplog.at_level(logging.CRITICAL):
        told = await answer(OSError("/var/lib/secret"), counts)
    assert told == {"ok": False, "error": {"code": AppError.code, "message": AppError.message}}
    assert counts == {"failed": 1}
