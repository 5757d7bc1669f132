"""The right to watch one recording for half an hour, in a cookie, so that a player can ask for parts of it."""

from typing import Final

from aiohttp import web

from identity.principal import Principal
from identity.tokens import VIEWING_LIFETIME
from server.endpoint import Call

COOKIE: Final = "consilium_viewing"


def viewer(call: Call[object, object]) -> Principal:
    """Return who asks for something of the archived visit: by access token, else by a viewing cookie for exactly it.

    Raises `SignInRequired` when there is neither. What they may do is for the archive to say.
    """
    if call.visitor is not None:
        return call.visitor
    return call.services.issuer.verify_viewing(call.request.cookies.get(COOKIE, ""), call.consultation)


def grant_viewing(call: Call[object, object], response: web.Response) -> None:
    """Add the cookie to `response`: unreadable for scripts, sent back for this visit's archive only."""
    response.set_cookie(
        COOKIE,
        call.services.issuer.viewing(call.principal, call.consultation),
        max_age=int(VIEWING_LIFETIME.total_seconds()),
        path=f"/api/v1/archive/{call.consultation}/",
        httponly=True,
        secure=call.is_secure,
        samesite="Strict",
    )
