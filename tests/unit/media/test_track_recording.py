"""What is written of a track, given the packets that came. Time is in the packets."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field

import av
import pytest

from kernel.ids import ParticipantId, RecordingId, RoomId
from media.sender_clock import ParticipantClock
from media.track_recording import TrackRecording
from rooms.events import Source
from rooms.ports import SegmentGap, SegmentSpec
from rooms.tracks import TrackRef

MS = 1_000_000
START = 1_800_000_000_000 * MS
OPUS = b"\xfc\xff\xfe"


def picture(key: bool = False, size: tuple[int, int] = (640, 360)) -> bytes:
    if not key:
        return b"\x10" + b"\x11\x00\x00" + bytes(20)
    width, height = (side.to_bytes(2, "little") for side in size)
    return b"\x10" + b"\x10\x00\x00\x9d\x01\x2a" + width + height + bytes(20)


@dataclass
class Segment:
    spec: SegmentSpec
    data: bytearray = field(default_factory=bytearray)
    flushed: int = 0
    duration_ms: int = -1
    frames: int = -1
    gaps: tuple[SegmentGap, ...] = ()

    def write(self, data: bytes) -> None:
        assert not self.is_closed
        self.data += data

    def flush(self) -> None:
        self.flushed = len(self.data)

    def close(self, *, duration_ms: int, frames: int, gaps: Sequence[SegmentGap]) -> None:
        assert not self.is_closed
        self.duration_ms, self.frames, self.gaps = duration_ms, frames, tuple(gaps)

    @property
    def is_closed(self) -> bool:
        return self.duration_ms >= 0

    def times_ms(self) -> list[int]:
        with av.open(io.BytesIO(self.data)) as container:
            return [packet.pts for packet in container.demux() if packet.pts is not None]

    def started_ms(self) -> float:
        return (self.spec.started_at.timestamp() * 1000) - START / MS


class Sink:
    def __init__(self) -> None:
        self.segments: list[Segment] = []

    def next_index(self, room: RoomId, recording: RecordingId, track: TrackRef) -> int:
        return len(self.segments)

    def open(self, spec: SegmentSpec) -> Segment:
        assert spec.index == len(self.segments)
        self.segments.append(Segment(spec))
        return self.segments[-1]


class Publisher:
    """Sends to a recording; `seq` and `timestamp` go on by themselves."""

    def __init__(self, source: Source, rotate_ms: int = 60_000) -> None:
        self.sink = Sink()
        self.asked = 0
        self.seq = 65536
        self.timestamp = 0xFFFF_F000  # wraps soon
        self.now_ms = 0.0
        self.recording = TrackRecording(
            self.sink,
            room=RoomId("con_1"),
            recording=RecordingId("rec_1"),
            track=TrackRef(ParticipantId("pat_1"), source),
            clock=ParticipantClock(),
            request_key_frame=self._ask,
            rotate_ms=rotate_ms,
        )

    def _ask(self) -> None:
        self.asked += 1

    def report(self) -> None:
        """Say that what is captured now is captured now; the server's clock is 1000 s ahead of ours."""
        self.recording.sender_report(int((START / 1e9 + self.now_ms / 1000 - 1000) * (1 << 32)), self.timestamp)

    def send(self, payload: bytes, *, late_ms: float = 0, marker: bool = True) -> None:
        arrival = START + int((self.now_ms + late_ms) * MS)
        self.recording.packet(self.seq, self.timestamp, marker, payload, arrival)
        self.recording.tick(arrival)
        self.seq += 1

    def skip(self, ms: float, rate: int) -> None:
        self.now_ms += ms
        self.timestamp = (self.timestamp + int(ms * rate / 1000)) & 0xFFFF_FFFF

    def speak(self, frames: int) -> None:
        for _ in range(frames):
            self.send(OPUS)
            self.skip(20, 48000)

    def show(self, frames: int, *, key: bool = False) -> None:
        for number in range(frames):
            self.send(picture(key and number == 0))
            self.skip(40, 90000)


def test_sound_is_written_as_it_was_timed() -> None:
    voice = Publisher(Source.MICROPHONE)
    voice.report()
    voice.speak(100)
    voice.recording.close()
    (segment,) = voice.sink.segments
    assert segment.times_ms() == list(range(0, 2000, 20))
    assert (segment.duration_ms, segment.frames, segment.gaps) == (2000, 100, ())
    assert segment.started_ms() == pytest.approx(0, abs=0.01)
    assert (segment.spec.codec, segment.spec.container) == ("opus", "audio/webm")


def test_nothing_is_written_before_the_first_key_frame() -> None:
    camera = Publisher(Source.CAMERA)
    camera.report()
    camera.show(10)
    assert camera.asked == 1
    camera.show(10, key=True)
    camera.recording.close()
    (segment,) = camera.sink.segments
    assert segment.times_ms() == list(range(0, 400, 40))
    assert segment.started_ms() == pytest.approx(400, abs=0.01)
    with av.open(io.BytesIO(segment.data)) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (640, 360)


def test_a_lost_packet_of_a_picture_drops_everything_up_to_the_next_key_frame() -> None:
    camera = Publisher(Source.CAMERA)
    camera.report()
    camera.show(5, key=True)
    camera.seq += 1
    camera.skip(40, 90000)
    camera.show(20)
    assert camera.asked == 1
    camera.show(5, key=True)
    camera.recording.close()
    (segment,) = camera.sink.segments
    assert segment.times_ms() == [*range(0, 200, 40), *range(1040, 1240, 40)]
    assert segment.gaps == (SegmentGap(200, 840, "loss"),)


