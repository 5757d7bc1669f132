"""One room's peers, and the streams between them: makes what is equal to what the room wants."""

from collections.abc import Callable
from typing import Final

from kernel.ids import ParticipantId, RecordingId, RoomId
from media.negotiation import RECEIVE_LIMIT, ReceiveSection
from media.packet_path import OPUS, RED, RTX, VP8, PacketPath
from media.peer import Peer
from media.speaker import ActiveSpeaker
from media.streams import Inbound, Outbound
from media.tap import RecorderPort, TrackTap
from rooms.tracks import Routing, TrackRef

PEER_LIMIT: Final = 32  # of one room; the room itself seats fewer


class RoomMedia:
    """The media of one room. `open_peer` makes a connection, `on_closed` hears of every one that is ended here."""

    def __init__(
        self,
        room: RoomId,
        *,
        path: PacketPath,
        recorder: RecorderPort,
        open_peer: Callable[["RoomMedia", ParticipantId], Peer],
        on_closed: Callable[[Peer], None],
    ) -> None:
        self.room = room
        self.routing = Routing()
        self.peers: dict[ParticipantId, Peer] = {}
        self.speaker = ActiveSpeaker()
        self._path = path
        self._recorder = recorder
        self._open_peer = open_peer
        self._on_closed = on_closed
        self._joining: set[ParticipantId] = set()  # asked to join before the routing names them
        self._taps: dict[tuple[RecordingId, TrackRef], tuple[Inbound, TrackTap]] = {}
        self._recordings: set[RecordingId] = set()

    @property
    def is_empty(self) -> bool:
        """Whether nothing would be lost by forgetting the room."""
        return not (self.peers or self._joining or self._taps or self._recordings or self.routing.subscriptions)

    def join(self, participant: ParticipantId) -> None:
        """Begin a fresh connection, at once or as soon as the routing has a place for it."""
        self.leave(participant)
        if len(self._joining) + len(self.peers) < PEER_LIMIT:
            self._joining.add(participant)
        self.reconcile()

    def leave(self, participant: ParticipantId) -> None:
        """End the person's connection, if any."""
        self._joining.discard(participant)
        peer = self.peers.pop(participant, None)
        if peer is not None:
            self._untap(peer)
            peer.close()
            self._on_closed(peer)
            self.reconcile()

    def route(self, routing: Routing) -> None:
        """Take the whole desired state."""
        self.routing = routing
        if routing.recording is not None:
            self._recordings.add(routing.recording)
        for participant in [each for each in self.peers if each not in routing.subscriptions]:
            self.leave(participant)
        self.reconcile()

    def reconcile(self) -> None:
        """Make connections, forwarding and recording equal to the routing. Safe to call at any time."""
        routing = self.routing
        for participant in [each for each in self._joining if each in routing.subscriptions]:
            self._joining.discard(participant)
            self.peers[participant] = self._open_peer(self, participant)
        for participant, peer in self.peers.items():
            for source, stream in peer.inbounds.items():
                self._path.publish(stream, published=TrackRef(participant, source) in routing.published)
            peer.negotiation.want(self._wanted_by(participant))
        for peer in self.peers.values():
            if peer.is_sealed:
                self._wire(peer)
        self._reconcile_taps()

    async def close(self) -> None:
        """End every connection and segment; returns when the segments are durable."""
        self.routing = Routing()
        self._joining.clear()
        for participant in list(self.peers):
            self.leave(participant)
        self._reconcile_taps()
        while self._recordings:
            await self._recorder.close_recording(self.room, self._recordings.pop())

    def _wanted_by(self, participant: ParticipantId) -> frozenset[TrackRef]:
        wanted = self.routing.subscriptions.get(participant, frozenset()) & self.routing.published
        return frozenset(sorted(track for track in wanted if track.participant != participant)[:RECEIVE_LIMIT])

    def _source_of(self, track: TrackRef) -> Inbound | None:
        peer = self.peers.get(track.participant)
        return peer.inbounds[track.source] if peer is not None and peer.is_sealed else None

    def _wire(self, peer: Peer) -> None:
        """Give a subscriber exactly the streams that it is subscribed to and has agreed to receive."""
        wanted = self._wanted_by(peer.participant)
        sections = {section.ssrc: section for section in peer.negotiation.receive if section.ready}
        for ssrc in [ssrc for ssrc in peer.outbounds if ssrc not in sections]:
            self._path.remove_outbound(peer.outbounds.pop(ssrc))
        for ssrc, section in sections.items():
            if ssrc not in peer.outbounds:
                peer.outbounds[ssrc] = _outbound(peer, section)
                self._path.add_outbound(peer.link, peer.outbounds[ssrc])
            track = section.track
            source = self._source_of(track) if track is not None and track in wanted else None
            self._path.attach(peer.outbounds[ssrc], source)

    def _reconcile_taps(self) -> None:
        recording = self.routing.recording
        wanted: dict[tuple[RecordingId, TrackRef], Inbound] = {}
        if recording is not None:
            for track in self.routing.recorded & self.routing.published:
                source = self._source_of(track)
                if source is not None:
                    wanted[recording, track] = source
        for key, (source, _) in list(self._taps.items()):
            if wanted.get(key) is not source:
                self._close_tap(key)
        for key, source in wanted.items():
            if key not in self._taps:
                self._open_tap(key, source)

    def _open_tap(self, key: tuple[RecordingId, TrackRef], source: Inbound) -> None:
        recording, track = key

        def request_key_frame() -> None:
            if self._taps.get(key, (None,))[0] is source:
                self._path.ask_key_frame(source)

        tap = self._recorder.open(self.room, recording, track, request_key_frame)
        self._taps[key] = (source, tap)
        self._path.tap(source, tap)

    def _close_tap(self, key: tuple[RecordingId, TrackRef]) -> None:
        source, tap = self._taps.pop(key)
        self._path.tap(source, None)
        self._recorder.close(tap)

    def _untap(self, peer: Peer) -> None:
        for key in [key for key, (source, _) in self._taps.items() if source.link is peer.link]:
            self._close_tap(key)


def _outbound(peer: Peer, section: ReceiveSection) -> Outbound:
    return Outbound(
        peer.link,
        is_video=section.is_video,
        ssrc=section.ssrc,
        payload_type=VP8 if section.is_video else OPUS,
        red_payload_type=RED if section.redundancy else 0,
        rtx_ssrc=section.rtx_ssrc if section.is_video else 0,
        rtx_payload_type=RTX if section.retransmissions else 0,
    )
