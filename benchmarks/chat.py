"""Chat of 200 consultations of two, over real sockets, on SQLite, each message sealed and durable before it is told.

    python -m benchmarks.chat --json

The server is the real one, in a process of its own; the clients share this one. `p50_ms` and `p99_ms` are from a send
to the other person's hearing of it, at a steady load of one message a second in every room. `delivered_per_s` and
`cpu_us_per_delivered` (the server's CPU for a message that reached the other person) are with everybody sending the
next message as soon as the last one is acknowledged. The floor in the same run is a bare python-socketio server that
stores nothing, seals nothing and checks nobody, under the same clients: `stock_cpu_us_per_delivered`.
"""

import argparse
import asyncio
import itertools
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Any, Final

import aiohttp
import socketio
from aiohttp import web

from benchmarks.report import report
from identity.passwords import DEMONSTRATION_PASSWORD
from kernel.clock import monotonic_s, utc_now
from tests.server_process import server_process

ROOMS: Final = 200
ROOMS_OF_ONE_DOCTOR: Final = 10  # a person may have a dozen sockets
WARM_S: Final = 2.0
STEADY_S: Final = 10.0
BUSY_S: Final = 8.0
_TEXT: Final = "Fasting glucose was 9.1 this morning, before breakfast; I feel well. "


@dataclass
class Client:
    """One person's socket. Acknowledgements and messages are told by one reading task."""

    socket: aiohttp.ClientWebSocketResponse
    heard: Callable[[str], None]
    acknowledged: dict[int, asyncio.Future[Any]] = field(default_factory=dict)
    _ids: "itertools.count[int]" = field(default_factory=itertools.count)

    async def request(self, event: str, argument: object) -> Any:
        """Send one event and return what it is acknowledged with."""
        number = next(self._ids)
        waiting = self.acknowledged[number] = asyncio.get_running_loop().create_future()
        await self.socket.send_str(f"42{number}{json.dumps([event, argument])}")
        answer = await waiting
        assert answer["ok"], answer
        return answer

    async def read(self) -> None:
        """Take what comes until the socket closes."""
        async for message in self.socket:
            frame: str = message.data
            if frame == "2":
                await self.socket.send_str("3")
            elif frame.startswith("43"):
                start = frame.index("[")
                self.acknowledged.pop(int(frame[2:start])).set_result(json.loads(frame[start:])[0])
            elif '"message_posted"' in frame:
                self.heard(json.loads(frame[2:])[1]["client_message_id"])


@dataclass
class Deliveries:
    """When each message was sent, and how long it took to reach the other person."""

    sent_s: dict[str, float] = field(default_factory=dict)
    took_s: list[float] = field(default_factory=list)

    def note(self, sender: str) -> str:
        """Return a fresh message id that tells who sent it."""
        message = f"{sender}-{len(self.sent_s):010d}"
        self.sent_s[message] = monotonic_s()
        return message

    def heard_by(self, person: str) -> Callable[[str], None]:
        def heard(message: str) -> None:
            if not message.startswith(person):
                self.took_s.append(monotonic_s() - self.sent_s[message])

        return heard


@dataclass(frozen=True)
class Seat:
    """Who connects: a token, the consultation, and a name for their messages."""

    token: str
    consultation: str
    name: str


@asynccontextmanager
async def connected(url: str, seats: Sequence[Seat], deliveries: Deliveries) -> AsyncIterator[list[Client]]:
    """Connect everybody and let them take their seats."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as http, AsyncExitStack() as stack:
        clients = []
        for seat in seats:
            websocket = await stack.enter_async_context(
                http.ws_connect(f"{url}/socket.io/?EIO=4&transport=websocket", headers={"Origin": url})
            )
            await websocket.receive_str()
            await websocket.send_str("40" + json.dumps({"token": seat.token}))
            assert (await websocket.receive_str()).startswith("40"), "the sign-in was refused"
            client = Client(websocket, deliveries.heard_by(seat.name))
            reading = asyncio.create_task(client.read())
            stack.callback(reading.cancel)
            await client.request("room_enter", {"consultation": seat.consultation, "since": 0})
            clients.append(client)
        yield clients


async def post(client: Client, seat: Seat, deliveries: Deliveries) -> None:
    body = {"scheme": "server", "text": _TEXT}
    await client.request("chat_send", {"id": deliveries.note(seat.name), "body": body})


async def steady(clients: Sequence[Client], seats: Sequence[Seat], deliveries: Deliveries, seconds: float) -> None:
    """Let every room have one message a second, evenly spread, its two people in turn."""
    begin, tasks = monotonic_s(), set()
    for number in range(int(seconds * ROOMS)):
        await asyncio.sleep(begin + number / ROOMS - monotonic_s())
        room, turn = number % ROOMS, number // ROOMS % 2
        place = 2 * room + turn
        task = asyncio.create_task(post(clients[place], seats[place], deliveries))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)


async def busy(clients: Sequence[Client], seats: Sequence[Seat], deliveries: Deliveries, seconds: float) -> None:
    """Let everybody send the next message as soon as the last one is acknowledged."""
    end = monotonic_s() + seconds

    async def talk(client: Client, seat: Seat) -> None:
        while monotonic_s() < end:
            await post(client, seat, deliveries)

    await asyncio.gather(*(talk(client, seat) for client, seat in zip(clients, seats, strict=True)))


async def measured(url: str, pid: int, seats: Sequence[Seat]) -> dict[str, float]:
    """Return latency at the steady load, throughput and the server's CPU at the busy one."""
    deliveries = Deliveries()
    async with connected(url, seats, deliveries) as clients:
        await steady(clients, seats, deliveries, WARM_S)
        deliveries.took_s.clear()
        await steady(clients, seats, deliveries, STEADY_S)
        percentiles = quantiles(deliveries.took_s, n=100, method="inclusive")
        deliveries.took_s.clear()
        cpu_s, begin = cpu_seconds(pid), monotonic_s()
        await busy(clients, seats, deliveries, BUSY_S)
        count, cpu_s, took = len(deliveries.took_s), cpu_seconds(pid) - cpu_s, monotonic_s() - begin
    return {
        "delivered_per_s": count / took,
        "p50_ms": percentiles[49] * 1000,
        "p99_ms": percentiles[98] * 1000,
        "cpu_us_per_delivered": cpu_s / count * 1e6,
    }


