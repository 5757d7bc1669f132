"""Everything that somebody can ask of a room. `by` is always the one who asks, already authenticated."""

from dataclasses import dataclass

from identity.principal import Role
from kernel.ids import ConnectionId, MessageId, ParticipantId, RecordingId
from rooms.events import Attachment, Body, Decision, DeviceState, Rung, Source, StopReason


@dataclass(frozen=True, slots=True)
class OpenRoom:
    """Begin a room for a consultation; asked by the service when the log is empty."""

    clinician: ParticipantId
    clinician_name: str


@dataclass(frozen=True, slots=True)
class Enter:
    """Take a seat with a socket. The first time the person arrives, later they reconnect.

    Whoever held the seat as `before` and still does goes on: nothing has happened.
    """

    by: ParticipantId
    role: Role
    name: str
    language: str
    connection: ConnectionId
    before: ConnectionId | None = None


@dataclass(frozen=True, slots=True)
class Disconnect:
    """The socket is gone. Ignored when another socket has taken the seat since."""

    by: ParticipantId
    connection: ConnectionId


@dataclass(frozen=True, slots=True)
class ReportReadiness:
    by: ParticipantId
    camera: DeviceState
    microphone: DeviceState
    speaker: DeviceState
    round_trip_ms: int | None
    media: DeviceState = DeviceState.UNKNOWN


@dataclass(frozen=True, slots=True)
class AdmitParticipant:
    by: ParticipantId
    participant: ParticipantId


@dataclass(frozen=True, slots=True)
class HoldParticipant:
    by: ParticipantId
    participant: ParticipantId


@dataclass(frozen=True, slots=True)
class RemoveParticipant:
    by: ParticipantId
    participant: ParticipantId


@dataclass(frozen=True, slots=True)
class RecordConsent:
    """`text` is the server's own wording for `version` and `language`, never the client's."""

    by: ParticipantId
    decision: Decision
    version: str
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class PostMessage:
    by: ParticipantId
    client_message_id: MessageId
    body: Body
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadMessages:
    by: ParticipantId
    up_to: int


@dataclass(frozen=True, slots=True)
class PublishTrack:
    by: ParticipantId
    source: Source
    muted: bool


@dataclass(frozen=True, slots=True)
class MuteTrack:
    by: ParticipantId
    source: Source
    muted: bool


@dataclass(frozen=True, slots=True)
class UnpublishTrack:
    by: ParticipantId
    source: Source


@dataclass(frozen=True, slots=True)
class ChangeVideoReception:
    by: ParticipantId
    receives_video: bool


@dataclass(frozen=True, slots=True)
class ChangeRung:
    """Asked by the server itself, which has measured the person's connection."""

    by: ParticipantId
    receives: Rung
    sends: Rung


@dataclass(frozen=True, slots=True)
class NoteAbsence:
    """Asked by the server itself, when somebody in the call has been away for long."""


@dataclass(frozen=True, slots=True)
class StartRecording:
    """`recording` is used if this is the first start of the consultation."""

    by: ParticipantId
    recording: RecordingId


@dataclass(frozen=True, slots=True)
class StopRecording:
    """`by` is None when the server itself stops it, for example when storage failed."""

    by: ParticipantId | None
    reason: StopReason = StopReason.ASKED


@dataclass(frozen=True, slots=True)
class FinishVisit:
    by: ParticipantId


Command = (
    OpenRoom
    | Enter
    | Disconnect
    | ReportReadiness
    | AdmitParticipant
    | HoldParticipant
    | RemoveParticipant
    | RecordConsent
    | PostMessage
    | ReadMessages
    | PublishTrack
    | MuteTrack
    | UnpublishTrack
    | ChangeVideoReception
    | ChangeRung
    | NoteAbsence
    | StartRecording
    | StopRecording
    | FinishVisit
)
