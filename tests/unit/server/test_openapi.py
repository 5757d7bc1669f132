"""The documentation is complete, because it is made from what answers."""

import json
import re

import msgspec
import pytest

from identity.principal import Role
from kernel.errors import AppError
from server import openapi
from server.endpoint import Call, Input, Routes
from server.routes import endpoints
from server.version import VERSION

DOCUMENT = openapi.document(endpoints(), version=VERSION)


def every_error() -> list[type[AppError]]:
    found: list[type[AppError]] = [AppError]
    for kind in found:
        found += kind.__subclasses__()
    return [kind for kind in dict.fromkeys(found) if not kind.__module__.startswith(("test_", "tests."))]


def test_it_is_plain_json() -> None:
    assert json.loads(msgspec.json.encode(DOCUMENT)) == DOCUMENT


def test_every_endpoint_is_documented_with_a_sentence() -> None:
    for endpoint in endpoints():
        operation = DOCUMENT["paths"][endpoint.path][endpoint.method.lower()]
        assert operation["summary"] == endpoint.summary
        assert len(endpoint.summary) > 5
        assert operation["operationId"] == endpoint.name


def test_operation_names_are_unique() -> None:
    names = [endpoint.name for endpoint in endpoints()]
    assert len(names) == len(set(names))


def test_no_two_endpoints_answer_the_same_request() -> None:
    shapes = [(endpoint.method, re.sub(r"\{\w+\}", "{}", endpoint.path)) for endpoint in endpoints()]
    assert len(shapes) == len(set(shapes))


def test_every_path_is_below_the_versioned_prefix() -> None:
    assert all(endpoint.path.startswith("/api/v1/") for endpoint in endpoints())


def test_every_reference_leads_somewhere() -> None:
    text = msgspec.json.encode(DOCUMENT).decode()
    for name in set(re.findall(r'"#/components/schemas/([^"]+)"', text)):
        assert name in DOCUMENT["components"]["schemas"], name


def test_every_path_variable_is_a_parameter() -> None:
    for path, operations in DOCUMENT["paths"].items():
        for operation in operations.values():
            described = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
            assert described == set(re.findall(r"\{(\w+)\}", path))


def test_what_only_some_may_call_says_so() -> None:
    for endpoint in endpoints():
        operation = DOCUMENT["paths"][endpoint.path][endpoint.method.lower()]
        if endpoint.roles is None:
            assert operation["security"] == []
        else:
            assert operation["x-roles"] == sorted(endpoint.roles)
            assert {"401", "404"} <= set(operation["responses"])


def test_public_endpoints_are_exactly_these() -> None:
    public = {endpoint.name for endpoint in endpoints() if endpoint.roles is None}
    assert public <= {
        "read_meta",
        "sign_in",
        "refresh_session",
        "sign_out",
        "open_invitation",
        "download_package",
        "play_recording",
        "read_sealed_media",
        "download_transcript_json",
        "download_transcript_html",
    }


def test_every_error_has_its_own_code_and_a_sentence() -> None:
    # A subclass without a code of its own is told in the words of its parent: an ended room is an absent one.
    codes = [kind.code for kind in every_error() if "code" in vars(kind)]
    assert len(codes) == len(set(codes)), sorted(code for code in codes if codes.count(code) > 1)
    for kind in every_error():
        assert re.fullmatch(r"[a-z_]+(\.[a-z_]+)?", kind.code)
        assert kind.message.endswith((".", "!"))
        assert 400 <= kind.status < 600


def test_every_declared_error_is_documented_by_its_code() -> None:
    for endpoint in endpoints():
        responses = DOCUMENT["paths"][endpoint.path][endpoint.method.lower()]["responses"]
        for kind in openapi.errors_of(endpoint):
            assert kind.code in responses[str(kind.status)]["x-codes"]


def test_query_parameters_carry_their_bounds() -> None:
    parameters = DOCUMENT["paths"]["/api/v1/audit"]["get"]["parameters"]
    (limit,) = (one for one in parameters if one["name"] == "limit")
    assert limit["schema"]["maximum"] == 200
    assert not limit["required"]


class Wanted(Input):
    day: str


def test_a_handler_whose_annotation_contradicts_its_declaration_is_refused() -> None:
    routes = Routes()
    with pytest.raises(TypeError, match="annotated"):

        @routes.endpoint("GET", "/api/v1/x", summary="x", tag="x", roles={Role.PATIENT}, query=Wanted)
        async def read(call: Call[None, None]) -> None: ...


def test_a_body_where_none_can_be_is_refused() -> None:
    with pytest.raises(TypeError, match="body"):
        Routes().endpoint("GET", "/api/v1/x", summary="x", tag="x", roles=None, body=Wanted)
