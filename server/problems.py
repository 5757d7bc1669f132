"""Errors as `application/problem+json` (RFC 9457): a stable code, a safe sentence, and nothing internal."""

from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import web

from kernel.errors import AppError, Invalid

PROBLEM_JSON: Final = "application/problem+json"
DETAIL_LIMIT: Final = 300  # a field that is unknown may have a name of any length


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What every refused request is answered with. `code` is stable: programs and translations go by it."""

    type: str  # urn:consilium:problem:<code>
    title: str  # one English sentence that is safe to show
    status: int
    code: str
    request_id: str
    detail: str | None = None  # which field was wrong; never somebody's data


class MethodNotAllowed(AppError):
    """The path exists, but not with this method."""

    code = "method_not_allowed"
    message = "This address does not understand that request."
    status = 405


def problem_of(error: AppError, request_id: str) -> Problem:
    """Return what the client is told about `error`."""
    return Problem(
        type=f"urn:consilium:problem:{error.code}",
        title=error.message,
        status=error.status,
        code=error.code,
        request_id=request_id,
        detail=error.detail,
    )


def problem_response(error: AppError, request_id: str) -> web.Response:
    """Return `error` as a response that no cache keeps."""
    headers = {"Cache-Control": "no-store"}
    if error.status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}:
        headers["Retry-After"] = "5"
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return web.Response(
        status=error.status,
        body=msgspec.json.encode(problem_of(error, request_id)),
        content_type=PROBLEM_JSON,
        headers=headers,
    )


def unreadable(error: Exception) -> Invalid:
    """Return what to tell the sender of input that msgspec refused: which field, by its path, and why."""
    match error:
        case msgspec.ValidationError():
            told = str(error).replace("`$.", "`").replace("`$[...]`", "the top level")
            return Invalid(told[:DETAIL_LIMIT])
        case msgspec.DecodeError() | UnicodeDecodeError():
            return Invalid("The body is not valid JSON.")
        case RecursionError():
            return Invalid("The body is nested too deeply.")
        case _:
            raise TypeError from error
