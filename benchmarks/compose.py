"""How fast the film of a consultation of two is composed, beside FFmpeg making the same picture and sound.

    python -m benchmarks.compose --json

Both read the same segments (720p30 VP8 and Opus of two people), place them side by side in 1280x720 at 20 frames a
second, mix the voices, and write VP8 and Opus with the same encoders, settings and bit rates, on one thread each.
FFmpeg is the `ffmpeg` command with a filter graph. Ours does more: it places everything by the server's clock, looks
for who speaks and marks them. `realtime_factor` is seconds of film for each second of ours on the wall;
`ours_over_ffmpeg` compares CPU time.
"""

import argparse
import multiprocessing
import os
import resource
import shutil
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

import av

from benchmarks.report import report
from media.composer import FRAME_RATE, HEIGHT, WIDTH, SegmentSource, TrackSource, compose
from rooms.events import Source

_BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
_SEGMENT_S: Final = 10
_PEOPLE: Final = (("doctor", 440), ("patient", 880))
_TILE: Final = "scale=628:352:flags=bilinear,pad=640:720:(ow-iw)/2:(oh-ih)/2"
_ENCODER: Final = (
    "-c:v libvpx -b:v 1200k -deadline realtime -cpu-used 10 -lag-in-frames 0 -auto-alt-ref 0 -static-thresh 100"
    " -max-intra-rate 400 -g 80 -threads 1 -c:a libopus -b:a 48k -application voip -ac 1"
)

Spent = tuple[float, float]  # seconds on the wall, seconds of processor


def make_segments(directory: Path, seconds: int) -> dict[tuple[str, Source], list[Path]]:
    """Record two people who move and speak, in segments of ten seconds."""
    made: dict[tuple[str, Source], list[Path]] = {}
    for number, (who, hz) in enumerate(_PEOPLE):
        sources = {
            Source.CAMERA: (
                f"-f lavfi -i testsrc2=size=1280x720:rate=30,hue=h={number * 120}",
                "-c:v libvpx -b:v 1500k -deadline realtime -cpu-used 8 -g 60 -keyint_min 60",
            ),
            Source.MICROPHONE: (f"-f lavfi -i sine=frequency={hz}:sample_rate=48000", "-c:a libopus -b:a 40k"),
        }
        for source, (given, encoded) in sources.items():
            pattern = directory / f"{who}-{source}-%03d.webm"
            split = f"-t {seconds} -f segment -segment_time {_SEGMENT_S} -reset_timestamps 1 -segment_format webm"
            _ffmpeg(f"{given} {encoded} {split}", pattern)
            made[who, source] = sorted(directory.glob(f"{who}-{source}-*.webm"))
    return made


def ours(segments: dict[tuple[str, Source], list[Path]], seconds: int, output: Path) -> Spent:
    """Compose in a process of its own, as the server does."""
    tracks = [
        TrackSource(who, source, [_segment(file, number) for number, file in enumerate(files)])
        for (who, source), files in segments.items()
    ]

    def work() -> None:
        with output.open("wb+") as file:
            compose(tracks, [(_BEGIN, _BEGIN + timedelta(seconds=seconds))], file)

    def run() -> None:
        process = multiprocessing.get_context("fork").Process(target=work)
        process.start()
        process.join()
        if process.exitcode:
            raise SystemExit(f"composing ended with {process.exitcode}")

    return _spent(run)


def ffmpegs(segments: dict[tuple[str, Source], list[Path]], directory: Path, output: Path) -> Spent:
    """Make the same with one FFmpeg command."""
    inputs = []
    for (who, source), files in segments.items():
        listed = directory / f"{who}-{source}.txt"
        listed.write_text("".join(f"file '{file}'\n" for file in files))
        inputs.append(f"-threads 1 -f concat -safe 0 -i {listed}")
    graph = (
        f"[0:v]fps={FRAME_RATE},{_TILE}[left];[2:v]fps={FRAME_RATE},{_TILE}[right];[left][right]hstack[picture];"
        "[1:a][3:a]amix=inputs=2:normalize=0[sound]"
    )
    graph_arguments = ["-filter_complex_threads", "1", "-filter_complex", graph, "-map", "[picture]", "-map", "[sound]"]
    return _spent(lambda: _ffmpeg(" ".join(inputs), output, [*graph_arguments, *_ENCODER.split()]))


def _segment(file: Path, number: int) -> SegmentSource:
    begins = _BEGIN + timedelta(seconds=number * _SEGMENT_S)
    return SegmentSource(lambda: file.open("rb"), begins, _SEGMENT_S * 1000)


def _ffmpeg(arguments: str, output: Path, more: list[str] | None = None) -> None:
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-y", *arguments.split(), *(more or []), str(output)]
    subprocess.run(command, check=True)


def _spent(work: Callable[[], None]) -> Spent:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    work()
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _require_alike(one: Path, other: Path, seconds: int) -> None:
    """Refuse to compare two films that are not of the same picture, length and sound."""
    for path in (one, other):
        with av.open(str(path)) as film:
            video, frames = film.streams.video[0], sum(1 for _ in film.decode(video=0))
            shape = (video.width, video.height, film.streams.audio[0].rate)
        assert shape == (WIDTH, HEIGHT, 48000), (path, shape)
        assert abs(Fraction(frames, FRAME_RATE) - seconds) < Fraction(1, 2), (path, frames)


def main() -> None:
    """Measure in alternation and report medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60, help="of film")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="accepted for the sake of all benchmarks: always JSON")
    options = parser.parse_args()
    if shutil.which("ffmpeg") is None:
        raise SystemExit("ffmpeg is not installed: apt-get install ffmpeg")
    os.environ["AV_LOG_FORCE_NOCOLOR"] = "1"
    runs = []
    with TemporaryDirectory() as name:
        directory = Path(name)
        segments = make_segments(directory, options.seconds)
        mine, theirs = directory / "ours.webm", directory / "ffmpeg.webm"
        for _ in range(options.runs):
            wall, cpu = ours(segments, options.seconds, mine)
            _, ffmpeg_cpu = ffmpegs(segments, directory, theirs)
            runs.append(
                {
                    "realtime_factor": options.seconds / wall,
                    "ours_over_ffmpeg": cpu / ffmpeg_cpu,
                    "cpu_s_per_minute": cpu * 60 / options.seconds,
                    "bytes_over_ffmpeg": mine.stat().st_size / theirs.stat().st_size,
                }
            )
        _require_alike(mine, theirs, options.seconds)
    report("compose", {key: median(run[key] for run in runs) for key in runs[0]}, runs)


if __name__ == "__main__":
    main()