def test_lost_sound_leaves_a_gap_of_its_length() -> None:
    voice = Publisher(Source.MICROPHONE)
    voice.report()
    voice.speak(50)
    voice.seq += 3
    voice.skip(60, 48000)
    voice.speak(50)
    voice.recording.close()
    (segment,) = voice.sink.segments
    assert segment.gaps == (SegmentGap(1000, 60, "loss"),)
    assert segment.duration_ms == 2060


def test_packets_dropped_by_the_recorder_itself_are_called_overrun() -> None:
    voice = Publisher(Source.MICROPHONE)
    voice.report()
    voice.speak(50)
    voice.recording.note_overrun(voice.seq)
    voice.seq += 1
    voice.skip(20, 48000)
    voice.speak(50)
    voice.recording.close()
    assert voice.sink.segments[0].gaps == (SegmentGap(1000, 20, "overrun"),)


def test_a_recovered_packet_leaves_no_trace() -> None:
    voice = Publisher(Source.MICROPHONE)
    voice.report()
    voice.speak(10)
    seq, timestamp = voice.seq, voice.timestamp
    voice.seq += 1
    voice.skip(20, 48000)
    voice.speak(10)
    voice.recording.packet(seq, timestamp, True, OPUS, START + int(voice.now_ms * MS))
    voice.speak(10)
    voice.recording.close()
    (segment,) = voice.sink.segments
    assert segment.times_ms() == list(range(0, 620, 20))
    assert segment.gaps == ()


def test_silence_is_a_gap() -> None:
    voice = Publisher(Source.MICROPHONE)
    voice.report()
    voice.speak(10)
    voice.skip(5000, 48000)
    voice.speak(10)
    voice.recording.close()
    (segment,) = voice.sink.segments
    assert segment.gaps == (SegmentGap(200, 5000, "silent"),)


def test_sound_rotates_anywhere_and_pictures_at_a_key_frame_they_ask_for() -> None:
    voice = Publisher(Source.MICROPHONE, rotate_ms=1000)
    voice.report()
    voice.speak(120)
    voice.recording.close()
    assert [segment.duration_ms for segment in voice.sink.segments] == [1000, 1000, 400]
    assert [round(segment.started_ms()) for segment in voice.sink.segments] == [0, 1000, 2000]

    camera = Publisher(Source.CAMERA, rotate_ms=1000)
    camera.report()
    camera.show(30, key=True)
    assert (camera.asked, len(camera.sink.segments)) == (1, 1)
    camera.show(10, key=True)
    camera.recording.close()
    assert [segment.duration_ms for segment in camera.sink.segments] == [1200, 400]


def test_a_change_of_size_stays_in_the_segment() -> None:
    camera = Publisher(Source.CAMERA)
    camera.report()
    camera.show(10, key=True)
    camera.send(picture(key=True, size=(320, 180)))
    camera.recording.close()
    assert len(camera.sink.segments) == 1


def test_frames_are_durable_within_a_second() -> None:
    voice = Publisher(Source.MICROPHONE)
    voice.report()
    voice.speak(60)
    (segment,) = voice.sink.segments
    assert 0 < segment.flushed < len(segment.data)
    voice.recording.tick(START + 2300 * MS)
    assert segment.flushed == len(segment.data)


def test_without_a_report_the_fastest_arrival_tells_the_beginning() -> None:
    voice = Publisher(Source.MICROPHONE)
    for number in range(60):
        voice.send(OPUS, late_ms=30 if number < 5 else 2)
        voice.skip(20, 48000)
    (segment,) = voice.sink.segments
    assert segment.started_ms() == pytest.approx(2, abs=0.01)
    assert segment.times_ms()[:3] == [0, 20, 40]


def test_a_report_that_comes_late_begins_a_better_timed_segment() -> None:
    voice = Publisher(Source.MICROPHONE)
    for number in range(100):
        if number == 75:
            voice.report()
        voice.send(OPUS, late_ms=40 if number < 75 else 3)
        voice.skip(20, 48000)
    voice.recording.close()
    first, second = voice.sink.segments
    assert first.started_ms() == pytest.approx(40, abs=0.01)
    assert second.started_ms() == pytest.approx(1503, abs=0.01)


def test_a_publisher_who_starts_over_begins_a_new_segment() -> None:
    voice = Publisher(Source.MICROPHONE)
    voice.report()
    voice.speak(100)
    voice.seq += 40000
    voice.timestamp = 12345
    voice.speak(100)
    voice.recording.close()
    assert [segment.duration_ms for segment in voice.sink.segments] == [2000, 2000]
    assert voice.sink.segments[1].started_ms() == pytest.approx(2000, abs=1)


def test_timestamps_that_jump_all_the_time_make_few_segments() -> None:
    voice = Publisher(Source.MICROPHONE)
    voice.report()
    for number in range(500):
        voice.timestamp = number * 0x3000_0000 & 0xFFFF_FFFF
        voice.send(OPUS)
        voice.now_ms += 20
    voice.recording.close()
    assert len(voice.sink.segments) <= 11  # one a second
    assert all(segment.times_ms() == sorted(segment.times_ms()) for segment in voice.sink.segments)


@pytest.mark.parametrize("source", [Source.CAMERA, Source.MICROPHONE])
def test_garbage_is_left_out(source: Source) -> None:
    publisher = Publisher(source)
    publisher.report()
    for payload in (b"", b"\xff", b"\xff\xff\xff", bytes(3)):
        publisher.send(payload)
        publisher.skip(20, 48000)
    publisher.recording.close()
    assert all(segment.frames <= 1 for segment in publisher.sink.segments)


def test_nothing_is_taken_after_the_end() -> None:
    voice = Publisher(Source.MICROPHONE)
    voice.report()
    voice.speak(10)
    voice.recording.close()
    voice.speak(10)
    voice.recording.close()
    assert [segment.frames for segment in voice.sink.segments] == [10]
