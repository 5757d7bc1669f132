"""What a participant or a stranger can make the plane keep, send and do: counted, and bounded."""

import asyncio
import socket
import struct
import time

import pytest

from benchmarks.media_peer import MediaPeer, rtp
from media import rtcp
from media.flood import BEGINNINGS_BURST
from media.forwarder import RETRANSMISSION_LIMIT_PER_S, STREAM_LIMIT
from media.packet_path import MID, VP8
from media.plane import UdpMediaPlane
from rooms.events import Source
from rooms.ports import MediaState
from rooms.tracks import TrackRef
from tests.dtls_forger import forgeries
from tests.integration.test_media_plane_network import rubbish
from tests.lean_visit import lean_visit
from tests.media_call import ANNE, BO, CY, KEY_FRAME, ROOM, Call, Seat, media_call, routing
from tests.server_process import RunningClinic
from tests.waiting import until

PEOPLE = (ANNE, BO, CY)
CAMERA, MICROPHONE = TrackRef(ANNE, Source.CAMERA), TrackRef(ANNE, Source.MICROPHONE)
REQUEST_EVERY_S = 0.3  # pictures that are asked of a publisher


def tables(plane: UdpMediaPlane) -> dict[str, int]:
    """Return how much the plane and its packet path have in each table."""
    path = plane._path
    return {
        "rooms": len(plane._rooms),
        "user names": len(plane._by_ufrag),
        "peers": len(plane._by_link),
        "cut off": len(plane._cut_off),
        "links": len(path.links),
        "addresses": len(path._by_address),
        "SSRCs": len(path._by_ssrc),
        "streams": sum(len(link.streams) for link in path.links),
        "addresses of links": sum(len(link.addresses) for link in path.links),
    }


class Strangers:
    """Send everything that they can make up, from ever new ports."""

    def __init__(self, call: Call) -> None:
        self._call = call

    async def rage(self, peer: MediaPeer) -> dict[str, int]:
        """Send it all five times over and return the tables once it has been looked at."""
        datagrams = [*rubbish(peer), *(each for kind in forgeries().values() for each in kind)]
        for _ in range(5):
            before = self._call.plane.stats()["datagrams_received"]
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                for datagram in datagrams:
                    stranger.sendto(datagram, peer.server)
            await until(lambda before=before: self._call.plane.stats()["datagrams_received"] >= before + len(datagrams))
        return tables(self._call.plane)


async def test_strangers_leave_nothing_behind_at_any_stage() -> None:
    async with media_call() as call:
        strangers = Strangers(call)
        call.plane.route(ROOM, routing(MICROPHONE))
        peer = await call.offered(ANNE)
        joining = tables(call.plane)
        assert await strangers.rage(peer) == joining
        call.plane.leave(ROOM, ANNE)

        anne, bo = await call.seat(ANNE), await call.seat(BO)
        in_call = tables(call.plane)
        assert await strangers.rage(anne.peer) == in_call

        before = anne.peer.credentials
        call.plane.restart(ROOM, ANNE)
        await until(lambda: anne.peer.credentials != before)
        restarting = tables(call.plane)
        assert restarting["user names"] == in_call["user names"] + 1, "the old one is good until the new one is used"
        assert await strangers.rage(anne.peer) == restarting
        await anne.peer.check()
        anne.send_sound()
        await until(lambda: bo.received(111))

        call.plane.leave(ROOM, ANNE)
        left = tables(call.plane)
        assert await strangers.rage(anne.peer) == left
        anne.peer.transmit(anne.peer.binding_request())  # with the right password, which is good for nothing now
        await until(lambda: call.plane.stats().get("dropped_stun_unknown", 0) > 0)
        assert tables(call.plane) == left
        assert left["peers"] == 1


