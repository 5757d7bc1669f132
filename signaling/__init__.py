"""What browsers and server say to each other in real time. The only package that imports socketio."""

from collections.abc import Callable, Collection, Sequence
from datetime import timedelta

from identity.ports import TokenVerifier
from kernel.clock import monotonic_s
from kernel.ids import ParticipantId
from rooms.ports import AttachmentDirectory, IceServer, MediaPlane, Reception
from rooms.service import RoomService
from signaling.gateway import Gateway
from signaling.lost_sockets import LostSockets
from signaling.namespace import Namespace, Ports
from signaling.probes import Probes
from signaling.sessions import Sessions
from signaling.transport import Transport

__all__ = ["Gateway", "create_server"]


def create_server(
    *,
    verifier: TokenVerifier,
    rooms: RoomService,
    media: MediaPlane,
    reception: Reception,
    consent_texts: Callable[[str, str], str],
    attachments: AttachmentDirectory,
    ice_servers: Callable[[ParticipantId], Sequence[IceServer]],
    ice_lifetime: timedelta | None = None,
    origins: Collection[str] = (),
    monotonic_s: Callable[[], float] = monotonic_s,
) -> Gateway:
    """Return the gateway of one node, named to `rooms` as publisher and to `media` as observer.

    `consent_texts(version, language)` returns the wording of a consent or raises `kernel.errors.Invalid`. `origins`
    are accepted beside the server's own. `ice_lifetime` says how long the credentials of `ice_servers` work: they are
    renewed at half of it. Nothing is opened before `attach`; `close` ends it.
    """
    transport = Transport(origins=origins)
    sessions = Sessions()
    probes = Probes(media)
    lost = LostSockets()
    gateway = Gateway(transport=transport, sessions=sessions, rooms=rooms, probes=probes, lost=lost)
    ports = Ports(verifier, reception, attachments, consent_texts, ice_servers, ice_lifetime, monotonic_s)
    namespace = Namespace(rooms=rooms, gateway=gateway, sessions=sessions, probes=probes, lost=lost, ports=ports)
    transport.listen(namespace)
    rooms.announce_to(gateway)
    media.observe(gateway)
    return gateway
