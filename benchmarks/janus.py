"""Janus's videoroom as the peer to measure against: Debian's package, with a configuration made for the run.

It is spoken to over its Unix socket, so the only ports it opens are those of the media. It offers ICE-lite, as ours
does, and is held to the same SRTP profile. Everything else is as it comes, with a thread for each connection.
"""

import asyncio
import json
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, Final

from benchmarks.generator import Call
from benchmarks.media_peer import SECURITY, MediaPeer
from kernel.ids import ParticipantId
from rooms.events import Source
from rooms.ports import MediaOffer
from rooms.tracks import TrackRef

SRTP_PROFILE: Final = b"SRTP_AEAD_AES_128_GCM"  # the first choice of ours
PLUGIN: Final = "janus.plugin.videoroom"
ROOM: Final = 1
_STARTS_LIMIT: Final = 10
_START_STEP_S: Final = 0.1
_START_LIMIT: Final = 50  # steps
_STARTED: Final = "Unix Sockets thread started"
_ENDED: Final = "Unix Sockets thread ended"
_REPLY_S: Final = 10
_MESSAGE_LIMIT_BYTES: Final = 1 << 16
_LIBRARIES: Final = "/usr/lib/*/janus"
_USED: Final = ("videoroom", "pfunix")
_GENERAL: Final = """\
general: {{ configs_folder = "{folder}", debug_level = 4, debug_colors = false, session_timeout = 0 }}
nat: {{ ice_lite = true, ice_enforce_list = "{host}" }}
plugins: {{ disable = "{plugins}" }}
transports: {{ disable = "{transports}" }}
"""
_SOCKET: Final = 'general: {{ enabled = true, json = "compact", path = "{path}" }}\n'


class JanusMissing(Exception):
    """There is no Janus to measure against, or it does not run here."""


