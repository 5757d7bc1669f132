"""What the live room needs from the outside. Adapters implement these; SDP and ids cross, never a library's types."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from identity.principal import Principal, Role
from kernel.ids import AttachmentId, ConsultationId, ParticipantId, RecordingId, RoomId
from rooms.events import Attachment, RoomEvent, Source
from rooms.tracks import Routing, TrackRef


class EventLog(Protocol):
    """The durable, gap-free log of every room. Implemented by `records/event_log.py`."""

    async def append(self, room: RoomId, events: Sequence[RoomEvent]) -> None:
        """Commit `events` with their audit rows and projections in one transaction, or raise and store nothing.

        The first `seq` must follow the stored one; otherwise `kernel.errors.Conflict`.
        """

    async def read(self, room: RoomId, *, since: int = 0, limit: int | None = None) -> list[RoomEvent]:
        """Return the events with `seq > since`, in order, at most `limit`."""


class EventPublisher(Protocol):
    """Tells connected clients. Implemented by `signaling/gateway.py`."""

    async def publish(self, room: RoomId, events: Sequence[RoomEvent]) -> None:
        """Tell everybody who may see them, sender included. Only ever called with stored events."""


class MediaState(StrEnum):
    """How one person's media connection is."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    SILENT = "silent"  # nothing came for over a second: shown as "reconnecting"
    GONE = "gone"  # closed by the browser, or silent past the limit
    CUT_OFF = "cut_off"  # ended here: more came than a browser can mean


@dataclass(frozen=True, slots=True)
class MediaOffer:
    """An SDP offer and what each of its media sections (by mid) is for."""

    generation: int  # 1, 2, … within one media connection; an answer names the one it answers
    sdp: str
    publish: Mapping[str, Source]  # mid -> what the browser may send there
    receive: Mapping[str, TrackRef]  # mid -> whose track arrives there


class VideoLayer(StrEnum):
    """How much one person is sent of a picture, by what its publisher's camera gives, best first."""

    HIGH = "high"  # the best there is, also where there is only one
    MEDIUM = "medium"
    LOW = "low"
    NONE = "none"  # not even the lowest layer passes beside the sound: the picture rests, and returns by itself


@dataclass(frozen=True, slots=True)
class ConnectionQuality:
    """One person's connection over the last seconds, measured at the server."""

    score: int  # 1 (hardly usable) to 5 (good)
    round_trip_ms: int | None
    loss_percent: float  # the worse of both ways
    jitter_ms: float
    bitrate_up_kbps: int
    bitrate_down_kbps: int
    loss_up_percent: float = 0.0  # from the person to the server
    loss_down_percent: float = 0.0
    available_down_kbps: int | None = None  # what their browser thinks it can receive, where it has said so lately
    talk_ms: int = 0  # how long they spoke, in this measurement's time
    microphone_silent: bool = False  # for long now their microphone has delivered digital silence
    is_silent: bool = False  # nothing comes from them at all
    video_layer: VideoLayer | None = None  # the worst of the pictures they are sent; None: there are none to be sent


class MediaObserver(Protocol):
    """Hears from the media plane. Calls come from the event loop, return at once and never raise."""

    def offer_ready(self, room: RoomId, participant: ParticipantId, offer: MediaOffer) -> None: ...

    def state_changed(self, room: RoomId, participant: ParticipantId, state: MediaState) -> None: ...

    def quality_measured(self, room: RoomId, qualities: Mapping[ParticipantId, ConnectionQuality]) -> None: ...

    def layers_wanted(
        self, room: RoomId, participant: ParticipantId, source: Source, layers: Sequence[str]
    ) -> None: ...

    def speaker_changed(self, room: RoomId, participant: ParticipantId | None) -> None: ...

    def recording_failed(self, room: RoomId, recording: RecordingId, reason: str) -> None: ...


