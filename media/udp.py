"""The node's one UDP socket: datagrams sorted by their first octet (RFC 7983), a bounded number for each wake-up."""

import asyncio
import logging
import socket
import struct
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from media.bindings import Buffer
from media.packet_path import DATAGRAM_LIMIT
from media.stun import Address

BATCH_LIMIT: Final = 128  # datagrams for one wake-up; then the loop's other work has its turn
SOCKET_BUFFER_BYTES: Final = 4 * 1024 * 1024
_SOL_UDP: Final = 17  # linux/udp.h
_UDP_SEGMENT: Final = 103  # since Linux 4.18
_SEGMENT: Final = struct.Struct("@H")
SHORTEST: Final = 12  # octets of an RTP header; a STUN header and a DTLS record header are longer

_log = logging.getLogger(__name__)


class UdpSocket:
    """Reads into `buffer` and hands on: media in place, STUN and DTLS as copies. Never raises out of the event loop.

    `wake` comes before the datagrams of a wake-up, `rest` after them. What is too short, too long, of no known kind or
    makes its handler fail is dropped and counted in `drops`.
    """

    def __init__(
        self,
        *,
        buffer: Buffer,
        drops: Counter[str],
        wake: Callable[[], None],
        on_media: Callable[[int, Address], None],
        on_stun: Callable[[bytes, Address], None],
        on_dtls: Callable[[bytes, Address], None],
        rest: Callable[[], None],
    ) -> None:
        self._buffer = buffer
        self._drops = drops
        self._wake = wake
        self._on_media = on_media
        self._on_stun = on_stun
        self._on_dtls = on_dtls
        self._rest = rest
        self._socket: socket.socket | None = None
        self.received = 0

    @property
    def local_port(self) -> int:
        """The port it is bound to; 0 while closed."""
        return self._socket.getsockname()[1] if self._socket is not None else 0

    @property
    def local_address(self) -> str:
        """The address it is bound to, all of IPv4's for 0.0.0.0, all for ::; empty while closed."""
        return str(self._socket.getsockname()[0]) if self._socket is not None else ""

    def open(self, host: str, port: int) -> Callable[[Any, Address], object]:
        """Bind, begin to read, and return what sends one datagram now or raises OSError; there is no queue.

        With "::" it serves IPv4 too, whose addresses it gives in the form ::ffff:192.0.2.1 (RFC 4291, 2.5.5.2).
        Raises OSError when the port is taken or the address is not ours.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        opened = socket.socket(family, socket.SOCK_DGRAM)
        try:
            opened.setblocking(False)
            if family == socket.AF_INET6:
                opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, host != "::")
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                opened.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER_BYTES)
            opened.bind((host, port))
        except OSError:
            opened.close()
            raise
        self._socket = opened
        asyncio.get_running_loop().add_reader(opened.fileno(), self._readable)
        return opened.sendto

    def cutter(self) -> Callable[[Any, int, Address], object] | None:
        """Return what sends several datagrams by one call, `segment` octets each and the last no longer.

        None where the system does not know how. It raises OSError when they are lost.
        """
        opened = self._socket
        if opened is None or sys.platform != "linux":
            return None
        try:
            opened.setsockopt(_SOL_UDP, _UDP_SEGMENT, 0)
        except OSError:
            return None
        return partial(_send_segments, opened)

    def close(self) -> None:
        """Stop reading and give the port back."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def _readable(self) -> None:
        assert self._socket is not None
        receive, buffer, octets = self._socket.recvfrom_into, self._buffer.octets, self._buffer.octets
        drops, on_media = self._drops, self._on_media
        self._wake()
        for _ in range(BATCH_LIMIT):
            try:
                size, address = receive(buffer)
                self.received += 1
                if not SHORTEST <= size < DATAGRAM_LIMIT:
                    drops["short" if size < SHORTEST else "oversized"] += 1
                    continue
                kind = octets[0]
                if 128 <= kind < 192:
                    on_media(size, address)
                elif kind < 2:
                    self._on_stun(bytes(octets[:size]), address)
                elif 20 <= kind < 64:
                    self._on_dtls(bytes(octets[:size]), address)
                else:
                    drops["unknown_kind"] += 1
            except BlockingIOError:
                break
            except Exception as error:  # noqa: BLE001 - one datagram must never end the reading of all others
                drops["error"] += 1
                if drops["error"] <= 10:
                    _log.error("a datagram was dropped: %s", type(error).__name__, exc_info=error)
        try:
            self._rest()
        except Exception as error:  # noqa: BLE001
            drops["error"] += 1
            _log.error("after a wake-up: %s", type(error).__name__, exc_info=error)


def _send_segments(opened: socket.socket, octets: memoryview, segment: int, address: Address) -> None:
    try:
        opened.sendmsg((octets,), ((_SOL_UDP, _UDP_SEGMENT, _SEGMENT.pack(segment)),), 0, address)
    except BlockingIOError:
        raise
    except OSError:  # an interface that can't, or longer than its MTU: the system may still send them one by one
        for at in range(0, len(octets), segment):
            opened.sendto(octets[at : at + segment], address)
