"""What a client is told of an error, and what it never is."""

import json
from typing import Annotated

import msgspec
import pytest
from msgspec import Meta

from kernel.errors import AppError, Conflict, Invalid, Overloaded, SignInRequired
from server.endpoint import Input
from server.problems import problem_response, unreadable


class Order(Input):
    login: Annotated[str, Meta(max_length=5)]
    count: int = 1


def told(error: AppError) -> dict[str, object]:
    body = problem_response(error, "req_1").body
    assert isinstance(body, bytes)
    parsed = json.loads(body)
    assert isinstance(parsed, dict)
    return parsed


def refusal(raw: bytes) -> Invalid:
    try:
        msgspec.json.decode(raw, type=Order)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return unreadable(error)
    raise AssertionError(raw)


def test_a_problem_has_a_stable_code_and_the_requests_id() -> None:
    assert told(Conflict()) == {
        "type": "urn:consilium:problem:conflict",
        "title": Conflict.message,
        "status": 409,
        "code": "conflict",
        "request_id": "req_1",
    }


def test_a_detail_is_told_when_there_is_one() -> None:
    assert told(Invalid("`login` is missing"))["detail"] == "`login` is missing"


def test_no_cache_keeps_it() -> None:
    assert problem_response(Conflict(), "req_1").headers["Cache-Control"] == "no-store"


def test_who_should_try_later_is_told_when() -> None:
    assert problem_response(Overloaded(), "req_1").headers["Retry-After"] == "5"


def test_who_should_sign_in_is_told_how() -> None:
    assert problem_response(SignInRequired(), "req_1").headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("raw", "detail"),
    [
        (b'{"login": 1}', "`login`"),
        (b'{"count": 1}', "`login`"),
        (b'{"login": "muchtoolong"}', "`login`"),
        (b'{"login": "a", "surprise": 1}', "`surprise`"),
        (b'{"login": "a", "count": "1"}', "`count`"),
        (b'["login"]', "Expected `object`"),
        (b'{"login": NaN}', "not valid JSON"),
        (b'{"login": "\\ud800"}', "not valid JSON"),
        (b'{"login": "\xff"}', "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"", "not valid JSON"),
    ],
)
def test_the_field_that_was_wrong_is_named(raw: bytes, detail: str) -> None:
    assert detail in (refusal(raw).detail or "")


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(RecursionError) as deep:
        msgspec.json.decode(b"[" * 100_000)
    assert unreadable(deep.value).detail == "The body is nested too deeply."
