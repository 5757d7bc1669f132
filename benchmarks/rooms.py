"""How many consultations of two people one core carries at a time.

Each person sends what a browser sends: 720p at 30 pictures a second and 1.2 Mbit/s, 50 packets of sound a second, and
reports; everything goes to the other person. The server has one core, the browsers' side another. A number of rooms
is carried when nothing is lost and 99 of 100 packets are with the other person within 20 ms of being sent, the
browsers' side included. The number is doubled until it is not carried, twice in a row, then narrowed to a sixteenth.

`rooms_per_core`: our plane, sealed by SRTP. `rooms_per_core_recording`: all of it recorded besides, sealed and flushed
to the disk, by threads on the same core. `bare_rooms_per_core`: a relay in Python that sends on what comes and
opens nothing, the floor for any server in this language. `p99_ms` of each is that of the largest number carried.
`generator_bound` is 1 when the browsers' side was what could not keep up: then the figure is a lower bound.

    python -m benchmarks.rooms --json
    python -m benchmarks.rooms --json --carriers plane bare
"""

import argparse
import asyncio
import math
import os
import select
import socket
import struct
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.generator import KEY_FRAME
from benchmarks.media_peer import MediaPeer
from benchmarks.report import report
from benchmarks.room_server import HOST
from benchmarks.server_process import Pipe, server_process
from kernel.ids import ParticipantId
from media import rtcp
from media.packet_path import OPUS, VP8
from rooms.events import Source
from rooms.ports import MediaOffer
from rooms.tracks import TrackRef

PICTURES_PER_S: Final = 30
PACKETS_PER_PICTURE: Final = 5
PICTURE_OCTETS: Final = 1000  # of a packet
SOUND_OCTETS: Final = 100
SOUND_MS: Final = 20
KEY_FRAME_EVERY: Final = 300  # pictures
DELAY_LIMIT_S: Final = 0.020
BEHIND_LIMIT_S: Final = 2  # of packets that the recorder's thread has yet to write
TAG_OCTETS: Final = 16

FIRST: Final = 32
LIMIT: Final = 1024
WARM_UP_S: Final = 1.5
MEASURED_S: Final = 4.0
DRAIN_S: Final = 0.5
FIGURES: Final = {"plane": "rooms_per_core", "recording": "rooms_per_core_recording", "bare": "bare_rooms_per_core"}

