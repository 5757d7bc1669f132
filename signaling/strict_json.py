"""JSON as the socket speaks it: strict in both directions.

Reading refuses NaN, infinities, invalid UTF-8, lone surrogates and deep nesting; writing never produces them. The
module offers `dumps` and `loads` in the shape that python-socketio expects of a JSON module.
"""

from typing import Final

import msgspec

from kernel.errors import Invalid

DEPTH_LIMIT: Final = 16
EVENT_NAME_LIMIT: Final = 64

_any: Final = msgspec.json.Decoder()
_named: Final = msgspec.json.Decoder(tuple[str, msgspec.Raw])
_bare: Final = msgspec.json.Decoder(tuple[str])
_encoder: Final = msgspec.json.Encoder()

encode: Final = _encoder.encode
"""Write a value as JSON bytes. Raises `TypeError` or `UnicodeEncodeError` for what has no strict JSON."""


def dumps(value: object, **_options: object) -> str:
    """Write a value as compact JSON text."""
    return _encoder.encode(value).decode()


def loads(text: str | bytes, **_options: object) -> object:
    """Read JSON text; `ValueError` when it is not strict JSON or nests deeper than `DEPTH_LIMIT`."""
    try:
        value = _any.decode(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error
    _check_depth(value, DEPTH_LIMIT)
    return value


def split_event(payload: bytes) -> tuple[str, bytes]:
    """Return an event's name and its one argument, still as JSON; an absent argument is an empty object.

    `kernel.errors.Invalid` when the payload is anything but `["name"]` or `["name", argument]`.
    """
    try:
        try:
            name, argument = _named.decode(payload)
        except msgspec.ValidationError:
            (name,) = _bare.decode(payload)
            return name[:EVENT_NAME_LIMIT], b"{}"
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid("An event is a JSON array of its name and one object.") from error
    return name[:EVENT_NAME_LIMIT], bytes(argument)


def _check_depth(value: object, remaining: int) -> None:
    if isinstance(value, dict):
        children: list[object] = list(value.values())
    elif isinstance(value, list):
        children = value
    else:
        return
    if remaining == 0:
        raise ValueError("nested too deeply")
    for child in children:
        _check_depth(child, remaining - 1)
