"""How a room's facts are written down: a kind and JSON. What was written once must stay readable."""

import re
from typing import Final, get_args

import msgspec

from rooms.events import Fact

_WORD_START: Final = re.compile(r"(?<!^)(?=[A-Z])")


def _kind(fact_type: type) -> str:
    return _WORD_START.sub("_", fact_type.__name__).lower()


_KINDS: Final[dict[type, str]] = {fact_type: _kind(fact_type) for fact_type in get_args(Fact)}
_DECODERS: Final[dict[str, msgspec.json.Decoder[Fact]]] = {
    kind: msgspec.json.Decoder(fact_type) for fact_type, kind in _KINDS.items()
}
_encode: Final = msgspec.json.Encoder().encode


def kind_of(fact: Fact) -> str:
    """Return the fact's kind: its class in snake_case, for example `message_posted`."""
    return _KINDS[type(fact)]


def encoded(fact: Fact) -> bytes:
    """Return the fact as JSON, without its kind."""
    return _encode(fact)


def decoded(kind: str, payload: bytes) -> Fact:
    """Return the fact that `encoded` made; fields that a later version added take their defaults."""
    return _DECODERS[kind].decode(payload)
