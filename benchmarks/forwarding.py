"""CPU of the server for each packet it forwards, and what aiortc's own relay costs for the same picture.

`us_1xN`: one publisher (400 packets of 1100 octets a second, paced as a browser does) to N viewers; CPU microseconds of
the server process, by its own rusage, for each packet sent to a viewer. `relay_over_ours_1x3`: CPU for a second of one
VP8 picture, 640x480 at 30 frames a second, to three viewers: aiortc's MediaRelay, which decodes once and encodes for
each viewer, over ours, which forwards. Server and generator are processes of their own.

    python -m benchmarks.forwarding --json
"""

import argparse
import asyncio
import json
import resource
import statistics
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from fractions import Fraction
from typing import Any, Final

import av
import numpy as np
import uvloop
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription, rtcrtpreceiver
from aiortc.contrib.media import MediaRelay
from aiortc.mediastreams import MediaStreamTrack

from benchmarks.media_peer import MediaPeer, rtp
from benchmarks.report import report
from kernel.clock import utc_now
from kernel.ids import ParticipantId, RecordingId, RoomId
from media import rtcp
from media.plane import UdpMediaPlane
from rooms.events import Source
from rooms.ports import ConnectionQuality, MediaOffer, MediaState
from rooms.tracks import Routing, TrackRef

PACKETS_PER_S: Final = 400
PACKET_OCTETS: Final = 1100
PACE_S: Final = 0.005  # a browser's pacer
WARM_UP_S: Final = 4.0  # connections settle: the relay's encoders follow their viewers' estimates
FRAMES_PER_S: Final = 30
ROOM: Final = RoomId("con_benchmark")
CAMERA: Final = TrackRef(ParticipantId("usr_publisher"), Source.CAMERA)
KEY_FRAME: Final = b"\x10\x00\x9d\x01\x2a\x80\x02\xe0\x01"
Picture = Any  # av.Packet: one encoded frame
NO_STUN: Final = RTCConfiguration(iceServers=[])


# --- the server processes ---------------------------------------------------------------------------------------------


class Pipe:
    """JSON lines with the other process: on the server's side stdin and stdout."""

    def __init__(self, reader: asyncio.StreamReader, write: Any) -> None:
        self._reader = reader
        self._write = write

    async def receive(self) -> dict[str, Any]:
        line = await self._reader.readline()
        return dict(json.loads(line)) if line else {"stop": True}

    def send(self, message: Mapping[str, Any]) -> None:
        self._write(json.dumps(message).encode() + b"\n")


async def _stdio() -> Pipe:
    reader = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

    def write(line: bytes) -> None:
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()

    return Pipe(reader, write)


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


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

    def recording_failed(self, room: RoomId, recording: RecordingId, reason: str) -> None: ...


async def serve_plane(viewers: int) -> None:
    """Our media plane, as the server runs it."""
    pipe = await _stdio()
    plane = UdpMediaPlane(now=utc_now, host="127.0.0.1")
    plane.observe(Carrier(pipe))
    await plane.open()
    watching = [ParticipantId(f"pat_viewer{n}") for n in range(viewers)]
    tracks = frozenset({CAMERA})
    plane.route(ROOM, Routing(tracks, {CAMERA.participant: frozenset[TrackRef](), **dict.fromkeys(watching, tracks)}))
    for participant in (CAMERA.participant, *watching):
        plane.join(ROOM, participant)
    while not (message := await pipe.receive()).get("stop"):
        if "sdp" in message:
            plane.answer(ROOM, ParticipantId(message["participant"]), message["generation"], message["sdp"])
        else:
            pipe.send({"cpu_s": _cpu_s(), "forwarded": plane.stats()["packets_forwarded"]})
    await plane.close()


