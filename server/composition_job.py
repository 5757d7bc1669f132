"""What the server and the process that composes for it say to each other: a job on one line, answers on others."""

from datetime import datetime
from typing import Final

import msgspec

from rooms.events import Source

LINE_LIMIT_BYTES: Final = 16 * 1024 * 1024
"""A job names every segment: some hundred bytes for each minute of each track."""


class SegmentFile(msgspec.Struct, frozen=True):
    blob: str
    size_bytes: int
    started_at: datetime
    duration_ms: int


class Track(msgspec.Struct, frozen=True):
    participant: str
    source: Source
    segments: list[SegmentFile]


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """`key` is the consultation's data key: a job is written to a pipe, never to a file, argument or environment."""

    root: str
    key: bytes
    output: str
    tracks: list[Track]
    spans: list[tuple[datetime, datetime]]


class Progress(msgspec.Struct, frozen=True, tag="progress"):
    percent: int


class Done(msgspec.Struct, frozen=True, tag="done", kw_only=True):
    duration_ms: int
    size_bytes: int
    sha256: str
    damaged_segments: int
    speech: list[tuple[str, int, int]] = []


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """`cause` is "nothing_recorded", "storage_full" or "storage_failed"; "crashed" when the process said none."""

    cause: str


Answer = Progress | Done | Failed
