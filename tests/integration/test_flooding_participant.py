"""A participant who floods with the right keys is cut off, told why, and nobody else notices."""

import asyncio
import logging
import struct

import pytest

from benchmarks.media_peer import rtp
from media import rtcp
from media.flood import BURST_S, PACKETS_PER_S
from media.packet_path import VP8
from rooms.events import Source
from rooms.ports import MediaState
from rooms.tracks import TrackRef
from tests.media_call import ANNE, BO, CY, ROOM, Call, Seat, media_call, routing
from tests.waiting import until

PEOPLE = (ANNE, BO, CY)
TRACKS = (TrackRef(ANNE, Source.MICROPHONE), TrackRef(BO, Source.MICROPHONE), TrackRef(BO, Source.CAMERA))
ENOUGH = 4 * BURST_S * PACKETS_PER_S
AT_ONCE = 100  # fewer than a socket holds, so that whatever is lost was lost by the plane


def kinds_of_flood(seat: Seat) -> dict[str, list[bytes]]:
    """Sealed or signed by Anne herself, a hundred of each kind at a time; replays are refused, so all differ."""
    peer, ssrc = seat.peer, seat.peer.ssrcs[Source.MICROPHONE][0]
    assert peer.srtp is not None
    report = struct.pack("!BBHI", 0x80, 201, 1, ssrc)
    loss = rtcp.picture_loss(ssrc)

    def media(number: int, stream: int) -> bytes:
        return rtp(ssrc=stream, payload_type=111, seq=number, timestamp=number, payload=bytes(80))

    first = seat.seqs[Source.MICROPHONE]
    seat.seqs[Source.MICROPHONE] += AT_ONCE
    seal = peer.srtp.seal
    return {
        "sound": [seal(media(first + n, ssrc)) for n in range(AT_ONCE)],
        "fifty streams": [seal(media(first + n, 70_000 + n % 50)) for n in range(AT_ONCE)],
        "reports": [seal(report) for _ in range(AT_ONCE)],
        "picture loss": [seal(report + loss) for _ in range(AT_ONCE)],
        "checks": [peer.binding_request() for _ in range(AT_ONCE)],
    }


async def flood(call: Call, kind: str, bo: Seat) -> int:
    """Flood as Anne until she is cut off, Bo speaking meanwhile; return how often Bo spoke."""
    spoken = 0
    for _ in range(ENOUGH // AT_ONCE):
        if call.states[ANNE][-1] is MediaState.CUT_OFF:
            break
        for datagram in kinds_of_flood(call.seats[ANNE])[kind]:
            call.seats[ANNE].peer.transmit(datagram)
        bo.send_sound()
        spoken += 1
        await asyncio.sleep(0.001)
    return spoken


@pytest.mark.parametrize("kind", ["sound", "fifty streams", "reports", "picture loss", "checks"])
async def test_whoever_floods_is_cut_off_and_nobody_else_misses_a_packet(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing(*TRACKS, people=PEOPLE))
        _anne, bo, cy = [await call.seat(who) for who in PEOPLE]
        of_bo = cy.peer.offer
        ssrcs = {cy.peer.ssrc_of(mid) for mid, track in of_bo.receive.items() if track == TRACKS[1]}

        def heard_of_bo() -> int:
            return sum(int.from_bytes(packet[8:12], "big") in ssrcs for packet in cy.received(111))

        with caplog.at_level(logging.WARNING):
            spoken = await flood(call, kind, bo)
            await until(lambda: call.states[ANNE][-1] is MediaState.CUT_OFF)
            await until(lambda: heard_of_bo() == spoken)
        assert spoken
        assert call.plane.stats()["peers"] == 2
        assert call.plane.stats()["peers_cut_off"] == 1
        assert len([each for each in caplog.records if each.name == "media.plane"]) == 1
        for who in (BO, CY):
            assert call.states[who][-1] is MediaState.CONNECTED

        offers = len(call.offers[ANNE])
        call.plane.join(ROOM, ANNE)
        call.plane.restart(ROOM, ANNE)
        bo.send_picture()
        await until(lambda: cy.received(VP8))
        assert call.states[ANNE][-3:] == [MediaState.CUT_OFF] * 3
        assert len(call.offers[ANNE]) == offers


async def test_a_flood_that_is_not_authentic_cuts_nobody_off() -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing(*TRACKS))
        anne, bo = await call.seat(ANNE), await call.seat(BO)
        old = kinds_of_flood(anne)["sound"][0]
        forged = rtp(
            ssrc=anne.peer.ssrcs[Source.MICROPHONE][0], payload_type=111, seq=1, timestamp=1, payload=bytes(80)
        )
        for _ in range(ENOUGH // AT_ONCE // 2):  # as from somebody who forges Anne's own address
            for _ in range(AT_ONCE // 2):
                anne.peer.transmit(old)
                anne.peer.transmit(forged)
            await asyncio.sleep(0)
        await until(lambda: call.plane.stats().get("dropped_unauthenticated", 0) > BURST_S * PACKETS_PER_S)
        anne.seqs[Source.MICROPHONE] += 10
        anne.send_sound()
        await until(lambda: len(bo.received(111)) >= 2)
        assert call.states[ANNE][-1] is MediaState.CONNECTED
        assert call.plane.stats()["peers_cut_off"] == 0
