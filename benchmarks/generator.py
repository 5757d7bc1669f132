"""The browsers' side of a forwarding benchmark: one publisher at an even pace, viewers that count and report back."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from benchmarks.media_peer import MediaPeer, rtp
from benchmarks.plane_server import CAMERA
from benchmarks.server_process import Pipe
from kernel.ids import ParticipantId
from media import rtcp
from rooms.events import Source
from rooms.ports import MediaOffer
from rooms.tracks import TrackRef

PACKET_OCTETS: Final = 1100
PACE_S: Final = 0.005  # a browser's pacer
CHECK_EVERY_S: Final = 3  # browsers prove their consent every 2.7 to 5.8 s
KEY_FRAME: Final = b"\x10\x00\x9d\x01\x2a\x80\x02\xe0\x01"
KEY_FRAME_EVERY: Final = 1000  # packets


class Call:
    """A publisher and its viewers, connected."""

    def __init__(self, publisher: MediaPeer, viewers: Sequence[MediaPeer]) -> None:
        self.publisher = publisher
        self.viewers = viewers
        self.delivered = 0  # packets of the picture that have come to the viewers
        for viewer in viewers:
            viewer.drop_in = self._count

    def _count(self, datagram: bytes) -> bool:
        """Count it and drop it: opening it would only slow the generator."""
        if not 128 <= datagram[0] < 192:
            return False
        self.delivered += not 192 <= datagram[1] <= 223
        return True

    @asynccontextmanager
    async def running(self, send: Callable[[MediaPeer], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
        """Publish by `send` and report back meanwhile; hang up afterwards."""
        tasks = [asyncio.create_task(send(self.publisher)), asyncio.create_task(self._report_back())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            for peer in (self.publisher, *self.viewers):
                peer.close()
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _report_back(self) -> None:
        """Send what a viewer's browser sends: a report and an estimate every second, a check now and then."""
        seconds = 0
        while True:
            await asyncio.sleep(1)
            seconds += 1
            for viewer in self.viewers:
                (mid,) = viewer.offer.receive
                ssrc = viewer.ssrc_of(mid)
                block = rtcp.ReportBlock(ssrc, 0, 0, 1, 9, 0, 0)
                viewer.send(rtcp.receiver_report([block]) + rtcp.remb(5_000_000, [ssrc]))
            if seconds % CHECK_EVERY_S == 0:
                for peer in (self.publisher, *self.viewers):
                    peer.transmit(peer.binding_request())


async def connect(pipe: Pipe, viewers: int, *, host: str = "127.0.0.1") -> Call:
    """Connect the publisher and its viewers to our plane; `host` is the address they send from."""
    peers: dict[str, MediaPeer] = {}
    for _ in range(viewers + 1):
        message = await pipe.receive()
        receive = {mid: TrackRef(ParticipantId(who), Source(what)) for mid, (who, what) in message["receive"].items()}
        publish = {mid: Source(source) for mid, source in message["publish"].items()}
        offer = MediaOffer(message["generation"], message["sdp"], publish, receive)
        peer = MediaPeer(offer, first_ssrc=1000 * (len(peers) + 1), host=host)
        peers[message["participant"]] = peer
        pipe.send({"participant": message["participant"], "generation": message["generation"], "sdp": peer.answer()})
        await peer.connect()
    publisher = peers.pop(CAMERA.participant)
    return Call(publisher, list(peers.values()))


def steady(packets_per_s: int) -> Callable[[MediaPeer], Coroutine[Any, Any, None]]:
    """Return what sends packets at an even pace, as a browser's pacer does, with the extensions that ours gets."""

    async def send(publisher: MediaPeer) -> None:
        ssrc = publisher.ssrcs[Source.CAMERA][0]
        payloads = [KEY_FRAME.ljust(PACKET_OCTETS, b"k"), b"\x10\x01".ljust(PACKET_OCTETS, b"d")]
        start, seq = time.monotonic(), 0
        while True:
            due = int((time.monotonic() - start) * packets_per_s)
            while seq < due:
                seq += 1
                publisher.send(
                    rtp(
                        ssrc=ssrc,
                        payload_type=96,
                        seq=seq,
                        timestamp=seq // 13 * 3000,
                        payload=payloads[seq % KEY_FRAME_EVERY != 1],
                        marker=seq % 13 == 12,
                        extensions=b"\x20" + b"1" + b"\x41" + (seq & 0xFFFF).to_bytes(2, "big"),
                    )
                )
            await asyncio.sleep(PACE_S)

    return send
