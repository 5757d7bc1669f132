"""Structured logs on stderr: each line carries the ids of its request or event, and no secret and no patient data."""

import logging
import re
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from typing import Any, Final, TextIO

import structlog

from config.settings import Log
from kernel import log_context
from kernel.clock import Now, utc_now

_HIDDEN: Final = "[hidden]"
_SECRET_KEYS: Final = re.compile(
    r"password|passwd|secret|token|authorization|cookie|credential|private|api_?key"  # what opens doors
    r"|^(text|body|sdp|ciphertext|name|phone|login|reason|subjective|objective|assessment|plan)$",  # what people said
    re.IGNORECASE,
)
_SECRET_VALUES: Final = re.compile(
    r"eyJ[\w-]+\.[\w-]+\.[\w-]+"  # a JWT
    r"|(?i:bearer)\s+\S+"
    r"|/join#\S+"  # a patient's link
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)",  # user:password@ of a database's URL
)
_FRAMES: Final = 12
_CHATTY: Final = ("asyncio", "aiohttp", "alembic", "sqlalchemy", "socketio", "engineio", "aiortc", "libav")


def configure(log: Log, *, stream: TextIO | None = None, now: Now = utc_now) -> None:
    """Send structlog's and the standard library's records to `stream` (stderr) in the wanted format; idempotent."""
    words_of_errors = log.level == "debug"

    def add_time(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["at"] = now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return event

    def describe_error(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        given = event.pop("exc_info", None)
        error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
        if isinstance(error, BaseException):
            event["error"] = _describe(error, with_words=words_of_errors)
        return event

    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        add_time,
        _add_ids,
        describe_error,
        _redact,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer(sort_keys=False)
        if log.format == "json"
        else structlog.dev.ConsoleRenderer(colors=(stream or sys.stderr).isatty(), timestamp_key="at")
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(log.level.upper())
    for chatty in _CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _add_ids(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in log_context.current().items():
        event.setdefault(key, value)
    return event


def _redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key in list(event):
        event[key] = _without_secrets(key, event[key])
    return event


def _without_secrets(key: str, value: object) -> object:
    if _SECRET_KEYS.search(key):
        return _HIDDEN
    match value:
        case str():
            return _SECRET_VALUES.sub(_HIDDEN, value)
        case bytes() | bytearray() | memoryview():
            return _HIDDEN
        case Mapping():
            return {inner: _without_secrets(str(inner), content) for inner, content in value.items()}
        case list() | tuple():
            return [_without_secrets("", item) for item in value]
        case _:
            return value


def _describe(error: BaseException, *, with_words: bool) -> dict[str, object]:
    """Return the error's type and place. Its words may quote a patient's data and are left out but for debugging."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    told: dict[str, object] = {
        "type": f"{type(error).__module__}.{type(error).__qualname__}",
        "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
    if with_words:
        told["words"] = str(error)
    if error.__cause__ is not None:
        told["cause"] = _describe(error.__cause__, with_words=with_words)
    return told
