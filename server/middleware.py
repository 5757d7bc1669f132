"""What happens around every request: an id, who asks, safe headers, and the one place where errors become answers."""

import contextlib
import ipaddress
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from kernel import log_context
from kernel.clock import monotonic_s
from kernel.errors import AppError, Invalid, NotFound, SignInRequired, TooLarge
from server.endpoint import ORIGIN, PRINCIPAL, SERVICES
from server.metrics import Metrics
from server.problems import MethodNotAllowed, problem_response
from server.services import Services

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

REQUEST_ID: Final = web.RequestKey("request_id", str)
_BEGUN: Final = web.RequestKey("begun", bool)

_log = structlog.get_logger("server.http")

_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # a patient's link must not travel
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self), geolocation=(), usb=()",
}
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_API_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request an id and turn whatever goes wrong into problem+json. Nothing else in `server` does.

    Once an answer has begun there is only one way to say that it fails: the connection breaks, so that nobody takes the
    part for the whole.
    """
    request_id = "req_" + secrets.token_hex(8)
    request[REQUEST_ID] = request_id
    with log_context.bound(request=request_id):
        try:
            return await handler(request)
        except AppError as error:
            return _refusal(request, error)
        except web.HTTPException as error:
            if error.status < 400:
                raise
            return _refusal(request, _translated(error))
        except ConnectionResetError:
            raise  # the client has gone: nobody to answer
        except Exception:  # noqa: BLE001 - this is the boundary
            _log.exception("request_failed", method=request.method, route=route_of(request))
            return _refusal(request, AppError())


def _refusal(request: web.Request, error: AppError) -> web.StreamResponse:
    if not request.get(_BEGUN):
        return problem_response(error, request[REQUEST_ID])
    if request.transport is not None:
        request.transport.abort()
    raise ConnectionResetError


def recognise(services: Callable[[], Services]) -> Middleware:
    """Return the middleware that hands the open services to the request and finds out who asks.

    A missing or invalid token only means nobody: whether that is enough is for the endpoint to say.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[SERVICES] = services()
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token:
            with contextlib.suppress(SignInRequired):
                request[PRINCIPAL] = request[SERVICES].issuer.verify(token.strip())
        principal = request.get(PRINCIPAL)
        if principal is None:
            return await handler(request)
        with log_context.bound(session=principal.session):
            return await handler(request)

    return middleware


def measure(metrics: Metrics) -> Middleware:
    """Return the middleware that counts and times the answers of each route."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        began = monotonic_s()
        response = await handler(request)
        seconds, route = monotonic_s() - began, route_of(request)
        method = request.method if request.method in _METHODS else "other"  # anybody may invent one
        metrics.request_answered(method=method, route=route, status=response.status, seconds=seconds)
        _log.debug("request", method=request.method, route=route, status=response.status, ms=round(seconds * 1000, 1))
        return response

    return middleware


def locate(trusted: Sequence[Network]) -> Middleware:
    """Return the middleware that learns what the browser calls us. Only `trusted` proxies may say so for it."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        scheme, host = request.scheme, request.host
        if is_trusted(request.transport.get_extra_info("peername") if request.transport else None, trusted):
            scheme = _first(request.headers.get("X-Forwarded-Proto")) or scheme
            host = _first(request.headers.get("X-Forwarded-Host")) or host
        request[ORIGIN] = f"{'https' if scheme in {'https', 'wss'} else 'http'}://{host}"
        return await handler(request)

    return middleware


def is_trusted(peer: object, trusted: Sequence[Network]) -> bool:
    """Whether the socket's peer (as asyncio gives it) is one of the proxies that the settings name."""
    if not trusted or not isinstance(peer, tuple):
        return False
    address = ipaddress.ip_address(str(peer[0]).partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in trusted)


async def add_safe_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Signal handler of `on_response_prepare`: every answer, streams too, gets the same safe headers."""
    request[_BEGUN] = True
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Content-Security-Policy", _API_POLICY)
    response.headers["Server"] = "Consilium"  # and not which libraries of which version
    if request_id := request.get(REQUEST_ID):
        response.headers["X-Request-Id"] = request_id
    if request.get(ORIGIN, "").startswith("https:"):
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")


def route_of(request: web.Request) -> str:
    """Return the declared path of the request, without anybody's ids; for logs and metrics."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unknown"


def _first(header: str | None) -> str:
    return (header or "").partition(",")[0].strip()


def _translated(error: web.HTTPException) -> AppError:
    match error.status:
        case 404:
            return NotFound()
        case 405:
            return MethodNotAllowed()
        case 413:
            return TooLarge()
        case status if status < 500:
            return Invalid()
        case _:
            return AppError()
