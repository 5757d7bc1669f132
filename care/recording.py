"""A consultation's recording as the archive knows it: segments, gaps, spans of time, and the composed picture."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kernel.ids import ConsultationId, ParticipantId, RecordingId
from rooms.events import Source
from rooms.ports import SegmentGap


class RecordingState(StrEnum):
    RECORDING = "recording"
    COMPOSING = "composing"  # closed; the side-by-side picture is being made
    READY = "ready"
    FAILED = "failed"  # segments are safe, the composition is not there; can be tried again


@dataclass(frozen=True, slots=True)
class Segment:
    """One durable file of one track. Times are the server's."""

    recording: RecordingId
    participant: ParticipantId
    source: Source
    index: int
    codec: str
    container: str
    started_at: datetime
    duration_ms: int
    frames: int
    size_bytes: int  # of the media, before encryption
    sha256: str  # of the media, before encryption
    blob: str
    closed: bool
    gaps: tuple[SegmentGap, ...] = ()
    previous_sha256: str = ""  # of the segment before this one in the same track: the segments are a chain
    interrupted: bool = False  # the server stopped while it was written; what could be read of it was kept


@dataclass(frozen=True, slots=True)
class Spoken:
    """A stretch of the composed file in which somebody was the one who spoke, in milliseconds."""

    participant: ParticipantId
    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class Recording:
    id: RecordingId
    consultation: ConsultationId
    state: RecordingState
    started_at: datetime
    stopped_at: datetime | None = None
    duration_ms: int = 0  # of the composed file
    size_bytes: int = 0
    sha256: str = ""  # of the composed file, before encryption
    blob: str = ""
    progress: int = 0  # percent of the composition
    failure: str = ""
    speech: tuple[Spoken, ...] = ()  # in order; empty for what was composed before this was noted
