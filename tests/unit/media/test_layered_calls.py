"""Calls in layers on simulated time: a camera that does as it is told, viewers whose ways are as wide as is set."""

import itertools
import random
from collections import deque
from collections.abc import Iterable

import pytest

from benchmarks.media_peer import SrtpClient, rtp
from media import rtcp
from media.bindings import SRTP_PROFILES
from media.forwarder import Forwarder
from media.layer_changes import grade
from media.packet_path import LAYERS, MID, OPUS, RID, RTX, VP8
from media.srtp import SrtpKeys
from media.streams import Inbound, Outbound
from media.stun import Address
from media.vp8 import picture_numbers
from rooms.ports import VideoLayer

MS = 1_000_000
SECOND = 1000 * MS
TICK_MS = 50
SOUND, SINGLE = 10, 90  # SSRCs of Anne's
OCTETS = {"l": (950,), "m": (1000,) * 3, "h": (1100,) * 9}  # of one picture: 152, 480 and 1584 kbit/s
QUEUE_MS = 300
TOLD_AFTER_TICKS = 2  # what the camera is told needs so long to reach it


class Node:
    """The packet path, and a clock set by hand."""

    def __init__(self) -> None:
        self.now_ns = 5_000 * SECOND
        self.people: dict[Address, Viewer | Publisher] = {}
        self.path = Forwarder(clock_ns=lambda: self.now_ns, epoch_ns=0)
        self.path.send = lambda octets, address: self.people[address].take(bytes(octets))

    def receive(self, datagrams: Iterable[bytes], address: Address) -> None:
        self.path.wake()
        for datagram in datagrams:
            self.path.buffer.octets[: len(datagram)] = datagram
            self.path.receive(len(datagram), address)
        self.path.flush()


class Person:
    """A peer of the path with the browser's half of its keys."""

    def __init__(self, node: Node, name: str) -> None:
        self.node = node
        self.address: Address = (name, 4000)
        self.link = node.path.open()
        keying = name.encode().ljust(SRTP_PROFILES[0].keying_length, b"k")
        self.srtp = SrtpClient(SrtpKeys(SRTP_PROFILES[0], keying, server=False))
        node.path.seal(self.link, SrtpKeys(SRTP_PROFILES[0], keying))
        node.path.bind(self.link, self.address)

    def say(self, *packets: bytes) -> None:
        self.node.receive([self.srtp.seal(packet) for packet in packets], self.address)


