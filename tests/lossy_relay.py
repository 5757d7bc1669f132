"""A way to the media port on which packets get lost: a relay on loopback, between one browser and the server."""

import random
import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

RELAYED = """
  const port = %d;
  const take = RTCPeerConnection.prototype.setRemoteDescription;
  RTCPeerConnection.prototype.setRemoteDescription = function (description) {
    const sdp = description.sdp.replaceAll(/ \\d+ typ host/g, ` ${port} typ host`);
    return take.call(this, { type: description.type, sdp });
  };
"""
"""In the page: the server's media port is the relay's."""


class LossyRelay:
    """Relays datagrams of one browser; loses the given part of them, by direction. Set both while it runs."""

    def __init__(self, server_port: int) -> None:
        self.lost_down = 0.0  # from the server to the browser
        self.lost_up = 0.0
        self._server = ("127.0.0.1", server_port)
        self._chance = random.Random(20261125)
        self._front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._front.bind(("0.0.0.0", 0))
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._front, selectors.EVENT_READ, None)
        self._backs: dict[tuple[str, int], socket.socket] = {}
        self._closing = threading.Event()

    @property
    def script(self) -> str:
        """What the browser's pages run first, so that their media goes this way."""
        return RELAYED % self._front.getsockname()[1]

    def run(self) -> None:
        while not self._closing.is_set():
            for key, _ in self._selector.select(timeout=0.1):
                if key.data is None:
                    self._up()
                else:
                    self._down(key.fileobj, key.data)  # type: ignore[arg-type]
        for each in (self._front, *self._backs.values()):
            each.close()

    def close(self) -> None:
        self._closing.set()

    def _up(self) -> None:
        data, browser = self._front.recvfrom(4096)
        if browser not in self._backs:
            back = self._backs[browser] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            back.connect(self._server)
            self._selector.register(back, selectors.EVENT_READ, browser)
        if self._chance.random() >= self.lost_up:
            self._backs[browser].send(data)

    def _down(self, back: socket.socket, browser: tuple[str, int]) -> None:
        data = back.recv(4096)
        if self._chance.random() >= self.lost_down:
            self._front.sendto(data, browser)


@contextmanager
def lossy_relay(server_port: int) -> Iterator[LossyRelay]:
    relay = LossyRelay(server_port)
    thread = threading.Thread(target=relay.run, name="lossy-relay")
    thread.start()
    try:
        yield relay
    finally:
        relay.close()
        thread.join()
