"""The web application of one node: which paths it has and what surrounds them."""

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import web

from config.settings import Settings
from kernel.clock import Now, utc_now
from kernel.errors import NotFound, Overloaded
from server import middleware, openapi
from server.endpoint import Endpoint
from server.health import Health
from server.lifecycle import Lifecycle
from server.metrics import CONTENT_TYPE, Metrics
from server.pages import Pages
from server.routes import endpoints
from server.services import Services
from server.version import VERSION
from server.wiring import drain, open_services


class Node:
    """What one process is made of, from before its parts are open until after they are closed."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.lifecycle = Lifecycle()
        self.metrics = Metrics()
        self._services: Services | None = None

    @property
    def services(self) -> Services:
        """The open parts; Overloaded before they are open."""
        if self._services is None:
            raise Overloaded
        return self._services

    async def open(self, app: web.Application, now: Now) -> AsyncIterator[None]:
        """Open everything in order; closed in reverse when the generator goes on."""
        async with AsyncExitStack() as stack:
            self._services = await open_services(self.settings, stack, now=now, metrics=self.metrics, app=app)
            yield
            self._services = None

    async def drain(self) -> None:
        """Say goodbye, before connections are closed."""
        self.lifecycle.begin_draining()
        if self._services is not None:
            await drain(self._services)


NODE: Final = web.AppKey("node", Node)


def create_app(settings: Settings, *, now: Now = utc_now, authority: Path | None = None) -> web.Application:
    """Return the application; nothing is opened before it is started, everything is closed when it is cleaned up.

    `authority` is the certificate that devices of a trial are asked to trust; it is given to whoever asks.
    """
    node = Node(settings)
    trusted = [ipaddress.ip_network(proxy, strict=False) for proxy in settings.server.trusted_proxies]
    app = web.Application(
        middlewares=[
            middleware.measure(node.metrics),
            middleware.answer_errors,
            middleware.locate(trusted),
            middleware.recognise(lambda: node.services),
        ],
        handler_args={"max_line_size": 8190, "max_field_size": 8190},
    )
    app[NODE] = node
    app.on_response_prepare.append(middleware.add_safe_headers)
    app.cleanup_ctx.append(lambda app: node.open(app, now))
    app.on_shutdown.append(lambda _app: node.drain())
    declared = endpoints()
    for endpoint in declared:
        app.router.add_route(endpoint.method, endpoint.path, endpoint.answer)
    app.router.add_get("/api/openapi.json", _documentation(declared))
    app.router.add_route("*", "/api/{path:.*}", _nothing_here)
    app.router.add_get("/metrics", _exposition(node.metrics))
    if authority is not None:
        app.router.add_get("/trial-authority.crt", _download(authority, "application/x-x509-ca-cert"))
    Health(node.lifecycle, lambda: node.services).attach(app)
    Pages().attach(app)
    return app


def _documentation(declared: list[Endpoint]) -> middleware.Handler:
    body = b""

    async def documentation(_request: web.Request) -> web.StreamResponse:
        nonlocal body
        body = body or msgspec.json.encode(openapi.document(declared, version=VERSION))
        return web.Response(body=body, content_type="application/json", headers={"Cache-Control": "no-cache"})

    return documentation


def _exposition(metrics: Metrics) -> middleware.Handler:
    async def exposition(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=metrics.exposition(), headers={"Content-Type": CONTENT_TYPE})

    return exposition


def _download(file: Path, content_type: str) -> middleware.Handler:
    async def download(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=await asyncio.to_thread(file.read_bytes), content_type=content_type)

    return download


async def _nothing_here(_request: web.Request) -> web.StreamResponse:
    raise NotFound