_TURN_MS: Final = 100  # three pictures, five packets of sound
_HEADER: Final = struct.Struct("!BBHIIHHBBBHBBB")  # with the extensions mid, transport-wide number and audio level
_ORDINARY: Final = b"\x10\x01".ljust(PICTURE_OCTETS, b"d")
_KEY: Final = KEY_FRAME.ljust(PICTURE_OCTETS, b"k")
_SOUND: Final = b"\xfc".ljust(SOUND_OCTETS, b"s")  # Opus, 20 ms


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one number of rooms."""

    rooms: int
    lost: int
    p99_s: float
    lag_s: float  # of the browsers' side behind its own timetable, p99
    recorder: str  # what went wrong there

    @property
    def carried(self) -> bool:
        """Whether this number counts."""
        return not self.lost and not self.recorder and self.p99_s < DELAY_LIMIT_S


class Person:
    """One browser's side of a room. `sent` and `came` are by payload type."""

    def __init__(self, opened: socket.socket, seal: Callable[[bytes], bytes], *, ssrcs: dict[int, int]) -> None:
        self.socket = opened
        self.sent: dict[int, list[float]] = {OPUS: [0.0], VP8: [0.0]}  # when, by sequence number, from 1
        self.came = 0
        self.receives: list[int] = []  # SSRCs
        self.other = self
        self._seal = seal
        self._ssrcs = ssrcs
        self._number = 0  # transport-wide
        self._pictures = 0

    def speak(self, now_s: float) -> None:
        """Send 20 ms of sound."""
        self._send(OPUS, 0x80, len(self.sent[OPUS]) * 960, _SOUND, now_s)

    def show(self, now_s: float) -> None:
        """Send a picture."""
        self._pictures += 1
        first = _KEY if self._pictures % KEY_FRAME_EVERY == 1 else _ORDINARY
        for place in range(PACKETS_PER_PICTURE):
            marker = 0x80 if place == PACKETS_PER_PICTURE - 1 else 0
            payload = b"\x00" + _ORDINARY[1:] if place else first  # a payload descriptor that begins nothing
            self._send(VP8, marker, self._pictures * 90000 // PICTURES_PER_S, payload, now_s)

    def tell(self, now_s: float) -> None:
        """Send what a browser sends every second: its clock, how it receives, and how much it could."""
        ntp = int((2_208_988_800 + now_s) * (1 << 32))
        for payload_type, step in ((OPUS, 960), (VP8, 90000 // PICTURES_PER_S)):
            count = len(self.sent[payload_type])
            timestamp = count * step if payload_type == OPUS else self._pictures * step
            self._transmit(rtcp.sender_report(self._ssrcs[payload_type], ntp, timestamp & 0xFFFFFFFF, count, count))
        blocks = [rtcp.ReportBlock(ssrc, 0, 0, 1, 9, 0, 0) for ssrc in self.receives]
        self._transmit(rtcp.receiver_report(blocks) + rtcp.remb(5_000_000, self.receives))

    def hear(self, buffer: bytearray) -> float:
        """Take one datagram; return when it was sent, or 0 for what is no packet of a picture or of sound."""
        if self.socket.recv_into(buffer) < 12 or not 128 <= buffer[0] < 192 or 192 <= buffer[1] <= 223:
            return 0.0
        sent = self.other.sent[buffer[1] & 0x7F]
        seq = buffer[2] << 8 | buffer[3]
        if seq >= len(sent):
            return 0.0
        self.came += 1
        return sent[seq]

    def _send(self, payload_type: int, marker: int, timestamp: int, payload: bytes, now_s: float) -> None:
        sent = self.sent[payload_type]
        self._number = (self._number + 1) & 0xFFFF
        header = _HEADER.pack(
            0x90,
            marker | payload_type,
            len(sent),
            timestamp & 0xFFFFFFFF,
            self._ssrcs[payload_type],
            0xBEDE,
            2,
            0x20,
            0x30 + (payload_type == VP8),
            0x41,
            self._number,
            0x10,
            0x1E,
            0,
        )
        sent.append(now_s)
        self._transmit(header + payload)

    def _transmit(self, packet: bytes) -> None:
        self.socket.send(self._seal(packet))


class Timetable:
    """What is sent in each millisecond of a turn of 100; everybody begins at another one."""

    def __init__(self, people: Sequence[Person]) -> None:
        self._slots: list[list[Callable[[float], None]]] = [[] for _ in range(_TURN_MS)]
        self._tellers: list[list[Person]] = [[] for _ in range(10)]  # of the turns of a second
        for place, person in enumerate(people):
            phase = place * 37
            for at in range(0, _TURN_MS, SOUND_MS):
                self._slots[(phase + at) % _TURN_MS].append(person.speak)
            for number in range(3):
                self._slots[(phase + number * 1000 // PICTURES_PER_S + 7) % _TURN_MS].append(person.show)
            self._tellers[place % 10].append(person)

    def send(self, number: int, now_s: float) -> None:
        """Send what belongs to millisecond `number` since the beginning."""
        for each in self._slots[number % _TURN_MS]:
            each(now_s)
        if number % _TURN_MS == 0:
            for person in self._tellers[number // _TURN_MS % 10]:
                person.tell(now_s)


def exchange(people: Sequence[Person]) -> tuple[int, float, float]:
    """Let people talk; return packets lost, and in seconds the p99 of delays and of the lag behind the timetable."""
    poll, by_fd, buffer = select.epoll(), {person.socket.fileno(): person for person in people}, bytearray(2048)
    for fd in by_fd:
        poll.register(fd, select.EPOLLIN)
    timetable, delays, lags = Timetable(people), list[float](), list[float]()
    start_s = time.monotonic()
    measured_s, end_s = start_s + WARM_UP_S, start_s + WARM_UP_S + MEASURED_S
    slot = 0
    while (now_s := time.monotonic()) < end_s + DRAIN_S:
        due = int((min(now_s, end_s) - start_s) * 1000)
        if now_s < end_s and slot <= due:
            lags.append(now_s - start_s - slot / 1000)
        while slot <= due:
            timetable.send(slot, time.monotonic())
            slot += 1
        for fd, _ in poll.poll(0.0005, 512):
            sent_s = by_fd[fd].hear(buffer)
            if sent_s > measured_s:
                delays.append(time.monotonic() - sent_s)
    poll.close()
    sent = sum(len(times) - 1 for person in people for times in person.sent.values())
    return sent - sum(person.came for person in people), _p99(delays), _p99(lags)


def _p99(values: list[float]) -> float:
    return sorted(values)[len(values) * 99 // 100] if values else math.inf


async def trial(carrier: str, rooms: int, *, core: int) -> Trial:
    """Open `rooms` at a fresh server on `core`, let everybody talk, and see."""
    async with server_process("benchmarks.room_server", "--carrier", carrier, "--core", str(core)) as pipe:
        people = await (_bare_people(pipe, rooms) if carrier == "bare" else connected_people(pipe, rooms))
        try:
            lost, p99_s, lag_s = exchange(people)
            pipe.send({"count": True})
            count = await pipe.receive()
        finally:
            for person in people:
                person.socket.close()
    packets_per_s = rooms * 2 * (PICTURES_PER_S * PACKETS_PER_PICTURE + 1000 // SOUND_MS)
    recorder = count["failed"] or ("behind" if count["behind"] > BEHIND_LIMIT_S * packets_per_s else "")
    made = Trial(rooms, lost + count["lost"], p99_s, lag_s, recorder)
    dropped = {name: many for name, many in count.items() if name.startswith("dropped_")}
    print(f"{carrier} {made} {dropped}", file=sys.stderr)
    return made


async def connected_people(pipe: Pipe, rooms: int) -> list[Person]:
    """Connect two people to each room of our plane."""
    people: list[Person] = []
    loop = asyncio.get_running_loop()
    for room in range(rooms):
        pipe.send({"open": room})
        pair = [await connect(pipe, first_ssrc=1000 + 20 * (2 * room + place)) for place in range(2)]
        for peer in pair:
            loop.remove_reader(peer.socket)
            peer.socket.connect(peer.server)
        people += _acquainted([person_of(peer) for peer in pair])
    return people


async def connect(pipe: Pipe, *, first_ssrc: int) -> MediaPeer:
    """Take the next offer of the plane, answer it and connect."""
    message = await pipe.receive()
    peer = MediaPeer(offer_of(message), first_ssrc=first_ssrc)
    pipe.send({"participant": message["participant"], "generation": message["generation"], "sdp": peer.answer()})
    await peer.connect()
    return peer


def offer_of(message: Mapping[str, Any]) -> MediaOffer:
    """Return the offer that the plane's process has sent."""
    receive = {mid: TrackRef(ParticipantId(who), Source(what)) for mid, (who, what) in message["receive"].items()}
    publish = {mid: Source(source) for mid, source in message["publish"].items()}
    return MediaOffer(message["generation"], message["sdp"], publish, receive)


def person_of(peer: MediaPeer) -> Person:
    """Return a connected peer as somebody who talks."""
    assert peer.srtp is not None, "connected"
    ssrcs = {OPUS: peer.ssrcs[Source.MICROPHONE][0], VP8: peer.ssrcs[Source.CAMERA][0]}
    person = Person(peer.socket, peer.srtp.seal, ssrcs=ssrcs)
    person.receives = [peer.ssrc_of(mid) for mid in peer.offer.receive]
    return person


async def _bare_people(pipe: Pipe, rooms: int) -> list[Person]:
    """Let two people of each room be known to the relay."""
    port = (await pipe.receive())["port"]
    people: list[Person] = []
    for room in range(rooms):
        pair = [_bare_person(port) for _ in range(2)]
        for person in pair:
            person.socket.send(str(room).encode())
        people += _acquainted(pair)
        await asyncio.sleep(0.001)
    return people


def _bare_person(port: int) -> Person:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.setblocking(False)
    opened.connect((HOST, port))
    return Person(opened, lambda packet: packet + bytes(TAG_OCTETS), ssrcs={OPUS: 1, VP8: 2})


def _acquainted(pair: list[Person]) -> list[Person]:
    pair[0].other, pair[1].other = pair[1], pair[0]
    return pair


async def most(carrier: str, *, core: int) -> tuple[Trial, bool]:
    """Search for the largest number carried; return its trial, and whether the browsers' side was the limit."""
    best, low, high, bound = Trial(0, 0, 0.0, 0.0, ""), 0, LIMIT + 1, False
    rooms = FIRST
    while low < rooms < high:
        made = await trial(carrier, rooms, core=core)
        if not made.carried:
            made = await trial(carrier, rooms, core=core)
        if made.carried:
            best, low = made, rooms
        else:
            high, bound = rooms, made.lag_s > DELAY_LIMIT_S / 2
        if high > LIMIT:
            rooms = min(low * 2, LIMIT)
        elif high - low > max(low // 16, 1):
            rooms = (low + high) // 2
        else:
            break
    return best, bound


async def measure(carriers: Sequence[str]) -> dict[str, float]:
    """Return the figures of the named carriers."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        sys.exit("*** NOT MEASURED: the browsers' side needs a core of its own")
    os.sched_setaffinity(0, {cores[1]})
    figures: dict[str, float] = {}
    for carrier in carriers:
        best, bound = await most(carrier, core=cores[0])
        figures[FIGURES[carrier]] = best.rooms
        figures[f"{carrier}_p99_ms"] = 1000 * best.p99_s
        figures[f"{carrier}_generator_bound"] = bound
    return figures


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print the one JSON object only")
    parser.add_argument("--carriers", nargs="+", choices=list(FIGURES), default=list(FIGURES))
    asked = parser.parse_args()
    figures = asyncio.run(measure(asked.carriers))
    if not asked.json:
        for name, value in figures.items():
            print(f"{name:28} {value:10.2f}")
    report("rooms", figures, 1)


if __name__ == "__main__":
    main()
