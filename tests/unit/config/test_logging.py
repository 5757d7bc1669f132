"""What a log line carries, and what it must never carry."""

import io
import json
import logging as stdlib_logging
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import structlog

from config import logging
from config.settings import Log
from kernel import log_context

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = stdlib_logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logging.configure(Log(format="json"), stream=stream, now=lambda: NOON)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def only_line(stream: io.StringIO) -> dict[str, object]:
    (line,) = stream.getvalue().splitlines()
    parsed = json.loads(line)
    assert isinstance(parsed, dict)
    return parsed


def fail() -> None:
    raise ValueError("Li Wei") from KeyError("cough")


def test_a_line_carries_the_ids_of_its_task(lines: io.StringIO) -> None:
    with log_context.bound(request="req_1", room="con_1"):
        structlog.get_logger("rooms").info("visit_finished", participants=2)
    assert only_line(lines) == {
        "event": "visit_finished",
        "participants": 2,
        "level": "info",
        "logger": "rooms",
        "at": "2026-03-01T12:00:00.000Z",
        "request": "req_1",
        "room": "con_1",
    }


@pytest.mark.parametrize(
    "key", ["password", "access_token", "Authorization", "cookie", "client_secret", "text", "name", "sdp"]
)
def test_what_opens_doors_or_was_said_is_hidden_by_its_key(lines: io.StringIO, key: str) -> None:
    structlog.get_logger("x").warning("event", **{key: "Li Wei has a cough"}, nested={key: ["Li Wei has a cough"]})
    assert "Li Wei" not in lines.getvalue()
    assert "[hidden]" in lines.getvalue()


@pytest.mark.parametrize(
    "value",
    [
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl",
        "Authorization: Bearer abcdef",
        "http://127.0.0.1:8080/join#Zm9vYmFy",
        "postgresql://consilium:hunter2@db/consilium",
    ],
)
def test_secrets_are_hidden_by_their_shape_wherever_they_stand(lines: io.StringIO, value: str) -> None:
    structlog.get_logger("x").info(f"before {value} after", deep=[{"url": value}])
    stdlib_logging.getLogger("some.package").error("it said %s", value)
    for secret in ("c2lnbmF0dXJl", "abcdef", "Zm9vYmFy", "hunter2"):
        assert secret not in lines.getvalue()


def test_bytes_are_never_written(lines: io.StringIO) -> None:
    structlog.get_logger("x").info("packet", payload=b"\x80secret")
    assert "secret" not in lines.getvalue()


def test_an_error_is_told_by_type_and_place_without_its_words(lines: io.StringIO) -> None:
    try:
        fail()
    except ValueError:
        structlog.get_logger("x").exception("failed")
    line = only_line(lines)
    assert "Li Wei" not in lines.getvalue()
    assert "cough" not in lines.getvalue()
    assert isinstance(line["error"], dict)
    assert line["error"]["type"] == "builtins.ValueError"
    assert line["error"]["cause"]["type"] == "builtins.KeyError"
    assert "test_logging.py" in line["error"]["at"][0]


def test_an_error_in_a_library_is_told_the_same_way(lines: io.StringIO) -> None:
    try:
        fail()
    except ValueError:
        stdlib_logging.getLogger("aiohttp.server").exception("Error handling request")
    assert "Li Wei" not in lines.getvalue()
    assert "builtins.ValueError" in lines.getvalue()


def test_levels_below_the_set_one_are_not_written(lines: io.StringIO) -> None:
    structlog.get_logger("x").debug("noise")
    assert lines.getvalue() == ""


def test_the_console_format_hides_the_same() -> None:
    stream = io.StringIO()
    root = stdlib_logging.getLogger()
    handlers = root.handlers[:]
    try:
        logging.configure(Log(format="console"), stream=stream)
        structlog.get_logger("x").info("event", password="hunter2")
    finally:
        root.handlers[:] = handlers
        structlog.reset_defaults()
    assert "hunter2" not in stream.getvalue()
