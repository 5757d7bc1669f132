"""Kills a recording server at random moments, starts it again, and counts what is missing of what had reached it.

    python -m benchmarks.recording_faults --json
    python -m benchmarks.recording_faults --kills 10 --seed 7

A real server in a process of its own, two people with real packets (VP8 and Opus), everybody agreed. Each visit is
recorded across several kills (SIGKILL): while packets come, while a segment begins, and at last while the film is
composed and signed. After every start the rows and files are compared with what was sent.

- `lost_seconds_max`: the longest time of one track, between two starts, that was sent and is in no segment (2 or less)
- `unverifiable`: visits in which `archive verify` finds a fault, or whose film does not decode as long as it says (0)
- `lost_for_ever`: segments that were closed before a kill and are gone or changed, and visits that get no film (0)
"""

import argparse
import asyncio
import io
import json
import random
import signal
import socket
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

import av

from benchmarks.media_peer import rtp
from benchmarks.recording import Packet, packets
from benchmarks.report import report
from care.consent_texts import CURRENT
from kernel.clock import monotonic_s, utc_now
from rooms.events import Source
from tests.lean_visit import Participant
from tests.server_process import Browser, Clinic, ServerProcess, run_command, server_process

EXPECTED: Final = {"lost_seconds_max": 2.0, "unverifiable": 0, "lost_for_ever": 0}
_CLIP_S: Final = 4  # sent over and over
_LONGEST_RUN_S: Final = 6.0
_KILLS_OF_A_VISIT: Final = 6  # at most, and at least half as many
_FILM_WAIT_S: Final = 90.0
_PAYLOAD_TYPES: Final = {Source.CAMERA: 96, Source.MICROPHONE: 111}
_CLOCKS: Final = {Source.CAMERA: 90_000, Source.MICROPHONE: 48_000}

Track = tuple[str, str]  # participant, source


@dataclass
class Sent:
    """When the first and the newest packet of a track were sent since the last start."""

    first: float
    last: float


@dataclass
class Tally:
    """What was found so far."""

    kills: int = 0
    while_composing: int = 0
    lost_s: list[float] = field(default_factory=list)
    closed: dict[str, str] = field(default_factory=dict)  # blob -> sha256, as seen closed before a kill
    visits: list[str] = field(default_factory=list)
    unverifiable: set[str] = field(default_factory=set)
    lost_for_ever: set[str] = field(default_factory=set)


class Node:
    """The server, on the same ports in every life."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self._options = ("--port", str(_free(socket.SOCK_STREAM)), "--media-port", str(_free(socket.SOCK_DGRAM)))
        self._life = ExitStack()
        self._process: ServerProcess | None = None

    @property
    def url(self) -> str:
        assert self._process is not None
        return self._process.url

    async def start(self) -> None:
        running = server_process(self.data, options=self._options)
        self._process = await asyncio.to_thread(self._life.enter_context, running)

    def kill(self) -> float:
        """Kill it and return when."""
        assert self._process is not None
        at = utc_now().timestamp()
        self._process.stop(signal.SIGKILL)
        self._life.close()
        return at

    async def stop(self) -> None:
        await asyncio.to_thread(self._life.close)

    def rows(self, query: str, *values: object) -> list[Any]:
        with closing(sqlite3.connect(f"file:{self.data / 'consilium.db'}?mode=ro", uri=True)) as connection:
            return connection.execute(query, values).fetchall()


class Visit:
    """A recorded consultation that outlives its server."""

    def __init__(self, consultation: str, link: str) -> None:
        self.consultation = consultation
        self.kills = 0
        self._link = link
        self._is_recorded = False
        self._doctor: Participant | None = None
        self._patient: Participant | None = None

    @classmethod
    async def plan(cls, clinic: Clinic) -> "Visit":
        """Let the doctor see a patient now."""
        doctor = await clinic.sign_in("dr.garcia")
        found = await doctor.get("/patients", q="Margaret Thompson")
        planned = {
            "patient": found[1]["patients"][0]["id"],
            "clinician": (await doctor.get("/me"))[1]["subject"],
            "scheduled_at": utc_now().isoformat(),
            "planned_minutes": 20,
            "reason": "Blood sugar before breakfast is high again",
        }
        status, consultation = await doctor.post("/consultations", planned)
        assert status == 201, consultation
        path = f"/consultations/{consultation['id']}/invitations"
        _, issued = await doctor.post(path, {"relation": "patient", "name": "", "language": "en"})
        return cls(consultation["id"], issued["link"].partition("#")[2])

    async def meet(self, clinic: Clinic) -> None:
        """Bring both into the call with media, and record."""
        self._doctor = Participant(await clinic.sign_in("dr.garcia"))
        self._patient = Participant(await clinic.open_link(self._link))
        for person in (self._doctor, self._patient):
            await person.enters(clinic, self.consultation)
        admitted = await self._doctor.does("participant_admit", participant=self._patient.id)
        assert admitted["ok"] or self._is_recorded, admitted
        for number, person in enumerate((self._doctor, self._patient), start=1):
            await person.joins_media(first_ssrc=1000 * number)
            await person.answers()
            await person.peer.connect()
            if not self._is_recorded:
                given = await person.does("consent_set", decision="given", version=CURRENT, language="en")
                assert given["ok"], given
        for person in (self._doctor, self._patient):
            for source in _CLOCKS:
                assert (await person.does("track_publish", source=source, muted=False))["ok"]
        if not self._is_recorded:
            started = await self._doctor.does("recording_start")
            assert started["ok"], started
        self._is_recorded = True

    async def finish(self) -> None:
        assert self._doctor is not None
        assert (await self._doctor.does("visit_finish"))["ok"]

    async def part(self) -> None:
        """Close what is left of the connections."""
        for person in (self._doctor, self._patient):
            if person is not None:
                if person.seat is not None:
                    person.peer.vanish()
                await person.socket.close()

    async def send(self, clip: list[Packet], sent: dict[Track, Sent]) -> None:
        """Send both people's clip in real time until cancelled; note in `sent` what went."""
        began = asyncio.get_running_loop().time()
        people = [person for person in (self._doctor, self._patient) if person is not None]
        for at_s, source, seq, timestamp, marker, payload in _for_ever(clip):
            wait_s = began + at_s - asyncio.get_running_loop().time()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            for person in people:
                packet = rtp(
                    ssrc=person.peer.ssrcs[source][0],
                    payload_type=_PAYLOAD_TYPES[source],
                    seq=seq,
                    timestamp=timestamp,
                    payload=payload,
                    marker=marker,
                )
                person.peer.send(packet)
                now = utc_now().timestamp()
                sent.setdefault((person.id, source.value), Sent(now, now)).last = now


