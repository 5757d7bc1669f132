"""Two pages of Chromium, recorded through the media plane: flashes and beeps of both are together in the film."""

import asyncio
import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from statistics import median

import pytest
from playwright.async_api import async_playwright

from kernel.clock import utc_now
from kernel.ids import RecordingId, RoomId
from media.composer import SegmentSource, TrackSource, compose
from media.plane import UdpMediaPlane
from media.recorder import Recorder
from rooms.ports import SegmentGap, SegmentSpec
from rooms.tracks import TrackRef
from tests.e2e.test_media_plane_in_chromium import ANNE, BO, CHROMIUM, DEVICES, FLAGS, ROOM, Seats, _page, routing
from tests.synthetic_rtp import Decoded, decode

pytestmark = pytest.mark.e2e
RECORDING = RecordingId("rec_e2e")
SECONDS = 8

FLASHING = """colour => {
  const canvas = document.createElement('canvas');
  canvas.width = 640; canvas.height = 360;
  const context = canvas.getContext('2d');
  const sound = new AudioContext({sampleRate: 48000, latencyHint: 'interactive'});
  const gain = sound.createGain(); gain.gain.value = 0;
  const beep = sound.createOscillator(); beep.frequency.value = 3000; beep.connect(gain); beep.start();
  const out = sound.createMediaStreamDestination(); gain.connect(out);
  let lit = false;
  setInterval(() => {
    const now = Date.now() % 1000 < 100;
    if (now !== lit) { lit = now; gain.gain.setTargetAtTime(lit ? 0.5 : 0, sound.currentTime, 0.001); }
    context.fillStyle = lit ? 'white' : colour; context.fillRect(0, 0, 640, 360);
  }, 10);
  [tracks.microphone] = out.stream.getAudioTracks();
  [tracks.camera] = canvas.captureStream(30).getVideoTracks();
}"""


class MemorySegment:
    def __init__(self, spec: SegmentSpec) -> None:
        self.spec = spec
        self.data = bytearray()
        self.duration_ms = 0
        self.gaps: tuple[SegmentGap, ...] = ()

    def write(self, data: bytes) -> None:
        self.data += data

    def flush(self) -> None:
        pass

    def close(self, *, duration_ms: int, frames: int, gaps: Sequence[SegmentGap]) -> None:
        assert frames
        self.duration_ms, self.gaps = duration_ms, tuple(gaps)


class MemorySink:
    def __init__(self) -> None:
        self.segments: list[MemorySegment] = []

    def next_index(self, room: RoomId, recording: RecordingId, track: TrackRef) -> int:
        return len(self.segments)

    def open(self, spec: SegmentSpec) -> MemorySegment:
        self.segments.append(MemorySegment(spec))
        return self.segments[-1]


async def test_flashes_and_beeps_of_both_are_together() -> None:
    sink = MemorySink()
    recorder = Recorder(sink)
    plane = UdpMediaPlane(now=utc_now, host="127.0.0.1", recorder=recorder)
    seats = Seats(plane)
    plane.observe(seats)
    await plane.open()
    try:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            for who, colour in ((ANNE, "#2040c0"), (BO, "#208040")):
                seats.pages[who] = await _page(browser)
                await seats.pages[who].evaluate(FLASHING, colour)
            call = routing(*DEVICES)
            plane.route(ROOM, call)
            for who in (ANNE, BO):
                plane.join(ROOM, who)
            await asyncio.sleep(4)
            began = utc_now()
            plane.route(ROOM, replace(call, recording=RECORDING, recorded=call.published))
            await asyncio.sleep(SECONDS)
            ended = utc_now()
            await plane.close_room(ROOM)
            await browser.close()
    finally:
        await plane.close()
        await recorder.shut_down()
    film = await asyncio.to_thread(composed, sink.segments, began, ended)
    assert film.duration_ms == pytest.approx(SECONDS * 1000, abs=300)
    beeps = film.beeps_ms()
    assert len(beeps) >= SECONDS - 2
    on_the_second = -(began.timestamp() * 1000) % 1000
    for left in (0.25, 0.75):
        flashes = film.flashes_ms(left, 0.5)
        assert len(flashes) >= SECONDS - 2
        offsets = [min((flash - beep for beep in beeps), key=abs) for flash in flashes]
        assert abs(median(offsets)) <= 60
        late = median((flash - on_the_second + 500) % 1000 - 500 for flash in flashes)
        assert -100 < late < 200  # whose clock is ours, too


def composed(segments: Sequence[MemorySegment], began: datetime, ended: datetime) -> Decoded:
    tracks: dict[TrackRef, list[SegmentSource]] = {}
    for segment in segments:
        source = SegmentSource(
            lambda segment=segment: io.BytesIO(segment.data), segment.spec.started_at, segment.duration_ms
        )
        tracks.setdefault(segment.spec.track, []).append(source)
    output = io.BytesIO()
    sources = [TrackSource(track.participant, track.source, files) for track, files in sorted(tracks.items())]
    compose(sources, [(began, ended)], output)
    output.seek(0)
    return decode(output)
