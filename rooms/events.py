"""Everything that can have happened in a room. A room is the sum of these and nothing else."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, get_args

from identity.principal import Role
from kernel.ids import AttachmentId, ConnectionId, MessageId, ParticipantId, RecordingId


class Source(StrEnum):
    """Where a track comes from (LiveKit's word)."""

    MICROPHONE = "microphone"
    CAMERA = "camera"
    SCREEN = "screen"


class Decision(StrEnum):
    """What somebody said when asked for consent."""

    GIVEN = "given"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class DeviceState(StrEnum):
    """What the device check found."""

    OK = "ok"
    SILENT = "silent"  # a microphone that delivers nothing
    ABSENT = "absent"
    BLOCKED = "blocked"  # the browser, the system or the network refuses
    UNKNOWN = "unknown"


class Rung(StrEnum):
    """How much of a consultation one way of somebody's connection carries, best first."""

    HIGH_VIDEO = "high_video"
    LOW_VIDEO = "low_video"
    STILL_PICTURE = "still_picture"  # the voice, and the last good picture
    AUDIO_ONLY = "audio_only"
    LIVE_TEXT = "live_text"  # not even the voice; what is written gets through
    MESSAGE = "message"  # the person is away: a message waits for them


class StopReason(StrEnum):
    """Why a recording stopped."""

    ASKED = "asked"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    FINISHED = "finished"
    STORAGE_FAILED = "storage_failed"


@dataclass(frozen=True, slots=True)
class Body:
    """A message's content and how it is protected. The server treats it as opaque wherever it can."""

    scheme: str  # "server": `text` in clear to the server, sealed at rest; others carry `ciphertext`
    text: str | None = None
    key_id: str | None = None
    ciphertext: str | None = None  # base64


@dataclass(frozen=True, slots=True)
class Attachment:
    """A stored file that a message refers to."""

    id: AttachmentId
    name: str
    content_type: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class RoomOpened:
    clinician: ParticipantId
    clinician_name: str


@dataclass(frozen=True, slots=True)
class ParticipantArrived:
    """First entry of this person; stands in the waiting room unless a clinician of the room."""

    participant: ParticipantId
    role: Role
    name: str
    language: str


@dataclass(frozen=True, slots=True)
class ParticipantConnected:
    """A socket took the person's seat; an earlier one is thereby replaced."""

    participant: ParticipantId
    connection: ConnectionId


@dataclass(frozen=True, slots=True)
class ParticipantDisconnected:
    participant: ParticipantId


@dataclass(frozen=True, slots=True)
class ReadinessReported:
    participant: ParticipantId
    camera: DeviceState
    microphone: DeviceState
    speaker: DeviceState
    round_trip_ms: int | None
    media: DeviceState = DeviceState.UNKNOWN  # whether sound and picture get through


@dataclass(frozen=True, slots=True)
class ParticipantAdmitted:
    participant: ParticipantId
    by: ParticipantId


@dataclass(frozen=True, slots=True)
class ParticipantHeld:
    """Sent back to the waiting room; media stops, chat goes on."""

    participant: ParticipantId
    by: ParticipantId


@dataclass(frozen=True, slots=True)
class ParticipantRemoved:
    """A guest was dismissed and may not return with the same link."""

    participant: ParticipantId
    by: ParticipantId


@dataclass(frozen=True, slots=True)
class ConsentRecorded:
    """The exact words somebody was shown about recording, and the answer."""

    participant: ParticipantId
    decision: Decision
    version: str
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class MessagePosted:
    author: ParticipantId
    client_message_id: MessageId
    body: Body
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class MessagesRead:
    participant: ParticipantId
    up_to: int  # seq of the newest message seen


@dataclass(frozen=True, slots=True)
class TrackPublished:
    participant: ParticipantId
    source: Source
    muted: bool


@dataclass(frozen=True, slots=True)
class TrackMuted:
    participant: ParticipantId
    source: Source
    muted: bool


@dataclass(frozen=True, slots=True)
class TrackUnpublished:
    participant: ParticipantId
    source: Source


@dataclass(frozen=True, slots=True)
class VideoReceptionChanged:
    """Sound only or not: whether this person receives others' pictures."""

    participant: ParticipantId
    receives_video: bool


@dataclass(frozen=True, slots=True)
class ConnectionRungChanged:
    """What somebody's connection carries from now on, found by measuring: towards them, and from them."""

    participant: ParticipantId
    receives: Rung
    sends: Rung


@dataclass(frozen=True, slots=True)
class RecordingStarted:
    """`recording` is the same id each time within one consultation: a pause does not make a second one."""

    recording: RecordingId
    by: ParticipantId


@dataclass(frozen=True, slots=True)
class RecordingStopped:
    recording: RecordingId
    by: ParticipantId | None
    reason: StopReason


@dataclass(frozen=True, slots=True)
class VisitFinished:
    by: ParticipantId


Fact = (
    RoomOpened
    | ParticipantArrived
    | ParticipantConnected
    | ParticipantDisconnected
    | ReadinessReported
    | ParticipantAdmitted
    | ParticipantHeld
    | ParticipantRemoved
    | ConsentRecorded
    | MessagePosted
    | MessagesRead
    | TrackPublished
    | TrackMuted
    | TrackUnpublished
    | VideoReceptionChanged
    | ConnectionRungChanged
    | RecordingStarted
    | RecordingStopped
    | VisitFinished
)


def snake_case(name: str) -> str:
    """Return `ParticipantAdmitted` as `participant_admitted`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


KINDS: Final[Mapping[type[Fact], str]] = {fact: snake_case(fact.__name__) for fact in get_args(Fact)}
"""What every fact is called where it is stored, told and archived."""


@dataclass(frozen=True, slots=True)
class RoomEvent:
    """A fact with its place in the room's one order. `seq` starts at 1 and has no gap."""

    seq: int
    at: datetime
    fact: Fact
