"""What a room and a peer take of memory, and what hostile input does to the node and to the others' calls.

    python -m benchmarks.bounds --json

The server has one core, everybody else another. Memory is the server process's resident set, read from outside.

`peer_kb`: a connected peer that sends nothing. `room_kb`: two people who have talked at 1.2 Mbit/s each for some
seconds, with everything that is kept for repetition. `hostile_growth_mb`: what the process has grown by under rubbish
at full speed, from strangers while people join, from a peer's own address in the call, by ICE restarts, and from those
who left: one short round to warm up, then one of `--seconds`, then the difference.

For each kind of flood (20,000 packets a second, or a hundred restarts of ICE) two others talk in another room:
`flood_bystander_gap_ms_max` is the longest time without a packet from either to the other, `control_gap_ms_max` the
same without a flood, as many times. `flood_cut_off_s` is the slowest cut-off.
"""

import argparse
import asyncio
import os
import resource
import select
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.media_peer import MediaPeer, rtp
from benchmarks.report import report
from benchmarks.room_server import HOST
from benchmarks.rooms import Person, Timetable, connect, connected_people, exchange, offer_of
from benchmarks.server_process import Pipe, server_process
from media import rtcp
from media.packet_path import OPUS
from rooms.events import Source

_ROOMS: Final = 48
_SILENT_ROOMS: Final = 100
_HOSTILE_ROOMS: Final = 2
_RESTARTS: Final = 20  # of each peer in the long round: more at a time end as a flood
_FLOOD_PER_S: Final = 20_000
_FLOOD_S: Final = 4.0
_AT_ONCE: Final = 64
_RESTART_EVERY_S: Final = 0.01
_FLOODER: Final = "usr_doctor1"
_WARM_UP_S: Final = 1.0


def resident_kb(pipe: Pipe) -> float:
    """Return the server's resident set."""
    pages = int(Path(f"/proc/{pipe.pid}/statm").read_text(encoding="utf-8").split()[1])
    return pages * resource.getpagesize() / 1024


async def memory() -> dict[str, float]:
    """Measure what a silent peer and a talking room take."""
    async with _server() as pipe:
        empty = resident_kb(pipe)
        silent = await connected_people(pipe, _SILENT_ROOMS)
        peer_kb = (resident_kb(pipe) - empty) / len(silent)
    async with _server() as pipe:
        empty = resident_kb(pipe)
        exchange(await connected_people(pipe, _ROOMS))
        room_kb = (resident_kb(pipe) - empty) / _ROOMS
    return {"peer_kb": peer_kb, "room_kb": room_kb}


# Rubbish --------------------------------------------------------------------------------------------------------------


