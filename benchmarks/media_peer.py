"""A browser's side of one media connection, as lean as can be: it loads the plane, and probes it in tests.

It checks connectivity, shakes hands as DTLS client and seals and opens packets; it neither encodes nor decodes, and
does nothing on its own once connected, except that it answers checks.
"""

import asyncio
import re
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from aioice import stun
from OpenSSL import SSL

from media.bindings import (
    SRTP_PROFILES,
    SRTP_TRAILER_LIMIT,
    Buffer,
    Certificate,
    new_length,
    srtp_protect,
    srtp_protect_rtcp,
    srtp_unprotect,
    srtp_unprotect_rtcp,
)
from media.dtls import DATAGRAM_LIMIT
from media.dtls_records import pack_records
from media.packet_path import OPUS
from media.srtp import SrtpKeys
from media.stun import binding_success, parse_binding_request
from rooms.events import Source
from rooms.ports import MediaOffer

_SIZE = 2048
CERTIFICATE = Certificate()
_CONTEXT = CERTIFICATE.context()
_PASSWORD = "0123456789012345678901"
# What each section of a description of ours says about the connection.
SECURITY = (
    "a=ice-ufrag:peer",
    f"a=ice-pwd:{_PASSWORD}",
    "a=setup:active",
    f"a=fingerprint:sha-256 {CERTIFICATE.sha256}",
)


def _context(srtp_profiles: bytes) -> SSL.Context:
    context = CERTIFICATE.context()
    context.set_tlsext_use_srtp(srtp_profiles)
    return context


class SrtpClient:
    """Seals and opens whole packets with the client's half of the keys."""

    def __init__(self, keys: SrtpKeys) -> None:
        self._keys = keys
        self._buffer = Buffer(_SIZE + SRTP_TRAILER_LIMIT)
        self._length = new_length()

    def seal(self, packet: bytes) -> bytes:
        """Seal RTP or RTCP, told apart by its second octet."""
        return self._apply(packet, self._keys.tx, srtp_protect, srtp_protect_rtcp)

    def open(self, packet: bytes) -> bytes:
        """Open RTP or RTCP; empty if it is not authentic or was opened before."""
        return self._apply(packet, self._keys.rx, srtp_unprotect, srtp_unprotect_rtcp)

    def _apply(self, packet: bytes, context: Any, media: Any, control: Any) -> bytes:
        self._buffer.octets[: len(packet)] = packet
        self._length[0] = len(packet)
        function = control if 192 <= packet[1] <= 223 else media
        if function(context, self._buffer.pointer, self._length):
            return b""
        return bytes(self._buffer.octets[: self._length[0]])