def _for_ever(clip: list[Packet]) -> Iterator[Packet]:
    """Repeat a clip of `_CLIP_S`, which begins with a key frame, under numbers and times that go on."""
    lengths = {source: sum(packet[1] is source for packet in clip) for source in _CLOCKS}
    round_ = 0
    while True:
        for at_s, source, seq, timestamp, marker, payload in clip:
            moved_s = round_ * _CLIP_S
            yield (
                at_s + moved_s,
                source,
                seq + round_ * lengths[source],
                timestamp + moved_s * _CLOCKS[source],
                marker,
                payload,
            )
        round_ += 1


def lost_seconds(node: Node, consultation: str, sent: Mapping[Track, Sent], killed_at: float) -> Iterator[float]:
    """Yield for each track how much of what was sent before the kill is in no segment."""
    query = (
        "SELECT participant, source, segments.started_at, segments.duration_ms FROM segments"
        " JOIN recordings ON recordings.id = segments.recording WHERE consultation = ?"
    )
    spans: dict[Track, list[tuple[float, float]]] = {}
    for participant, source, started_at, duration_ms in node.rows(query, consultation):
        began = datetime.fromisoformat(started_at).replace(tzinfo=UTC).timestamp()
        spans.setdefault((participant, source), []).append((began, began + duration_ms / 1000))
    for track, times in sent.items():
        covered, reached = 0.0, times.first
        last = min(times.last, killed_at)
        for began, ended in sorted(spans.get(track, [])):
            begins, ends = max(began, reached), min(ended, last)
            covered += max(ends - begins, 0.0)
            reached = max(reached, ends)
        yield max(last - times.first - covered, 0.0)