async def serve_relay() -> None:
    """The yardstick: aiortc decodes what the first connection sends and encodes it for each of the others."""
    pipe = await _stdio()
    relay = MediaRelay()
    connections: list[RTCPeerConnection] = []
    published: list[MediaStreamTrack] = []
    while not (message := await pipe.receive()).get("stop"):
        if "sdp" not in message:
            pipe.send({"cpu_s": _cpu_s(), "forwarded": await _packets_sent(connections)})
            continue
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


async def _packets_sent(connections: list[RTCPeerConnection]) -> int:
    reports = [await sender.getStats() for connection in connections for sender in connection.getSenders()]
    return sum(stats.packetsSent for found in reports for stats in found.values() if stats.type == "outbound-rtp")


# --- the generator ----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def server_process(role: str, viewers: int) -> AsyncIterator[Pipe]:
    """Start a server process and stop it at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.forwarding",
        "--role",
        role,
        "--viewers",
        str(viewers),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    pipe = Pipe(process.stdout, process.stdin.write)
    try:
        yield pipe
        pipe.send({"stop": True})
        await asyncio.wait_for(process.wait(), 20)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


class Measured:
    """What a server spent between two moments."""

    def __init__(self, before: Mapping[str, float], after: Mapping[str, float], seconds: float) -> None:
        self.cpu_s = after["cpu_s"] - before["cpu_s"]
        self.packets = after["forwarded"] - before["forwarded"]
        self.us_per_packet = 1e6 * self.cpu_s / max(self.packets, 1)
        self.cpu_share = self.cpu_s / seconds


async def measure(pipe: Pipe, seconds: float) -> Measured:
    """Let it warm up, then count."""
    await asyncio.sleep(WARM_UP_S)
    pipe.send({})
    before, start = await pipe.receive(), time.monotonic()
    await asyncio.sleep(seconds)
    pipe.send({})
    return Measured(before, await pipe.receive(), time.monotonic() - start)


async def connect(pipe: Pipe, viewers: int) -> tuple[MediaPeer, list[MediaPeer]]:
    """Connect the publisher and its viewers to our plane."""
    peers: dict[str, MediaPeer] = {}
    for _ in range(viewers + 1):
        message = await pipe.receive()
        receive = {mid: TrackRef(ParticipantId(who), Source(what)) for mid, (who, what) in message["receive"].items()}
        publish = {mid: Source(source) for mid, source in message["publish"].items()}
        offer = MediaOffer(message["generation"], message["sdp"], publish, receive)
        peer = MediaPeer(offer, first_ssrc=1000 * (len(peers) + 1))
        peers[message["participant"]] = peer
        pipe.send({"participant": message["participant"], "generation": message["generation"], "sdp": peer.answer()})
        await peer.connect()
    publisher = peers.pop(CAMERA.participant)
    return publisher, list(peers.values())


async def report_back(viewers: list[MediaPeer]) -> None:
    """Send what a viewer's browser sends: a report and an estimate every second."""
    while True:
        await asyncio.sleep(1)
        for viewer in viewers:
            (mid,) = viewer.offer.receive
            ssrc = viewer.ssrc_of(mid)
            viewer.send(rtcp.receiver_report([rtcp.ReportBlock(ssrc, 0, 0, 1, 9, 0, 0)]) + rtcp.remb(5_000_000, [ssrc]))


async def publish(publisher: MediaPeer) -> None:
    """Send packets at an even pace, as a browser's pacer does, with the extensions that ours gets."""
    ssrc = publisher.ssrcs[Source.CAMERA][0]
    payloads = [KEY_FRAME.ljust(PACKET_OCTETS, b"k"), b"\x10\x01".ljust(PACKET_OCTETS, b"d")]
    start, seq = time.monotonic(), 0
    while True:
        due = int((time.monotonic() - start) * PACKETS_PER_S)
        while seq < due:
            seq += 1
            publisher.send(
                rtp(
                    ssrc=ssrc,
                    payload_type=96,
                    seq=seq,
                    timestamp=seq // 13 * 3000,
                    payload=payloads[seq % 1000 != 1],
                    marker=seq % 13 == 12,
                    extensions=b"\x20" + b"1" + b"\x41" + (seq & 0xFFFF).to_bytes(2, "big"),
                )
            )
        await asyncio.sleep(PACE_S)


