"""The media plane of one node: everybody's connections behind one UDP port, as the room's `MediaPlane` port asks."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from OpenSSL import SSL

from kernel.clock import Now, monotonic_ns
from kernel.ids import ParticipantId, RecordingId, RoomId
from media.bindings import Certificate, own_addresses
from media.flood import RenegotiationMeter
from media.forwarder import Forwarder
from media.negotiation import Site
from media.packet_path import Link, PacketPath
from media.peer import Peer
from media.quality import measure
from media.room_media import RoomMedia
from media.stun import Address, parse_binding_request
from media.tap import NoRecorder, RecorderPort
from media.udp import UdpSocket
from rooms.ports import MediaObserver, MediaState
from rooms.tracks import Routing

TICK_S: Final = 0.05
JUDGE_TICKS: Final = 4  # states, and which layers are needed, are looked at five times a second
LISTEN_TICKS: Final = 2  # microphones ten times
QUALITY_TICKS: Final = 40  # and quality is told every two seconds
CUT_OFF_NS: Final = 60_000_000_000  # how long whoever flooded has no media

_log = logging.getLogger(__name__)


class UdpMediaPlane:
    """Implements `rooms.ports.MediaPlane`. Everything but `open`, `close` and `close_room` returns at once.

    `host` is bound to; with "0.0.0.0" (IPv4) or "::" (both families) browsers are told `announced_addresses`, or this
    machine's own when there are none. `port` 0 takes a free one. `redundancy`: sound is asked for and offered with
    each packet repeated in the next. `silent_after` applies to those from whom packets are to be expected.
    """

    def __init__(
        self,
        *,
        now: Now,
        host: str = "0.0.0.0",  # noqa: S104 - browsers have to reach it
        port: int = 0,
        announced_addresses: Sequence[str] = (),
        recorder: RecorderPort | None = None,
        redundancy: bool = True,
        silent_after: timedelta = timedelta(milliseconds=1200),
        gone_after: timedelta = timedelta(seconds=20),
        clock_ns: Callable[[], int] = monotonic_ns,
    ) -> None:
        self._host = host
        self._port = port
        self._announced = tuple(announced_addresses)
        self._redundancy = redundancy
        self._now = now
        self._clock_ns = clock_ns
        self._recorder = recorder if recorder is not None else NoRecorder()
        self._silent_after_ns = silent_after // timedelta(microseconds=1) * 1000
        self._gone_after_ns = gone_after // timedelta(microseconds=1) * 1000
        epoch_ns = int(now().timestamp() * 1e9) - clock_ns()
        self._path: PacketPath = Forwarder(clock_ns=clock_ns, epoch_ns=epoch_ns)
        self._socket = UdpSocket(
            buffer=self._path.buffer,
            drops=self._path.drops,
            wake=self._path.wake,
            on_media=self._path.receive,
            on_stun=self._take_stun,
            on_dtls=self._take_dtls,
            rest=self._path.flush,
        )
        self._rooms: dict[RoomId, RoomMedia] = {}
        self._by_ufrag: dict[str, Peer] = {}
        self._by_link: dict[Link, tuple[RoomMedia, Peer]] = {}
        self._observer: MediaObserver | None = None
        self._fingerprint = ""
        self._context: SSL.Context | None = None
        self._offering: set[Peer] = set()
        self._cut_off: dict[tuple[RoomId, ParticipantId], int] = {}  # until when
        self._times_cut_off = 0
        self._beginnings = RenegotiationMeter()
        self._timer: asyncio.TimerHandle | None = None
        self._ticks = 0

    async def open(self) -> None:
        """Make the node's certificate and bind the socket. Raises OSError when that is not possible."""
        certificate = Certificate()
        self._context = certificate.context()
        self._path.send = self._socket.open(self._host, self._port)
        self._path.send_segments = self._socket.cutter()
        self._fingerprint = certificate.sha256
        self._recorder.observe(self._recording_failed)

    async def close(self) -> None:
        """Close every room, then the socket."""
        for room in list(self._rooms):
            await self.close_room(room)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._socket.close()

    @property
    def is_open(self) -> bool:
        """Whether browsers can reach the plane."""
        return self._socket.local_port != 0

    @property
    def local_port(self) -> int:
        """The UDP port; 0 while closed."""
        return self._socket.local_port

    def stats(self) -> dict[str, int]:
        """Return counters since the start and present sizes; `dropped_*` says why datagrams were not taken."""
        path = self._path
        states = Counter(peer.state for _, peer in self._by_link.values())
        return {
            "rooms": len(self._rooms),
            "peers": len(self._by_link),
            "peers_connected": states[MediaState.CONNECTED],
            "peers_cut_off": self._times_cut_off,
            "datagrams_received": self._socket.received,
            "packets_forwarded": path.forwarded,
            "packets_retransmitted": path.retransmitted,
            "packets_restored": path.restored,
            **{f"dropped_{reason}": count for reason, count in sorted(path.drops.items())},
        }

    # --- rooms.ports.MediaPlane -------------------------------------------------------------------------------------

    def observe(self, observer: MediaObserver) -> None:
        self._observer = observer

    def join(self, room: RoomId, participant: ParticipantId) -> None:
        if self._clock_ns() < self._cut_off.get((room, participant), 0):
            self._tell_cut_off(room, participant)
        elif not self._renegotiates_endlessly(room, participant):
            self._cut_off.pop((room, participant), None)
            self._room(room).join(participant)

    def answer(self, room: RoomId, participant: ParticipantId, generation: int, sdp: str) -> None:
        peer = self._peer(room, participant)
        if peer is not None:
            peer.answer(generation, sdp)

    def restart(self, room: RoomId, participant: ParticipantId) -> None:
        peer = self._peer(room, participant)
        if peer is None:
            self.join(room, participant)
            return
        if self._renegotiates_endlessly(room, participant):
            return
        stale = peer.restart()
        if stale is not None:
            self._by_ufrag.pop(stale, None)
        self._by_ufrag[peer.negotiation.credentials.ufrag] = peer
        self._offer_soon(peer)

    def state_of(self, room: RoomId, participant: ParticipantId) -> MediaState | None:
        peer = self._peer(room, participant)
        return peer.state if peer is not None else None

    def leave(self, room: RoomId, participant: ParticipantId) -> None:
        if room in self._rooms:
            self._rooms[room].leave(participant)
            self._forget_if_empty(self._rooms[room])

    def route(self, room: RoomId, routing: Routing) -> None:
        media = self._room(room)
        media.route(routing)
        for peer in media.peers.values():
            self._offer_soon(peer)
        self._forget_if_empty(media)

    async def close_room(self, room: RoomId) -> None:
        media = self._rooms.pop(room, None)
        self._cut_off = {who: until_ns for who, until_ns in self._cut_off.items() if who[0] != room}
        if media is not None:
            await media.close()

    # --- connections ------------------------------------------------------------------------------------------------

    def _room(self, room: RoomId) -> RoomMedia:
        if room not in self._rooms:
            self._rooms[room] = RoomMedia(
                room, path=self._path, recorder=self._recorder, open_peer=self._open_peer, on_closed=self._closed
            )
        return self._rooms[room]

    def _peer(self, room: RoomId, participant: ParticipantId) -> Peer | None:
        return self._rooms[room].peers.get(participant) if room in self._rooms else None

    def _forget_if_empty(self, media: RoomMedia) -> None:
        if media.is_empty and self._rooms.get(media.room) is media:
            del self._rooms[media.room]

    def _open_peer(self, media: RoomMedia, participant: ParticipantId) -> Peer:
        assert self._context is not None, "the plane is not open"
        peer = Peer(
            participant,
            path=self._path,
            site=Site(self._addresses(), self._socket.local_port, self._fingerprint, self._redundancy),
            context=self._context,
            send=self._send_quietly,
            on_ready=self._ready,
            now_ns=self._clock_ns(),
        )
        self._by_ufrag[peer.negotiation.credentials.ufrag] = peer
        self._by_link[peer.link] = (media, peer)
        self._offer_soon(peer)
        asyncio.get_running_loop().call_soon(self._tell_state, media.room, peer)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK_S, self._tick)
        return peer

    def _closed(self, peer: Peer) -> None:
        for credentials in peer.credentials:
            self._by_ufrag.pop(credentials.ufrag, None)
        self._by_link.pop(peer.link, None)
        self._offering.discard(peer)

    def _ready(self, peer: Peer) -> None:
        """Wire the room anew: somebody's keys or answer have come."""
        media, _ = self._by_link[peer.link]
        media.reconcile()
        self._judge(media, peer)
        self._offer_soon(peer)

    def _offer_soon(self, peer: Peer) -> None:
        """Offer after the present callback, so that several changes make one offer."""
        if peer.link in self._by_link and peer not in self._offering:
            self._offering.add(peer)
            asyncio.get_running_loop().call_soon(self._offer, peer)

    def _offer(self, peer: Peer) -> None:
        if peer not in self._offering:
            return  # closed meanwhile
        self._offering.discard(peer)
        media, _ = self._by_link[peer.link]
        offer = peer.negotiation.offer()
        if offer is not None and self._observer is not None:
            self._observer.offer_ready(media.room, peer.participant, offer)

    def _tell_state(self, room: RoomId, peer: Peer) -> None:
        if self._observer is not None and peer.link in self._by_link:
            self._observer.state_changed(room, peer.participant, peer.state)

    def _tell_cut_off(self, room: RoomId, participant: ParticipantId) -> None:
        if self._observer is not None:
            self._observer.state_changed(room, participant, MediaState.CUT_OFF)

    def _recording_failed(self, room: RoomId, recording: RecordingId, reason: str) -> None:
        if self._observer is not None:
            self._observer.recording_failed(room, recording, reason)

    # --- time -------------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        """Do what is due for packets, handshakes, states and quality; rests while nobody is connected."""
        self._timer = asyncio.get_running_loop().call_later(TICK_S, self._tick) if self._by_link else None
        self._ticks += 1
        self._path.tick()
        now_ns = self._clock_ns()
        for media, peer in list(self._by_link.values()):
            peer.tend()
            if peer.is_flooding(now_ns):
                self._end_flood(media, peer.participant, now_ns)
        if self._ticks % JUDGE_TICKS == 0:
            for media, peer in list(self._by_link.values()):
                self._judge(media, peer)
            for media, peer in self._by_link.values():
                self._tell_layers(media, peer, now_ns)
        if self._ticks % LISTEN_TICKS == 0:
            for media in list(self._rooms.values()):
                self._listen(media, now_ns)
        if self._ticks % QUALITY_TICKS == 0:
            for media in list(self._rooms.values()):
                self._measure(media, now_ns)

    def _renegotiates_endlessly(self, room: RoomId, participant: ParticipantId) -> bool:
        """Count a beginning, and cut off whoever makes one too many."""
        now_ns = self._clock_ns()
        if not self._beginnings.is_endless((room, participant), now_ns):
            return False
        self._end_flood(self._room(room), participant, now_ns)
        return True

    def _end_flood(self, media: RoomMedia, participant: ParticipantId, now_ns: int) -> None:
        """Forget the peer, so that what it goes on sending is a stranger's, and let it have no other for a while."""
        self._times_cut_off += 1
        _log.warning("a participant sent more than a browser can mean", extra={"room": media.room})
        self._cut_off = {who: until_ns for who, until_ns in self._cut_off.items() if until_ns > now_ns}
        self._cut_off[media.room, participant] = now_ns + CUT_OFF_NS
        media.leave(participant)
        self._tell_cut_off(media.room, participant)
        self._forget_if_empty(media)

    def _judge(self, media: RoomMedia, peer: Peer) -> None:
        if peer.link not in self._by_link:
            return  # closed meanwhile
        before = peer.state
        state = peer.judge(self._clock_ns(), silent_after_ns=self._silent_after_ns, gone_after_ns=self._gone_after_ns)
        if state is not before:
            self._tell_state(media.room, peer)
        if state is MediaState.GONE:
            media.leave(peer.participant)
            self._forget_if_empty(media)

    def _tell_layers(self, media: RoomMedia, peer: Peer, now_ns: int) -> None:
        if self._observer is not None and peer.is_sealed:
            for source, layers in peer.changed_layers(now_ns):
                self._observer.layers_wanted(media.room, peer.participant, source, layers)

    def _listen(self, media: RoomMedia, now_ns: int) -> None:
        for peer in media.peers.values():
            peer.listen(now_ns)
        microphones = {participant: peer.microphone for participant, peer in media.peers.items() if peer.is_sealed}
        if media.speaker.choose(microphones, now_ns) and self._observer is not None:
            self._observer.speaker_changed(media.room, media.speaker.participant)

    def _measure(self, media: RoomMedia, now_ns: int) -> None:
        qualities = {}
        for participant, peer in media.peers.items():
            after = peer.count(now_ns)
            if peer.is_sealed:
                qualities[participant] = measure(peer.counters, after)
            peer.counters = after
        if qualities and self._observer is not None:
            self._observer.quality_measured(media.room, qualities)

    # --- datagrams --------------------------------------------------------------------------------------------------

    def _take_stun(self, data: bytes, address: Address) -> None:
        request = parse_binding_request(data)
        peer = self._by_ufrag.get(request.local_ufrag) if request is not None else None
        if request is None or peer is None:
            self._path.drops["stun_malformed" if request is None else "stun_unknown"] += 1
            return
        refusal = peer.check(request, address, self._path.now_ns)
        if refusal is not None:
            self._path.drops[refusal] += 1

    def _take_dtls(self, data: bytes, address: Address) -> None:
        link = self._path.link_at(address)
        if link is None or link not in self._by_link:
            self._path.drops["stranger"] += 1
            return
        media, peer = self._by_link[link]
        refusal = peer.feed(data, self._path.now_ns)
        if refusal is not None:
            self._path.drops[refusal] += 1
        self._judge(media, peer)

    def _send_quietly(self, octets: bytes, address: Address) -> None:
        try:
            self._path.send(octets, address)
        except OSError:
            self._path.drops["send_failed"] += 1

    def _addresses(self) -> tuple[str, ...]:
        """Where browsers reach this node; asked for each connection, since a laptop's own addresses change."""
        if self._announced:
            return self._announced
        bound = self._socket.local_address
        if bound not in {"0.0.0.0", "::"}:  # noqa: S104
            return (bound,)
        ipv6 = own_addresses(ipv6=True) if bound == "::" else []
        return (*own_addresses(ipv6=False), *ipv6) or ("127.0.0.1",)