class Publisher(Person):
    """Anne: her microphone, and a camera in as many layers as it has names; `told` is what she shall send."""

    def __init__(self, node: Node, names: tuple[str, ...] = LAYERS) -> None:
        super().__init__(node, "anne")
        node.people[self.address] = self
        self.names = names
        self.microphone = node.path.add_inbound(self.link, "0", is_video=False)
        node.path.signal(self.microphone, SOUND, 0)
        self.camera = node.path.add_inbound(self.link, "1", is_video=True, layers=LAYERS)
        for stream in (self.microphone, self.camera):
            node.path.publish(stream, published=True)
        self.told: tuple[int, ...] = (0, 1, 2)
        self.is_reachable = True  # her socket is there
        self.voice = b"sound" * 20
        self.lost = 0.0  # of her pictures' packets, on her own way
        self._chance = random.Random(7)
        self.limit_bps: int | None = None
        self._heard: deque[tuple[int, ...]] = deque([self.told] * TOLD_AFTER_TICKS)
        self._seqs = dict.fromkeys((*LAYERS, ""), 65_000)  # soon they wrap
        self._sounds = 0
        self._frames = dict.fromkeys((*LAYERS, ""), 0x7FF0)
        self._key_wanted = set(LAYERS) | {""}

    def take(self, datagram: bytes) -> None:
        packet = self.srtp.open(datagram)
        for part in rtcp.packets(packet, len(packet)):
            if (part.kind, part.form) == (rtcp.PAYLOAD_FEEDBACK, rtcp.PICTURE_LOSS):
                ssrc = rtcp.media_ssrc(packet, part) or 0
                self._key_wanted.add(LAYERS[ssrc - SINGLE - 1] if ssrc > SINGLE else "")
            elif (part.kind, part.form) == (rtcp.PAYLOAD_FEEDBACK, rtcp.APPLICATION_LAYER):
                self.limit_bps = rtcp.remb_bps(packet, part)

    def show(self) -> None:
        """Send one picture in each layer that is to be sent."""
        needed = self.node.path.needed(self.camera)
        self._heard.append(needed if self.is_reachable else self.told)
        self.told = self._heard.popleft()
        stamp = (self.node.now_ns * 9 // 100_000) & 0xFFFFFFFF
        packets = [packet for name in self.names for packet in self._picture(name, stamp)]
        self.say(*(packet for packet in packets if self._chance.random() >= self.lost))
        self._sounds += 1
        self.say(rtp(ssrc=SOUND, payload_type=OPUS, seq=self._sounds, timestamp=stamp, payload=self.voice))

    def _picture(self, name: str, stamp: int) -> list[bytes]:
        if name and LAYERS.index(name) not in self.told:
            self._key_wanted.add(name)  # an encoder that begins again begins with a key frame
            return []
        key = name in self._key_wanted
        self._key_wanted.discard(name)
        frame = self._frames[name] = self._frames[name] + 1
        extensions = bytes([MID << 4]) + b"1" + (bytes([RID << 4]) + name.encode() if name else b"")
        packets = []
        sizes = OCTETS[name or "h"]
        for nth, size in enumerate(sizes):
            self._seqs[name] += 1
            first = 0x90 if nth == 0 else 0x80
            head = bytes([first, 0xC0, 0x80 | frame >> 8 & 0x7F, frame & 0xFF, frame & 0xFF, 0 if key else 1])
            packets.append(
                rtp(
                    ssrc=SINGLE + 1 + LAYERS.index(name) if name else SINGLE,
                    payload_type=VP8,
                    seq=self._seqs[name],
                    timestamp=stamp,
                    payload=(head + name.encode()).ljust(size, b"p"),
                    marker=nth == len(sizes) - 1,
                    extensions=extensions,
                )
            )
        return packets


class Viewer(Person):
    """Who watches Anne over a way of `way_bps`, and estimates it as a browser does: from what arrives."""

    def __init__(self, node: Node, name: str, anne: Publisher, ssrc: int, *, sound_only: bool = False) -> None:
        super().__init__(node, name)
        node.people[self.address] = self
        self.way_bps = 100_000_000
        self.pictures: list[tuple[int, int, int, tuple[int, int]]] = []  # when, number, time, picture numbers
        self.layers: list[str] = []  # of each picture
        self.sounds = 0
        self.again: list[bytes] = []  # what was sent again
        self.estimate_bps = 200_000
        self._queue: deque[tuple[int, bytes]] = deque()
        self._free_ns = self._octets = self._expected = self._received = self._highest = 0
        self._full = False
        self.heard = self._subscribe(anne.microphone, ssrc)
        self.seen = self._subscribe(None if sound_only else anne.camera, ssrc + 1, is_video=True)

    def take(self, datagram: bytes) -> None:
        now_ns = self.node.now_ns
        begin_ns = max(now_ns, self._free_ns)
        if begin_ns - now_ns > QUEUE_MS * MS:
            self._full = True
            return
        self._full = self._full or begin_ns - now_ns > 100 * MS
        self._free_ns = begin_ns + len(datagram) * 8 * SECOND // self.way_bps
        self._queue.append((self._free_ns, datagram))

    def receive(self) -> None:
        while self._queue and self._queue[0][0] <= self.node.now_ns:
            _, datagram = self._queue.popleft()
            packet = self.srtp.open(datagram)
            kind = packet[1] & 0x7F
            if kind == OPUS:
                self.sounds += 1
                continue  # browsers estimate by pictures alone
            self._octets += len(datagram)
            if kind == RTX:
                self.again.append(packet)
            elif kind == VP8:
                number = int.from_bytes(packet[2:4], "big")
                self._expected += (number - self._highest) & 0xFFFF if self.pictures else 1
                self._received += 1
                self._highest = number
                self._see(packet)

    def report(self) -> None:
        """Say, each second, how much could be received, and what was lost."""
        arrived_bps, self._octets = self._octets * 8, 0
        if self._full:
            self.estimate_bps = arrived_bps * 85 // 100
        else:
            self.estimate_bps = max(min(self.estimate_bps * 108 // 100, arrived_bps * 3 // 2 + 10_000), 30_000)
        lost = max(self._expected - self._received, 0)
        fraction = min(255, (lost << 8) // self._expected) if self._expected else 0
        self._expected = self._received = 0
        self._full = False
        self.say(rtcp.receiver_report([rtcp.ReportBlock(self.seen.ssrc, fraction, 0, 0, 0, 0, 0)]))
        self.say(rtcp.remb(self.estimate_bps, [self.seen.ssrc]))

    def ask_again(self, seq: int) -> None:
        self.say(rtcp.nack(self.seen.ssrc, [seq]))

    @property
    def layer(self) -> str:
        """The layer of the newest picture."""
        return self.layers[-1]

    def _subscribe(self, source: Inbound | None, ssrc: int, *, is_video: bool = False) -> Outbound:
        view = Outbound(
            self.link,
            is_video=is_video,
            ssrc=ssrc,
            payload_type=VP8 if is_video else OPUS,
            rtx_ssrc=ssrc + 1000,
            rtx_payload_type=RTX if is_video else 0,
        )
        self.node.path.add_outbound(self.link, view)
        self.node.path.attach(view, source)
        return view

    def _see(self, packet: bytes) -> None:
        payload = packet[20:]
        numbers = picture_numbers(payload)
        assert numbers is not None
        self.pictures.append(
            (self.node.now_ns, int.from_bytes(packet[2:4], "big"), int.from_bytes(packet[4:8], "big"), numbers)
        )
        self.layers.append(payload[6:7].decode())


def live(node: Node, anne: Publisher, *viewers: Viewer, seconds: float) -> None:
    for _ in range(round(seconds * 1000 / TICK_MS)):
        node.now_ns += TICK_MS * MS
        anne.show()
        for viewer in viewers:
            viewer.receive()
            if node.now_ns % SECOND == 0:
                viewer.report()
        node.path.tick()


def call(names: tuple[str, ...] = LAYERS) -> tuple[Node, Publisher, Viewer, Viewer]:
    node = Node()
    anne = Publisher(node, names)
    return node, anne, Viewer(node, "bo", anne, 20), Viewer(node, "cy", anne, 30)


def assert_one_row(viewer: Viewer) -> None:
    """Numbers, times and pictures of a viewer go on without a break, whatever they were made of."""
    for (_, number, stamp, (picture, base)), after in itertools.pairwise(viewer.pictures):
        assert after[1] == (number + 1) & 0xFFFF
        ahead = (after[2] - stamp) & 0xFFFFFFFF
        assert ahead < 5 * 90_000
        step = (after[3][0] - picture) & 0x7FFF
        assert step == (1 if ahead else 0)
        assert (after[3][1] - base) & 0xFF == step


def test_everybody_gets_the_best_and_what_nobody_watches_is_paused() -> None:
    node, anne, bo, cy = call()
    live(node, anne, bo, cy, seconds=6)
    assert (bo.layer, cy.layer) == ("h", "h")
    assert anne.told == (2,)
    assert grade(bo.seen, node.now_ns) is VideoLayer.HIGH
    assert_one_row(bo)


def test_a_jolt_on_a_wide_way_does_not_take_a_quiet_picture_whose_publisher_has_no_socket(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    node, anne, bo, cy = call()
    live(node, anne, bo, cy, seconds=6)
    anne.voice = b"voice" * 80
    for name, octets in {"l": 60, "m": 100, "h": 150}.items():  # nothing moves; the voice takes twice as much
        monkeypatch.setitem(OCTETS, name, (octets,))
    live(node, anne, bo, cy, seconds=60)
    anne.is_reachable = False
    bo.estimate_bps = bo.estimate_bps * 85 // 100
    before = len(bo.pictures)
    live(node, anne, bo, cy, seconds=20)
    assert len(bo.pictures) - before == 20 * 1000 / TICK_MS
    assert grade(bo.seen, node.now_ns) is VideoLayer.HIGH


def test_a_viewer_on_300_kbit_gets_the_low_layer_and_the_other_loses_no_picture() -> None:
    node, anne, bo, cy = call()
    live(node, anne, bo, cy, seconds=6)
    before = len(bo.pictures)
    cy.way_bps = 300_000
    live(node, anne, bo, cy, seconds=4)
    assert cy.layer == "l"
    assert anne.told == (0, 2)
    assert grade(cy.seen, node.now_ns) is VideoLayer.LOW
    live(node, anne, bo, cy, seconds=26)
    assert len(bo.pictures) - before == 30 * 20 * len(OCTETS["h"])
    assert set(bo.layers[before:]) == {"h"}
    cy.way_bps = 100_000_000
    live(node, anne, bo, cy, seconds=90)
    assert cy.layer == "h"
    assert anne.told == (2,)
    assert_one_row(bo)


def test_a_way_too_narrow_for_any_picture_keeps_its_sound_and_pictures_return() -> None:
    node, anne, bo, cy = call()
    live(node, anne, bo, cy, seconds=6)
    cy.way_bps = 80_000
    live(node, anne, bo, cy, seconds=6)
    assert grade(cy.seen, node.now_ns) is VideoLayer.NONE
    pictures, sounds = len(cy.pictures), cy.sounds
    live(node, anne, bo, cy, seconds=2)
    assert (len(cy.pictures) - pictures, cy.sounds - sounds) == (0, 40)
    cy.way_bps = 100_000_000
    live(node, anne, bo, cy, seconds=100)
    assert cy.layer == "h"


def test_a_camera_that_nobody_watches_rests_and_is_back_at_once() -> None:
    node = Node()
    anne = Publisher(node)
    listener = Viewer(node, "bo", anne, 20, sound_only=True)
    live(node, anne, listener, seconds=4)
    assert anne.told == ()
    assert listener.sounds >= 79
    watcher = Viewer(node, "cy", anne, 30)
    began_ns = node.now_ns
    live(node, anne, listener, watcher, seconds=3)
    assert watcher.pictures[0][0] - began_ns <= 250 * MS
    assert watcher.layer == "h"


class Tape:
    """A recorder that remembers."""

    def __init__(self) -> None:
        self.packets: list[tuple[int, int, str]] = []

    def on_rtp(self, extended_seq: int, timestamp: int, marker: bool, payload: bytes, arrival_ns: int) -> None:
        self.packets.append((extended_seq, timestamp, payload[6:7].decode()))

    def on_sender_report(self, ntp: int, rtp_timestamp: int, arrival_ns: int) -> None: ...


def test_the_recorder_alone_is_sent_the_highest_layer_and_does_not_flap() -> None:
    node = Node()
    anne = Publisher(node)
    listener = Viewer(node, "bo", anne, 20, sound_only=True)
    live(node, anne, listener, seconds=4)
    tape = Tape()
    node.path.tap(anne.camera, tape)
    live(node, anne, listener, seconds=20)
    assert anne.told == (2,)
    changes = [layer for layer, _ in itertools.groupby(layer for _, _, layer in tape.packets)]
    assert changes[-1] == "h"
    assert len(changes) <= 3
    numbers = [number for number, _, _ in tape.packets]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    for _ in range(10):  # the highest comes and goes: the recorder stays with what comes steadily
        anne.names = ("l", "m")
        live(node, anne, listener, seconds=2)
        anne.names = LAYERS
        live(node, anne, listener, seconds=2)
    flaps = [layer for layer, _ in itertools.groupby(layer for _, _, layer in tape.packets)]
    assert len(flaps) - len(changes) <= 3


def test_a_publisher_whose_own_way_is_narrow_sends_what_passes_and_the_rest_is_asked_for_still() -> None:
    node, anne, bo, cy = call()
    live(node, anne, bo, cy, seconds=6)
    anne.names = ("l",)
    live(node, anne, bo, cy, seconds=15)
    assert (bo.layer, cy.layer) == ("l", "l")
    assert anne.told == (0, 1, 2)
    anne.names = LAYERS
    live(node, anne, bo, cy, seconds=6)
    assert (bo.layer, anne.told) == ("h", (2,))


@pytest.mark.parametrize("lost", [0.1, 0.45])
def test_what_a_publishers_own_way_loses_is_not_held_against_a_viewers(lost: float) -> None:
    node, anne, bo, cy = call()
    live(node, anne, bo, cy, seconds=6)
    anne.lost = lost
    before = len(bo.pictures)
    live(node, anne, bo, cy, seconds=30)
    assert set(bo.layers[before:]) == {"h"}
    assert len(bo.pictures) - before > 30 * 20 * len(OCTETS["h"]) * (1 - lost) * 0.9
    cy.way_bps = 300_000  # and what a viewer's own way loses still is
    live(node, anne, bo, cy, seconds=10)
    assert cy.layer != "h"
    assert set(bo.layers[before:]) == {"h"}


def test_a_browser_that_sends_two_layers_of_a_small_picture_sends_one_when_one_is_watched() -> None:
    node, anne, bo, cy = call(("l", "m"))
    live(node, anne, bo, cy, seconds=20)
    assert (bo.layer, cy.layer) == ("m", "m")
    assert anne.told == (1, 2)
    assert grade(bo.seen, node.now_ns) is VideoLayer.HIGH


def test_a_browser_without_layers_is_slowed_down_for_all() -> None:
    """Its one stream carries no name of a layer."""
    node, anne, bo, cy = call(("",))
    live(node, anne, bo, cy, seconds=4)
    assert grade(bo.seen, node.now_ns) is VideoLayer.HIGH
    assert anne.limit_bps is None
    cy.way_bps = 500_000
    live(node, anne, bo, cy, seconds=4)
    assert anne.limit_bps is not None
    assert anne.limit_bps < 600_000
    assert len(bo.pictures) >= (8 * 20 - 1) * len(OCTETS["h"])  # one may be under way


@pytest.mark.parametrize("lower", [300_000, 700_000])
def test_what_was_lost_before_a_change_is_sent_again_only_if_the_way_can_carry_it(lower: int) -> None:
    node, anne, bo, cy = call()
    live(node, anne, bo, cy, seconds=6)
    cy.way_bps = lower
    live(node, anne, bo, cy, seconds=5)
    switched = next(at for at, layer in enumerate(cy.layers) if layer != "h" and at > len(OCTETS["h"]) * 60)
    number = cy.pictures[switched][1]
    cy.way_bps = 100_000_000
    asked = len(cy.again)
    cy.ask_again((number - 1) & 0xFFFF)  # of the higher layer
    live(node, anne, bo, cy, seconds=0.5)
    assert len(cy.again) == asked
    cy.ask_again(number)
    live(node, anne, bo, cy, seconds=0.5)
    assert cy.again[-1][20:22] == number.to_bytes(2, "big")
    assert bo.layer == "h"
