"""How an HTTP endpoint is declared: method, path, who may call it, what goes in, what comes out, what may go wrong.

A module of `server/routes/` makes one `Routes()` and decorates coroutines with it:

    routes = Routes()

    class HistoryQuery(Input):
        consultation: str | None = None

    @routes.endpoint(
        "GET", "/api/v1/patients/{patient}/history",
        summary="Read a patient's history", tag="patients", roles={Role.CLINICIAN, Role.PATIENT},
        query=HistoryQuery, response=HistoryPage, errors=[NotFound],
    )
    async def read_history(call: Call[HistoryQuery, None]) -> HistoryPage:
        return await call.services.chart.history(call.principal, call.patient)

The same declaration decodes the request, checks the role, encodes the answer and documents it in OpenAPI.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, Generic, TypeVar

import msgspec
from aiohttp import web

from identity.principal import Principal, Role
from kernel.errors import AppError, Invalid, NotFound, SignInRequired, TooLarge
from kernel.ids import ConsultationId, PatientId
from server.fields import is_plausible
from server.problems import unreadable
from server.services import Services

PRINCIPAL: Final = web.RequestKey("principal", Principal)
ORIGIN: Final = web.RequestKey("origin", str)
SERVICES: Final = web.RequestKey("services", Services)

_BODY_METHODS: Final = frozenset({"POST", "PUT", "PATCH"})
_DEFAULT_BODY_LIMIT_BYTES: Final = 64 * 1024
_CHUNK_BYTES: Final = 64 * 1024

Q_co = TypeVar("Q_co", covariant=True)
B_co = TypeVar("B_co", covariant=True)


class Input(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Base of everything that is decoded from a request.

    An unknown field is refused, never ignored; so is a day or an instant with which nothing can be calculated, and the
    one character (NUL) that no text has and not every database takes.
    """

    def __post_init__(self) -> None:
        for name, value in msgspec.structs.asdict(self).items():
            if isinstance(value, str) and "\0" in value:
                raise ValueError(f"`{name}` holds a character that no text has")
            if isinstance(value, date) and not is_plausible(value):
                raise ValueError(f"`{name}` lies too far from today")


class BodyTooSlow(AppError):
    """The body did not arrive in the documented time."""

    code = "body_too_slow"
    message = "The upload stalled. Please try again."
    status = 408


class UnsupportedMediaType(AppError):
    """A JSON endpoint got something that does not call itself JSON, or any endpoint a body in an encoding."""

    code = "unsupported_media_type"
    message = "The server expects JSON here."
    status = 415


@dataclass(frozen=True, slots=True)
class Call(Generic[Q_co, B_co]):
    """One request to one endpoint, decoded and allowed."""

    request: web.Request
    services: Services
    query: Q_co
    body: B_co

    @property
    def principal(self) -> Principal:
        """Who asks. Raises SignInRequired, so a public endpoint that needs somebody sometimes may just use it."""
        principal = self.visitor
        if principal is None:
            raise SignInRequired
        return principal

    @property
    def visitor(self) -> Principal | None:
        """Who asks, or None when no valid access token came with the request."""
        return self.request.get(PRINCIPAL)

    @property
    def path(self) -> Mapping[str, str]:
        """The variable parts of the path, as sent: unknown ids are for the repositories to refuse."""
        return self.request.match_info

    @property
    def consultation(self) -> ConsultationId:
        """The `{consultation}` of the path."""
        return ConsultationId(self.path["consultation"])

    @property
    def patient(self) -> PatientId:
        """The `{patient}` of the path."""
        return PatientId(self.path["patient"])

    @property
    def origin(self) -> str:
        """What the browser calls this server, for example "https://clinic.example"; trusted proxies are believed."""
        return self.request[ORIGIN]

    @property
    def base_url(self) -> str:
        """What links that people get begin with: `server.base_url`, else what the browser calls this server."""
        return self.services.settings.server.base_url or self.origin

    @property
    def is_secure(self) -> bool:
        """Whether the browser speaks TLS to us or to a trusted proxy: cookies are then `Secure`."""
        return self.origin.startswith("https:")

    def now(self) -> datetime:
        return self.services.now()

    async def chunks(self, *, limit_bytes: int) -> AsyncIterator[bytes]:
        """Yield the raw body as it arrives, at most 64 KiB at a time.

        Raises TooLarge as soon as more than `limit_bytes` came or are announced, BodyTooSlow when nothing arrives
        for `limits.body_wait_s`, Invalid when it breaks off or breaks the rules of HTTP.
        """
        async for chunk in _chunks(self.request, limit_bytes, self.services.settings.limits.body_wait_s):
            yield chunk


