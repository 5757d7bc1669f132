"""How a room's events look on the wire: `{seq, at, kind, …}` with the fact's own fields beside."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from rooms.events import KINDS, Body, MessagePosted, RoomEvent
from rooms.permissions import Seen, Withheld

WITHHELD: Final = "withheld"

_encode: Final = msgspec.json.Encoder().encode


def at_text(at: datetime) -> str:
    """Return an aware UTC time as RFC 3339 with milliseconds and `Z`."""
    return at.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def event_json(event: RoomEvent) -> bytes:
    """Return an event as JSON for those who may see it."""
    kind = KINDS[type(event.fact)]
    fields = _message_json(event.fact) if isinstance(event.fact, MessagePosted) else _encode(event.fact)
    return _head(event.seq, event.at, kind) + b"," + fields[1:]


def withheld_json(seq: int, at: datetime) -> bytes:
    """Return the place of an event as JSON for those who may not see it."""
    return _head(seq, at, WITHHELD) + b"}"


def seen_json(seen: Seen) -> bytes:
    """Return an event as one viewer gets it."""
    return withheld_json(seen.seq, seen.at) if isinstance(seen, Withheld) else event_json(seen)


def _head(seq: int, at: datetime, kind: str) -> bytes:
    return f'{{"seq":{seq},"at":"{at_text(at)}","kind":"{kind}"'.encode()


def _message_json(message: MessagePosted) -> bytes:
    return _encode(
        {
            "author": message.author,
            "client_message_id": message.client_message_id,
            "body": _body(message.body),
            "attachments": message.attachments,
        }
    )


def _body(body: Body) -> Mapping[str, str]:
    """Return the parts that this kind of protection has; the others are absent, not null."""
    parts = {"scheme": body.scheme, "text": body.text, "key_id": body.key_id, "ciphertext": body.ciphertext}
    return {name: part for name, part in parts.items() if part is not None}