class Faults:
    """One run: the node, what is sent to it, and the tally."""

    def __init__(self, node: Node, clip: list[Packet], *, seed: int, of_a_visit: int) -> None:
        self.tally = Tally()
        self._node = node
        self._clip = clip
        self._of_a_visit = of_a_visit
        self._chance = random.Random(seed)

    async def run(self, kills: int) -> None:
        """Kill at least so often; `judge` tells afterwards what has become of it."""
        while self.tally.kills < kills:
            visit = await self._visit()
            self.tally.visits.append(visit.consultation)
            for _ in range(self._chance.randint(self._of_a_visit // 2, self._of_a_visit)):
                await self._record_and_kill(visit)
            await self._finish_and_kill(visit)
            print(f"{self.tally.kills} kills, at most {max(self.tally.lost_s):.2f} s lost", flush=True)

    async def judge(self) -> None:
        """Wait for the films, and look for everything that should be there."""
        node, tally = self._node, self.tally
        async with self._clinic() as clinic:
            custodian = await clinic.sign_in("custodian")
            for visit in tally.visits:
                if not await _is_composed(custodian, visit):
                    tally.lost_for_ever.add(visit)
                elif not await _decodes(custodian, visit):
                    tally.unverifiable.add(visit)
        kept = dict(node.rows("SELECT blob, sha256 FROM segments WHERE closed"))
        tally.lost_for_ever |= {blob for blob, sha256 in tally.closed.items() if kept.get(blob) != sha256}
        done = await asyncio.to_thread(run_command, "archive", "verify", *tally.visits, "--json", data=node.data)
        found = {told["consultation"]: told["sound"] for told in map(json.loads, done.stdout.splitlines())}
        tally.unverifiable |= {visit for visit in tally.visits if not found.get(visit)}

    async def _visit(self) -> Visit:
        async with self._clinic() as clinic:
            return await Visit.plan(clinic)

    async def _record_and_kill(self, visit: Visit) -> None:
        async with self._clinic() as clinic:
            await visit.meet(clinic)
            sent: dict[Track, Sent] = {}
            sending = asyncio.create_task(visit.send(self._clip, sent))
            await asyncio.sleep(self._chance.uniform(0.1, _LONGEST_RUN_S))
            killed_at = self._kill()
            sending.cancel()
            await visit.part()
        await self._node.start()
        self.tally.lost_s.extend(lost_seconds(self._node, visit.consultation, sent, killed_at))

    async def _finish_and_kill(self, visit: Visit) -> None:
        async with self._clinic() as clinic:
            await visit.meet(clinic)
            await visit.finish()
            await visit.part()
            await asyncio.sleep(self._chance.uniform(0, 3))  # between the last segment and the signed film
            self._kill()
            self.tally.while_composing += 1
        await self._node.start()

    def _kill(self) -> float:
        at = self._node.kill()
        self.tally.kills += 1
        self.tally.closed.update(self._node.rows("SELECT blob, sha256 FROM segments WHERE closed"))
        return at

    @asynccontextmanager
    async def _clinic(self) -> AsyncIterator[Clinic]:
        clinic = Clinic(self._node.url)
        try:
            yield clinic
        finally:
            await clinic.close_browsers()


async def measure(kills: int, *, seed: int, of_a_visit: int = _KILLS_OF_A_VISIT) -> Tally:
    """Return what was found; each visit lives through at most `of_a_visit` kills, and one more when it is over."""
    clip = await asyncio.to_thread(packets, _CLIP_S)
    with tempfile.TemporaryDirectory(prefix="recording-faults-") as directory:
        node = Node(Path(directory) / "data")
        await node.start()
        try:
            faults = Faults(node, clip, seed=seed, of_a_visit=of_a_visit)
            await faults.run(kills)
            await faults.judge()
        finally:
            await node.stop()
    return faults.tally


async def _is_composed(custodian: Browser, visit: str) -> bool:
    deadline_s = monotonic_s() + _FILM_WAIT_S
    while monotonic_s() < deadline_s:
        if (await custodian.get(f"/archive/{visit}"))[1]["recording"]["state"] == "ready":
            return True
        await asyncio.sleep(0.2)
    return False


async def _decodes(custodian: Browser, visit: str) -> bool:
    """Whether the film is as long as the archive says, with sound and pictures to its end."""
    _, viewing = await custodian.post(f"/archive/{visit}/viewing", {"reason": "a test of the archive"})
    async with custodian.response("GET", f"/archive/{visit}/media") as response:
        film = await response.read()
    told_ms = (await custodian.get(f"/archive/{visit}"))[1]["recording"]["duration_ms"]
    return await asyncio.to_thread(_plays, film, told_ms) and bool(viewing)


def _plays(film: bytes, told_ms: int) -> bool:
    ends_s = {"video": 0.0, "audio": 0.0}
    try:
        with av.open(io.BytesIO(film), "r") as content:
            for frame in content.decode():
                kind = "video" if isinstance(frame, av.VideoFrame) else "audio"
                ends_s[kind] = max(ends_s[kind], float(frame.time or 0))
    except av.FFmpegError:
        return False
    return all(abs(end_s - told_ms / 1000) < 1 for end_s in ends_s.values())


def _free(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="for the other benchmarks' sake; it always is")
    arguments = parser.parse_args()
    tally = asyncio.run(measure(arguments.kills, seed=arguments.seed))
    figures = {
        "kills": tally.kills,
        "kills_while_composing": tally.while_composing,
        "visits": len(tally.visits),
        "lost_seconds_max": max(tally.lost_s),
        "lost_seconds_median": median(tally.lost_s),
        "unverifiable": len(tally.unverifiable),
        "lost_for_ever": len(tally.lost_for_ever),
    }
    report("recording_faults", figures, 1)


if __name__ == "__main__":
    main()
