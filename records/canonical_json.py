"""JSON in the one form that is hashed and signed: RFC 8785, restricted to whole numbers.

Keys in order, no spaces, strings in UTF-8 with the fewest escapes. There are no fractions: a measured one is written as
a string, so that no two programs can disagree about its digits.
"""

import json
from datetime import UTC, datetime

_EXACT = 2**53  # the numbers that every reader of JSON tells apart


def canonical(value: object) -> bytes:
    """Return `value` (dicts with ASCII keys, lists, strings, ints, bools, None) in canonical form.

    ValueError for anything else: two forms of one thing would have two hashes.
    """
    _check(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def from_canonical(text: bytes) -> object:
    """Return what `text` says. ValueError unless it is the canonical form of that, byte for byte."""
    try:
        value = json.loads(text)
        is_canonical = canonical(value) == text
    except (UnicodeError, RecursionError) as error:
        raise ValueError("not JSON") from error
    if not is_canonical:
        raise ValueError("not canonical")
    return value


def instant(at: datetime) -> str:
    """Return a moment in the one form in which it is signed: UTC, to the microsecond."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _check(value: object) -> None:
    match value:
        case dict():
            for key, inner in value.items():
                if not isinstance(key, str) or not key.isascii():
                    raise ValueError("keys are ASCII")
                _check(inner)
        case list():
            for inner in value:
                _check(inner)
        case bool() | str() | None:
            pass
        case int() if -_EXACT < value < _EXACT:
            pass
        case _:
            raise ValueError(f"not for canonical JSON: {type(value).__name__}")
