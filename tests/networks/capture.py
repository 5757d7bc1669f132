"""When packets passed an interface, by the kernel's clock: what the network did, however busy the browsers are."""

import math
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from media.packet_path import OPUS, RED

_EVERY_PROTOCOL: Final = 0x0003  # ETH_P_ALL
_SO_TIMESTAMPNS: Final = 35
_WAIT_S: Final = 0.2
_SNAP: Final = 80  # octets of each packet that are looked at
_ETHERNET, _IP, _UDP = 14, 20, 8


@dataclass
class Capture:
    """Packets of sound that left towards a person: when (seconds since 1970), and to which address."""

    sound: list[tuple[float, str]] = field(default_factory=list)

    def longest_gap(self, begin: float, end: float) -> float:
        """Return the longest time between two packets that passed from `begin` to `end`, in seconds."""
        times = [at for at, _ in self.sound if begin <= at <= end]
        return max((after - before for before, after in pairwise(times)), default=end - begin)

    def first_to(self, address: str, since: float) -> float:
        """Return when the first packet after `since` went to `address`; infinity while none has."""
        return next((at for at, to in self.sound if to == address and at >= since), math.inf)


@contextmanager
def captured(interface: str) -> Iterator[Capture]:
    """Note what leaves by an interface of this thread's namespace until the block ends."""
    capture, over = Capture(), threading.Event()
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_EVERY_PROTOCOL)) as tapped:
        tapped.bind((interface, 0))
        tapped.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        tapped.settimeout(_WAIT_S)
        thread = threading.Thread(target=_listen, args=(tapped, capture, over))
        thread.start()
        try:
            yield capture
        finally:
            over.set()
            thread.join()


def _listen(tapped: socket.socket, capture: Capture, over: threading.Event) -> None:
    while not over.is_set():
        try:
            frame, notes, _, address = tapped.recvmsg(_SNAP, socket.CMSG_SPACE(16))
        except TimeoutError:
            continue
        if address[2] != socket.PACKET_OUTGOING or len(frame) < _ETHERNET + _IP + _UDP + 12:
            continue
        if frame[12:14] != b"\x08\x00" or frame[_ETHERNET + 9] != socket.IPPROTO_UDP:
            continue
        first, second = frame[_ETHERNET + _IP + _UDP], frame[_ETHERNET + _IP + _UDP + 1]
        if first >> 6 == 2 and second & 0x7F in {OPUS, RED}:
            seconds, nanoseconds = struct.unpack("qq", notes[0][2])
            to = socket.inet_ntoa(frame[_ETHERNET + 16 : _ETHERNET + 20])
            capture.sound.append((seconds + nanoseconds / 1e9, to))