class MediaPlane(Protocol):
    """Carries the packets of one node's rooms. Implemented by `media/plane.py`.

    `route` is idempotent and may come before or after `join`. A person without an entry in
    `Routing.subscriptions` has no media connection: an existing one is closed.
    """

    def observe(self, observer: MediaObserver) -> None:
        """Name the one observer; once, before the first room."""

    def join(self, room: RoomId, participant: ParticipantId) -> None:
        """Begin a fresh media connection, replacing an earlier one; its offer follows through the observer."""

    def answer(self, room: RoomId, participant: ParticipantId, generation: int, sdp: str) -> None:
        """Take the browser's answer. `kernel.errors.Invalid` if it can't be read; an outdated generation is ignored."""

    def restart(self, room: RoomId, participant: ParticipantId) -> None:
        """Offer new ICE credentials on the existing connection (network changed); without one, as `join`."""

    def state_of(self, room: RoomId, participant: ParticipantId) -> MediaState | None:
        """Return how the person's media connection is; None when there is none."""

    def leave(self, room: RoomId, participant: ParticipantId) -> None:
        """Close the person's media connection, if any."""

    def route(self, room: RoomId, routing: Routing) -> None:
        """Make the room's forwarding and recording equal to `routing`."""

    async def close_room(self, room: RoomId) -> None:
        """Close every connection and segment of the room; returns when the segments are durable."""


@dataclass(frozen=True, slots=True)
class SegmentSpec:
    """What one segment file holds. `started_at` is the server's clock at the arrival of its first frame."""

    room: RoomId
    recording: RecordingId
    track: TrackRef
    index: int  # 0, 1, … within (recording, track)
    codec: str  # "opus" or "vp8"
    container: str  # "video/webm" or "audio/webm"
    started_at: datetime


@dataclass(frozen=True, slots=True)
class SegmentGap:
    """Time within a segment for which nothing could be recorded."""

    offset_ms: int
    duration_ms: int
    reason: str  # "loss", "silent", "overrun"


class SegmentWriter(Protocol):
    """One open segment. Called from the recorder's thread only; may block; raises OSError when storage fails."""

    def write(self, data: bytes) -> None:
        """Append bytes of the container file. Durable when `flush` or `close` has returned."""

    def flush(self) -> None:
        """Make everything written so far survive a crash of the process and the machine."""

    def close(self, *, duration_ms: int, frames: int, gaps: Sequence[SegmentGap]) -> None:
        """Complete the segment: its length, hash and gaps are now in the manifest."""


class RecordingSink(Protocol):
    """Where recorded segments go. Implemented by `records/segments.py`; thread-safe."""

    def next_index(self, room: RoomId, recording: RecordingId, track: TrackRef) -> int:
        """Return an index that no segment of this track has had, in this process or an earlier one; never twice."""

    def open(self, spec: SegmentSpec) -> SegmentWriter:
        """Begin a segment. Raises OSError when storage fails."""


@dataclass(frozen=True, slots=True)
class Seat:
    """What somebody may sit down as, and what they are told about the consultation before they do."""

    role: Role  # PATIENT, the consultation's own CLINICIAN, or GUEST
    name: str
    language: str
    clinician: ParticipantId
    clinician_name: str
    patient_name: str
    department_en: str
    department_zh: str
    reason: str  # empty for those who are not told it
    scheduled_at: datetime


@dataclass(frozen=True, slots=True)
class OwnConsultation:
    """One of the consultations that a clinician holds today. `is_over`: the visit was finished, for good."""

    id: ConsultationId
    is_over: bool


class Reception(Protocol):
    """Knows who may take a seat in which consultation's room. Implemented over `care`."""

    async def seat(self, principal: Principal, consultation: ConsultationId) -> Seat:
        """Return the person's seat; `kernel.errors.NotFound` when there is none for them."""

    async def own_consultations_today(self, principal: Principal) -> list[OwnConsultation]:
        """Return the consultations a clinician holds today; empty for everybody else."""


class AttachmentDirectory(Protocol):
    """Knows the stored files of a consultation."""

    async def describe(
        self, consultation: ConsultationId, ids: Sequence[AttachmentId], uploader: ParticipantId
    ) -> tuple[Attachment, ...]:
        """Return the files in the order of `ids`; `kernel.errors.NotFound` when one is absent or not the uploader's."""


@dataclass(frozen=True, slots=True)
class IceServer:
    """One entry of the browser's `iceServers`."""

    urls: tuple[str, ...]
    username: str | None = None
    credential: str | None = None
