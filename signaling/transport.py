"""python-socketio made fit for strangers: the only module that touches it, its private names included.

What its server does otherwise, and what holds here instead (`tests/contract/test_socket_transport.py` proves each):

- every event of a client runs in a task of its own, so their order is lost and their number unbounded: here one
  event of a socket is handled after the other, and the next frame is read only then;
- queues towards a client have no bound: here a client that doesn't read is cut off at `OUTBOUND_LIMIT_BYTES`;
- a frame that is no packet ends the connection's task without telling anybody, or logs its content: here the
  socket is closed with a code and a reason, and nothing but a counter is left;
- a client may announce thousands of binary attachments: here no binary message is accepted at all;
- an absent `Origin`, and `X-Forwarded-Host` from anybody, is believed: here `Origin` must name this host or a
  configured one;
- long polling, JSONP, POST to a websocket's session and upgrades are open: here a session is one websocket;
- a connection may stay for ever without signing in: here it has `SIGN_IN_LIMIT_S`;
- messages are compressed with per-connection state, together with others' secrets: here they are not;
- events are written into the log at level INFO: here the library's logger stays at WARNING.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final, Protocol

import engineio
import socketio
from engineio.async_drivers.aiohttp import WebSocket as _DriverWebSocket
from engineio.async_drivers.aiohttp import WebSocketResponse
from engineio.async_socket import AsyncSocket
from engineio.packet import CLOSE as EIO_CLOSE
from engineio.packet import MESSAGE as EIO_MESSAGE
from engineio.packet import PONG as EIO_PONG
from socketio.exceptions import ConnectionRefusedError as _Refused
from socketio.packet import CONNECT, DISCONNECT, EVENT, Packet

from signaling import strict_json

FRAME_LIMIT_BYTES: Final = 256 * 1024
OUTBOUND_LIMIT_BYTES: Final = 8 * 1024 * 1024
"""What may wait for one client that doesn't read; a whole room's history fits."""
SOCKETS_LIMIT: Final = 20_000
SIGN_IN_LIMIT_S: Final = 10.0
CLOSE_LIMIT_S: Final = 2.0
PING_INTERVAL_S: Final = 10
PING_TIMEOUT_S: Final = 10
ACK_ID_LIMIT: Final = 10  # digits

_TEXT_FRAME: Final = 1  # RFC 6455, section 5.2
_ERROR: Final = 0x102  # aiohttp's name for what it could not read
_POLICY_VIOLATION: Final = 1008  # RFC 6455, section 7.4.1
_TRY_AGAIN_LATER: Final = 1013

# The library's own log lines carry what clients sent; only its warnings, which don't, are let through.
_library_log: Final = logging.getLogger("signaling.socketio")
_library_log.setLevel(logging.WARNING)


class Malformed(Exception):
    """A frame that is no packet of the protocol. `args[0]` is a fixed reason, never what was sent."""


class Listener(Protocol):
    """Who is told of what the sockets do. One socket's calls come one after the other, each awaited."""

    def connected(self, sid: str, auth: object) -> None:
        """Accept a socket, or raise `Refusal`."""

    async def received(self, sid: str, payload: bytes) -> bytes:
        """Take one event, `["name", argument]` in JSON; return the acknowledgement's JSON. Never raises."""

    async def disconnected(self, sid: str) -> None:
        """Forget a socket that `connected` accepted. Never raises."""


class Refusal(Exception):
    """A socket is not accepted; the client's `connect_error` carries `data`."""

    def __init__(self, message: str, data: Mapping[str, str]) -> None:
        super().__init__(message)
        self.message = message
        self.data = data


class _PlainPacket(Packet):  # type: ignore[misc]
    """A Socket.IO packet in strict JSON that never looks for bytes in its data."""

    uses_binary_events = False
    json = strict_json


class _UncompressedWebSocket(_DriverWebSocket):  # type: ignore[misc]
    """The driver's websocket without compression, with text as bytes, so that a frame is encoded once for all."""

    async def __call__(self, environ: Mapping[str, Any]) -> object:
        self._sock = WebSocketResponse(
            max_msg_size=FRAME_LIMIT_BYTES, compress=False, decode_text=False, timeout=CLOSE_LIMIT_S
        )
        await self._sock.prepare(environ["aiohttp.request"])
        self.environ = environ
        await self.handler(self)
        return self._sock

    async def read(self) -> bytes | None:
        """Return the next text frame, None when the connection has ended. `Malformed` for a binary one."""
        message = await self._sock.receive()
        if message.type == _TEXT_FRAME:
            data: bytes = message.data
            return data
        if isinstance(message.data, bytes):
            raise Malformed("binary messages are not accepted")
        if message.type == _ERROR:  # larger than `FRAME_LIMIT_BYTES`, or no websocket any more; told and closed already
            raise Malformed("not a frame")
        return None

    async def write(self, frame: bytes) -> None:
        """Write a text frame; returns when there is room for more."""
        await self._sock.send_frame(frame, _TEXT_FRAME)

    async def end(self, code: int, reason: str) -> None:
        """Close with a code and a reason; waits for the other side no longer than `CLOSE_LIMIT_S`."""
        await self._sock.close(code=code, message=reason.encode())


