"""Signing in, staying signed in, signing out, and opening a link."""

from typing import Annotated, Final

import msgspec
from aiohttp import web
from msgspec import Meta

from care.people import Member
from identity.principal import Principal, Role
from identity.service import InvitationClosed, Opened, Signed, SignInRefused
from kernel.errors import Invalid, SignInRequired
from kernel.ids import UserId
from server.endpoint import Call, Input, Routes, json_response
from server.services import Services

routes = Routes()

REFRESH_COOKIE: Final = "consilium_refresh"
_COOKIE_PATH: Final = "/api/v1/session"
_GUARD: Final = "X-Consilium"  # a header that no form and no foreign page can send without asking first


class Credentials(Input):
    login: Annotated[str, Meta(min_length=1, max_length=120)]
    password: Annotated[str, Meta(min_length=1, max_length=1024)]


class InvitationSecret(Input):
    secret: Annotated[str, Meta(min_length=1, max_length=128)]


class Me(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who the access token belongs to. `participant` is the person's id inside rooms."""

    subject: str
    participant: str
    role: Role
    name: str
    language: str
    patient: str | None = None
    title: str | None = None
    department: str | None = None
    consultation: str | None = None  # set when a link opened exactly this one


class SignedIn(msgspec.Struct, frozen=True):
    """The access token goes into `Authorization: Bearer`; the refresh token is in an HttpOnly cookie."""

    access_token: str
    expires_in: int
    me: Me


class LinkOpened(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: int
    me: Me
    consultation: str


@routes.endpoint(
    "POST",
    "/api/v1/session",
    summary="Sign in with a password",
    tag="session",
    roles=None,
    body=Credentials,
    response=SignedIn,
    errors=[SignInRefused],
)
async def sign_in(call: Call[None, Credentials]) -> web.Response:
    signed = await call.services.sign_in.sign_in(call.body.login, call.body.password)
    return await _signed_in(call, signed)


@routes.endpoint(
    "POST",
    "/api/v1/session/refresh",
    summary="Exchange the refresh cookie for a new access token",
    tag="session",
    roles=None,
    response=SignedIn,
    errors=[SignInRequired, Invalid],
)
async def refresh_session(call: Call[None, None]) -> web.Response:
    """The header `X-Consilium: 1` must be there: a foreign page can send the cookie, but not that."""
    _require_guard(call)
    token = call.request.cookies.get(REFRESH_COOKIE)
    if not token:
        raise SignInRequired
    return await _signed_in(call, await call.services.sign_in.refresh(token))


@routes.endpoint(
    "DELETE",
    "/api/v1/session",
    summary="Sign out",
    tag="session",
    roles=None,
    errors=[Invalid],
)
async def sign_out(call: Call[None, None]) -> web.Response:
    """Needs the header `X-Consilium: 1`, as refreshing does. Nobody signed in is no error."""
    _require_guard(call)
    token = call.request.cookies.get(REFRESH_COOKIE)
    if token:
        await call.services.sign_in.sign_out(token)
    if call.visitor is not None:
        call.services.gateway.end_sessions(call.visitor.session)
    response = json_response(None)
    response.del_cookie(REFRESH_COOKIE, path=_COOKIE_PATH, httponly=True, samesite="Strict", secure=call.is_secure)
    return response


@routes.endpoint(
    "POST",
    "/api/v1/session/invitation",
    summary="Open a consultation by its link",
    tag="session",
    roles=None,
    body=InvitationSecret,
    response=LinkOpened,
    errors=[InvitationClosed],
)
async def open_invitation(call: Call[None, InvitationSecret]) -> LinkOpened:
    opened: Opened = await call.services.sign_in.open_invitation(call.body.secret)
    return LinkOpened(opened.access, opened.expires_in, _me(opened.principal, None), opened.consultation)


@routes.endpoint("GET", "/api/v1/me", summary="Who I am", tag="session", roles=set(Role), response=Me)
async def read_me(call: Call[None, None]) -> Me:
    return _me(call.principal, await _member(call.services, call.principal))


def _require_guard(call: Call[None, None]) -> None:
    if call.request.headers.get(_GUARD) != "1":
        raise Invalid(f"The header {_GUARD} is missing.")


async def _signed_in(call: Call[object, object], signed: Signed) -> web.Response:
    me = _me(signed.principal, await _member(call.services, signed.principal))
    response = json_response(SignedIn(signed.access, signed.expires_in, me))
    response.set_cookie(
        REFRESH_COOKIE,
        signed.refresh,
        max_age=signed.refresh_expires_in,
        path=_COOKIE_PATH,
        httponly=True,
        samesite="Strict",
        secure=call.is_secure,
    )
    return response


async def _member(services: Services, principal: Principal) -> Member | None:
    """Return the account behind the principal; None for somebody who came by a link."""
    if principal.consultation is not None:
        return None
    async with services.store.read() as work:
        return await work.people.member(UserId(principal.subject))


def _me(principal: Principal, member: Member | None) -> Me:
    return Me(
        subject=principal.subject,
        participant=principal.participant,
        role=principal.role,
        name=principal.name,
        language=principal.language,
        patient=principal.patient,
        title=None if member is None or not member.title else member.title,
        department=None if member is None else member.department,
        consultation=principal.consultation,
    )
