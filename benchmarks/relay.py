"""The yardstick that everybody has: aiortc's MediaRelay, which decodes a picture once and encodes it for each viewer.

As a module it is the relay's server process; as a library it sends the same picture through the relay and through ours.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from fractions import Fraction
from typing import Any, Final

import av
import numpy as np
import uvloop
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription, rtcrtpreceiver
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.contrib.media import MediaRelay
from aiortc.mediastreams import MediaStreamTrack

from benchmarks.media_peer import MediaPeer, rtp
from benchmarks.server_process import Measured, measure, server_process, stdio
from rooms.events import Source

FRAMES_PER_S: Final = 30
Picture = Any  # av.Packet: one encoded frame
NO_STUN: Final = RTCConfiguration(iceServers=[])


async def serve() -> None:
    """Decode what the first connection sends and encode it for each of the others, until told to stop."""
    pipe = await stdio()
    relay = MediaRelay()
    connections: list[RTCPeerConnection] = []
    published: list[MediaStreamTrack] = []
    while not (message := await pipe.receive()).get("stop"):
        connection = RTCPeerConnection(NO_STUN)
        connections.append(connection)
        connection.on("track", published.append)
        await connection.setRemoteDescription(RTCSessionDescription(message["sdp"], "offer"))
        if len(connections) > 1:
            connection.addTrack(relay.subscribe(published[0]))
        await connection.setLocalDescription(await connection.createAnswer())
        pipe.send({"sdp": connection.localDescription.sdp})
    for connection in connections:
        await connection.close()


def encoded_picture() -> list[Picture]:
    """Return two seconds of a moving picture as VP8, 640x480 at 30 frames a second, about 1 Mbit/s."""
    codec = av.CodecContext.create("libvpx", "w")
    codec.width, codec.height, codec.pix_fmt, codec.bit_rate = 640, 480, "yuv420p", 1_000_000
    codec.time_base, codec.framerate = Fraction(1, FRAMES_PER_S), Fraction(FRAMES_PER_S)
    codec.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
    noise = np.random.default_rng(1).integers(0, 60, (480, 640, 3), dtype=np.uint8)
    across = np.linspace(0, 180, 640, dtype=np.uint8)[None, :, None]
    packets: list[Picture] = []
    for n in range(2 * FRAMES_PER_S):
        frame = av.VideoFrame.from_ndarray(np.roll(noise + across, 8 * n, axis=1), format="rgb24")
        frame.pts = n
        packets += codec.encode(frame)
    return packets


class EncodedTrack(MediaStreamTrack):
    """Gives out the encoded picture again and again; aiortc packs packets without encoding them."""

    kind = "video"

    def __init__(self, packets: list[Picture]) -> None:
        super().__init__()
        self._packets = packets
        self._count = 0
        self._start = time.monotonic()

    async def recv(self) -> Picture:
        await asyncio.sleep(max(self._start + self._count / FRAMES_PER_S - time.monotonic(), 0))
        packet = av.Packet(bytes(self._packets[self._count % len(self._packets)]))
        packet.pts, packet.time_base = self._count, Fraction(1, FRAMES_PER_S)
        self._count += 1
        return packet


class _NoDecoder:
    """Keeps the generator from decoding what it receives: only the server is measured."""

    def decode(self, _frame: object) -> list[object]:
        return []


async def relayed(viewers: int, packets: list[Picture], *, warm_up_s: float, seconds: float) -> Measured:
    """Measure aiortc's relay with the picture; its packets are not counted, only its time."""
    setattr(rtcrtpreceiver, "get_decoder", lambda _codec: _NoDecoder())  # noqa: B010 - a private name of aiortc
    async with server_process("benchmarks.relay") as pipe:
        connections = [RTCPeerConnection(NO_STUN) for _ in range(viewers + 1)]
        for number, connection in enumerate(connections):
            if number:
                connection.addTransceiver("video", direction="recvonly")
            else:
                connection.addTrack(EncodedTrack(packets))
            await connection.setLocalDescription(await connection.createOffer())
            pipe.send({"sdp": connection.localDescription.sdp})
            answer = await pipe.receive()
            await connection.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
        measured = await measure(pipe.pid, lambda: 0, warm_up_s=warm_up_s, seconds=seconds)
        for connection in connections:
            await connection.close()
    return measured


def pictures(packets: list[Picture]) -> Callable[[MediaPeer], Coroutine[Any, Any, None]]:
    """Return what sends the same picture to ours, packed as aiortc packs it."""

    async def send(publisher: MediaPeer) -> None:
        track, seq = EncodedTrack(packets), 0
        encoder = Vp8Encoder()
        while True:
            payloads, timestamp = encoder.pack(await track.recv())
            for payload in payloads:
                seq += 1
                publisher.send(
                    rtp(
                        ssrc=publisher.ssrcs[Source.CAMERA][0],
                        payload_type=96,
                        seq=seq,
                        timestamp=timestamp,
                        payload=payload,
                        marker=payload is payloads[-1],
                        extensions=b"\x41" + (seq & 0xFFFF).to_bytes(2, "big"),
                    )
                )

    return send


if __name__ == "__main__":
    uvloop.run(serve())
