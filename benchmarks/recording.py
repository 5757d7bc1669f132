"""What recording costs: CPU seconds for a minute of one participant's 720p30 camera and microphone.

    python -m benchmarks.recording --json

Ours takes the packets in real time through the recorder's thread into encrypted, synchronised WebM segments; what
handing them over costs without a recorder is measured as well and taken off. The peer is aiortc's MediaRecorder, fed
with the same packets through aiortc's own decoders, writing MP4 (its cheapest choice, libx264) and WebM (libvpx, what
ours writes); `recorder_over_ours` is the cheaper of the two over ours.
"""

import argparse
import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

import av
from aiortc import MediaStreamTrack
from aiortc.codecs.opus import OpusDecoder
from aiortc.codecs.vpx import Vp8Decoder, Vp8Encoder
from aiortc.contrib.media import MediaRecorder
from aiortc.jitterbuffer import JitterFrame
from aiortc.mediastreams import MediaStreamError
from av.frame import Frame

from benchmarks.report import report
from kernel.ids import ParticipantId, RecordingId, RoomId
from media.recorder import Recorder
from media.tap import NoRecorder, RecorderPort
from media.vp8 import Vp8Assembler
from records.blobs import BlobStore, BlobWriter
from records.data_key import DataKey
from rooms.events import Source
from rooms.ports import SegmentGap, SegmentSpec, SegmentWriter
from rooms.tracks import TrackRef

_BITRATE: Final = 1_500_000
_EPOCH_NS: Final = 1_800_000_000_000_000_000
_ROOM: Final = RoomId("con_benchmark")
_RECORDING: Final = RecordingId("rec_benchmark")
_PARTICIPANT: Final = ParticipantId("pat_benchmark")

Packet = tuple[float, Source, int, int, bool, bytes]  # when (s), whence, sequence number, timestamp, marker, payload


def packets(seconds: int) -> list[Packet]:
    """Return what one participant sends, in order of time."""
    made = [*_pictures(seconds), *_sound(seconds)]
    return sorted(made, key=lambda packet: packet[0])


