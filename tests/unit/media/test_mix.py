import io
import math
from array import array
from collections.abc import Sequence
from fractions import Fraction

import av
import pytest

from media.mix import Mixer, VoiceTrack
from media.segment_packets import SegmentFile
from media.webm import WebmTrack


def spoken(begins_ms: float, milliseconds: int, *, loud: float = 0.2, hz: float = 500) -> SegmentFile:
    """Return a segment with a tone."""
    return spoken_in_parts(begins_ms, parts=1, milliseconds=milliseconds, loud=loud, hz=hz)[0]


def spoken_in_parts(
    *begins_ms: float, parts: int, milliseconds: int, loud: float = 0.2, hz: float = 500
) -> list[SegmentFile]:
    """Return one long tone as several segments, each of `milliseconds`."""
    encoder = av.AudioCodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = 48000, "mono", "flt"
    packets: list[bytes] = []
    for number in range(parts * milliseconds // 20):
        times = range(number * 960, number * 960 + 960)
        frame = av.AudioFrame(format="flt", layout="mono", samples=960)
        frame.planes[0].update(array("f", (loud * math.sin(math.tau * hz * t / 48000) for t in times)).tobytes())
        frame.sample_rate, frame.pts, frame.time_base = 48000, number * 960, Fraction(1, 48000)
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    files = []
    size = milliseconds // 20
    for part, begins in enumerate(begins_ms):
        track = WebmTrack("opus")
        mine = packets[part * size : (part + 1) * size]
        file = track.header() + b"".join(track.frame(data, at_ms=n * 20, key=True) for n, data in enumerate(mine))
        files.append((lambda file=file: io.BytesIO(file), begins))
    return files


def heard(*voices: Sequence[SegmentFile], until_ms: int, step_ms: int = 50, from_ms: int = 0) -> list[float]:
    """Return how loud it is in each step."""
    mixer = Mixer({str(number): VoiceTrack(files) for number, files in enumerate(voices)})
    levels = []
    for at in range(from_ms, until_ms, step_ms):
        block = [sample / 32767 for sample in array("h", mixer.block(at, 48 * step_ms))]
        assert len(block) == 48 * step_ms
        assert max(map(abs, block)) <= 1
        levels.append(math.sqrt(sum(sample * sample for sample in block) / len(block) * 2))
    return levels


def test_a_voice_is_heard_when_it_spoke() -> None:
    levels = heard([spoken(200, 400)], until_ms=800)
    assert levels[:4] == [0, 0, 0, 0]
    assert levels[5:11] == pytest.approx([0.2] * 6, abs=0.03)
    assert levels[13:] == [0, 0, 0]


def test_two_voices_are_added_and_stay_within_bounds() -> None:
    levels = heard([spoken(0, 400, hz=500)], [spoken(0, 400, hz=900)], until_ms=400)
    assert levels[2:7] == pytest.approx([0.2 * math.sqrt(2)] * 5, abs=0.04)
    assert max(heard([spoken(0, 400, loud=0.9)], [spoken(0, 400, loud=0.9)], until_ms=400)) < 1.42


def test_segments_that_follow_each_other_leave_no_crack() -> None:
    levels = heard(spoken_in_parts(0, 404, 799, parts=3, milliseconds=400), until_ms=1150)
    assert levels[2:22] == pytest.approx([0.2] * 20, abs=0.05)


def test_what_was_said_twice_is_heard_once() -> None:
    levels = heard([spoken(0, 400), spoken(200, 400)], until_ms=800)
    assert levels[2:11] == pytest.approx([0.2] * 9, abs=0.06)
    assert levels[13:] == [0, 0, 0]


def test_a_pause_that_is_cut_out_is_passed_over() -> None:
    voice = VoiceTrack([spoken(0, 1000), spoken(1000, 1000)])
    assert voice.read(0, 4800) is not None
    later = voice.read(48 * 1500, 4800)
    assert later is not None
    assert max(array("h", later)) / 32767 == pytest.approx(0.2, abs=0.03)
    assert voice.read(48 * 5000, 4800) is None


def test_a_segment_that_can_not_be_read_is_silence_and_counted() -> None:
    def broken() -> io.BytesIO:
        raise OSError("it was altered")

    voice = VoiceTrack([(broken, 0), ((lambda: io.BytesIO(b"no media")), 100), spoken(200, 200)])
    assert voice.read(48 * 220, 4800) is not None
    assert voice.damaged == 2