class MediaPeer:
    """One connection, made from an offer.

    `on_rtp` and `on_rtcp` get opened packets; `drop_in` and `drop_out` say which datagrams are lost. `ssrcs` is what it
    announces to send: source -> (SSRC, retransmission SSRC). It sends from `host`. `srtp_profiles`, names of RFC 5764
    with colons between, leaves the server no others to choose from.
    """

    def __init__(
        self,
        offer: MediaOffer,
        *,
        first_ssrc: int = 1000,
        transport_feedback: bool = True,
        host: str = "127.0.0.1",
        srtp_profiles: bytes = b"",
    ) -> None:
        self.offer = offer
        self._host = host
        self.ssrcs = {source: (first_ssrc + 2 * n, first_ssrc + 2 * n + 1) for n, source in enumerate(Source)}
        self.on_rtp: Callable[[bytes], None] = lambda _packet: None
        self.on_rtcp: Callable[[bytes], None] = lambda _packet: None
        self.drop_in: Callable[[bytes], bool] = lambda _datagram: False
        self.drop_out: Callable[[bytes], bool] = lambda _datagram: False
        self.srtp: SrtpClient | None = None
        self.srtp_profile = ""  # what was agreed on
        self.closed_by_server = False
        self._transport_feedback = transport_feedback
        self._connected = asyncio.Event()
        self._checked = asyncio.Event()
        self._ssl = SSL.Connection(_context(srtp_profiles) if srtp_profiles else _CONTEXT)
        self._ssl.set_connect_state()
        self._ssl.set_ciphertext_mtu(DATAGRAM_LIMIT)
        self.socket = self._new_socket()

    @property
    def server(self) -> tuple[str, int]:
        """The first candidate of the newest offer that is of the family of `host`."""
        found = re.findall(r"a=candidate:\S+ 1 udp \d+ (\S+) (\d+)", self.offer.sdp)
        return next((host, int(port)) for host, port in found if (":" in host) == (":" in self._host))

    @property
    def credentials(self) -> tuple[str, str]:
        """The server's ICE user name and password of the newest offer."""
        ufrag = re.search(r"a=ice-ufrag:(\S+)", self.offer.sdp)
        password = re.search(r"a=ice-pwd:(\S+)", self.offer.sdp)
        assert ufrag is not None
        assert password is not None
        return ufrag[1], password[1]

    def ssrc_of(self, mid: str) -> int:
        """Return under which SSRC a receive section's packets will come; 0 for a resting one."""
        section = self.offer.sdp.split(f"a=mid:{mid}\r\n")[1].split("m=")[0]
        found = re.search(r"a=ssrc:(\d+)", section)
        return int(found[1]) if found else 0

    def answer(self) -> str:
        """Return an answer that accepts everything offered."""
        lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0"]
        for section in re.split(r"(?=^m=)", self.offer.sdp.replace("\r\n", "\n"), flags=re.MULTILINE)[1:]:
            mid = re.search(r"a=mid:(\S+)", section)
            assert mid is not None
            source = self.offer.publish.get(mid[1])
            turned = "sendonly" if source is not None else "inactive" if "a=inactive" in section else "recvonly"
            lines += [
                line
                for line in section.splitlines()
                if line.startswith(("m=", "a=mid", "a=rtcp-mux", "a=rtpmap", "a=rtcp-fb", "a=fmtp"))
            ]
            lines += [
                line
                for line in section.splitlines()
                if line.startswith("a=extmap") and (self._transport_feedback or "transport-wide" not in line)
            ]
            lines += [f"a={turned}", *SECURITY]
            if source is not None:
                ssrcs = self.ssrcs[source] if source is not Source.MICROPHONE else self.ssrcs[source][:1]
                lines += ["a=ssrc-group:FID {} {}".format(*ssrcs)] if len(ssrcs) == 2 else []
                lines += [f"a=ssrc:{ssrc} cname:x" for ssrc in ssrcs]
        return "\r\n".join(lines) + "\r\n"

    async def connect(self, *, seconds: float = 5) -> None:
        """Check, nominate and shake hands."""
        async with asyncio.timeout(seconds):
            await self.check()
            self._step()
            while not self._connected.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._connected.wait(), 0.3)
                self._ssl.DTLSv1_handle_timeout()
                self._flush()

    async def check(self, *, nominates: bool = True, seconds: float = 2) -> None:
        """Send connectivity checks until one is answered."""
        self._checked.clear()
        async with asyncio.timeout(seconds):
            while not self._checked.is_set():
                self.transmit(self.binding_request(nominates=nominates))
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._checked.wait(), 0.2)

    def binding_request(self, *, nominates: bool = True, password: str | None = None) -> bytes:
        """Return one check as a browser sends it."""
        ufrag, right_password = self.credentials
        message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        message.attributes["USERNAME"] = f"{ufrag}:peer"
        message.attributes["PRIORITY"] = 1
        message.attributes["ICE-CONTROLLING"] = 1
        if nominates:
            message.attributes["USE-CANDIDATE"] = None
        message.add_message_integrity((password or right_password).encode())
        return bytes(message)

    def move(self) -> None:
        """Send from another port from now on, as after a change of network that nobody was told of."""
        self._close_socket()
        self.socket = self._new_socket()

    def send(self, packet: bytes) -> None:
        """Seal and send RTP or RTCP."""
        assert self.srtp is not None
        self.transmit(self.srtp.seal(packet))

    def transmit(self, datagram: bytes) -> None:
        """Send a datagram as it is."""
        if not self.drop_out(datagram):
            with suppress(BlockingIOError):
                self.socket.sendto(datagram, self.server)

    def close(self) -> None:
        """Say goodbye and close."""
        if self.srtp is not None:
            with suppress(SSL.Error):
                self._ssl.shutdown()
            self._flush()
        self._close_socket()

    def vanish(self) -> None:
        """Close without a word, as a browser that crashes."""
        self._close_socket()

    def _new_socket(self) -> socket.socket:
        opened = socket.socket(socket.AF_INET6 if ":" in self._host else socket.AF_INET, socket.SOCK_DGRAM)
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        opened.bind((self._host, 0))
        asyncio.get_running_loop().add_reader(opened, self._readable, opened)
        return opened

    def _close_socket(self) -> None:
        if self.socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self.socket)
            self.socket.close()

    def _readable(self, source: socket.socket) -> None:
        for _ in range(64):
            try:
                datagram = source.recv(_SIZE)
            except BlockingIOError:
                return
            if datagram and not self.drop_in(datagram):
                self._take(datagram)

    def _take(self, datagram: bytes) -> None:
        first = datagram[0]
        if datagram[:2] == b"\0\1":
            request = parse_binding_request(datagram)
            if request is not None and request.is_authentic(_PASSWORD):
                self.transmit(binding_success(request, self.server, _PASSWORD))
        elif first < 2:
            with suppress(ValueError):
                if stun.parse_message(datagram).check_message_integrity(self.credentials[1].encode()):
                    self._checked.set()
        elif 20 <= first < 64:
            self._ssl.bio_write(datagram)
            self._step()
        elif self.srtp is not None:
            packet = self.srtp.open(datagram)
            if packet:
                (self.on_rtcp if 192 <= packet[1] <= 223 else self.on_rtp)(packet)

    def _step(self) -> None:
        try:
            if self.srtp is None:
                self._ssl.do_handshake()
                name = self._ssl.get_selected_srtp_profile()
                profile = next(each for each in SRTP_PROFILES if each.name == name)
                self.srtp_profile = name.decode()
                keying = self._ssl.export_keying_material(b"EXTRACTOR-dtls_srtp", profile.keying_length)
                self.srtp = SrtpClient(SrtpKeys(profile, keying, server=False))
                self._connected.set()
            else:
                self._ssl.recv(_SIZE)
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self.closed_by_server = True
        self._flush()

    def _flush(self) -> None:
        written = bytearray()
        with suppress(SSL.WantReadError):
            while True:
                written += self._ssl.bio_read(65536)
        for datagram in pack_records(bytes(written), DATAGRAM_LIMIT):
            self.transmit(datagram)


def rtp(
    *,
    ssrc: int,
    payload_type: int,
    seq: int,
    timestamp: int,
    payload: bytes,
    marker: bool = False,
    extensions: bytes = b"",
) -> bytes:
    """Return one RTP packet; `extensions` are one-byte-form elements (RFC 8285), padded here."""
    header = struct.pack(
        "!BBHII",
        0x90 if extensions else 0x80,
        (0x80 if marker else 0) | payload_type,
        seq & 0xFFFF,
        timestamp & 0xFFFFFFFF,
        ssrc,
    )
    if extensions:
        extensions += bytes(-len(extensions) % 4)
        header += struct.pack("!HH", 0xBEDE, len(extensions) // 4) + extensions
    return header + payload


def redundant(now: bytes, *earlier: tuple[int, bytes]) -> bytes:
    """Return a payload (RFC 2198) of this sound and earlier ones, newest first, each with how many ticks earlier."""
    blocks = earlier[::-1]
    heads = [struct.pack("!I", 1 << 31 | OPUS << 24 | ticks << 10 | len(sound)) for ticks, sound in blocks]
    return b"".join(heads) + bytes([OPUS]) + b"".join(sound for _, sound in blocks) + now
