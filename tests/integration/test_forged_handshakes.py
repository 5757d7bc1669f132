"""Datagrams forged from a peer's own address, ahead of and behind each of its own, break no handshake and no call."""

import pytest

from media.plane import UdpMediaPlane
from rooms.events import Source
from rooms.ports import MediaState
from rooms.tracks import TrackRef
from tests.dtls_forger import Forger
from tests.integration.test_media_plane_with_aiortc import SOURCES, Browser, seat
from tests.media_call import ANNE, BO, ROOM, Call, media_call, routing
from tests.waiting import until

MICROPHONE = TrackRef(ANNE, Source.MICROPHONE)


def addresses(plane: UdpMediaPlane) -> list[tuple[str, int]]:
    return [address for link in plane._path.links for address in link.addresses]


@pytest.fixture
def _unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is kept off by its number alone."""
    monkeypatch.setattr("media.peer.DTLS_LIMIT_PER_S", 10_000)


@pytest.mark.usefixtures("_unlimited")
async def test_an_independent_browser_connects_through_forgeries_and_its_call_goes_on() -> None:
    async with media_call() as call:
        forger = Forger(call.plane)
        call.plane.route(ROOM, routing(*(TrackRef(who, source) for who in (ANNE, BO) for source in SOURCES)))
        dark, bright = Browser(60), Browser(200)
        try:
            await seat(call, dark, ANNE)
            await seat(call, bright, BO)
            await until(lambda: len(dark.brightness) > 5 and len(bright.brightness) > 5, seconds=15)
            for address in addresses(call.plane):
                forger.attack(address)
            seen = len(bright.brightness)
            await until(lambda: len(bright.brightness) > seen + 5, seconds=10)
            assert forger.forged > 200
            for who in (ANNE, BO):
                assert call.states[who] == [MediaState.CONNECTING, MediaState.CONNECTED]
        finally:
            await dark.close()
            await bright.close()
        await until(lambda: call.states[ANNE][-1] is MediaState.GONE)


async def connects(call: Call, forger: Forger) -> None:
    """Let Anne connect while her address is known and attacked before she has said anything in DTLS herself."""
    peer = await call.offered(ANNE)
    call.plane.answer(ROOM, ANNE, peer.offer.generation, peer.answer())
    await peer.check()
    forger.attack(peer.socket.getsockname())
    await peer.connect()
    await until(lambda: call.states[ANNE][-1] is MediaState.CONNECTED)


@pytest.mark.usefixtures("_unlimited")
async def test_forgeries_before_the_first_hello_and_through_restarts_of_ice_change_nothing() -> None:
    async with media_call() as call:
        forger = Forger(call.plane)
        call.plane.route(ROOM, routing(MICROPHONE))
        await connects(call, forger)
        for _ in range(3):
            call.plane.restart(ROOM, ANNE)
            for address in addresses(call.plane):
                forger.attack(address)
        assert call.states[ANNE] == [MediaState.CONNECTING, MediaState.CONNECTED]


async def test_dtls_datagrams_of_a_known_address_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media.peer.DTLS_LIMIT_PER_S", 50)
    async with media_call() as call:
        call.plane.route(ROOM, routing(MICROPHONE))
        anne = await call.seat(ANNE)
        for _ in range(100):
            anne.peer.transmit(b"\x16\xfe\xfd" + bytes(60))
        await until(lambda: call.plane.stats().get("dropped_dtls_limited", 0) > 20)
        anne.send_sound()
        bo = await call.seat(BO)
        await until(lambda: bool(anne.send_sound()) and bool(bo.received(111)))