class _Socket(AsyncSocket):  # type: ignore[misc]
    """One Engine.IO session: exactly one websocket, read in order, written through a bounded outbox."""

    closed: bool
    closing: bool

    def __init__(self, server: "_Engine", sid: str, environ: Mapping[str, Any]) -> None:
        super().__init__(server, sid)
        self._request = environ["aiohttp.request"]
        self._outbox: deque[bytes] = deque()
        self._outbox_bytes = 0
        self._wake = asyncio.Event()
        self.gone = asyncio.Event()
        self._ending: tuple[int, str] | None = None
        self._is_handling = False
        self._timer: asyncio.TimerHandle | None = None  # to the next ping, or to giving up on its answer

    def offer(self, frame: bytes) -> None:
        """Queue a frame. A client that has let too much wait is cut off; it catches up by its cursor."""
        if self.closed or self._ending:
            return
        if self._outbox_bytes + len(frame) > OUTBOUND_LIMIT_BYTES:
            self.server.counts["cut_off_slow"] += 1
            self.abort()
            return
        self._outbox.append(frame)
        self._outbox_bytes += len(frame)
        self._wake.set()

    def finish(self, code: int, reason: str) -> None:
        """Write what waits, then close the websocket with a code and a reason."""
        self._ending = self._ending or (code, reason)
        self._wake.set()

    def abort(self) -> None:
        """Cut the connection off at once, whatever still waits."""
        self._outbox.clear()
        self._outbox_bytes = 0
        self.finish(_TRY_AGAIN_LATER, "not reading")
        if self._request.transport is not None:
            self._request.transport.abort()

    async def send(self, pkt: engineio.packet.Packet) -> None:
        self.offer(pkt.encode().encode())

    def schedule_ping(self) -> None:
        """Send a ping after `PING_INTERVAL_S`; whoever doesn't answer within `PING_TIMEOUT_S` is cut off."""
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(PING_INTERVAL_S, self._ping)

    async def close(self, wait: bool = True, abort: bool = False, reason: str | None = None) -> None:  # noqa: ARG002
        if self.closed or self.closing:
            return
        self.closing = True
        self._stop_timer()
        await self.server._trigger_event("disconnect", self.sid, reason, run_async=False)  # noqa: SLF001
        self.closed = True
        self.finish(1000, "")

    async def _websocket_handler(self, ws: _UncompressedWebSocket) -> None:
        self.connected = self.upgraded = True
        loop = asyncio.get_running_loop()
        deadline = loop.call_later(self.server.sign_in_limit_s, self._end_unless_signed_in)
        writer = loop.create_task(self._write(ws))
        try:
            while not self._ending and (frame := await ws.read()) is not None:
                await self._receive_frame(frame)
        except Malformed as error:
            self.server.counts["malformed"] += 1
            self.finish(_POLICY_VIOLATION, str(error))
        finally:
            deadline.cancel()
            await self.close(reason=self.server.reason.TRANSPORT_CLOSE)
            await writer

    async def _receive_frame(self, frame: bytes) -> None:
        kind = frame[0] - 48 if frame else -1  # "0" to "6"
        if kind == EIO_MESSAGE:
            self._is_handling = True
            await self.server.on_message(self.sid, frame)
            self._is_handling = False
        elif kind == EIO_PONG:
            self.schedule_ping()
        elif kind == EIO_CLOSE:
            self.finish(1000, "")
        else:
            raise Malformed("not a packet")

    async def _write(self, ws: _UncompressedWebSocket) -> None:
        try:
            while True:
                while self._outbox:
                    frame = self._outbox.popleft()
                    await ws.write(frame)
                    self._outbox_bytes -= len(frame)
                if self._ending:
                    await asyncio.wait_for(ws.end(*self._ending), 2 * CLOSE_LIMIT_S)
                    return
                self._wake.clear()
                await self._wake.wait()
        except (OSError, RuntimeError, TimeoutError):
            self.abort()  # the connection broke, or its other side does not answer

    def _ping(self) -> None:
        self.offer(b"2")
        self._timer = asyncio.get_running_loop().call_later(PING_TIMEOUT_S, self._cut_off_silent)

    def _cut_off_silent(self) -> None:
        if self._is_handling:  # the answer may have come, and waits behind an event that takes this long
            self._timer = asyncio.get_running_loop().call_later(PING_TIMEOUT_S, self._cut_off_silent)
            return
        self.server.counts["cut_off_silent"] += 1
        self.abort()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _end_unless_signed_in(self) -> None:
        if not self.server.is_signed_in(self.sid):
            self.server.counts["not_signed_in"] += 1
            self.finish(_POLICY_VIOLATION, "no sign-in")


