"""The media plane under a bad or hostile network: strangers, changed addresses, lost handshakes, restarts."""

import asyncio
import os
import random
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

import pytest
from OpenSSL import SSL

from benchmarks.media_peer import CERTIFICATE, MediaPeer, rtp
from media import rtcp
from media.dtls_records import CERTIFICATE_VERIFY, HANDSHAKE, RECORD_HEADER, fragments, pack_records, records
from media.packet_path import ADDRESS_LIMIT
from rooms.events import Source
from rooms.ports import MediaState
from rooms.tracks import TrackRef
from tests.media_call import ANNE, BO, CY, DELTA_FRAME, KEY_FRAME, ROOM, Seat, media_call, routing
from tests.waiting import until

MICROPHONE = TrackRef(ANNE, Source.MICROPHONE)
CAMERA = TrackRef(ANNE, Source.CAMERA)


def rubbish(peer: MediaPeer) -> list[bytes]:
    """Twenty kinds of datagrams that a stranger may send who knows the user names and SSRCs."""
    hello = SSL.Connection(CERTIFICATE.context())
    hello.set_connect_state()
    hello.set_ciphertext_mtu(1200)
    with suppress(SSL.WantReadError):
        hello.do_handshake()
    client_hello = pack_records(hello.bio_read(65536), 1200)
    check = peer.binding_request()
    ssrc = peer.ssrcs[Source.MICROPHONE][0]
    media = rtp(ssrc=ssrc, payload_type=111, seq=1, timestamp=1, payload=bytes(60))
    record = b"\xfe\xfd" + bytes(8)
    return [
        b"",
        b"\x00",
        b"\x80",
        os.urandom(40),
        *client_hello[:2],
        b"\x15" + record + b"\x00\x02\x02\x28",  # a fatal alert
        b"\x14" + record + b"\x00\x01\x01",  # change cipher spec
        b"\x17" + record + b"\x00\x20" + bytes(32),  # application data
        media,
        b"\x80\xc8" + struct.pack("!HI", 6, ssrc) + bytes(40),  # a sender report in clear
        peer.binding_request(password="x" * 36),
        check[:20],
        check[: len(check) // 2],
        b"\x00\x11" + check[2:],  # an indication
        b"\x01\x01" + check[2:],  # a response
        check[:-4] + b"\x00\x00\x00\x00",  # a wrong fingerprint
        b"\x40\x00\x00\x10" + bytes(16),  # ChannelData
        b"\xc0" + os.urandom(60),  # QUIC
        b"\x10\x00" + b"ZRTP" + bytes(20),
        bytes(random.Random(1).randbytes(60_000)),
    ]


def proves(datagram: bytes) -> bool:
    """Whether a client's certificate is proved in it."""
    parts = (part for each in records(datagram) if not each.epoch for part in fragments(each.body))
    return any(part.kind == CERTIFICATE_VERIFY for part in parts)


class Stranger:
    """Sends from ever new ports and hears whether anything comes back."""

    def __init__(self) -> None:
        self.sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(8)]
        for each in self.sockets:
            each.setblocking(False)
            each.bind(("127.0.0.1", 0))
        self._turn = 0

    def send(self, datagrams: list[bytes], server: tuple[str, int]) -> None:
        for datagram in datagrams:
            self._turn += 1
            self.sockets[self._turn % len(self.sockets)].sendto(datagram, server)

    def replies(self) -> int:
        count = 0
        for each in self.sockets:
            try:
                while each.recv(2048):
                    count += 1
            except BlockingIOError:
                continue
        return count

    def close(self) -> None:
        for each in self.sockets:
            each.close()


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    made = Stranger()
    yield made
    made.close()


async def test_strangers_are_ignored_before_during_and_after_the_handshake(stranger: Stranger) -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing(MICROPHONE))
        peer = await call.offered(ANNE)
        kinds = rubbish(peer)
        assert len(kinds) >= 20
        stranger.send(kinds, peer.server)
        call.plane.answer(ROOM, ANNE, peer.offer.generation, peer.answer())
        await peer.check()
        stranger.send(kinds, peer.server)
        answered, forward = peer.drop_in, peer.drop_out

        def amid(datagram: bytes) -> bool:
            stranger.send(kinds, peer.server)  # with every datagram of the handshake
            return forward(datagram)

        peer.drop_out = amid
        await peer.connect()
        peer.drop_in, peer.drop_out = answered, forward
        bo = await call.seat(BO)
        ssrc = peer.ssrcs[Source.MICROPHONE][0]
        for seq in range(20):
            stranger.send(kinds, peer.server)
            peer.send(rtp(ssrc=ssrc, payload_type=111, seq=seq, timestamp=seq, payload=b"heard"))
        await until(lambda: len(bo.received(111)) == 20)
        assert stranger.replies() == 0
        stats = call.plane.stats()
        assert stats["peers"] == 2
        for reason in ("short", "oversized", "unknown_kind", "stranger", "stun_malformed", "stun_unauthenticated"):
            assert stats[f"dropped_{reason}"] > 0, reason


