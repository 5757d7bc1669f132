"""aiortc's RTCPeerConnection as an independent browser: two of them see and hear each other through the plane."""

import asyncio

import numpy as np
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamTrack, VideoStreamTrack
from av import AudioFrame, VideoFrame

from rooms.events import Source
from rooms.ports import MediaOffer, MediaState
from rooms.tracks import TrackRef
from tests.media_call import ANNE, BO, ROOM, Call, media_call, routing
from tests.waiting import until

SOURCES = (Source.MICROPHONE, Source.CAMERA)


class Tone(AudioStreamTrack):
    async def recv(self) -> AudioFrame:
        frame = await super().recv()
        samples = np.sin(np.arange(frame.samples) / 10) * 8000
        tone = AudioFrame.from_ndarray(samples.astype(np.int16)[None, :], format="s16", layout="mono")
        tone.pts, tone.sample_rate, tone.time_base = frame.pts, frame.sample_rate, frame.time_base
        return tone


class Colour(VideoStreamTrack):
    """A picture of one brightness."""

    def __init__(self, brightness: int) -> None:
        super().__init__()
        self._brightness = brightness

    async def recv(self) -> VideoFrame:
        pts, time_base = await self.next_timestamp()
        frame = VideoFrame.from_ndarray(np.full((240, 320, 3), self._brightness, dtype=np.uint8), format="rgb24")
        frame.pts, frame.time_base = pts, time_base
        return frame


class Browser:
    """Sends a tone and a colour, and remembers what it decodes."""

    def __init__(self, brightness: int) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self.connection.on("track", self._receive)
        self.connection.addTrack(Tone())
        self.connection.addTrack(Colour(brightness))
        self.brightness: list[float] = []
        self.loudness: list[float] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def answer(self, offer: MediaOffer) -> str:
        await self.connection.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
        await self.connection.setLocalDescription(await self.connection.createAnswer())
        return str(self.connection.localDescription.sdp)

    def _receive(self, track: MediaStreamTrack) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(self._watch(track)))

    async def _watch(self, track: MediaStreamTrack) -> None:
        while True:
            frame = await track.recv()
            if isinstance(frame, VideoFrame):
                self.brightness.append(float(frame.to_ndarray(format="gray").mean()))
            else:
                self.loudness.append(float(np.abs(frame.to_ndarray()).mean()))

    async def close(self) -> None:
        await self.connection.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def seat(call: Call, browser: Browser, who: object) -> None:
    participant = ANNE if who == ANNE else BO
    call.plane.join(ROOM, participant)
    await until(lambda: participant in call.offers)
    offer = call.offers[participant][-1]
    sdp = await browser.answer(offer)
    call.plane.answer(ROOM, participant, offer.generation, sdp)
    await until(lambda: call.states[participant][-1] is MediaState.CONNECTED, seconds=10)


async def test_two_peer_connections_see_and_hear_each_other() -> None:
    async with media_call() as call:
        call.plane.route(ROOM, routing(*(TrackRef(who, source) for who in (ANNE, BO) for source in SOURCES)))
        dark, bright = Browser(60), Browser(200)
        try:
            await seat(call, dark, ANNE)
            await seat(call, bright, BO)
            await until(lambda: len(dark.brightness) > 10 and len(bright.brightness) > 10, seconds=15)
            await until(lambda: max(dark.loudness) > 1000 and max(bright.loudness) > 1000, seconds=10)
            assert abs(np.mean(dark.brightness) - 200) < 12
            assert abs(np.mean(bright.brightness) - 60) < 12
        finally:
            await dark.close()
            await bright.close()
        await until(lambda: call.states[ANNE][-1] is MediaState.GONE)
