"""What carries the rooms of `benchmarks.rooms`, a process of its own on one core: our plane, or a bare relay."""

import argparse
import asyncio
import os
import socket
import time
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import uvloop

from benchmarks.plane_server import Carrier
from benchmarks.recording import BlobSink
from benchmarks.server_process import Pipe, stdio
from kernel.clock import utc_now
from kernel.ids import ParticipantId, RecordingId, RoomId
from media.plane import UdpMediaPlane
from media.recorder import Recorder
from rooms.events import Source
from rooms.ports import MediaState
from rooms.tracks import Routing, TrackRef

HOST: Final = "127.0.0.1"
_SOCKET_BUFFER_BYTES: Final = 4 * 1024 * 1024  # as ours
_PATIENCE: Final = timedelta(minutes=2)  # with those who wait until all rooms are there


class WatchfulCarrier(Carrier):
    """Remembers whether a recording failed, and when somebody was cut off (CLOCK_MONOTONIC)."""

    failed = ""
    cut_off_s = 0.0

    def state_changed(self, room: RoomId, participant: ParticipantId, state: MediaState) -> None:  # noqa: ARG002
        if state is MediaState.CUT_OFF and not self.cut_off_s:
            self.cut_off_s = time.monotonic()

    def recording_failed(self, room: RoomId, recording: RecordingId, reason: str) -> None:  # noqa: ARG002
        self.failed = reason


async def serve_plane(pipe: Pipe, *, recording: bool) -> None:
    """Open a room for each number that comes, take the answers, say at the end what was lost in here."""
    with TemporaryDirectory() as folder:
        recorder = Recorder(BlobSink(Path(folder)))
        plane = UdpMediaPlane(now=utc_now, host=HOST, recorder=recorder, gone_after=_PATIENCE)
        carrier = WatchfulCarrier(pipe)
        plane.observe(carrier)
        await plane.open()
        rooms: dict[str, RoomId] = {}
        while not (message := await pipe.receive()).get("stop"):
            if "open" in message:
                rooms |= _open_room(plane, int(message["open"]), recording=recording)
            elif "count" in message:
                dropped = {name: count for name, count in plane.stats().items() if name.startswith("dropped_")}
                pipe.send(
                    {
                        "lost": recorder.overruns,
                        "behind": recorder.queued_packets,
                        "failed": carrier.failed,
                        "cut_off_s": carrier.cut_off_s,
                        **dropped,
                    }
                )
            elif "leave" in message:
                plane.leave(rooms.pop(message["leave"]), ParticipantId(message["leave"]))
            elif "restart" in message:
                plane.restart(rooms[message["restart"]], ParticipantId(message["restart"]))
            else:
                who = message["participant"]
                plane.answer(rooms[who], ParticipantId(who), message["generation"], message["sdp"])
        await plane.close()
        await recorder.shut_down()


def _open_room(plane: UdpMediaPlane, number: int, *, recording: bool) -> dict[str, RoomId]:
    room = RoomId(f"con_room{number}")
    people = (ParticipantId(f"usr_doctor{number}"), ParticipantId(f"pat_patient{number}"))
    tracks = frozenset(TrackRef(who, source) for who in people for source in (Source.MICROPHONE, Source.CAMERA))
    recorded = (RecordingId(f"rec_{number}"), tracks) if recording else (None, frozenset[TrackRef]())
    plane.route(room, Routing(tracks, dict.fromkeys(people, tracks), *recorded))
    for participant in people:
        plane.join(room, participant)
    return dict.fromkeys(people, room)


async def serve_bare(pipe: Pipe) -> None:
    """Send on what comes from one of a room's two addresses to the other as it is; the first one names the room."""
    relay = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    relay.setblocking(False)
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        relay.setsockopt(socket.SOL_SOCKET, option, _SOCKET_BUFFER_BYTES)
    relay.bind((HOST, 0))
    others: dict[tuple[str, int], tuple[str, int]] = {}
    waiting: dict[bytes, tuple[str, int]] = {}
    buffer = bytearray(2048)
    view = memoryview(buffer)

    def readable() -> None:
        for _ in range(128):
            try:
                size, address = relay.recvfrom_into(buffer)
                other = others.get(address)
                if other is not None:
                    relay.sendto(view[:size], other)
                    continue
            except BlockingIOError:
                return
            first = waiting.setdefault(bytes(view[:size]), address)
            if first != address:
                others[address], others[first] = first, address

    asyncio.get_running_loop().add_reader(relay, readable)
    pipe.send({"port": relay.getsockname()[1]})
    while not (message := await pipe.receive()).get("stop"):
        if "count" in message:
            pipe.send({"lost": 0, "behind": 0, "failed": ""})
    asyncio.get_running_loop().remove_reader(relay)
    relay.close()


async def serve(carrier: str) -> None:
    """Serve as one of the carriers."""
    pipe = await stdio()
    if carrier == "bare":
        await serve_bare(pipe)
    else:
        await serve_plane(pipe, recording=carrier == "recording")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--carrier", choices=("plane", "recording", "bare"), default="plane")
    parser.add_argument("--core", type=int, default=0)
    asked = parser.parse_args()
    os.sched_setaffinity(0, {asked.core})
    uvloop.run(serve(asked.carrier))
