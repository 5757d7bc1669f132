"""A stranger who knows the media port and the ICE user names of a call, and sends every kind of rubbish there."""

import random
import socket
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from benchmarks.namespace import HOST

BURST: Final = 20
PAUSE_S: Final = 0.01  # about 2,000 datagrams a second
_SIZES: Final = (0, 1, 11, 12, 20, 60, 200, 1200, 1500, 9000)
_COOKIE: Final = 0x2112A442  # RFC 8489, 5
_USERNAME: Final = 0x0006
_INTEGRITY: Final = 0x0008


def rubbish(users: Sequence[str], draw: random.Random) -> list[bytes]:
    """Return datagrams of every first octet and many sizes, and checks in the names of `users` with wrong keys."""
    shapes = [bytes([first]) + draw.randbytes(draw.choice((11, 60, 200, 1200))) for first in range(256)]
    sizes = [draw.randbytes(size) for size in _SIZES for _ in range(10)]
    media = [b"\x90\x60" + draw.randbytes(10) + bytes(60) for _ in range(40)]
    hellos = [b"\x16\xfe\xff" + draw.randbytes(200) for _ in range(20)]
    checks = [_check(user, draw) for user in users for _ in range(40)]
    cut = [check[:end] for check in checks[:2] for end in range(0, len(check), 3)]
    every = [*shapes, *sizes, *media, *hellos, *checks, *cut]
    draw.shuffle(every)
    return every


def _check(user: str, draw: random.Random) -> bytes:
    """Return a binding request whose MESSAGE-INTEGRITY is made up."""
    name = f"{user}:abcd".encode()
    attributes = struct.pack("!HH", _USERNAME, len(name)) + name + bytes(-len(name) % 4)
    attributes += struct.pack("!HH", _INTEGRITY, 20) + draw.randbytes(20)
    return struct.pack("!HHI", 1, len(attributes), _COOKIE) + draw.randbytes(12) + attributes


@contextmanager
def stranger(port: int, users: Sequence[str]) -> Iterator[None]:
    """Flood the media port from ever new ports until the block ends."""
    over = threading.Event()

    def flood() -> None:
        draw = random.Random(5)
        datagrams = rubbish(users, draw)
        while not over.is_set():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as source:
                for begin in range(0, len(datagrams), BURST):
                    for datagram in datagrams[begin : begin + BURST]:
                        source.sendto(datagram, (HOST, port))
                    time.sleep(PAUSE_S)
                    if over.is_set():
                        return

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