def cpu_seconds(pid: int) -> float:
    """Return what a process has used so far, all its threads, in user and kernel mode (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Clinic:
    """Plans consultations over HTTP: each of 20 doctors has ten, every patient one."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http

    async def seats(self) -> AsyncIterator[Seat]:
        """Yield doctor and patient of each consultation, in turn."""
        administrator, _ = await self._sign_in("admin", DEMONSTRATION_PASSWORD)
        (department, *_) = (await self._ask("GET", "/departments", token=administrator))["departments"]
        for number in range(ROOMS):
            if number % ROOMS_OF_ONE_DOCTOR == 0:
                doctor, clinician = await self._new_doctor(administrator, number, department["id"])
            patient = await self._new_patient(administrator, number)
            consultation = await self._plan(doctor, clinician, patient)
            yield Seat(doctor, consultation, f"doctor{number:03d}")
            yield Seat(await self._invite(doctor, consultation), consultation, f"person{number:03d}")

    async def _sign_in(self, login: str, password: str) -> tuple[str, str]:
        signed = await self._ask("POST", "/session", {"login": login, "password": password})
        return signed["access_token"], signed["me"]["subject"]

    async def _new_doctor(self, administrator: str, number: int, department: str) -> tuple[str, str]:
        member = {"login": f"doctor{number}", "password": "a benchmark's own password", "role": "clinician"}
        about = {"name": f"Doctor {number}", "language": "en", "department": department}
        await self._ask("POST", "/people", {**member, **about}, administrator)
        return await self._sign_in(member["login"], member["password"])

    async def _new_patient(self, administrator: str, number: int) -> str:
        about = {"name": f"Patient {number}", "birth_date": "1958-03-14", "sex": "female", "language": "en"}
        made = await self._ask("POST", "/patients", {**about, "record_number": f"B-{number}"}, administrator)
        return str(made["id"])

    async def _plan(self, doctor: str, clinician: str, patient: str) -> str:
        when = {"scheduled_at": utc_now().isoformat(), "planned_minutes": 20}
        plan = {"patient": patient, "clinician": clinician, "reason": "Benchmark", **when}
        return str((await self._ask("POST", "/consultations", plan, doctor))["id"])

    async def _invite(self, doctor: str, consultation: str) -> str:
        issued = await self._ask("POST", f"/consultations/{consultation}/invitations", {"relation": "patient"}, doctor)
        opened = await self._ask("POST", "/session/invitation", {"secret": issued["link"].partition("#")[2]})
        return str(opened["access_token"])

    async def _ask(self, method: str, path: str, body: object = None, token: str = "") -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self._http.request(method, f"/api/v1{path}", json=body, headers=headers) as answer:
            assert answer.ok, await answer.text()
            return await answer.json()


async def seats_of(url: str) -> list[Seat]:
    async with aiohttp.ClientSession(base_url=url) as http:
        return [seat async for seat in Clinic(http).seats()]


def serve_stock() -> None:
    """Run the floor: python-socketio as it comes, which tells a room what somebody says and acknowledges it."""
    server = socketio.AsyncServer(async_mode="aiohttp", transports=["websocket"], cors_allowed_origins="*")

    async def room_enter(sid: str, entry: dict[str, str]) -> dict[str, bool]:
        await server.save_session(sid, entry["consultation"])
        await server.enter_room(sid, entry["consultation"])
        return {"ok": True}

    async def chat_send(sid: str, message: dict[str, Any]) -> dict[str, bool]:
        event = {"kind": "message_posted", "client_message_id": message["id"], "body": message["body"]}
        await server.emit("room_event", event, room=await server.get_session(sid))
        return {"ok": True}

    server.on("room_enter", room_enter)
    server.on("chat_send", chat_send)
    app = web.Application()
    server.attach(app)

    async def say_where(_app: web.Application) -> None:
        print("ready", flush=True)

    app.on_startup.append(say_where)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[2]), print=None, access_log=None)


def run_once() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder, server_process(Path(folder) / "data") as server:
        seats = asyncio.run(seats_of(server.url))
        figures = asyncio.run(measured(server.url, server.pid, seats))
    port = _free_port()
    command = [sys.executable, "-m", "benchmarks.chat", "serve-stock", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as stock:
        assert stock.stdout is not None
        try:
            assert stock.stdout.readline() == "ready\n"
            floor = asyncio.run(measured(f"http://127.0.0.1:{port}", stock.pid, seats))
        finally:
            stock.terminate()
    return {**figures, "stock_cpu_us_per_delivered": floor["cpu_us_per_delivered"]}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main() -> None:
    if sys.argv[1:2] == ["serve-stock"]:
        serve_stock()
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print the report alone")
    parser.parse_args()
    report("chat", run_once(), runs=1)


if __name__ == "__main__":
    main()
