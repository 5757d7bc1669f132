"""Our media plane as a process of its own, as the server runs it: one publisher's camera to some viewers."""

import argparse
from collections.abc import Mapping, Sequence
from typing import Final

import uvloop

from benchmarks.server_process import Pipe, stdio
from kernel.clock import utc_now
from kernel.ids import ParticipantId, RecordingId, RoomId
from media.plane import UdpMediaPlane
from rooms.events import Source
from rooms.ports import ConnectionQuality, MediaOffer, MediaState
from rooms.tracks import Routing, TrackRef

ROOM: Final = RoomId("con_benchmark")
CAMERA: Final = TrackRef(ParticipantId("usr_publisher"), Source.CAMERA)


class Carrier:
    """Carries the plane's offers to the generator."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe

    def offer_ready(self, room: RoomId, participant: ParticipantId, offer: MediaOffer) -> None:  # noqa: ARG002
        receive = {mid: [track.participant, track.source] for mid, track in offer.receive.items()}
        self._pipe.send(
            {
                "participant": participant,
                "generation": offer.generation,
                "sdp": offer.sdp,
                "publish": dict(offer.publish),
                "receive": receive,
            }
        )

    def state_changed(self, room: RoomId, participant: ParticipantId, state: MediaState) -> None: ...

    def quality_measured(self, room: RoomId, qualities: Mapping[ParticipantId, ConnectionQuality]) -> None: ...

    def layers_wanted(
        self, room: RoomId, participant: ParticipantId, source: Source, layers: Sequence[str]
    ) -> None: ...

    def speaker_changed(self, room: RoomId, participant: ParticipantId | None) -> None: ...

    def recording_failed(self, room: RoomId, recording: RecordingId, reason: str) -> None: ...


async def serve(host: str, viewers: int) -> None:
    """Offer to everybody, take their answers, forward until told to stop."""
    pipe = await stdio()
    plane = UdpMediaPlane(now=utc_now, host=host)
    plane.observe(Carrier(pipe))
    await plane.open()
    watching = [ParticipantId(f"pat_viewer{n}") for n in range(viewers)]
    tracks = frozenset({CAMERA})
    plane.route(ROOM, Routing(tracks, {CAMERA.participant: frozenset[TrackRef](), **dict.fromkeys(watching, tracks)}))
    for participant in (CAMERA.participant, *watching):
        plane.join(ROOM, participant)
    while not (message := await pipe.receive()).get("stop"):
        plane.answer(ROOM, ParticipantId(message["participant"]), message["generation"], message["sdp"])
    await plane.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--viewers", type=int, default=1)
    uvloop.run(serve(**vars(parser.parse_args())))
