"""How the node is, for administrators; /healthz and /readyz answer machines."""

import platform
import resource
from datetime import datetime
from typing import Final

import msgspec

from care.access import Action, require
from care.reach import reading
from identity.principal import Role
from server.endpoint import Call, Routes
from server.version import VERSION

routes = Routes()

_KIB: Final = 1024


class NodeHealth(msgspec.Struct, frozen=True, kw_only=True):
    """Facts about the machine and what it is doing; nothing about anybody."""

    version: str
    python: str
    started_at: datetime
    uptime_s: int
    database: bool
    media: bool
    media_port: int
    rooms: int
    sockets: int
    peers: int
    recordings: int
    free_bytes: int
    enough_space: bool
    undelivered: int | None  # sealed files that wait for the object store; none where there is no such store
    delivery_failure: str | None  # why they do, "" when nothing fails
    memory_bytes: int  # the most it ever was
    turn: bool


@routes.endpoint(
    "GET", "/api/v1/health", summary="How the node is", tag="meta", roles={Role.ADMINISTRATOR}, response=NodeHealth
)
async def read_health(call: Call[None, None]) -> NodeHealth:
    services = call.services
    async with reading(services.store, call.principal) as work:
        require(call.principal, Action.NODE_READ)
        await work.people.departments()
    space = await services.storage_watch.look()
    backlog = await services.deliveries.backlog() if services.settings.storage.url else None
    return NodeHealth(
        version=VERSION,
        python=platform.python_version(),
        started_at=services.started_at,
        uptime_s=int((call.now() - services.started_at).total_seconds()),
        database=True,  # it has just answered
        media=services.media.is_open,
        media_port=services.media.local_port,
        rooms=services.rooms.live_rooms,
        sockets=services.gateway.open_sockets,
        peers=services.media.stats()["peers"],
        recordings=services.recorder.open_tracks,
        free_bytes=space.free_bytes,
        enough_space=not space.is_low,
        undelivered=backlog.waiting if backlog else None,
        delivery_failure=backlog.failure if backlog else None,
        memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB,
        turn=bool(services.settings.turn.urls),
    )