def _pictures(seconds: int) -> Iterator[Packet]:
    encoder = av.VideoCodecContext.create("libvpx", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 1280, 720, "yuv420p"
    encoder.bit_rate, encoder.gop_size, encoder.time_base = _BITRATE, 3000, Fraction(1, 30)
    encoder.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
    seq = 65536
    for number, frame in enumerate(_generated("testsrc2=size=1280x720:rate=30", seconds * 30)):
        assert isinstance(frame, av.VideoFrame), "a generator of pictures"
        frame.pts, frame.time_base = number, Fraction(1, 30)
        for encoded in encoder.encode(frame):
            payloads = Vp8Encoder._packetize(bytes(encoded), number & 0x7FFF)  # noqa: SLF001 - the peer's own packets
            for place, payload in enumerate(payloads):
                yield number / 30, Source.CAMERA, seq, number * 3000, place == len(payloads) - 1, payload
                seq += 1


def _sound(seconds: int) -> Iterator[Packet]:
    encoder = av.AudioCodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format, encoder.bit_rate = 48000, "stereo", "s16", 40_000
    resampler = av.AudioResampler(format="s16", layout="stereo", rate=48000, frame_size=960)
    number = 0
    for frame in _generated("sine=frequency=440:sample_rate=48000", seconds * 48000 // 1024):
        assert isinstance(frame, av.AudioFrame), "a generator of sound"
        for piece in resampler.resample(frame):
            for encoded in encoder.encode(piece):
                yield number / 50, Source.MICROPHONE, 65536 + number, number * 960, False, bytes(encoded)
                number += 1


def _generated(what: str, frames: int) -> Iterator[av.VideoFrame | av.AudioFrame]:
    with av.open(what, "r", format="lavfi") as source:
        for _, frame in zip(range(frames), source.decode(source.streams[0]), strict=False):
            assert isinstance(frame, av.VideoFrame | av.AudioFrame), "no subtitles"
            yield frame


class BlobSink:
    """Encrypted files without a manifest: rows are written once a minute and cost nothing that could be seen here."""

    def __init__(self, root: Path) -> None:
        self._blobs = BlobStore(root)
        self._key = DataKey(os.urandom(32))
        self._index = 0
        self.gaps = 0  # in the segments closed so far

    def next_index(self, room: RoomId, recording: RecordingId, track: TrackRef) -> int:
        del room, recording, track
        self._index += 1
        return self._index

    def open(self, spec: SegmentSpec) -> SegmentWriter:
        return BlobSegment(self, self._blobs.create(f"segments/{spec.room}/{spec.index}", self._key))


class BlobSegment:
    def __init__(self, sink: BlobSink, blob: BlobWriter) -> None:
        self._sink = sink
        self._blob = blob

    def write(self, data: bytes) -> None:
        self._blob.write(data)

    def flush(self) -> None:
        self._blob.flush()

    def close(self, *, duration_ms: int, frames: int, gaps: Sequence[SegmentGap]) -> None:
        assert duration_ms, "something was recorded"
        assert frames, "in frames"
        self._sink.gaps += len(gaps)
        self._blob.close()


async def fed(sent: Sequence[Packet], recorder: RecorderPort) -> float:
    """Return the CPU seconds of handing `sent` to `recorder` in real time, until all of it is durable."""
    before = time.process_time()
    taps = {
        source: recorder.open(_ROOM, _RECORDING, TrackRef(_PARTICIPANT, source), lambda: None)
        for source in (Source.CAMERA, Source.MICROPHONE)
    }
    for tap in taps.values():
        tap.on_sender_report(1_800_000_000 << 32, 0, _EPOCH_NS)
    began = time.monotonic()
    for at_s, source, seq, timestamp, marker, payload in sent:
        ahead_s = at_s - (time.monotonic() - began)
        if ahead_s > 0:
            await asyncio.sleep(ahead_s)
        taps[source].on_rtp(seq, timestamp, marker, payload, _EPOCH_NS + int(at_s * 1e9))
    await recorder.close_recording(_ROOM, _RECORDING)
    return time.process_time() - before


async def ours(sent: Sequence[Packet], root: Path) -> float:
    """Return the CPU seconds that recording `sent` adds."""
    sink = BlobSink(root)
    recorder = Recorder(sink)
    with_it = await fed(sent, recorder)
    await recorder.shut_down()
    assert not sink.gaps, "nothing was lost"
    return with_it - await fed(sent, NoRecorder())


class DecodedTrack(MediaStreamTrack):
    """Packets as aiortc's receiver hands them on: assembled and decoded by its own decoders."""

    def __init__(self, sent: Sequence[Packet], source: Source) -> None:
        super().__init__()
        self.kind = "video" if source is Source.CAMERA else "audio"
        self._frames = self._decode([packet for packet in sent if packet[1] is source])

    async def recv(self) -> Frame:
        await asyncio.sleep(0)
        frame = next(self._frames, None)
        if frame is None:
            self.stop()
            raise MediaStreamError
        return frame

    def _decode(self, sent: Sequence[Packet]) -> Iterator[Frame]:
        assembler, decoder = Vp8Assembler(), Vp8Decoder() if self.kind == "video" else OpusDecoder()
        for _, _, _, timestamp, marker, payload in sent:
            if self.kind == "audio":
                yield from decoder.decode(JitterFrame(data=payload, timestamp=timestamp))
                continue
            for frame in assembler.push(timestamp, marker, payload, 0):
                yield from decoder.decode(JitterFrame(data=frame.data, timestamp=frame.timestamp))


async def peer(sent: Sequence[Packet], file: Path) -> float:
    """Return the CPU seconds of aiortc's MediaRecorder for `sent`, as fast as it can."""
    before = time.process_time()
    tracks = [DecodedTrack(sent, Source.CAMERA), DecodedTrack(sent, Source.MICROPHONE)]
    recorder = MediaRecorder(str(file))
    for track in tracks:
        recorder.addTrack(track)
    await recorder.start()
    while any(track.readyState == "live" for track in tracks):  # noqa: ASYNC110 - it has no event for this
        await asyncio.sleep(0.01)
    await recorder.stop()
    return time.process_time() - before


async def measure(*, seconds: int, peer_seconds: int, runs: int) -> list[dict[str, float]]:
    """Return the figures of each run."""
    sent = packets(seconds)
    short = [packet for packet in sent if packet[0] < peer_seconds]
    measured = []
    for number in range(runs):
        with TemporaryDirectory() as name:
            root = Path(name)
            ours_s = await ours(sent, root) * 60 / seconds
            mp4_s = await peer(short, root / f"{number}.mp4") * 60 / peer_seconds
            webm_s = await peer(short, root / f"{number}.webm") * 60 / peer_seconds
        measured.append(
            {
                "cpu_s_per_minute": ours_s,
                "aiortc_mp4_cpu_s_per_minute": mp4_s,
                "aiortc_webm_cpu_s_per_minute": webm_s,
                "recorder_over_ours": min(mp4_s, webm_s) / ours_s,
            }
        )
    return measured


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description="CPU seconds of a recorded minute, ours and aiortc's.")
    parser.add_argument("--json", action="store_true", help="print the one JSON line alone")
    parser.add_argument("--seconds", type=int, default=15, help="of media for ours, in real time")
    parser.add_argument("--peer-seconds", type=int, default=3, help="of media for the peer")
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    av.logging.set_level(av.logging.ERROR)
    runs = asyncio.run(measure(seconds=asked.seconds, peer_seconds=asked.peer_seconds, runs=asked.runs))
    if not asked.json:
        for run in runs:
            print("  ".join(f"{name} {value:.3f}" for name, value in run.items()))
    report("recording", {name: median(run[name] for run in runs) for name in runs[0]}, runs)


if __name__ == "__main__":
    main()
