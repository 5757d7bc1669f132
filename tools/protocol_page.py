"""Writes docs/PROTOCOL.md from signaling/protocol.py and the golden files, so that the page cannot tell stories.

`python -m tools.protocol_page` (or `make protocol`); a test fails when the page is stale.
"""

import inspect
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any, Final, get_args

import msgspec

from kernel.errors import AppError
from rooms import events
from rooms.events import KINDS, Fact
from signaling import protocol, transport
from signaling.budget import BURST, PER_SECOND

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs" / "PROTOCOL.md"
GOLDEN: Final = ROOT / "tests" / "golden" / "events"

INTRODUCTION: Final = ROOT / "tools" / "protocol_introduction.md"


def page() -> str:
    """Return the whole page."""
    parts = [_introduction(), "## From the browser\n", _common_errors()]
    parts += [_client_event(event) for event in protocol.CLIENT_EVENTS]
    parts.append("## From the server\n")
    parts += [_server_event(event) for event in protocol.SERVER_EVENTS]
    parts.append("### lobby_changed\n\nA watched consultation changed: its [`LobbyEntry`](#lobbyentry).\n")
    parts.append("## Room events\n\nTold as `room_event`: `seq`, `at` (RFC 3339, UTC), `kind`, and the fields below.\n")
    parts += [_fact(fact) for fact in get_args(Fact)]
    parts.append(_example("withheld", "room"))
    parts.append("## What acknowledgements and events contain\n")
    parts += [_section(card.__name__, card) for card in _cards()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts)).rstrip() + "\n"


def _introduction() -> str:
    limits = {
        "sign_in_s": f"{transport.SIGN_IN_LIMIT_S:.0f}",
        "frame_kib": transport.FRAME_LIMIT_BYTES // 2**10,
        "per_second": f"{PER_SECOND:.0f}",
        "burst": f"{BURST:.0f}",
        "outbound_mib": transport.OUTBOUND_LIMIT_BYTES // 2**20,
    }
    return Template(INTRODUCTION.read_text(encoding="utf-8")).substitute(limits)


def _common_errors() -> str:
    return "Any event may be refused with " + _codes(protocol.COMMON_ERRORS) + ".\n"


def _client_event(event: type[protocol.ClientEvent]) -> str:
    name = protocol.event_name(event)
    errors = f" Refusals: {_codes(event.errors)}." if event.errors else ""
    acknowledged = f"Acknowledged with [`{event.ack.__name__}`](#{event.ack.__name__.lower()}).{errors}\n"
    example = _example(name, "client")
    return _section(name, event) + acknowledged + (f"\n{example}" if example else "")


def _server_event(event: type[protocol.ServerEvent]) -> str:
    name = protocol.event_name(event)
    return _section(name, event) + _example(name, "server")


def _fact(fact: type) -> str:
    return _section(KINDS[fact], fact) + _example(KINDS[fact], "room")


def _section(name: str, kind: type) -> str:
    said = inspect.cleandoc(kind.__doc__ or "")
    promise = (
        "" if said.startswith(kind.__name__ + "(") else said + "\n\n"
    )  # a dataclass without words shows its fields
    rows = [f"| `{field}` | {text} | {needed} |" for field, text, needed in _fields(kind)]
    table = "\n".join(["| field | is | |", "|---|---|---|", *rows]) + "\n\n" if rows else ""
    return f"### {name}\n\n{promise}{table}"


def _fields(kind: type) -> Iterator[tuple[str, str, str]]:
    schema = msgspec.json.schema(kind)
    definitions: Mapping[str, Any] = schema["$defs"]
    own = definitions[kind.__name__]
    for name, field in own["properties"].items():
        needed = "" if name in own["required"] else "optional"
        yield name, _text(field, definitions), needed


def _text(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:  # noqa: PLR0911 - one line a kind
    """Return a JSON Schema in words: the type and its bounds."""
    if "$ref" in field:
        return _reference(field["$ref"].rpartition("/")[2], definitions)
    if "anyOf" in field:
        return " or ".join(_text(each, definitions) for each in field["anyOf"])
    if "enum" in field:
        return " \\| ".join(f"`{json.dumps(value)}`" for value in field["enum"])
    if "const" in field:
        return f"`{json.dumps(field['const'])}`"
    match field.get("type"):
        case "array":
            items = field.get("items") or (field.get("prefixItems") or [{}])[0]
            return f"list of {_text(items, definitions)}" + _bounds(field, "Items", "at most {} items")
        case "object":
            values = field.get("additionalProperties")
            return f"object of {_text(values, definitions)}" if isinstance(values, dict) else "object"
        case "string":
            return "string" + _bounds(field, "Length", "{} characters")
        case "integer" | "number" as number:
            return f"{number}{_range(field)}"
        case None:
            return "event"
        case other:
            return str(other)


def _reference(name: str, definitions: Mapping[str, Any]) -> str:
    target = definitions[name]
    if "enum" in target:
        return _text(target, definitions)
    return f"[`{name}`](#{name.lower()})"


def _bounds(field: Mapping[str, Any], what: str, words: str) -> str:
    low, high = field.get(f"min{what}"), field.get(f"max{what}")
    if high is None:
        return ""
    return ", " + words.format(f"{low} to {high}" if low and "at most" not in words else high)


def _range(field: Mapping[str, Any]) -> str:
    low, high = field.get("minimum"), field.get("maximum")
    if low is None and high is None:
        return ""
    if high is None or high == protocol.SEQ_LIMIT:
        return f" from {low}"
    return f" from {low} to {high}"


def _example(name: str, folder: str) -> str:
    shown = json.loads((GOLDEN / folder / f"{name}.json").read_text(encoding="utf-8"))
    return f"```json\n{json.dumps(shown, ensure_ascii=False)}\n```\n" if shown else ""


def _codes(errors: Sequence[type[AppError]]) -> str:
    return ", ".join(f"`{error.code}`" for error in errors)


def _cards() -> list[type]:
    """Return the structures that fields above refer to, acknowledgements first, each once."""
    acknowledgements = dict.fromkeys(event.ack for event in protocol.CLIENT_EVENTS)
    seen: dict[str, type] = {ack.__name__: ack for ack in acknowledgements}
    roots: list[type] = [*protocol.CLIENT_EVENTS, *protocol.SERVER_EVENTS, *get_args(Fact)]
    shown = {root.__name__ for root in roots}
    known = {**vars(events), **vars(protocol)}
    _, components = msgspec.json.schema_components([*roots, *acknowledgements], ref_template="{name}")
    for name, component in components.items():
        if component.get("type") == "object" and name not in shown:
            seen.setdefault(name, known[name])
    return list(seen.values())


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