class _Engine(engineio.AsyncServer):  # type: ignore[misc]
    """Engine.IO over websockets alone, from known origins alone."""

    counts: Counter[str]
    sign_in_limit_s: float
    origins: Collection[str]
    on_message: Callable[[str, bytes], Awaitable[None]]
    is_signed_in: Callable[[str], bool]

    async def handle_request(self, request: Any) -> object:
        environ = self._async["translate_request"](request)
        query = request.query
        refusal = None
        if request.method != "GET" or query.get("transport") != "websocket" or "sid" in query:
            refusal = "Only websocket sessions are accepted."
        elif query.get("EIO") != "4" or environ.get("HTTP_UPGRADE", "").lower() != "websocket":
            refusal = "Only Engine.IO 4 over websocket is accepted."
        elif not self._is_own(request.headers.getall("Origin", []), request.headers.get("Host", "")):
            refusal = "This origin is not accepted."
        elif len(self.sockets) >= SOCKETS_LIMIT:
            refusal = "The server is busy."
        if refusal:
            self.counts["handshake_refused"] += 1
            return await self._make_response(self._bad_request(refusal), environ)
        return await self._open(environ)

    def _is_own(self, origins: list[str], host: str) -> bool:
        if len(origins) != 1:
            return False
        own = f"://{host}".lower()
        return origins[0] in self.origins or (host != "" and origins[0].lower() in ("http" + own, "https" + own))

    async def _open(self, environ: Mapping[str, Any]) -> object:
        sid = self.generate_id()
        socket = self.sockets[sid] = _Socket(self, sid, environ)
        opening = {
            "sid": sid,
            "upgrades": [],
            "pingInterval": int(self.ping_interval * 1000),
            "pingTimeout": int(self.ping_timeout * 1000),
            "maxPayload": FRAME_LIMIT_BYTES,
        }
        socket.offer(b"0" + strict_json.encode(opening))
        await self._trigger_event("connect", sid, environ, run_async=False)
        socket.schedule_ping()
        try:
            return await _UncompressedWebSocket(socket._websocket_handler, self)(environ)  # noqa: SLF001
        finally:
            await socket.close()
            self.sockets.pop(sid, None)
            socket.gone.set()


