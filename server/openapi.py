"""The OpenAPI 3.1 document, made from the same declarations that answer the requests."""

import re
from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec

from kernel.errors import AppError, Invalid, NotFound, Overloaded, SignInRequired, TooLarge
from server.endpoint import BodyTooSlow, Endpoint, Input, UnsupportedMediaType
from server.problems import PROBLEM_JSON, Problem

_REFERENCE: Final = "#/components/schemas/{name}"
_VARIABLE: Final = re.compile(r"\{(\w+)\}")


def document(endpoints: Sequence[Endpoint], *, version: str) -> dict[str, Any]:
    """Return the whole document as JSON types. `operationId`s are the handlers' names."""
    kinds = _named_types(endpoints)
    schemas, components = msgspec.json.schema_components(kinds, ref_template=_REFERENCE)
    schema_of = dict(zip(kinds, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, schema_of, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Consilium",
            "version": version,
            "description": "Video consultations: people, consultations, the patient's history, recordings and archive.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in sorted({endpoint.tag for endpoint in endpoints})],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"access_token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def errors_of(endpoint: Endpoint) -> tuple[type[AppError], ...]:
    """Return every error that the endpoint may answer with: the declared ones and those that come by themselves."""
    kinds: list[type[AppError]] = [AppError, Overloaded]
    if endpoint.roles is not None:
        kinds += [SignInRequired, NotFound]
    if endpoint.query is not None or endpoint.body is not None:
        kinds.append(Invalid)
    if endpoint.body is not None:
        kinds.append(UnsupportedMediaType)
    if endpoint.body is not None or endpoint.raw_body:
        kinds += [TooLarge, BodyTooSlow]
    kinds += endpoint.errors
    return tuple(sorted(set(kinds), key=lambda kind: (kind.status, kind.code)))


def _named_types(endpoints: Collection[Endpoint]) -> list[type]:
    kinds: dict[type, None] = {Problem: None}
    for endpoint in endpoints:
        for kind in (endpoint.query, endpoint.body, endpoint.response):
            if kind is not None:
                kinds[kind] = None
    return list(kinds)


def _operation(endpoint: Endpoint, schema_of: dict[type, Any], components: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "tags": [endpoint.tag],
        "parameters": [*_path_parameters(endpoint.path), *_query_parameters(endpoint.query, schema_of, components)],
        "responses": _responses(endpoint, schema_of),
    }
    if endpoint.roles is None:
        operation["security"] = []
    else:
        operation["security"] = [{"access_token": []}]
        operation["x-roles"] = sorted(endpoint.roles)
    if endpoint.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema_of[endpoint.body]}},
        }
    elif endpoint.raw_body:
        operation["requestBody"] = {"required": True, "content": {"application/octet-stream": {}}}
    return operation


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in _VARIABLE.findall(path)
    ]


def _query_parameters(
    query: type[Input] | None, schema_of: dict[type, Any], components: dict[str, Any]
) -> list[dict[str, Any]]:
    if query is None:
        return []
    schema = components[schema_of[query]["$ref"].rpartition("/")[2]]
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": inner}
        for name, inner in schema["properties"].items()
    ]


def _responses(endpoint: Endpoint, schema_of: dict[type, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    success: dict[str, Any] = {"description": endpoint.summary}
    if endpoint.response is not None:
        success["content"] = {"application/json": {"schema": schema_of[endpoint.response]}}
    elif endpoint.response_type != "application/json":
        success["content"] = {endpoint.response_type: {}}
    nothing = endpoint.status == 200 and "content" not in success
    told["204" if nothing else str(endpoint.status)] = success
    by_status: dict[int, list[type[AppError]]] = {}
    for kind in errors_of(endpoint):
        by_status.setdefault(kind.status, []).append(kind)
    for status, kinds in sorted(by_status.items()):
        told[str(status)] = {
            "description": "; ".join(f"`{kind.code}`: {kind.message}" for kind in kinds),
            "content": {PROBLEM_JSON: {"schema": schema_of[Problem]}},
            "x-codes": [kind.code for kind in kinds],
        }
    return told
