"""A camera in layers with three pages of Chromium: a narrow way gets a small picture, the others notice nothing."""

import asyncio
import os
from typing import Any

import pytest
from playwright.async_api import async_playwright

from kernel.clock import monotonic_ns, utc_now
from kernel.ids import ParticipantId
from media.plane import UdpMediaPlane
from media.stun import Address
from rooms.events import Source
from rooms.tracks import Routing, TrackRef
from tests.e2e.test_media_plane_in_chromium import ANNE, BO, CHROMIUM, FLAGS, ROOM, Seats, _page, until

CY = ParticipantId("inv_cy")
CAMERA = TrackRef(ANNE, Source.CAMERA)
QUEUE_S = 0.4  # of the narrow way; what does not fit is lost

PUBLISH = """async () => {
  for (const track of Object.values(tracks)) track.stop();
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [1280, 720];
  const context = canvas.getContext('2d');
  let turn = 0;
  setInterval(() => {
    for (let at = 0; at < 60; at += 1) {
      context.fillStyle = `hsl(${(turn * 7 + at * 31) % 360} 80% 50%)`;
      context.fillRect((at * 97 + turn * 5) % 1280, (at * 53) % 720, 160, 90);
    }
    turn += 1;
  }, 50);
  [tracks.camera] = canvas.captureStream(20).getVideoTracks();
}"""
LIMIT = """async () => {
  const {sender} = pc.getTransceivers()[1];
  const parameters = sender.getParameters();
  const rates = {l: [150_000, 4], m: [500_000, 2], h: [1_700_000, 1]};
  for (const encoding of parameters.encodings) {
    [encoding.maxBitrate, encoding.scaleResolutionDownBy] = rates[encoding.rid];
  }
  await sender.setParameters(parameters);
}"""

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="no chromium"),  # noqa: PTH110
]


class NarrowWay:
    """Carries `bits_per_s` to one address, with a queue, as a slow line does; everybody else is not touched."""

    def __init__(self, plane: UdpMediaPlane, address: Address, bits_per_s: int) -> None:
        self.bits_per_s = bits_per_s
        self._plane, self._address = plane, address
        self._send = plane._path.send
        self._free_ns = 0
        plane._path.send = self._leave

    def widen(self) -> None:
        self._plane._path.send = self._send

    def _carry(self, octets: bytes, address: Address) -> None:
        if self._plane.is_open:
            self._send(octets, address)

    def _leave(self, octets: Any, address: Address) -> object:
        if address != self._address:
            return self._send(octets, address)
        now_ns = monotonic_ns()
        begin_ns = max(now_ns, self._free_ns)
        if begin_ns - now_ns > QUEUE_S * 1e9:
            return None
        self._free_ns = begin_ns + len(octets) * 8_000_000_000 // self.bits_per_s
        asyncio.get_running_loop().call_later((self._free_ns - now_ns) / 1e9, self._carry, bytes(octets), address)
        return None


async def test_a_narrow_way_gets_the_low_layer_and_nobody_else_notices() -> None:
    plane = UdpMediaPlane(now=utc_now, host="127.0.0.1")
    seats = Seats(plane)
    plane.observe(seats)
    await plane.open()
    try:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            for participant in (ANNE, BO, CY):
                seats.pages[participant] = await _page(browser)
            await seats.pages[ANNE].evaluate(PUBLISH)
            everything = frozenset({CAMERA})
            plane.route(ROOM, Routing(everything, {ANNE: frozenset(), BO: everything, CY: everything}))
            for participant in (ANNE, BO, CY):
                plane.join(ROOM, participant)

            async def width(who: ParticipantId) -> int:
                return (await seats.received(who, CAMERA)).get("width") or 0

            async def published() -> bool:
                return (await width(BO)) > 0

            await until(published)
            await seats.pages[ANNE].evaluate(LIMIT)

            async def both_high() -> bool:
                return (await width(BO), await width(CY)) == (1280, 1280)

            await until(both_high, seconds=30)
            await asyncio.sleep(2)
            before = await seats.received(BO, CAMERA)
            (cy,) = (peer for _, peer in plane._by_link.values() if peer.participant == CY)
            assert cy.link.address is not None
            way = NarrowWay(plane, cy.link.address, 300_000)

            async def low() -> bool:
                return (await width(CY)) == 320

            await until(low, seconds=10)
            await asyncio.sleep(3)
            after = await seats.received(BO, CAMERA)
            assert after["width"] == 1280
            assert after["frames"] - before["frames"] >= 40

            way.widen()
            await until(both_high, seconds=60)
            await browser.close()
    finally:
        await plane.close()