async def ours(viewers: int, seconds: float) -> Measured:
    """Measure our plane with an even stream."""
    async with server_process("plane", viewers) as pipe:
        publisher, watching = await connect(pipe, viewers)
        for viewer in watching:
            viewer.drop_in = lambda datagram: 128 <= datagram[0] < 192  # received, not opened
        tasks = [asyncio.create_task(publish(publisher)), asyncio.create_task(report_back(watching))]
        measured = await measure(pipe, seconds)
        await _cancel(tasks)
        for peer in (publisher, *watching):
            peer.close()
    expected = PACKETS_PER_S * viewers * seconds
    if measured.packets < 0.9 * expected:
        print(f"1x{viewers}: only {measured.packets:.0f} of {expected:.0f} packets went through", file=sys.stderr)
    return measured


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            raise result


# --- the same picture through both ------------------------------------------------------------------------------------


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


async def relay(viewers: int, seconds: float, packets: list[Picture]) -> Measured:
    """Measure aiortc's relay with the picture."""
    setattr(rtcrtpreceiver, "get_decoder", lambda _codec: _NoDecoder())  # noqa: B010 - a private name of aiortc
    async with server_process("relay", viewers) as pipe:
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
        measured = await measure(pipe, seconds)
        for connection in connections:
            await connection.close()
    return measured


async def ours_with_picture(viewers: int, seconds: float, packets: list[Picture]) -> Measured:
    """Measure our plane with the same picture, packed as aiortc packs it."""
    from aiortc.codecs.vpx import Vp8Encoder  # noqa: PLC0415 - of the generator alone

    async def send(publisher: MediaPeer) -> None:
        encoder, track, seq = Vp8Encoder(), EncodedTrack(packets), 0
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

    async with server_process("plane", viewers) as pipe:
        publisher, watching = await connect(pipe, viewers)
        for viewer in watching:
            viewer.drop_in = lambda datagram: 128 <= datagram[0] < 192
        tasks = [asyncio.create_task(send(publisher)), asyncio.create_task(report_back(watching))]
        measured = await measure(pipe, seconds)
        await _cancel(tasks)
        for peer in (publisher, *watching):
            peer.close()
    return measured


async def run_once(seconds: float) -> dict[str, float]:
    """One round of everything."""
    figures: dict[str, float] = {}
    for viewers in (1, 3, 7):
        figures[f"us_1x{viewers}"] = (await ours(viewers, seconds)).us_per_packet
    packets = encoded_picture()
    mine = await ours_with_picture(3, seconds, packets)
    theirs = await relay(3, seconds, packets)
    figures["ours_cpu_percent_1x3"] = 100 * mine.cpu_share
    figures["relay_cpu_percent_1x3"] = 100 * theirs.cpu_share
    figures["relay_over_ours_1x3"] = theirs.cpu_share / mine.cpu_share
    return figures


def main() -> None:
    """Run as a generator, or as the server process that it starts."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print the one JSON object only")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each measurement")
    parser.add_argument("--role", choices=("generator", "plane", "relay"), default="generator", help=argparse.SUPPRESS)
    parser.add_argument("--viewers", type=int, default=1, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.role == "plane":
        uvloop.run(serve_plane(arguments.viewers))
        return
    if arguments.role == "relay":
        uvloop.run(serve_relay())
        return
    runs = [asyncio.run(run_once(arguments.seconds)) for _ in range(arguments.runs)]
    figures = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    if not arguments.json:
        for name, value in figures.items():
            print(f"{name:28} {value:10.2f}")
    report("forwarding", figures, runs if len(runs) > 1 else 1)


if __name__ == "__main__":
    main()