async def test_checks_of_strangers_who_know_a_user_name_are_limited(stranger: Stranger) -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing())
        anne = await call.seat(ANNE)
        wrong = anne.peer.binding_request(password="x" * 36)
        stranger.send([wrong] * 300, anne.peer.server)
        await until(lambda: call.plane.stats().get("dropped_stun_limited", 0) > 100)
        await anne.peer.check()  # the known address is not held up by them


async def test_a_peers_addresses_are_bounded() -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing(MICROPHONE))
        anne, bo = await call.seat(ANNE), await call.seat(BO)
        for _ in range(ADDRESS_LIMIT + 4):
            anne.peer.move()
            await anne.peer.check(nominates=False)
        anne.send_sound()
        await until(lambda: bo.received(111))
        link = call.plane._path.link_at(anne.peer.socket.getsockname())
        assert link is not None
        assert len(link.addresses) == ADDRESS_LIMIT


async def test_nobody_takes_over_the_address_of_somebody_alive() -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing())
        anne, bo = await call.seat(ANNE), await call.seat(BO)
        anne.peer.socket.sendto(bo.peer.binding_request(), bo.peer.server)
        await until(lambda: call.plane.stats().get("dropped_stun_address_taken") == 1)
        assert call.plane._path.link_at(anne.peer.socket.getsockname()) in call.plane._path.links


async def test_a_new_address_is_followed_with_the_first_packet_from_there() -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing(MICROPHONE, TrackRef(BO, Source.MICROPHONE)))
        anne, bo = await call.seat(ANNE), await call.seat(BO)
        anne.send_sound()
        await until(lambda: bo.received(111))
        anne.peer.move()
        anne.send_sound()
        await until(lambda: len(bo.received(111)) == 2, seconds=0.5)
        bo.send_sound()
        await until(lambda: anne.received(111), seconds=0.5)


async def test_a_check_without_nomination_from_a_new_address_is_followed_when_the_old_one_rests() -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing(MICROPHONE, TrackRef(BO, Source.MICROPHONE)))
        anne, bo = await call.seat(ANNE), await call.seat(BO)
        anne.peer.move()
        await anne.peer.check(nominates=False)

        def back() -> bool:
            anne.send_sound()
            bo.send_sound()
            return bool(anne.received(111))

        await until(back)


async def test_who_announces_anothers_ssrc_does_not_take_its_roaming() -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing(MICROPHONE, people=(ANNE, BO, CY)))
        anne, bo = await call.seat(ANNE), await call.seat(BO)
        thief = await call.offered(CY)
        thief.ssrcs = anne.peer.ssrcs
        call.plane.answer(ROOM, CY, 1, thief.answer())
        await thief.connect()
        anne.peer.move()
        anne.send_sound()
        await until(lambda: bo.received(111))


async def test_a_replayed_packet_moves_nobody(stranger: Stranger) -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing(MICROPHONE))
        anne, bo = await call.seat(ANNE), await call.seat(BO)
        assert anne.peer.srtp is not None
        sealed = anne.peer.srtp.seal(
            rtp(ssrc=anne.peer.ssrcs[Source.MICROPHONE][0], payload_type=111, seq=1, timestamp=1, payload=b"heard")
        )
        anne.peer.transmit(sealed)
        await until(lambda: bo.received(111))
        stranger.send([sealed], anne.peer.server)
        await until(lambda: call.plane.stats().get("dropped_unauthenticated"))
        assert call.plane._path.link_at(stranger.sockets[1].getsockname()) is None


async def test_a_restart_keeps_the_keys_and_the_old_user_name_until_the_new_is_used() -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing(MICROPHONE))
        anne, bo = await call.seat(ANNE), await call.seat(BO)
        before = anne.peer.credentials
        old_check = anne.peer.binding_request(nominates=False)
        call.plane.restart(ROOM, ANNE)
        await until(lambda: anne.peer.credentials != before)
        anne.peer.transmit(old_check)
        anne.send_sound()
        await until(lambda: bo.received(111))
        anne.peer.move()
        await anne.peer.check()
        anne.send_sound()
        await until(lambda: len(bo.received(111)) == 2)
        assert call.states[ANNE] == [MediaState.CONNECTING, MediaState.CONNECTED]
        assert call.plane.stats().get("dropped_stun_unknown", 0) == 0
        for _ in range(3):
            call.plane.restart(ROOM, ANNE)
        anne.peer.transmit(old_check)
        await until(lambda: call.plane.stats().get("dropped_stun_unknown") == 1)


async def test_a_restart_without_a_connection_begins_one() -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing())
        call.plane.restart(ROOM, ANNE)
        await until(lambda: ANNE in call.offers)


