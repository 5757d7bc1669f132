"""What goes wrong below the endpoints: requests that are none, and people who are gone before the answer."""

import logging
from collections.abc import Callable, MutableMapping
from typing import Any, Final

from aiohttp import web
from aiohttp.client_exceptions import ClientError
from aiohttp.http_exceptions import HttpProcessingError

_MALFORMED: Final = (HttpProcessingError, web.RequestPayloadError)
_GONE: Final = (ConnectionError, ClientError)


class ConnectionLog(logging.LoggerAdapter[logging.Logger]):
    """The logger that aiohttp gets. Anybody can make it write: it counts what strangers do and logs only our defects.

    `count` is told the kind: "malformed", "gone" or "failed". No line holds an address or what was sent.
    """

    def __init__(self, count: Callable[[str], None]) -> None:
        super().__init__(logging.getLogger("server.connections"))
        self._count = count

    def process(self, msg: object, kwargs: MutableMapping[str, Any]) -> tuple[object, MutableMapping[str, Any]]:
        return msg, kwargs

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:  # noqa: ARG002 - not to be believed
        """Take one of aiohttp's lines; only where an unexpected error is told there is one of ours."""
        error = kwargs.get("exc_info")
        if isinstance(error, _MALFORMED):
            self._count("malformed")
        elif isinstance(error, _GONE):
            self._count("gone")
        elif level >= logging.WARNING:
            self._count("failed")
            super().log(level, "connection_failed", exc_info=error if isinstance(error, BaseException) else None)
