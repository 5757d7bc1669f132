"""The HTTP API, one module for each resource."""

from importlib import import_module
from typing import Final

from server.endpoint import Endpoint

_MODULES: Final = (
    "meta",
    "session",
    "consultations",
    "invitations",
    "attachments",
    "patients",
    "notes",
    "archive",
    "recordings",
    "holds",
    "custodian_keys",
    "releases",
    "accesses",
    "retention",
    "people",
    "audit",
    "health",
)


def endpoints() -> list[Endpoint]:
    """Return every endpoint of `/api/v1`, in the order of the documentation."""
    return [endpoint for name in _MODULES for endpoint in import_module(f"{__name__}.{name}").routes.endpoints]
