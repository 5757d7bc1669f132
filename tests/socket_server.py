"""A real aiohttp server on a free port with the real signaling over fakes; clients that remember what they hear."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import socketio
from aiohttp import web

import signaling
from kernel.errors import Invalid
from kernel.ids import ParticipantId
from rooms.ports import EventLog, IceServer
from rooms.quality_minutes import QualityMinutes
from rooms.service import RoomService
from tests.builders import DOCTOR, GUEST, NOON, PATIENT, attachment, principal, seat
from tests.fakes import (
    Clock,
    FakeAttachmentDirectory,
    FakeEventLog,
    FakeMediaPlane,
    FakeReception,
    FakeVerifier,
)

PEOPLE = (DOCTOR, PATIENT, GUEST)
CONSENT = {("2026-11", "en"): "May we record?", ("2026-11", "zh-CN"): "是否同意录制？"}


@asynccontextmanager
async def served(app: web.Application) -> AsyncIterator[str]:
    """Serve an application on a free port of the loopback; yields its URL."""
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


def consent_text(version: str, language: str) -> str:
    try:
        return CONSENT[version, language]
    except KeyError:
        raise Invalid from None


class SocketServer:
    """One node's signaling over fakes. Tokens are participants' ids."""

    def __init__(self, *, log: EventLog | None = None, ice_lifetime: timedelta | None = None) -> None:
        self.log = log or FakeEventLog()
        self.media = FakeMediaPlane()
        self.clock = Clock(NOON)
        self.monotonic_s = 0.0
        self.reception = FakeReception(seat_of=lambda _consultation, who: seat(who) if who in self.invited else None)
        self.invited = set(PEOPLE)
        self.verifier = FakeVerifier({who: principal(who) for who in PEOPLE})
        self.quality = QualityMinutes()
        self.rooms = RoomService(log=self.log, media=self.media, now=self.clock, quality=self.quality)
        self.gateway = signaling.create_server(
            verifier=self.verifier,
            rooms=self.rooms,
            media=self.media,
            reception=self.reception,
            consent_texts=consent_text,
            attachments=FakeAttachmentDirectory({PATIENT: [attachment()]}),
            ice_servers=lambda who: [
                IceServer(("turn:turn.example:3478",), username=f"for {who}", credential="secret")
            ],
            ice_lifetime=ice_lifetime,
            monotonic_s=lambda: self.monotonic_s,
        )
        self.url = ""
        self._clients: list[Client] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator["SocketServer"]:
        app = web.Application()
        self.gateway.attach(app)
        async with served(app) as self.url:
            try:
                yield self
            finally:
                for client in self._clients:
                    await client.close()
                await self.gateway.close()
                await self.rooms.close()

    async def client(self, who: ParticipantId) -> "Client":
        """Return a signed-in socket."""
        client = Client()
        self._clients.append(client)
        await client.connect(self.url, who)
        return client

    async def seated(self, who: ParticipantId, consultation: str = "con_room", since: int = 0) -> "Client":
        """Return a socket that holds the person's seat."""
        client = await self.client(who)
        ack = await client.ask("room_enter", consultation=consultation, since=since)
        assert ack["ok"], ack
        client.cursor = ack["last_seq"]
        return client

    async def call(self) -> "tuple[Client, Client]":
        """Return doctor and patient, both in the call and up to date."""
        doctor, patient = await self.seated(DOCTOR), await self.seated(PATIENT)
        assert (await doctor.ask("participant_admit", participant=PATIENT))["ok"]
        await patient.heard("room_event", kind="participant_admitted")
        await doctor.heard("room_event", kind="participant_admitted")
        return doctor, patient


class Client:
    """One python-socketio client that remembers everything it was told."""

    def __init__(self) -> None:
        self._socket = socketio.AsyncClient(reconnection=False)
        self._socket.on("*", self._hear)
        self._socket.on("connect_error", self._refuse)
        self._socket.on("disconnect", self._end)
        self._news = asyncio.Event()
        self.told: list[tuple[str, Mapping[str, Any]]] = []
        self.refusal: Mapping[str, Any] | None = None
        self.ended = asyncio.Event()
        self.cursor = 0

    async def connect(self, url: str, token: str) -> None:
        await self._socket.connect(url, auth={"token": token}, transports=["websocket"], headers={"Origin": url})

    async def ask(self, event: str, **fields: object) -> dict[str, Any]:
        """Emit an event and return its acknowledgement."""
        answer: dict[str, Any] = await self._socket.call(event, fields, timeout=5)
        return answer

    async def ask_raw(self, event: str, *arguments: object) -> dict[str, Any]:
        answer: dict[str, Any] = await self._socket.call(event, arguments, timeout=5)
        return answer

    async def emit(self, event: str, **fields: object) -> None:
        await self._socket.emit(event, fields)

    async def heard(self, event: str, **fields: object) -> Mapping[str, Any]:
        """Wait until told an event with these fields; returns it."""
        async with asyncio.timeout(5):
            while True:
                for name, payload in self.told:
                    if name == event and all(payload.get(field) == value for field, value in fields.items()):
                        return payload
                self._news.clear()
                await self._news.wait()

    def seqs(self) -> list[int]:
        """Return the places of all room events told, in order."""
        return [payload["seq"] for name, payload in self.told if name == "room_event"]

    def kinds(self) -> list[str]:
        return [payload["kind"] for name, payload in self.told if name == "room_event"]

    async def close(self) -> None:
        await self._socket.disconnect()

    async def _hear(self, event: str, payload: Mapping[str, Any]) -> None:
        self.told.append((event, payload))
        self._news.set()

    async def _refuse(self, data: Mapping[str, Any]) -> None:
        self.refusal = data

    async def _end(self, _reason: object = None) -> None:
        self.ended.set()