def rubbish(peer: MediaPeer) -> list[bytes]:
    """Return what a stranger may send who knows user names and SSRCs but no key."""
    record, ssrc = b"\xfe\xfd" + bytes(8), peer.ssrcs[Source.MICROPHONE][0]
    check = peer.binding_request()
    return [
        os.urandom(40),
        b"\x15" + record + b"\x00\x02\x02\x28",
        b"\x16" + record + b"\x00\x60" + os.urandom(96),
        rtp(ssrc=ssrc, payload_type=111, seq=1, timestamp=1, payload=bytes(60)),
        struct.pack("!BBHI", 0x80, 200, 6, ssrc) + bytes(40),
        peer.binding_request(password="x" * 36),
        check[: len(check) // 2],
        b"\x40\x00\x00\x10" + bytes(16),
        os.urandom(1200),
    ]


async def growth(seconds: float) -> dict[str, float]:
    """Measure what the server has grown by after rubbish at every stage, beyond what the first round took."""
    async with _server() as pipe:
        strangers = [_socket() for _ in range(64)]
        people: dict[str, MediaPeer] = {}
        sizes = []
        for length in (seconds / 4, seconds):
            for room in range(_HOSTILE_ROOMS):
                people |= await _open(pipe, room, strangers, length / 16)
            for who, peer in people.items():
                _shower([peer.socket], [*rubbish(peer), *peer_rubbish(peer)], peer.server, length / 16)
                for _ in range(int(_RESTARTS * length / seconds)):
                    await _restart(pipe, who, peer)
            for who, peer in people.items():
                pipe.send({"leave": who})
                assert peer.srtp is not None, "connected"
                media = [peer.srtp.seal(packet) for packet in _sound(peer, 64)]
                _shower([peer.socket, *strangers], [*rubbish(peer), *media], peer.server, length / 16)
                peer.vanish()
            sizes.append(resident_kb(pipe))
        return {"hostile_growth_mb": (sizes[1] - sizes[0]) / 1024}


async def _open(pipe: Pipe, room: int, strangers: list[socket.socket], seconds: float) -> dict[str, MediaPeer]:
    """Open a room and let two people join while strangers send."""
    pipe.send({"open": room})
    joined = {}
    for place, who in enumerate((f"usr_doctor{room}", f"pat_patient{room}")):
        joined[who] = peer = await connect(pipe, first_ssrc=1000 + 20 * (2 * room + place))
        _shower(strangers, rubbish(peer), peer.server, seconds)
    return joined


async def _restart(pipe: Pipe, who: str, peer: MediaPeer) -> None:
    pipe.send({"restart": who})
    offer = offer_of(await pipe.receive())
    peer.offer = offer
    pipe.send({"participant": who, "generation": offer.generation, "sdp": peer.answer()})
    await peer.check()


def peer_rubbish(peer: MediaPeer) -> list[bytes]:
    """Return what somebody who has the keys may send beyond it: streams that were never announced."""
    assert peer.srtp is not None, "connected"
    return [
        peer.srtp.seal(rtp(ssrc=70_000 + number, payload_type=111, seq=number, timestamp=1, payload=bytes(60)))
        for number in range(50)
    ]


def _shower(sockets: list[socket.socket], datagrams: list[bytes], server: tuple[str, int], seconds: float) -> None:
    """Send as fast as it goes."""
    end_s, turn = time.monotonic() + seconds, 0
    while time.monotonic() < end_s:
        for datagram in datagrams:
            turn += 1
            with suppress(BlockingIOError):
                sockets[turn % len(sockets)].sendto(datagram, server)


def _sound(peer: MediaPeer, count: int) -> Iterator[bytes]:
    for number in range(count):
        yield rtp(
            ssrc=peer.ssrcs[Source.MICROPHONE][0],
            payload_type=OPUS,
            seq=number,
            timestamp=number * 960,
            payload=bytes(80),
        )


def _socket() -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.setblocking(False)
    opened.bind((HOST, 0))
    return opened


# Floods ---------------------------------------------------------------------------------------------------------------


def flood_of(peer: MediaPeer, kind: str) -> Callable[[int], bytes]:
    """Return what makes the packet of a number, sealed or signed by the peer itself."""
    assert peer.srtp is not None, "connected"
    seal, ssrc = peer.srtp.seal, peer.ssrcs[Source.MICROPHONE][0]

    def sound(number: int, stream: int) -> bytes:
        return seal(rtp(ssrc=stream, payload_type=OPUS, seq=number, timestamp=number, payload=bytes(80)))

    report_of_loss = struct.pack("!BBHI", 0x80, 201, 1, ssrc) + rtcp.picture_loss(ssrc)
    checks = [peer.binding_request() for _ in range(_AT_ONCE)]
    return {
        "sound": lambda number: sound(number, ssrc),
        "fifty streams": lambda number: sound(number // 50, 70_000 + number % 50),
        "picture loss": lambda _number: seal(report_of_loss),
        "checks": lambda number: checks[number % _AT_ONCE],
    }[kind]


RENEGOTIATION: Final = "renegotiation"
KINDS: Final = ("sound", "fifty streams", "picture loss", "checks", RENEGOTIATION)


async def flooded(kind: str | None) -> dict[str, float]:
    """Let two people talk while somebody in another room floods; with None nobody does."""
    async with _server() as pipe:
        pair = await connected_people(pipe, 1)
        pipe.send({"open": 1})
        flooder, other = [await connect(pipe, first_ssrc=5000 + 100 * place) for place in range(2)]
        child = os.fork()
        if not child:
            _flood_and_exit(flooder, kind if kind != RENEGOTIATION else None)
        began_s = time.monotonic() + _WARM_UP_S
        talking = asyncio.create_task(asyncio.to_thread(longest_gap, pair))
        if kind == RENEGOTIATION:
            await _renegotiate(pipe)
        gap_s = await talking
        await asyncio.to_thread(os.waitpid, child, 0)
        pipe.send({"count": True})
        while "cut_off_s" not in (told := await pipe.receive()):
            continue  # an offer that nobody answers
        cut_off_s = told["cut_off_s"]
        for person in pair:
            person.socket.close()
        flooder.vanish()
        other.vanish()
    return {"gap_ms": 1000 * gap_s, "cut_off_s": cut_off_s - began_s if cut_off_s else 0.0}


def _flood_and_exit(peer: MediaPeer, kind: str | None) -> None:
    """In a process of its own that gives way to the bystanders on the same core: they are what is measured."""
    os.nice(15)
    time.sleep(_WARM_UP_S)
    if kind is not None:
        make, began_s, number = flood_of(peer, kind), time.monotonic(), 0
        while (elapsed_s := time.monotonic() - began_s) < _FLOOD_S:
            if number > elapsed_s * _FLOOD_PER_S:
                time.sleep(0.001)
                continue
            for _ in range(_AT_ONCE):
                number += 1
                with suppress(BlockingIOError):
                    peer.socket.sendto(make(number), peer.server)
        print(f"{kind}: {number / _FLOOD_S:.0f} packets a second", file=sys.stderr)
    os._exit(0)


async def _renegotiate(pipe: Pipe) -> None:
    """Ask for a restart of ICE every 10 ms, and answer none of the offers."""
    await asyncio.sleep(_WARM_UP_S)
    for _ in range(int(_FLOOD_S / _RESTART_EVERY_S)):
        pipe.send({"restart": _FLOODER})
        await asyncio.sleep(_RESTART_EVERY_S)


def longest_gap(pair: list[Person]) -> float:
    """Let two people talk and return the longest time without a packet, in seconds, from either to the other."""
    poll, by_fd, buffer = select.epoll(), {person.socket.fileno(): person for person in pair}, bytearray(2048)
    for fd in by_fd:
        poll.register(fd, select.EPOLLIN)
    timetable, longest_s, slot = Timetable(pair), 0.0, 0
    begin_s = time.monotonic()
    came_s = dict.fromkeys(by_fd, begin_s)
    while (now_s := time.monotonic()) < begin_s + _WARM_UP_S + _FLOOD_S:
        while slot <= (now_s - begin_s) * 1000:
            timetable.send(slot, now_s)
            slot += 1
        for fd, _ in poll.poll(0.0005, 64):
            if by_fd[fd].hear(buffer):
                longest_s = max(longest_s, now_s - came_s[fd]) if now_s > begin_s + _WARM_UP_S / 2 else 0.0
                came_s[fd] = now_s
    poll.close()
    return longest_s


def _server() -> AbstractAsyncContextManager[Pipe]:
    return server_process("benchmarks.room_server", "--core", str(0))


async def measure(seconds: float, runs: int) -> dict[str, float]:
    """Return the figures."""
    figures = {**await memory(), **await growth(seconds)}
    floods = [await flooded(kind) for _ in range(runs) for kind in KINDS]
    controls = [await flooded(None) for _ in floods]
    return {
        **figures,
        "flood_bystander_gap_ms_max": max(each["gap_ms"] for each in floods),
        "control_gap_ms_max": max(each["gap_ms"] for each in controls),
        "flood_bystander_gap_ms_median": median(each["gap_ms"] for each in floods),
        "control_gap_ms_median": median(each["gap_ms"] for each in controls),
        "flood_cut_off_s": max(each["cut_off_s"] for each in floods),
        "floods_cut_off": sum(each["cut_off_s"] > 0 for each in floods) / len(floods),
    }


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="accepted for the sake of all benchmarks: always JSON")
    parser.add_argument("--seconds", type=float, default=40, help="of rubbish")
    parser.add_argument("--runs", type=int, default=3, help="of each kind of flood")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        sys.exit("*** NOT MEASURED: the others need a core of their own")
    os.sched_setaffinity(0, {cores[1]})
    report("bounds", asyncio.run(measure(options.seconds, options.runs)), options.runs)


if __name__ == "__main__":
    main()
