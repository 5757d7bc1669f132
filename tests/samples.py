"""Well-formed values of declared messages, and odd ones to put into them."""

import base64
import json
from typing import Any, Final

from msgspec import inspect

FAR_TIMES: Final = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59Z", "0001-01-01")
"""Days and instants with which nobody can calculate in another time zone."""
ODD_JSON: Final = (
    *(b"null", b"true", b"-1", b"1e400", b"NaN", b"9223372036854775808", b"9" * 400, b"[[]]", b"{}", b"[" * 3000),
    *(b'""', b'"\\u0000"', b'"\\u202e\\n"', b'"\\ud800"', b'"\xff"', b'"' + b"a" * 9000 + b'"'),
    *(json.dumps(far).encode() for far in FAR_TIMES),
)
"""What may stand for a field in JSON, or only seems to."""

_WORDS: Final = {"language": "en", "code": "I10", "unit": "mmol/L", "id": "message-1", "sdp": "v=0"}


def sample(struct: type) -> dict[str, Any]:
    """Return a well-formed value as JSON would have it, every field of it."""
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    return {field.encode_name: _value(field.type, field.encode_name) for field in info.fields}


def _value(kind: inspect.Type, name: str) -> Any:  # noqa: C901, PLR0911, PLR0912 - one line a kind
    match kind:
        case inspect.UnionType(types):
            return _value(next(one for one in types if not isinstance(one, inspect.NoneType)), name)
        case inspect.StrType():
            return _WORDS.get(name, "words")
        case inspect.BytesType(min_length=least):
            return base64.b64encode(bytes(range(1, 1 + (least or 8)))).decode()
        case inspect.IntType(ge=lowest):
            return 20 if lowest is None else max(lowest, 20)
        case inspect.FloatType():
            return 7.5
        case inspect.StructType(cls):
            return sample(cls)
        case inspect.VarTupleType():
            return []
        case inspect.BoolType():
            return True
        case inspect.DateTimeType():
            return "2026-05-04T08:00:00Z"
        case inspect.DateType():
            return "2026-05-04"
        case inspect.LiteralType(values):
            return min(values)
        case inspect.EnumType(cls):
            return next(iter(cls)).value
        case _:
            raise AssertionError(f"teach this test to make a {kind}")