async def test_the_handshake_survives_the_loss_of_its_flights() -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing())
        peer = await call.offered(ANNE)
        call.plane.answer(ROOM, ANNE, 1, peer.answer())
        lost: set[int] = set()

        def first_flight(datagram: bytes) -> bool:
            kind = datagram[RECORD_HEADER]  # of the message: what asks for a cookie, then the server's hello
            if datagram[0] != HANDSHAKE or kind in lost:
                return False
            lost.add(kind)
            return True

        peer.drop_in = first_flight
        await peer.connect()
        assert len(lost) == 2


async def test_the_answer_may_come_in_the_middle_of_the_handshake() -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing(MICROPHONE))
        peer = await call.offered(ANNE)
        flights: list[bytes] = []

        def note(datagram: bytes) -> bool:
            flights.append(datagram)
            return False

        peer.drop_out = note
        connecting = asyncio.create_task(peer.connect())
        await until(lambda: any(proves(flight) for flight in flights))
        assert call.states[ANNE][-1] is MediaState.CONNECTING, "nobody is trusted before the fingerprint is known"
        call.plane.answer(ROOM, ANNE, 1, peer.answer())
        await connecting
        await until(lambda: call.states[ANNE][-1] is MediaState.CONNECTED)


async def test_another_certificate_than_the_answers_never_connects() -> None:
    async with media_call(gone_after=timedelta(seconds=1)) as call:
        call.plane.route(ROOM, routing())
        peer = await call.offered(ANNE)
        call.plane.answer(ROOM, ANNE, 1, peer.answer().replace(CERTIFICATE.sha256, ":".join(["AB"] * 32)))
        with pytest.raises(TimeoutError):
            await peer.connect(seconds=2)
        await until(lambda: call.states[ANNE][-1] is MediaState.GONE)
        assert MediaState.CONNECTED not in call.states[ANNE]


class LossyCall:
    """Anne's camera to Bo through a network that loses a share of all media and control packets in both ways.

    Both ends mend as browsers do: Anne sends again what the server asks for, Bo asks the server for what is missing.
    """

    def __init__(self, anne: Seat, bo: Seat, *, share: float) -> None:
        self.arrived: set[int] = set()
        self.sent = 0
        self.lossy = True
        self._anne = anne
        self._bo = bo
        self._share = share
        self._chance = random.Random(7)
        self._payloads: dict[int, bytes] = {}
        self._rtx_seq = 0
        self._ssrc = 0
        anne.peer.on_rtcp, bo.peer.on_rtp = self._send_again, self._watch
        anne.peer.drop_out = bo.peer.drop_in = self._is_lost

    def send(self, payload: bytes) -> None:
        self._payloads[self._anne.seqs[Source.CAMERA] & 0xFFFF] = payload
        self._anne.send_picture(payload)
        self.sent += 1

    def ask(self) -> bool:
        """Let Bo ask for what is missing between the first and the newest packet; return whether all is there."""
        missing = [seq for seq in range(min(self.arrived), max(self.arrived)) if seq not in self.arrived]
        if missing:
            self._bo.peer.send(rtcp.nack(self._ssrc, missing))
        return len(self.arrived) == self.sent

    def _is_lost(self, datagram: bytes) -> bool:
        return self.lossy and 128 <= datagram[0] < 192 and self._chance.random() < self._share

    def _watch(self, packet: bytes) -> None:
        again = packet[1] & 0x7F == 97
        self.arrived.add(struct.unpack_from("!H", packet, 20 if again else 2)[0])
        if not again:
            self._ssrc = struct.unpack_from("!I", packet, 8)[0]

    def _send_again(self, report: bytes) -> None:
        ssrc = self._anne.peer.ssrcs[Source.CAMERA][1]
        for packet in rtcp.packets(report, len(report)):
            if (packet.kind, packet.form) == (rtcp.TRANSPORT_FEEDBACK, rtcp.NACK):
                for seq in rtcp.nacked(report, packet):
                    self._rtx_seq += 1
                    payload = struct.pack("!H", seq) + self._payloads[seq]
                    self._anne.peer.send(
                        rtp(ssrc=ssrc, payload_type=97, seq=self._rtx_seq, timestamp=seq * 3000, payload=payload)
                    )


async def test_a_network_that_loses_every_tenth_packet_both_ways_delivers_every_picture() -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing(CAMERA))
        network = LossyCall(await call.seat(ANNE), await call.seat(BO), share=0.1)
        network.lossy = False
        network.send(KEY_FRAME)
        await until(lambda: network.arrived)
        network.lossy = True
        for n in range(300):
            network.send(DELTA_FRAME + bytes([n & 0xFF]))
            if n % 10 == 9:
                network.ask()
                await asyncio.sleep(0.01)
        network.lossy = False
        network.send(DELTA_FRAME)
        await until(network.ask)
        assert call.plane.stats()["packets_retransmitted"] > 10
