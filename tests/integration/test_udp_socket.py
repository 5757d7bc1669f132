"""The node's UDP socket: sorting, limits, and that nothing ends the reading."""

import asyncio
import logging
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from media.bindings import Buffer
from media.packet_path import DATAGRAM_LIMIT
from media.stun import Address
from media.udp import BATCH_LIMIT, UdpSocket
from tests.waiting import until


class Desk:
    """Notes what comes, wake-up by wake-up; raises at media that begins a certain way."""

    def __init__(self) -> None:
        self.buffer = Buffer(DATAGRAM_LIMIT)
        self.drops: Counter[str] = Counter()
        self.media: list[bytes] = []
        self.stun: list[bytes] = []
        self.dtls: list[bytes] = []
        self.batches: list[int] = []
        self.socket = UdpSocket(
            buffer=self.buffer,
            drops=self.drops,
            wake=lambda: self.batches.append(0),
            on_media=self._media,
            on_stun=lambda data, _address: self.stun.append(data),
            on_dtls=lambda data, _address: self.dtls.append(data),
            rest=lambda: None,
        )

    def _media(self, size: int, _address: Address) -> None:
        self.batches[-1] += 1
        octets = bytes(self.buffer.octets[:size])
        if octets.startswith(b"\x80bad"):
            raise RuntimeError("a defect")
        self.media.append(octets)


@asynccontextmanager
async def desk() -> AsyncIterator[tuple[Desk, socket.socket, Address]]:
    made = Desk()
    made.socket.open("127.0.0.1", 0)
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        yield made, sender, ("127.0.0.1", made.socket.local_port)
    finally:
        made.socket.close()
        sender.close()


async def test_datagrams_are_sorted_by_their_first_octet() -> None:
    async with desk() as (made, sender, to):
        for first in (0, 1, 20, 63, 128, 191):
            sender.sendto(bytes([first]) * 20, to)
        for first in (2, 19, 64, 127, 192, 255):
            sender.sendto(bytes([first]) * 20, to)
        await until(lambda: made.socket.received == 12)
        assert [data[0] for data in made.stun] == [0, 1]
        assert [data[0] for data in made.dtls] == [20, 63]
        assert [data[0] for data in made.media] == [128, 191]
        assert made.drops == {"unknown_kind": 6}


async def test_too_short_and_too_long_is_dropped() -> None:
    async with desk() as (made, sender, to):
        for size in (0, 1, 11, DATAGRAM_LIMIT, 9000, 60_000):
            sender.sendto(b"\x80" * size, to)
        sender.sendto(b"\x80" * (DATAGRAM_LIMIT - 1), to)
        await until(lambda: made.media)
        assert made.drops == {"short": 3, "oversized": 3}


async def test_a_defect_costs_one_datagram_and_is_logged_without_its_content(caplog: pytest.LogCaptureFixture) -> None:
    async with desk() as (made, sender, to):
        with caplog.at_level(logging.ERROR):
            for _ in range(30):
                sender.sendto(b"\x80bad and its content", to)
            sender.sendto(b"\x80good and its content", to)
            await until(lambda: made.media)
        assert made.drops == {"error": 30}
        assert 0 < len(caplog.records) <= 10
        assert "its content" not in caplog.text


async def test_a_flood_leaves_the_loop_its_turns() -> None:
    async with desk() as (made, sender, to):
        for _ in range(5 * BATCH_LIMIT):
            sender.sendto(b"\x80" * 40, to)
        turns = 0
        while len(made.media) < 5 * BATCH_LIMIT and turns < 1000:
            await asyncio.sleep(0)
            turns += 1
        assert max(made.batches) <= BATCH_LIMIT
        assert len(made.media) == 5 * BATCH_LIMIT


async def test_a_taken_port_is_an_error_and_leaves_nothing_open() -> None:
    async with desk() as (made, _, to):
        other = Desk()
        with pytest.raises(OSError, match="in use"):
            other.socket.open("127.0.0.1", to[1])
        assert other.socket.local_port == 0
        other.socket.close()
        assert made.socket.local_port == to[1]


async def test_sending_is_at_once() -> None:
    made = Desk()
    send = made.socket.open("127.0.0.1", 0)
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", 0))
    receiver.settimeout(1)
    send(b"hello", receiver.getsockname())
    assert receiver.recv(100) == b"hello"
    made.socket.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        send(b"hello", receiver.getsockname())
    receiver.close()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not cut")
async def test_what_is_sent_by_one_call_arrives_as_several_datagrams() -> None:
    async with desk() as (made, receiver, _):
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(2)
        send = made.socket.cutter()
        assert send is not None
        send(memoryview(b"a" * 100 + b"b" * 100 + b"c" * 30), 100, receiver.getsockname())
        assert [receiver.recv(2048) for _ in range(3)] == [b"a" * 100, b"b" * 100, b"c" * 30]
        send(memoryview(b"a" * 40000 + b"b" * 20000), 40000, receiver.getsockname())
        assert [len(receiver.recv(65536)) for _ in range(2)] == [40000, 20000]


async def test_a_closed_socket_does_not_cut() -> None:
    assert Desk().socket.cutter() is None
