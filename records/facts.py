"""How a room's facts are written down: a kind and JSON. What was written once must stay readable."""

from typing import Final

import msgspec

from rooms.events import KINDS, Fact

_DECODERS: Final[dict[str, msgspec.json.Decoder[Fact]]] = {
    kind: msgspec.json.Decoder(fact) for fact, kind in KINDS.items()
}
_encode: Final = msgspec.json.Encoder().encode


def encoded(fact: Fact) -> bytes:
    """Return the fact as JSON, without its kind."""
    return _encode(fact)


def decoded(kind: str, payload: bytes) -> Fact:
    """Return the fact that `encoded` made; fields that a later version added take their defaults."""
    return _DECODERS[kind].decode(payload)
