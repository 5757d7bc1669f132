"""A media plane on loopback with lean peers: what the integration tests of the plane share."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from benchmarks.media_peer import MediaPeer, rtp
from kernel.clock import utc_now
from kernel.ids import ParticipantId, RecordingId, RoomId
from media.plane import UdpMediaPlane
from media.tap import RecorderPort
from rooms.events import Source
from rooms.ports import ConnectionQuality, MediaOffer, MediaState
from rooms.tracks import Routing, TrackRef
from tests.waiting import until

ROOM = RoomId("con_room")
ANNE, BO, CY = ParticipantId("usr_anne"), ParticipantId("pat_bo"), ParticipantId("inv_cy")
KEY_FRAME = b"\x10\x00\x9d\x01\x2a\x80\x02\xe0\x01"  # VP8 descriptor and header of a picture that needs no other
DELTA_FRAME = b"\x10\x01\x9d"


def routing(*published: TrackRef, people: tuple[ParticipantId, ...] = (ANNE, BO)) -> Routing:
    """Everybody is subscribed to everything of everybody else."""
    tracks = frozenset(published)
    return Routing(tracks, {who: frozenset(t for t in tracks if t.participant != who) for who in people})


class Seat:
    """One participant: its peer, and what arrived."""

    def __init__(self, peer: MediaPeer) -> None:
        self.peer = peer
        self.packets: list[bytes] = []
        self.reports: list[bytes] = []
        self.seqs = dict.fromkeys(Source, 1000)
        peer.on_rtp = self.packets.append
        peer.on_rtcp = self.reports.append

    def send_picture(self, payload: bytes = KEY_FRAME, *, source: Source = Source.CAMERA, lost: bool = False) -> int:
        """Send the next packet of a picture, or lose it on the way; return its sequence number."""
        seq = self.seqs[source]
        self.seqs[source] += 1
        packet = rtp(
            ssrc=self.peer.ssrcs[source][0],
            payload_type=96,
            seq=seq,
            timestamp=seq * 3000,
            payload=payload,
            marker=True,
        )
        assert self.peer.srtp is not None
        sealed = self.peer.srtp.seal(packet)
        if not lost:
            self.peer.transmit(sealed)
        return seq & 0xFFFF

    def send_sound(self, payload: bytes = b"sound", *, level: int = 40) -> int:
        """Send the next packet of the microphone."""
        seq = self.seqs[Source.MICROPHONE]
        self.seqs[Source.MICROPHONE] += 1
        ssrc = self.peer.ssrcs[Source.MICROPHONE][0]
        extensions = bytes([0x10, level])
        self.peer.send(
            rtp(ssrc=ssrc, payload_type=111, seq=seq, timestamp=seq * 960, payload=payload, extensions=extensions)
        )
        return seq & 0xFFFF

    def received(self, payload_type: int) -> list[bytes]:
        return [packet for packet in self.packets if packet[1] & 0x7F == payload_type]

    def feedback(self, kind: int, form: int) -> list[bytes]:
        return [report for report in self.reports if report[1] == kind and report[0] & 0x1F == form]


class Call:
    """Observes the plane and makes lean peers of its offers."""

    def __init__(self, plane: UdpMediaPlane) -> None:
        self.plane = plane
        self.offers: dict[ParticipantId, list[MediaOffer]] = {}
        self.states: dict[ParticipantId, list[MediaState]] = {}
        self.qualities: list[Mapping[ParticipantId, ConnectionQuality]] = []
        self.speakers: list[ParticipantId | None] = []
        self.layers: dict[ParticipantId, list[tuple[Source, tuple[str, ...]]]] = {}
        self.failures: list[str] = []
        self.seats: dict[ParticipantId, Seat] = {}
        self.peers: list[MediaPeer] = []

    def offer_ready(self, room: RoomId, participant: ParticipantId, offer: MediaOffer) -> None:
        self.offers.setdefault(participant, []).append(offer)
        seat = self.seats.get(participant)
        if seat is not None:  # as the browser: answers at once
            seat.peer.offer = offer
            self.plane.answer(room, participant, offer.generation, seat.peer.answer())

    def state_changed(self, room: RoomId, participant: ParticipantId, state: MediaState) -> None:
        self.states.setdefault(participant, []).append(state)

    def quality_measured(self, room: RoomId, qualities: Mapping[ParticipantId, ConnectionQuality]) -> None:
        self.qualities.append(qualities)

    def layers_wanted(self, room: RoomId, participant: ParticipantId, source: Source, layers: Sequence[str]) -> None:
        self.layers.setdefault(participant, []).append((source, tuple(layers)))

    def speaker_changed(self, room: RoomId, participant: ParticipantId | None) -> None:
        self.speakers.append(participant)

    def recording_failed(self, room: RoomId, recording: RecordingId, reason: str) -> None:
        self.failures.append(reason)

    async def offered(self, participant: ParticipantId) -> MediaPeer:
        """Join and return an unconnected peer with the offer."""
        before = len(self.offers.get(participant, []))
        self.plane.join(ROOM, participant)
        await until(lambda: len(self.offers.get(participant, [])) > before)
        number = [ANNE, BO, CY].index(participant)
        self.peers.append(MediaPeer(self.offers[participant][-1], first_ssrc=1000 * (number + 1)))
        return self.peers[-1]

    async def seat(self, participant: ParticipantId) -> Seat:
        """Join, answer and connect."""
        peer = await self.offered(participant)
        seat = self.seats[participant] = Seat(peer)
        self.plane.answer(ROOM, participant, peer.offer.generation, peer.answer())
        await peer.connect()
        await until(lambda: self.states[participant][-1] is MediaState.CONNECTED)
        return seat


@asynccontextmanager
async def media_call(
    *,
    recorder: RecorderPort | None = None,
    silent_after: timedelta = timedelta(seconds=1.2),
    gone_after: timedelta = timedelta(seconds=20),
) -> AsyncIterator[Call]:
    """A plane on a free port of 127.0.0.1; everything is closed at the end and nothing may have failed inside."""
    plane = UdpMediaPlane(
        now=utc_now, host="127.0.0.1", recorder=recorder, silent_after=silent_after, gone_after=gone_after
    )
    call = Call(plane)
    plane.observe(call)
    await plane.open()
    try:
        yield call
    finally:
        for peer in call.peers:
            peer.vanish()
        await plane.close()
    stats = plane.stats()
    assert stats.get("dropped_error", 0) == 0
    assert (stats["rooms"], stats["peers"]) == (0, 0)