class Transport(socketio.AsyncServer):  # type: ignore[misc]
    """Sockets that have signed in, each known by its `sid`. Nothing in it knows what the events mean."""

    def __init__(self, *, origins: Collection[str] = (), sign_in_limit_s: float = SIGN_IN_LIMIT_S) -> None:
        super().__init__(
            async_mode="aiohttp",
            async_handlers=False,
            serializer=_PlainPacket,
            logger=_library_log,
            engineio_logger=_library_log,
            ping_interval=PING_INTERVAL_S,
            ping_timeout=PING_TIMEOUT_S,
            max_http_buffer_size=FRAME_LIMIT_BYTES,
            transports=["websocket"],
            cors_allowed_origins=[],
            monitor_clients=False,
            http_compression=False,
        )
        self.counts: Counter[str] = Counter()
        self._listener: Listener
        self._eio_sids: dict[str, str] = {}
        self.eio.counts = self.counts
        self.eio.sign_in_limit_s = sign_in_limit_s
        self.eio.origins = frozenset(origins)
        self.eio.on_message = self._take
        self.eio.is_signed_in = lambda eio_sid: self.manager.sid_from_eio_sid(eio_sid, "/") in self._eio_sids
        self.on("connect", self._connect, namespace="/")
        self.on("disconnect", self._disconnect, namespace="/")

    def listen(self, listener: Listener) -> None:
        """Name who is told of what the sockets do; once, before the first one."""
        self._listener = listener

    @property
    def open_sockets(self) -> int:
        """How many sockets have signed in."""
        return len(self._eio_sids)

    def tell(self, sid: str, frame: bytes) -> None:
        """Queue a frame from `event_frame` for a socket; nothing happens when it is gone."""
        eio_sid = self._eio_sids.get(sid)
        socket = self.eio.sockets.get(eio_sid) if eio_sid else None
        if socket is not None:
            socket.offer(frame)

    def end(self, sid: str, code: int = 1000, reason: str = "") -> None:
        """Close a socket once everything told to it so far is written."""
        eio_sid = self._eio_sids.get(sid)
        socket = self.eio.sockets.get(eio_sid) if eio_sid else None
        if socket is not None:
            socket.finish(code, reason)

    async def close(self) -> None:
        """Close every socket, each with time to write what waits."""
        sockets = list(self.eio.sockets.values())
        for socket in sockets:
            socket.finish(1001, "server is closing")  # RFC 6455: going away
        if sockets:
            waiting = [asyncio.ensure_future(socket.gone.wait()) for socket in sockets]
            _, late = await asyncio.wait(waiting, timeout=CLOSE_LIMIT_S)
            for task in late:
                task.cancel()
        for socket in list(self.eio.sockets.values()):
            socket.abort()

    def _engineio_server_class(self) -> type[_Engine]:
        return _Engine

    async def _take(self, eio_sid: str, frame: bytes) -> None:
        kind, ack_id, payload = read_packet(frame)
        if kind == EVENT:
            sid = self.manager.sid_from_eio_sid(eio_sid, "/")
            if sid not in self._eio_sids:
                raise Malformed("no sign-in")
            answer = await self._listener.received(sid, payload)
            if ack_id:
                socket = self.eio.sockets.get(eio_sid)
                if socket is not None:
                    socket.offer(b"43" + ack_id + b"[" + answer + b"]")
        elif kind == CONNECT:
            await self._sign_in(eio_sid, read_auth(payload))
        elif kind == DISCONNECT:
            await self._handle_disconnect(eio_sid, "/", self.reason.CLIENT_DISCONNECT)
            self.eio.sockets[eio_sid].finish(1000, "")  # a socket without a sign-in has no place here
        else:
            raise Malformed("this kind of packet is not accepted")

    async def _sign_in(self, eio_sid: str, auth: object) -> None:
        if self.eio.is_signed_in(eio_sid):
            raise Malformed("already signed in")
        await self._handle_connect(eio_sid, "/", auth)
        if not self.eio.is_signed_in(eio_sid):
            self.eio.sockets[eio_sid].finish(_POLICY_VIOLATION, "sign-in refused")

    async def _connect(self, sid: str, _environ: object, auth: object = None) -> None:
        try:
            self._listener.connected(sid, auth)
        except Refusal as refusal:
            self.counts["sign_in_refused"] += 1
            raise _Refused(refusal.message, dict(refusal.data)) from None
        self._eio_sids[sid] = self.manager.eio_sid_from_sid(sid, "/")

    async def _disconnect(self, sid: str, _reason: object = None) -> None:
        if self._eio_sids.pop(sid, None) is not None:
            await self._listener.disconnected(sid)


def event_frame(name: str, argument: bytes) -> bytes:
    """Return one event of the server as a websocket text frame, the same for everybody it is told to."""
    return b'42["' + name.encode() + b'",' + argument + b"]"


def read_packet(frame: bytes) -> tuple[int, bytes, bytes]:
    """Return (kind, acknowledgement id or nothing, payload) of a Socket.IO packet for the namespace `/`.

    `frame` begins with the Engine.IO type. `Malformed` for other namespaces, binary packets and what is no packet.
    """
    kind = frame[1] - 48 if len(frame) > 1 else -1
    if not CONNECT <= kind <= EVENT:
        raise Malformed("this kind of packet is not accepted")
    end = 2
    while end < len(frame) and end - 2 <= ACK_ID_LIMIT and 48 <= frame[end] <= 57:
        end += 1
    ack_id, payload = frame[2:end], frame[end:]
    if len(ack_id) > ACK_ID_LIMIT or payload[:1] == b"/":
        raise Malformed("not a packet")
    return kind, ack_id, payload


def read_auth(payload: bytes) -> object:
    """Return what came with a CONNECT packet, None for nothing. `Malformed` when it is no strict JSON."""
    if not payload:
        return None
    try:
        return strict_json.loads(payload)
    except ValueError:
        raise Malformed("not JSON") from None