async def test_what_a_participant_announces_and_sends_makes_no_more_streams_than_allowed() -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing(CAMERA, MICROPHONE))
        anne, bo = await call.seat(ANNE), await call.seat(BO)
        mids = list(anne.peer.offer.publish)
        for number in range(400):
            mid = bytes([MID << 4]) + mids[number % len(mids)].encode()
            payload_type = (96, 97, 111)[number // 3 % 3]
            anne.peer.send(
                rtp(
                    ssrc=70_000 + number,
                    payload_type=payload_type,
                    seq=1,
                    timestamp=1,
                    payload=KEY_FRAME,
                    extensions=mid,
                )
            )
        await until(lambda: call.plane.stats().get("dropped_unknown_stream", 0) > 300)
        for generation in range(2, 2 + BEGINNINGS_BURST // 2):
            first = 80_000 + 10 * generation
            anne.peer.ssrcs = {source: (first + 2 * n, first + 2 * n + 1) for n, source in enumerate(Source)}
            call.plane.restart(ROOM, ANNE)  # the answer announces other SSRCs each time
            await until(lambda generation=generation: call.offers[ANNE][-1].generation == generation)
        found = tables(call.plane)
        assert found["streams"] <= 2 * STREAM_LIMIT
        assert found["SSRCs"] <= 2 * STREAM_LIMIT
        anne.send_picture()
        await until(lambda: bo.received(VP8))


async def test_a_storm_of_requests_to_send_again_is_answered_up_to_the_limit_and_hurts_nobody_else() -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing(CAMERA, people=PEOPLE))
        anne, bo, cy = [await call.seat(who) for who in PEOPLE]
        for _ in range(100):
            anne.send_picture()
        await until(lambda: len(bo.received(VP8)) == len(cy.received(VP8)) == 100)
        ssrc = struct.unpack_from("!I", bo.packets[0], 8)[0]
        every = [struct.unpack_from("!H", packet, 2)[0] for packet in bo.received(VP8)]
        began_s = time.monotonic()
        for _ in range(100):
            bo.peer.send(rtcp.nack(ssrc, every))
            await asyncio.sleep(0)
        await until(lambda: call.plane.stats().get("dropped_retransmission_limited", 0) > 1000)
        anne.send_picture()
        await until(lambda: len(cy.received(VP8)) == 101)
        seconds = 2 + int(time.monotonic() - began_s)
        assert 0 < call.plane.stats()["packets_retransmitted"] <= seconds * RETRANSMISSION_LIMIT_PER_S
        assert not cy.received(97)


async def test_a_storm_of_requests_for_pictures_reaches_the_publisher_as_a_few() -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing(CAMERA, people=PEOPLE))
        anne, bo, cy = [await call.seat(who) for who in PEOPLE]
        anne.send_picture()
        await until(lambda: bo.received(VP8) and cy.received(VP8))
        before, received = len(anne.feedback(206, 1)), call.plane.stats()["datagrams_received"]
        began_s = time.monotonic()
        for number in range(500):
            for seat in (bo, cy):
                seat.peer.send(_wish(seat, number))
            if number % 20 == 0:
                anne.send_picture()
                await asyncio.sleep(0)
        await until(lambda: call.plane.stats()["datagrams_received"] >= received + 1000)
        await until(lambda: len(anne.feedback(206, 1)) > before)
        asked = len(anne.feedback(206, 1)) - before
        assert asked <= 2 + (time.monotonic() - began_s) / REQUEST_EVERY_S


def _wish(seat: Seat, number: int) -> bytes:
    """Return a picture loss indication or, every other time, a full intra request (RFC 5104, 4.3.1)."""
    ssrc = struct.unpack_from("!I", seat.packets[0], 8)[0]
    if number % 2:
        return rtcp.picture_loss(ssrc)
    return struct.pack("!BBHIIIB3x", 0x84, 206, 4, 1, 0, ssrc, number & 0xFF)


async def test_endless_renegotiation_over_the_socket_is_cut_off_and_the_others_go_on(clinic: RunningClinic) -> None:
    async with lean_visit(clinic) as visit:
        await visit.connects()
        patient, doctor = visit.patient, visit.doctor
        assert doctor.seat
        media = clinic.services.media
        for name in ("media_restart", "media_join"):
            assert (await patient.does(name))["ok"]
        before = media.stats()["peers_cut_off"]

        async def renegotiate() -> None:
            while media.stats()["peers_cut_off"] == before:
                for name in ("media_restart", "media_join"):
                    await patient.does(name)
                await asyncio.sleep(0.01)

        async with asyncio.timeout(20):
            await renegotiate()
        await patient.socket.heard("media_state", participant=patient.id, state="cut_off")
        assert media.stats()["peers"] == 1
        offers = [payload for name, payload in patient.socket.told if name == "media_offer"]
        await patient.does("media_join")
        assert [payload for name, payload in patient.socket.told if name == "media_offer"] == offers
        message = {"id": "message-1", "body": {"scheme": "server", "text": "I still see you waiting."}}
        assert (await doctor.does("chat_send", **message))["ok"]
        await patient.socket.heard("room_event", kind="message_posted")


async def test_whoever_was_cut_off_is_let_in_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media.plane.CUT_OFF_NS", 200_000_000)
    async with media_call() as call:
        call.plane.route(ROOM, routing(MICROPHONE))
        bo = await call.seat(BO)
        for _ in range(BEGINNINGS_BURST + 1):
            call.plane.join(ROOM, ANNE)
        assert call.states[ANNE][-1] is MediaState.CUT_OFF
        monkeypatch.setattr("media.flood.BEGINNINGS_PER_S", 1000)  # as if the minute had passed
        await until(lambda: call.plane._clock_ns() > max(call.plane._cut_off.values()))
        anne = await call.seat(ANNE)
        await until(lambda: bool(anne.send_sound()) and bool(bo.received(111)))