Handler = Callable[[Call[Any, Any]], Awaitable[object]]
H = TypeVar("H", bound=Callable[..., Awaitable[object]])


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One declared endpoint. `roles` None means public; `response` None means no JSON comes back."""

    method: str
    path: str
    summary: str
    tag: str
    roles: frozenset[Role] | None
    query: type[Input] | None
    body: type[Input] | None
    response: type | None
    errors: tuple[type[AppError], ...]
    status: int
    body_limit_bytes: int
    raw_body: bool
    response_type: str
    handler: Handler = field(repr=False)

    @property
    def name(self) -> str:
        """The operation's name in the documentation."""
        return str(getattr(self.handler, "__name__", "endpoint"))

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Decode, check, call and encode. Raises AppError: the middleware answers those."""
        services = request[SERVICES]
        self._allow(request.get(PRINCIPAL))
        if any("\0" in part for part in request.match_info.values()):
            raise NotFound  # no id has it
        query = None if self.query is None else _decode_query(request, self.query)
        body = None if self.body is None else await self._decode_body(request, services.settings.limits.body_wait_s)
        result = await self.handler(Call(request, services, query, body))
        if isinstance(result, web.StreamResponse):
            return result
        return json_response(result, status=self.status)

    def _allow(self, principal: Principal | None) -> None:
        if self.roles is None:
            return
        if principal is None:
            raise SignInRequired
        if principal.role not in self.roles:
            raise NotFound  # from outside, forbidden and absent look the same

    async def _decode_body(self, request: web.Request, wait_s: float) -> Input:
        assert self.body is not None
        if request.content_type != "application/json":
            raise UnsupportedMediaType
        try:
            async with asyncio.timeout(wait_s):  # the whole of it: drop by drop it could take days
                raw = b"".join([chunk async for chunk in _chunks(request, self.body_limit_bytes, wait_s)])
        except TimeoutError:
            raise BodyTooSlow from None
        try:
            return msgspec.json.decode(raw, type=self.body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise unreadable(error) from error


class Routes:
    """The endpoints of one module, in the order of declaration."""

    def __init__(self) -> None:
        self.endpoints: list[Endpoint] = []

    def endpoint(
        self,
        method: str,
        path: str,
        *,
        summary: str,
        tag: str,
        roles: Collection[Role] | None,
        query: type[Input] | None = None,
        body: type[Input] | None = None,
        response: type | None = None,
        errors: Collection[type[AppError]] = (),
        status: int = 200,
        body_limit_bytes: int = _DEFAULT_BODY_LIMIT_BYTES,
        raw_body: bool = False,
        response_type: str = "application/json",
    ) -> Callable[[H], H]:
        """Declare the decorated coroutine `async def name(call: Call[Query, Body]) -> Response` as an endpoint.

        `roles` is never left out: None says in so many words that anybody may call. A handler may return a response
        of aiohttp as it is (streams, cookies); `response` still documents what is in it. `raw_body` documents a body
        that the handler reads itself with `call.chunks`, `response_type` an answer that is not JSON.
        """
        if body is not None and method not in _BODY_METHODS:
            raise TypeError(f"{method} {path} can't have a body")

        def declare(handler: H) -> H:
            _check_annotation(handler, query, body)
            self.endpoints.append(
                Endpoint(
                    method=method,
                    path=path,
                    summary=summary,
                    tag=tag,
                    roles=None if roles is None else frozenset(roles),
                    query=query,
                    body=body,
                    response=response,
                    errors=tuple(errors),
                    status=status,
                    body_limit_bytes=body_limit_bytes,
                    raw_body=raw_body,
                    response_type=response_type,
                    handler=handler,
                )
            )
            return handler

        return declare


def json_response(value: object, *, status: int = 200) -> web.Response:
    """Return `value` (Struct, dataclass, dict, or None for no content) as JSON that no cache keeps."""
    headers = {"Cache-Control": "no-store"}
    if value is None:
        return web.Response(status=204 if status == 200 else status, headers=headers)
    return web.Response(
        status=status, body=msgspec.json.encode(value), content_type="application/json", headers=headers
    )


def _check_annotation(handler: Callable[..., object], query: type | None, body: type | None) -> None:
    annotation = getattr(handler, "__annotations__", {}).get("call")
    expected = (query or type(None), body or type(None))
    actual = tuple(getattr(annotation, "__args__", ()))
    if actual != expected and not isinstance(annotation, str):
        name = getattr(handler, "__name__", "?")
        raise TypeError(f"{name} is annotated with Call{list(actual)} but declared with {list(expected)}")


def _decode_query(request: web.Request, wanted: type[Input]) -> Input:
    given: dict[str, str] = {}
    for key, value in request.query.items():
        if key in given:
            raise Invalid(f"`{key}` is given twice")
        given[key] = value
    try:
        return msgspec.convert(given, wanted, strict=False)
    except msgspec.ValidationError as error:
        raise unreadable(error) from error


async def _chunks(request: web.Request, limit_bytes: int, wait_s: float) -> AsyncIterator[bytes]:
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMediaType("The body must come as it is, without `Content-Encoding`.")
    if (request.content_length or 0) > limit_bytes:
        raise TooLarge
    received = 0
    while True:
        try:
            async with asyncio.timeout(wait_s):
                chunk = await request.content.read(_CHUNK_BYTES)
        except TimeoutError:
            raise BodyTooSlow from None
        except web.RequestPayloadError:
            raise Invalid("The body broke off.") from None
        if not chunk:
            return
        received += len(chunk)
        if received > limit_bytes:
            raise TooLarge
        yield chunk
