"""What the socket transport promises beyond python-socketio; a new version of the library must pass this."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from signaling import transport as module
from signaling.transport import Refusal, Transport, event_frame
from tests.socket_server import served
from tests.waiting import until

QUERY = "/socket.io/?EIO=4&transport=websocket"


class Echo:
    """A listener that remembers what it was given, in order, and may take its time."""

    def __init__(self) -> None:
        self.connections: list[str] = []
        self.events: list[bytes] = []
        self.gone: list[str] = []
        self.pauses: list[float] = []
        self.busy = 0

    def connected(self, sid: str, auth: object) -> None:
        if auth != {"token": "good"}:
            raise Refusal("no", {"code": "sign_in_required", "message": "no"})
        self.connections.append(sid)

    async def received(self, sid: str, payload: bytes) -> bytes:
        assert sid in self.connections
        self.busy += 1
        assert self.busy == 1, "two events of one socket at once"
        await asyncio.sleep(self.pauses.pop() if self.pauses else 0)
        self.events.append(payload)
        self.busy -= 1
        return b'"done"'

    async def disconnected(self, sid: str) -> None:
        self.gone.append(sid)


class Served:
    def __init__(self, url: str, transport: Transport, echo: Echo, http: aiohttp.ClientSession) -> None:
        self.url, self.transport, self.echo, self.http = url, transport, echo, http

    async def open(self, **headers: str) -> aiohttp.ClientWebSocketResponse:
        """Return a websocket that has got the opening packet."""
        socket = await self.http.ws_connect(self.url + QUERY, headers={"Origin": self.url, **headers})
        assert (await socket.receive_str()).startswith("0{")
        return socket

    async def signed_in(self) -> aiohttp.ClientWebSocketResponse:
        socket = await self.open()
        await socket.send_str('40{"token":"good"}')
        assert (await socket.receive_str()).startswith('40{"sid":')
        return socket

    async def refused(self, path: str = QUERY, **headers: str) -> int:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
            await self.http.ws_connect(self.url + path, headers=headers)
        return refusal.value.status


@asynccontextmanager
async def serving(**options: object) -> AsyncIterator[Served]:
    echo, transport = Echo(), Transport(**options)
    transport.listen(echo)
    app = web.Application()
    transport.attach(app)
    async with served(app) as url, aiohttp.ClientSession() as http:
        try:
            yield Served(url, transport, echo, http)
        finally:
            await transport.close()


@pytest.fixture
async def server() -> AsyncIterator[Served]:
    async with serving(origins=["https://clinic.example"]) as running:
        yield running


async def close_code(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    async with asyncio.timeout(5):
        while (await socket.receive()).type is aiohttp.WSMsgType.TEXT:
            pass
    return socket.close_code


async def test_events_of_one_socket_are_handled_one_after_the_other_in_order(server):
    socket = await server.signed_in()
    server.echo.pauses = [0, 0.002, 0, 0.005, 0.01]
    sent = [f'["event",{n}]' for n in range(30)]
    for n, payload in enumerate(sent):
        await socket.send_str(f"42{n}{payload}")
    acks = [await socket.receive_str() for _ in sent]
    assert acks == [f'43{n}["done"]' for n in range(30)]
    assert server.echo.events == [payload.encode() for payload in sent]


async def test_an_event_without_an_acknowledgement_id_gets_none(server):
    socket = await server.signed_in()
    await socket.send_str('42["quiet"]')
    await socket.send_str('421["loud"]')
    assert await socket.receive_str() == '431["done"]'


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "hello",
        "9",
        "2probe",
        "5",
        "4",
        "4x",
        "44[]",
        "45",
        '451-["file",{"_placeholder":true,"num":0}]',
        '459999999-["file"]',
        "461-[]",
        '43["an acknowledgement"]',
        '42/admin,["event"]',
        "4299999999999[]",
        '40{"token":"good"}',
        b"\x04binary",
        b'42["event"]',
    ],
)
async def test_what_is_no_packet_closes_its_own_socket_with_a_reason_and_disturbs_nobody(server, frame):
    good, bad = await server.signed_in(), await server.signed_in()
    await (bad.send_bytes(frame) if isinstance(frame, bytes) else bad.send_str(frame))
    assert await close_code(bad) == 1008
    await until(lambda: len(server.echo.gone) == 1)
    assert server.transport.counts["malformed"] == 1
    assert server.echo.events == []
    await good.send_str('421["still here"]')
    assert await good.receive_str() == '431["done"]'


@pytest.mark.parametrize("auth", ["40{", "40" + "[" * 50_000, '40{"token":NaN}', '40{"token":"\\ud800"}'])
async def test_credentials_that_are_no_strict_json_close_the_socket(server, auth):
    socket = await server.open()
    await socket.send_str(auth)
    assert await close_code(socket) == 1008


async def test_a_frame_beyond_the_limit_closes_its_socket(server):
    socket = await server.signed_in()
    await socket.send_str('42["event","' + "x" * module.FRAME_LIMIT_BYTES + '"]')
    assert await close_code(socket) == 1009
    assert server.echo.events == []


async def test_events_before_signing_in_close_the_socket(server):
    socket = await server.open()
    await socket.send_str('421["event"]')
    assert await close_code(socket) == 1008
    assert server.echo.events == []


async def test_a_refused_sign_in_says_why_and_closes(server):
    socket = await server.open()
    await socket.send_str('40{"token":"bad"}')
    refusal = await socket.receive_str()
    assert refusal.startswith("44")
    assert json.loads(refusal[2:])["data"] == {"code": "sign_in_required", "message": "no"}
    assert await close_code(socket) == 1008
    await until(lambda: not server.transport.eio.sockets)
    assert server.transport.manager.rooms == {}


async def test_who_never_signs_in_is_closed():
    async with serving(sign_in_limit_s=0.05) as server:
        assert await close_code(await server.open()) == 1008


async def test_only_known_origins_are_let_in(server):
    assert await server.refused() == 400
    assert await server.refused(Origin="https://evil.example") == 400
    assert await server.refused(Origin="https://evil.example", **{"X-Forwarded-Host": "evil.example"}) == 400
    assert await server.refused(Origin="null") == 400
    assert await server.refused(Origin="http://[") == 400
    await (await server.open()).close()
    await (await server.open(Origin="https://clinic.example")).close()


async def test_long_polling_posting_and_upgrading_are_refused(server):
    headers = {"Origin": server.url}
    socket = await server.signed_in()
    sid = next(iter(server.transport.eio.sockets))
    for method, query in [
        ("GET", "EIO=4&transport=polling"),
        ("GET", "EIO=4&transport=polling&j=0"),
        ("GET", "EIO=3&transport=websocket"),
        ("GET", "EIO=4&transport=websocket"),
        ("GET", f"EIO=4&transport=websocket&sid={sid}"),
        ("POST", f"EIO=4&transport=websocket&sid={sid}"),
        ("POST", f"EIO=4&transport=polling&sid={sid}"),
        ("OPTIONS", "EIO=4&transport=polling"),
    ]:
        async with server.http.request(method, f"{server.url}/socket.io/?{query}", headers=headers, data=None) as got:
            assert got.status == 400
            assert "Access-Control-Allow-Origin" not in got.headers
    assert not socket.closed


async def test_messages_are_not_compressed(server):
    socket = await server.http.ws_connect(server.url + QUERY, headers={"Origin": server.url}, compress=15)
    assert socket.compress == 0
    await socket.close()


async def test_a_client_that_does_not_read_is_cut_off_and_others_are_told_all_the_same(server):
    deaf, well = await server.signed_in(), await server.signed_in()
    deaf_sid, well_sid = server.echo.connections
    deaf._response.connection.transport.pause_reading()
    frame = event_frame("news", json.dumps("x" * 60_000).encode())
    received = 0
    while server.transport.counts["cut_off_slow"] == 0:
        server.transport.tell(deaf_sid, frame)
        server.transport.tell(well_sid, frame)
        await well.receive_str()
        received += 1
        assert received * len(frame) < 4 * module.OUTBOUND_LIMIT_BYTES
    await until(lambda: server.echo.gone == [deaf_sid])
    server.transport.tell(deaf_sid, frame)
    server.transport.tell(well_sid, event_frame("news", b"1"))
    assert await well.receive_str() == '42["news",1]'


async def test_a_socket_that_leaves_in_the_middle_of_an_event_is_forgotten_once(server):
    socket = await server.signed_in()
    server.echo.pauses = [0.05]
    await socket.send_str('421["slow"]')
    await socket.close()
    await until(lambda: server.echo.gone)
    assert len(server.echo.events) == 1
    await until(lambda: not server.transport.eio.sockets)
    assert server.echo.gone == server.echo.connections
    assert server.transport.manager.rooms == {}
    assert server.transport.environ == {}


async def test_joins_and_leaves_leave_no_task_behind(server):
    await (await server.signed_in()).close()
    await until(lambda: not server.transport.eio.sockets)
    before = asyncio.all_tasks()
    for _ in range(5):
        await (await server.signed_in()).close()
    await until(lambda: not server.transport.eio.sockets)
    await until(lambda: len(asyncio.all_tasks()) <= len(before))


async def test_who_does_not_answer_a_ping_is_cut_off_but_not_for_an_event_that_takes_long(monkeypatch):
    monkeypatch.setattr(module, "PING_INTERVAL_S", 0.02)
    monkeypatch.setattr(module, "PING_TIMEOUT_S", 0.05)
    async with serving() as server:
        silent = await server.signed_in()
        assert await silent.receive_str() == "2"
        await until(lambda: server.echo.gone)
        assert server.transport.counts["cut_off_silent"] == 1
        busy = await server.signed_in()
        server.echo.pauses = [0.2]
        await busy.send_str('421["slow"]')
        assert await busy.receive_str() == "2"
        await busy.send_str("3")
        assert await busy.receive_str() == '431["done"]'


async def test_a_socket_is_closed_after_what_was_told_to_it(server):
    socket = await server.signed_in()
    (sid,) = server.echo.connections
    for n in range(3):
        server.transport.tell(sid, event_frame("news", str(n).encode()))
    server.transport.end(sid, 1008, "session ended")
    server.transport.tell(sid, event_frame("news", b"4"))
    assert [await socket.receive_str() for _ in range(3)] == [f'42["news",{n}]' for n in range(3)]
    assert await close_code(socket) == 1008


async def test_nothing_that_was_sent_reaches_the_log(server, caplog):
    caplog.set_level(logging.DEBUG)
    socket = await server.signed_in()
    await socket.send_str('421["diagnosis","a secret"]')
    await socket.receive_str()
    server.transport.tell(server.echo.connections[0], event_frame("news", b'"a secret"'))
    await socket.receive_str()
    await socket.send_str("4a secret")
    await close_code(socket)
    assert "a secret" not in caplog.text


async def test_closing_tells_every_socket_and_waits_for_none_of_them(server):
    sockets = [await server.signed_in() for _ in range(3)]
    sockets[0]._response.connection.transport.pause_reading()
    readers = [asyncio.create_task(close_code(socket)) for socket in sockets[1:]]
    async with asyncio.timeout(4 * module.CLOSE_LIMIT_S):
        await server.transport.close()
    assert [await reader for reader in readers] == [1001, 1001]
    await until(lambda: len(server.echo.gone) == 3)
