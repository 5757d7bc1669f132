"""Whether the process lives, and whether it should be sent people."""

import asyncio
from collections.abc import Callable
from typing import Final

from aiohttp import web

from server.lifecycle import Lifecycle, Phase
from server.services import Services

_CHECK_S: Final = 2.0


class Health:
    """Answers /healthz and /readyz; says no more than a word for each check, as anybody may ask."""

    def __init__(self, lifecycle: Lifecycle, services: Callable[[], Services]) -> None:
        self._lifecycle = lifecycle
        self._services = services

    def attach(self, app: web.Application) -> None:
        app.router.add_get("/healthz", self.alive)
        app.router.add_get("/readyz", self.ready)

    async def alive(self, _request: web.Request) -> web.Response:
        """Answer 200 as long as the event loop turns."""
        return web.json_response({"status": "alive"}, headers={"Cache-Control": "no-store"})

    async def ready(self, _request: web.Request) -> web.Response:
        """Answer 200 when people may be sent here, else 503; 500 as for any request when the database is away."""
        checks = await self.checks()
        return web.json_response(
            {"status": "ready" if all(checks.values()) else "not ready", "checks": checks},
            status=200 if all(checks.values()) else 503,
            headers={"Cache-Control": "no-store"},
        )

    async def checks(self) -> dict[str, bool]:
        """Return each thing that readiness needs. Raises what the database raises."""
        if self._lifecycle.phase is not Phase.READY:
            return {"accepting": False}
        services = self._services()
        async with asyncio.timeout(_CHECK_S), services.store.read() as work:
            await work.people.departments()
        return {"accepting": True, "database": True, "media": services.media.is_open}
