"""One server process from start to exit: when it is ready, how it says goodbye."""

import asyncio
import signal
import ssl
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Final

import structlog
from aiohttp import web

from config.settings import Settings
from server.connections import ConnectionLog

_log = structlog.get_logger("server.lifecycle")

_LAST_ANSWERS_S: Final = 3.0  # requests still running when everything else has been closed


class Phase(StrEnum):
    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"


class Lifecycle:
    """Which phase the node is in. It goes forward only."""

    def __init__(self) -> None:
        self._phase = Phase.STARTING

    @property
    def phase(self) -> Phase:
        return self._phase

    def become_ready(self) -> None:
        """Everything is open. Ignored when the node is stopping already."""
        if self._phase is Phase.STARTING:
            self._phase = Phase.READY

    def begin_draining(self) -> None:
        """Nobody new is let in from now on."""
        self._phase = Phase.DRAINING


def runner_of(app: web.Application, settings: Settings, *, count: Callable[[str], None]) -> web.AppRunner:
    """Return what speaks HTTP for `app`, within the settings' limits. `count` is told what `ConnectionLog` tells."""
    return web.AppRunner(
        app,
        access_log=None,  # its lines hold ids; `server.middleware` measures requests by route
        logger=ConnectionLog(count),
        auto_decompress=False,  # nobody needs it, and a small body could become a large one
        keepalive_timeout=settings.limits.header_wait_s,  # also ends connections that never finish their headers
        shutdown_timeout=_LAST_ANSWERS_S,
    )


async def run(
    app: web.Application,
    settings: Settings,
    *,
    lifecycle: Lifecycle,
    tls: ssl.SSLContext | None,
    started: Callable[[int], Awaitable[None]],
    count: Callable[[str], None],
) -> bool:
    """Serve `app` until SIGTERM or SIGINT, then drain; True when that was complete within `server.drain_s`.

    `started` is told the TCP port once connections are accepted. Raises OSError when the address can't be had.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    runner = runner_of(app, settings, count=count)
    try:
        await runner.setup()
        site = web.TCPSite(runner, settings.server.host, settings.server.port, ssl_context=tls, backlog=256)
        await site.start()
        lifecycle.become_ready()
        await started(runner.addresses[0][1])
        await stopping.wait()
        _log.info("draining")
    finally:
        lifecycle.begin_draining()
        is_complete = await _closed_within(runner, settings.server.drain_s)
    _log.info("stopped")
    return is_complete


async def _closed_within(runner: web.AppRunner, limit_s: float) -> bool:
    try:
        async with asyncio.timeout(limit_s):
            await runner.cleanup()
    except TimeoutError:
        _log.error("drain_incomplete", limit_s=limit_s)
        return False
    return True
