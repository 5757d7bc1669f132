"""Packets that go out by one call: which may stand side by side, and what happens to them when nothing cuts."""

from typing import Any

from media.batch import BATCH_OCTETS, BATCH_PACKETS, Batch
from media.stun import Address

BO: Address = ("192.0.2.2", 4000)
TRAILER = 36  # header and tag


class Network:
    """Takes what is sent; full for the first `refusals` calls."""

    def __init__(self, refusals: int = 0) -> None:
        self.sent: list[bytes] = []
        self.calls = 0
        self._refusals = refusals

    def one(self, octets: Any, _address: Address) -> None:
        self.several(octets, len(octets), _address)

    def several(self, octets: Any, segment: int, _address: Address) -> None:
        self.calls += 1
        if self.calls <= self._refusals:
            raise BlockingIOError
        self.sent += [bytes(octets[at : at + segment]) for at in range(0, len(octets), segment)]


def filled(*payloads: int) -> Batch:
    batch = Batch(2048)
    for number, extent in enumerate(payloads):
        assert extent <= batch.room
        sealed = extent + TRAILER
        batch.buffer.octets[batch.filled : batch.filled + sealed] = bytes([number]) * sealed
        batch.add(extent, sealed)
    return batch


def test_equal_packets_go_by_one_call_and_the_last_may_be_shorter() -> None:
    network = Network()
    assert filled(100, 100, 60).send(BO, network.one, network.several) == 0
    assert network.calls == 1
    assert [len(packet) for packet in network.sent] == [136, 136, 96]
    assert [packet[0] for packet in network.sent] == [0, 1, 2]


def test_where_nothing_cuts_they_go_one_by_one() -> None:
    network = Network()
    assert filled(100, 100, 60).send(BO, network.one, None) == 0
    assert [len(packet) for packet in network.sent] == [136, 136, 96]


def test_a_single_packet_needs_no_cutting() -> None:
    network = Network()
    assert filled(100).send(BO, network.one, None) == 0
    assert network.sent == [bytes(136)]


def test_losses_are_counted_in_packets() -> None:
    network = Network(refusals=1)
    assert filled(100, 100, 60).send(BO, network.one, network.several) == 3
    network = Network(refusals=1)
    assert filled(100, 100, 60).send(BO, network.one, None) == 1
    assert [packet[0] for packet in network.sent] == [1, 2]


def test_a_longer_packet_is_not_taken_nor_any_after_a_shorter_one() -> None:
    assert filled(100).room == 100
    assert filled(100, 60).room < 0


def test_a_batch_is_bounded_and_stays_within_its_memory() -> None:
    large = filled(*[2048] * (BATCH_OCTETS // (2048 + TRAILER) + 1))
    assert large.room < 0
    assert large.filled <= len(large.buffer.octets)
    assert filled(*[10] * BATCH_PACKETS).room < 0


def test_a_cleared_batch_takes_anything_and_sends_nothing() -> None:
    batch, network = filled(100, 60), Network()
    batch.clear()
    assert batch.room >= 2048
    assert batch.send(BO, network.one, network.several) == 0
    assert network.calls == 0