class Janus:
    """A running Janus. `pid` is its process."""

    def __init__(self, pid: int, connection: socket.socket) -> None:
        self.pid = pid
        self._socket = connection
        self._session = 0
        self._transactions = count(1)

    async def open(self) -> None:
        """Begin a session, with an empty room."""
        self._session = (await self._request({"janus": "create"}))["data"]["id"]
        handle = await self._attach()
        await self._tell(handle, {"request": "create", "room": ROOM, "videocodec": "vp8", "bitrate": 20_000_000})

    async def call(self, viewers: int, *, host: str) -> Call:
        """Connect a publisher and its viewers, who send from `host`."""
        publisher = MediaPeer(MediaOffer(1, "", {"0": Source.CAMERA}, {}), host=host, srtp_profiles=SRTP_PROFILE)
        room: dict[str, Any] = {"request": "joinandconfigure", "ptype": "publisher", "room": ROOM, "video": True}
        description = {"type": "offer", "sdp": _publisher_offer(publisher)}
        reply = await self._tell(await self._attach(), room, description)
        publisher.offer = replace(publisher.offer, sdp=reply["jsep"]["sdp"])
        await publisher.connect()
        await self._receive(lambda event: event["janus"] == "webrtcup")  # before, there is nothing to subscribe to
        feed = reply["plugindata"]["data"]["id"]
        watching = [await self._view(feed, host) for _ in range(viewers)]
        return Call(publisher, watching)

    async def _view(self, feed: int, host: str) -> MediaPeer:
        handle = await self._attach()
        room = {"request": "join", "ptype": "subscriber", "room": ROOM, "streams": [{"feed": feed}]}
        sdp = (await self._tell(handle, room))["jsep"]["sdp"]
        receive = {"0": TrackRef(ParticipantId(str(feed)), Source.CAMERA)}
        viewer = MediaPeer(MediaOffer(1, sdp, {}, receive), host=host, srtp_profiles=SRTP_PROFILE)
        await self._tell(handle, {"request": "start"}, {"type": "answer", "sdp": viewer.answer() + _candidate(viewer)})
        await viewer.connect()
        return viewer

    async def _attach(self) -> int:
        reply = await self._request({"janus": "attach", "plugin": PLUGIN, "session_id": self._session})
        return int(reply["data"]["id"])

    async def _tell(self, handle: int, body: dict[str, Any], jsep: dict[str, str] | None = None) -> dict[str, Any]:
        message = {"janus": "message", "session_id": self._session, "handle_id": handle, "body": body}
        reply = await self._request(message | ({"jsep": jsep} if jsep else {}))
        if "error" in reply["plugindata"]["data"]:
            raise JanusMissing(f"Janus refused {body['request']}: {reply['plugindata']['data']['error']}")
        return reply

    async def _request(self, message: dict[str, Any]) -> dict[str, Any]:
        """Return the last answer to a message; what else comes meanwhile is nobody's business here."""
        loop, transaction = asyncio.get_running_loop(), str(next(self._transactions))
        await loop.sock_sendall(self._socket, json.dumps(message | {"transaction": transaction}).encode())
        reply = await self._receive(lambda each: each.get("transaction") == transaction and each["janus"] != "ack")
        if reply["janus"] == "error":
            raise JanusMissing(f"Janus refused {message['janus']}: {reply['error']['reason']}")
        return reply

    async def _receive(self, is_awaited: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        async with asyncio.timeout(_REPLY_S):
            while True:
                received = await asyncio.get_running_loop().sock_recv(self._socket, _MESSAGE_LIMIT_BYTES)
                if not received:
                    raise JanusMissing("Janus hung up")
                message: dict[str, Any] = json.loads(received)
                if is_awaited(message):
                    return message


@asynccontextmanager
async def janus(host: str) -> AsyncIterator[Janus]:
    """Run a Janus that offers `host` for media, and end it. Raises JanusMissing when it can't be had."""
    program = shutil.which("janus")
    if program is None:
        raise JanusMissing("it is not installed; as root: tools/benchmark-programs")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _configure(folder, host)
        process = await _start(program, folder)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
                connection.setblocking(False)
                await asyncio.get_running_loop().sock_connect(connection, str(folder / "api"))
                running = Janus(process.pid, connection)
                await running.open()
                yield running
        finally:
            await _end(process)


async def _start(program: str, folder: Path) -> asyncio.subprocess.Process:
    """Return Janus listening; tried again when its socket's thread, by a race of its own, ended before it began."""
    log = folder / "log"
    for _ in range(_STARTS_LIMIT):
        with log.open("w") as out:
            process = await asyncio.create_subprocess_exec(
                program, "--configs-folder", str(folder), stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out
            )
        for _ in range(_START_LIMIT):
            await asyncio.sleep(_START_STEP_S)
            if process.returncode is not None:
                break
            if _STARTED in log.read_text():
                await asyncio.sleep(_START_STEP_S)
                if _ENDED not in log.read_text():
                    return process
                break
        await _end(process)
    raise JanusMissing("Janus does not start:\n" + "\n".join(log.read_text().splitlines()[-15:]))


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()  # its orderly end waits for sessions
    await process.wait()


def _configure(folder: Path, host: str) -> None:
    unused = {
        kind: ",".join(
            library.name
            for library in Path("/").glob(f"{_LIBRARIES[1:]}/{kind}/*.so")
            if not any(used in library.name for used in _USED)
        )
        for kind in ("plugins", "transports")
    }
    (folder / "janus.jcfg").write_text(_GENERAL.format(folder=folder, host=host, **unused))
    (folder / "janus.transport.pfunix.jcfg").write_text(_SOCKET.format(path=folder / "api"))


def _candidate(peer: MediaPeer) -> str:
    """Return the line by which libnice, as ICE-lite, lets a peer in; ours needs none."""
    host, port = peer.socket.getsockname()
    return f"a=candidate:1 1 udp 2130706431 {host} {port} typ host\r\na=end-of-candidates\r\n"


def _publisher_offer(publisher: MediaPeer) -> str:
    """Return what a publisher of one picture offers, with the numbers that ours would have given it."""
    ssrcs = publisher.ssrcs[Source.CAMERA]
    lines = [
        "v=0",
        "o=- 1 1 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0",
        "a=msid-semantic: WMS *",
        "m=video 9 UDP/TLS/RTP/SAVPF 96 97",
        "c=IN IP4 0.0.0.0",
        "a=mid:0",
        "a=sendonly",
        "a=rtcp-mux",
        *SECURITY,
        "a=rtpmap:96 VP8/90000",
        *(f"a=rtcp-fb:96 {kind}" for kind in ("nack", "nack pli", "ccm fir", "goog-remb", "transport-cc")),
        "a=rtpmap:97 rtx/90000",
        "a=fmtp:97 apt=96",
        "a=extmap:2 urn:ietf:params:rtp-hdrext:sdes:mid",
        "a=extmap:4 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
        "a=ssrc-group:FID {} {}".format(*ssrcs),
        *(f"a=ssrc:{ssrc} {fact}" for ssrc in ssrcs for fact in ("cname:x", "msid:camera camera")),
    ]
    return "\r\n".join([*lines, _candidate(publisher)])
