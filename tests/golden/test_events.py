"""Every event on the wire is as its golden file shows it; each malformed one is refused in its file's words."""

import json
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from kernel.errors import Invalid
from rooms.events import KINDS, Fact, RoomEvent
from signaling import protocol
from signaling.wire import WITHHELD, at_text, event_json, withheld_json
from tests.builders import NOON

EVENTS = Path(__file__).parent / "events"
FACTS = {kind: fact for fact, kind in KINDS.items()}


def golden(folder: str) -> list[Any]:
    return [pytest.param(json.loads(file.read_text()), id=file.stem) for file in sorted((EVENTS / folder).iterdir())]


def names(folder: str) -> set[str]:
    return {file.stem for file in (EVENTS / folder).iterdir()}


def test_every_event_has_a_golden_file():
    assert names("client") == {protocol.event_name(event) for event in protocol.CLIENT_EVENTS}
    assert names("server") == {protocol.event_name(event) for event in protocol.SERVER_EVENTS}
    assert names("room") == {*(KINDS[fact] for fact in get_args(Fact)), WITHHELD}


@pytest.mark.parametrize("name", sorted(names("client")))
def test_a_client_event_is_read_as_it_was_written(name):
    sent = json.loads((EVENTS / "client" / f"{name}.json").read_text())
    read = protocol.decode(name, json.dumps(sent).encode())
    assert json.loads(msgspec.json.encode(read)) == sent


@pytest.mark.parametrize("name", sorted(names("client")))
def test_a_client_event_with_one_field_more_is_refused(name):
    sent = json.loads((EVENTS / "client" / f"{name}.json").read_text())
    with pytest.raises(Invalid):
        protocol.decode(name, json.dumps({**sent, "more": 1}).encode())


@pytest.mark.parametrize("case", golden("malformed"))
def test_a_malformed_event_is_refused_and_its_fault_is_named(case):
    with pytest.raises(Invalid) as refusal:
        protocol.decode(case["event"], case["argument"].encode())
    assert case["detail"] in (refusal.value.detail or "")


@pytest.mark.parametrize("event", protocol.SERVER_EVENTS, ids=protocol.event_name)
def test_a_server_event_is_written_as_its_file_shows(event):
    shown = json.loads((EVENTS / "server" / f"{protocol.event_name(event)}.json").read_text())
    assert json.loads(msgspec.json.encode(msgspec.convert(shown, event))) == shown


@pytest.mark.parametrize("shown", golden("room"))
def test_a_room_event_is_written_as_its_file_shows(shown):
    fields = {name: value for name, value in shown.items() if name not in ("seq", "at", "kind")}
    if shown["kind"] == WITHHELD:
        written = withheld_json(shown["seq"], NOON)
    else:
        written = event_json(RoomEvent(shown["seq"], NOON, msgspec.convert(fields, FACTS[shown["kind"]])))
    assert json.loads(written) == {**shown, "at": at_text(NOON)}
