"""One socket for IPv4 and IPv6: a visit between somebody who has only the one and somebody who has only the other."""

import re

import pytest

from benchmarks.media_peer import MediaPeer
from kernel.clock import utc_now
from media.plane import UdpMediaPlane
from media.stun import binding_success, parse_binding_request
from rooms.events import Source
from rooms.ports import MediaState
from rooms.tracks import TrackRef
from tests.media_call import ANNE, BO, ROOM, Call, Seat, routing
from tests.waiting import until

HOSTS = {ANNE: "127.0.0.1", BO: "::1"}


async def test_both_families_meet_on_one_port() -> None:
    plane = UdpMediaPlane(now=utc_now, host="::", announced_addresses=tuple(HOSTS.values()))
    call = Call(plane)
    plane.observe(call)
    await plane.open()
    try:
        plane.route(ROOM, routing(*(TrackRef(who, Source.MICROPHONE) for who in HOSTS)))
        for number, (who, host) in enumerate(HOSTS.items(), start=1):
            plane.join(ROOM, who)
            await until(lambda who=who: who in call.offers)
            offer = call.offers[who][-1]
            assert set(re.findall(r"a=candidate:\S+ 1 udp \d+ (\S+) ", offer.sdp)) == set(HOSTS.values())
            peer = MediaPeer(offer, first_ssrc=1000 * number, host=host)
            call.peers.append(peer)
            call.seats[who] = Seat(peer)
            plane.answer(ROOM, who, offer.generation, peer.answer())
            await peer.connect()
            await until(lambda who=who: call.states[who][-1] is MediaState.CONNECTED)
        anne, bo = call.seats[ANNE], call.seats[BO]
        await until(lambda: anne.send_sound() and bo.received(111))
        await until(lambda: bo.send_sound() and anne.received(111))
    finally:
        for peer in call.peers:
            peer.vanish()
        await plane.close()
    assert plane.stats().get("dropped_error", 0) == 0


@pytest.mark.parametrize(("seen", "told"), [("::ffff:192.0.2.1", "192.0.2.1"), ("2001:db8::1", "2001:db8::1")])
async def test_a_browser_is_told_its_address_in_its_own_family(seen: str, told: str) -> None:
    plane = UdpMediaPlane(now=utc_now, host="127.0.0.1")
    call = Call(plane)
    plane.observe(call)
    await plane.open()
    plane.route(ROOM, routing())
    peer = await call.offered(ANNE)
    request = parse_binding_request(peer.binding_request())
    assert request is not None
    password = peer.credentials[1]
    assert binding_success(request, (seen, 9), password) == binding_success(request, (told, 9), password)
    assert len(binding_success(request, (seen, 9), password)) == (64 if "." in told else 76)
    peer.vanish()
    await plane.close()
