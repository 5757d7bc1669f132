"""Every event between browser and server: its fields, their bounds, and how it is read and written.

`docs/PROTOCOL.md` is generated from this module. A class's name in snake_case is the event's name on the wire, its
docstring what the page says about it.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from kernel.errors import AppError, Conflict, Invalid, NotFound, Overloaded
from rooms.chat import ATTACHMENTS_LIMIT, TEXT_LIMIT
from rooms.errors import (
    ConsentMissing,
    NotAdmitted,
    NotPermitted,
    NotSeated,
    RoomExhausted,
    TrackAbsent,
)
from rooms.events import Decision, DeviceState, Source, snake_case
from rooms.ports import MediaState, VideoLayer
from signaling.budget import RateLimited

SEQ_LIMIT: Final = 2**53 - 1  # what JavaScript counts exactly
DETAIL_LIMIT: Final = 200
STILL_LIMIT: Final = 24_000  # letters of base64: 18,000 octets

Id = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+\Z")]
Seq = Annotated[int, Meta(ge=0, le=SEQ_LIMIT)]
ClientMessageId = Annotated[str, Meta(min_length=8, max_length=64, pattern=r"^[A-Za-z0-9_-]+\Z")]
Text = Annotated[str, Meta(max_length=TEXT_LIMIT)]
Sdp = Annotated[str, Meta(min_length=1, max_length=65536)]
Time = Annotated[str, Meta(description="RFC 3339, UTC, milliseconds")]


class Ok(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Done, and stored where there was something to store."""

    ok: Literal[True]


class Problem(Struct, frozen=True, omit_defaults=True):
    """Why something was refused. Programs and translations go by `code`."""

    code: str
    message: str
    detail: str | None = None


class Refused(Struct, frozen=True, kw_only=True):
    """Not done, and nothing has changed."""

    ok: Literal[False] = False
    error: Problem


class ClientEvent(Struct, frozen=True, forbid_unknown_fields=True):
    """What a browser may say. Every event may also be refused with `invalid`, `rate_limited` or `overloaded`."""

    ack: ClassVar[type[Ok]] = Ok
    errors: ClassVar[tuple[type[AppError], ...]] = (NotSeated,)


_Event = TypeVar("_Event", bound=ClientEvent)


class You(Struct, frozen=True):
    """Who you are in the room."""

    participant: str
    role: str
    name: str


class RoomCard(Struct, frozen=True, omit_defaults=True):
    """What one is told about the consultation on entering. `reason` only to patient and clinician."""

    id: str
    scheduled_at: Time
    patient_name: str
    clinician_name: str
    department_en: str
    department_zh: str
    reason: str | None = None


class Resumed(Ok, frozen=True, kw_only=True):
    """`events` in order, as in `room_event`. When the newest is older than `last_seq`, ask for the next ones."""

    events: list[msgspec.Raw]
    last_seq: int


class Entered(Resumed, frozen=True, kw_only=True):
    """The seat is taken, and from here on every event of the room is told to this socket."""

    you: You
    room: RoomCard
    connection: str
    keeps_media: bool  # the media connection of the page's lost socket goes on: no `media_join`, but `media_restart`


class Posted(Ok, frozen=True, kw_only=True):
    """The message is stored, at place `seq`; the same place for the same id again."""

    seq: int


class IceServerCard(Struct, frozen=True, omit_defaults=True):
    """One entry of `RTCConfiguration.iceServers`."""

    urls: tuple[str, ...]
    username: str | None = None
    credential: str | None = None


class MediaJoined(Ok, frozen=True, kw_only=True):
    """A `media_offer` follows. In a call `ice_servers` tells new servers before the credentials of these expire."""

    ice_servers: list[IceServerCard]


class ReadinessCard(Struct, frozen=True):
    """What the device check found."""

    camera: DeviceState
    microphone: DeviceState
    speaker: DeviceState
    round_trip_ms: int | None
    media: DeviceState


class Waiting(Struct, frozen=True, omit_defaults=True):
    """Somebody in the waiting room, connected or not."""

    participant: str
    name: str
    role: str
    since: Time
    connected: bool
    consent: Literal["given", "refused", "withdrawn", "none"]
    readiness: ReadinessCard | None = None


class LobbyEntry(Struct, frozen=True):
    """One consultation as its clinician's dashboard shows it."""

    consultation: str
    status: str
    waiting: list[Waiting]
    in_call: list[str]  # names
    recording: bool
    unread: int = 0  # messages that the clinician has not read


class Watching(Ok, frozen=True, kw_only=True):
    """Today's consultations; `lobby_changed` follows whenever one changes."""

    consultations: list[LobbyEntry]


class RoomEnter(ClientEvent, frozen=True):
    """Take your seat in a consultation's room. Another socket of yours in it is told `seat_taken`.

    With the `connection` of an earlier answer a page takes up again what its lost socket held, media included, if
    nothing else has taken the seat since.
    """

    consultation: Id
    since: Seq = 0
    connection: Id | None = None

    ack = Entered
    errors = (NotFound,)


class RoomResume(ClientEvent, frozen=True):
    """Ask for what happened after place `since`."""

    since: Seq

    ack = Resumed
    errors = (NotSeated, NotFound)


class RoomLeave(ClientEvent, frozen=True):
    """Hang up. The seat is free, the socket stays, and the visit goes on."""


class ReadinessReport(ClientEvent, frozen=True):
    """Say what the device check found; `media` is what a `media_probe` did."""

    camera: DeviceState
    microphone: DeviceState
    speaker: DeviceState
    round_trip_ms: Annotated[int, Meta(ge=0, le=60_000)] | None = None
    media: DeviceState = DeviceState.UNKNOWN

    errors = (NotSeated, NotFound)


class ConsentSet(ClientEvent, frozen=True):
    """Answer the question about recording. The server stores its own wording of `version` in `language`."""

    decision: Decision
    version: Annotated[str, Meta(min_length=1, max_length=32)]
    language: Annotated[str, Meta(min_length=2, max_length=16)]

    errors = (NotSeated, NotFound)


class ParticipantAdmit(ClientEvent, frozen=True):
    """Let somebody who waits into the call. Clinician only."""

    participant: Id

    errors = (NotSeated, NotPermitted, NotFound)


class ParticipantHold(ClientEvent, frozen=True):
    """Send somebody back to the waiting room. Clinician only."""

    participant: Id

    errors = (NotSeated, NotPermitted, NotFound)


class ParticipantRemove(ClientEvent, frozen=True):
    """Dismiss a guest, who can't come back with the same link. Clinician only."""

    participant: Id

    errors = (NotSeated, NotPermitted, NotFound)


class ChatBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What is said, and how it is protected: `server` means readable to the server and sealed when stored."""

    scheme: Literal["server"]
    text: Text


class ChatSend(ClientEvent, frozen=True):
    """Post a message. `id` is yours; sending the same id again is a retry, not a second message.

    The text may be empty only beside attachments. Your messages are stored in the order in which you send them.
    """

    id: ClientMessageId
    body: ChatBody
    attachments: Annotated[tuple[Id, ...], Meta(max_length=ATTACHMENTS_LIMIT)] = ()

    ack = Posted
    errors = (NotSeated, NotAdmitted, NotFound, RoomExhausted)


class ChatRead(ClientEvent, frozen=True):
    """Say that you have read every message up to place `up_to`."""

    up_to: Annotated[int, Meta(ge=1, le=SEQ_LIMIT)]

    errors = (NotSeated, NotAdmitted, NotFound)


class ChatTyping(ClientEvent, frozen=True):
    """Let the others know that you are writing. Told on at most once a second, and never stored."""

    errors = (NotSeated, NotAdmitted, NotFound)


class Still(Struct, frozen=True, forbid_unknown_fields=True):
    """A picture as JPEG in base64, and how it is protected: `server` means readable to the server, which keeps none."""

    scheme: Literal["server"]
    jpeg: Annotated[str, Meta(max_length=STILL_LIMIT, pattern=r"^/9j/[A-Za-z0-9+/]*={0,2}\Z")]


class StillSend(ClientEvent, frozen=True):
    """Show what your camera sees to those whose connection, or yours, carries no moving picture but a still one.

    Told on at most once every eight seconds, to nobody else, and never stored.
    """

    picture: Still

    errors = (NotSeated, NotAdmitted, NotFound)


class TrackPublish(ClientEvent, frozen=True):
    """Say that your microphone, camera or screen is being sent."""

    source: Source
    muted: bool

    errors = (NotSeated, NotAdmitted, NotFound)


class TrackMute(ClientEvent, frozen=True):
    """Mute or unmute a published track."""

    source: Source
    muted: bool

    errors = (NotSeated, NotAdmitted, TrackAbsent, NotFound)


class TrackUnpublish(ClientEvent, frozen=True):
    """Say that a track is no longer sent."""

    source: Source

    errors = (NotSeated, NotFound)


class VideoReception(ClientEvent, frozen=True):
    """Ask for sound only, or for pictures again."""

    receives_video: bool

    errors = (NotSeated, NotFound)


class MediaProbe(ClientEvent, frozen=True):
    """Try whether sound and picture will get through, before you take a seat; none is needed.

    A `media_offer` with `probe` follows, for a connection that nobody else is on and that carries nothing. Answer it
    with `media_answer {probe: true}`, and say `media_leave {probe: true}` when you know. After ten seconds it is over
    by itself. A socket has one probe at a time: a second one replaces the first.
    """

    ack = MediaJoined
    errors = ()


class MediaJoin(ClientEvent, frozen=True):
    """Begin a fresh media connection. Only the server offers; an earlier connection of yours is replaced."""

    ack = MediaJoined
    errors = (NotSeated, NotAdmitted, NotFound)


class MediaAnswer(ClientEvent, frozen=True):
    """Answer the offer of this generation, at once and without candidates. An outdated answer is ignored.

    `probe` as the offer says; an answer to a probe needs no seat.
    """

    generation: Annotated[int, Meta(ge=1, le=SEQ_LIMIT)]
    sdp: Sdp
    probe: bool = False

    errors = (NotSeated, NotAdmitted, NotFound)


class QualityReport(ClientEvent, frozen=True):
    """Say, about every ten seconds, how what you receive has been since the last time (from `getStats`).

    `freeze_ms`: a picture stood still; `concealed_ms`: sound was made up because it did not come in time;
    `picture_height`: of the largest picture. What your browser does not count is left out.
    """

    freeze_ms: Annotated[int, Meta(ge=0, le=60_000)] = 0
    concealed_ms: Annotated[int, Meta(ge=0, le=60_000)] = 0
    frames_per_second: Annotated[float, Meta(ge=0, le=240)] | None = None
    picture_height: Annotated[int, Meta(ge=0, le=10_000)] | None = None
    round_trip_ms: Annotated[int, Meta(ge=0, le=60_000)] | None = None

    errors = (NotSeated, NotAdmitted, NotFound)


class MediaRestart(ClientEvent, frozen=True):
    """Your network has changed: ask for an offer with new ICE credentials on the same connection."""

    errors = (NotSeated, NotAdmitted, NotFound)


class MediaLeave(ClientEvent, frozen=True):
    """Close your media connection; you stay in the room. With `probe` close your probe, for which no seat is needed."""

    probe: bool = False


class RecordingStart(ClientEvent, frozen=True):
    """Record those who have agreed. Refused while somebody admitted has not. Clinician only."""

    errors = (NotSeated, NotPermitted, ConsentMissing, NotFound)


class RecordingStop(ClientEvent, frozen=True):
    """Stop recording; starting again continues the same recording. Clinician only."""

    errors = (NotSeated, NotPermitted, NotFound)


class VisitFinish(ClientEvent, frozen=True):
    """End the visit for good, for everybody. Clinician only."""

    errors = (NotSeated, NotPermitted, NotFound)


class LobbyWatch(ClientEvent, frozen=True):
    """Follow the waiting rooms of your own consultations. Clinicians only; no seat is needed."""

    ack = Watching
    errors = (NotFound,)


class SignIn(Struct, frozen=True, forbid_unknown_fields=True):
    """What a socket connects with: an access token, as `auth`."""

    token: Annotated[str, Meta(min_length=1, max_length=4096)]


CLIENT_EVENTS: Final[tuple[type[ClientEvent], ...]] = (
    RoomEnter,
    RoomResume,
    RoomLeave,
    ReadinessReport,
    ConsentSet,
    ParticipantAdmit,
    ParticipantHold,
    ParticipantRemove,
    ChatSend,
    ChatRead,
    ChatTyping,
    StillSend,
    TrackPublish,
    TrackMute,
    TrackUnpublish,
    VideoReception,
    MediaProbe,
    MediaJoin,
    MediaAnswer,
    QualityReport,
    MediaRestart,
    MediaLeave,
    RecordingStart,
    RecordingStop,
    VisitFinish,
    LobbyWatch,
)
COMMON_ERRORS: Final[tuple[type[AppError], ...]] = (Invalid, RateLimited, Overloaded, Conflict)
"""What any event may be refused with."""


class ServerEvent(Struct, frozen=True, omit_defaults=True):
    """What the server tells."""


class Typing(ServerEvent, frozen=True):
    """Somebody is writing."""

    participant: str


class StillPicture(ServerEvent, frozen=True):
    """What somebody's camera saw just now, in place of a moving picture."""

    participant: str
    picture: Still


class MediaOffer(ServerEvent, frozen=True):
    """An SDP offer to answer at once. `publish` says what to send in which section, `receive` whose track it brings.

    With `probe` it is for the connection that `media_probe` asked for.
    """

    generation: int
    sdp: str
    publish: dict[str, Source]
    receive: dict[str, dict[str, str]]
    probe: bool = False


class IceServers(ServerEvent, frozen=True):
    """New TURN credentials for your connection in the call, to put in place (`setConfiguration`) while media flows."""

    ice_servers: list[IceServerCard]


class MediaStateChanged(ServerEvent, frozen=True):
    """How somebody's media connection is. On the wire: `media_state`."""

    participant: str
    state: MediaState


class QualityCard(Struct, frozen=True):
    """One person's connection over the last seconds, measured at the server; `score` from 1 to 5.

    `microphone_silent`: for long now their microphone has delivered digital silence, muted or not. `video_layer`: the
    worst of the pictures that they are sent, `none` when not even the lowest layer passes; absent without pictures.
    """

    score: int
    round_trip_ms: int | None
    loss_percent: float
    jitter_ms: float
    bitrate_up_kbps: int
    bitrate_down_kbps: int
    microphone_silent: bool = False
    video_layer: VideoLayer | None = None


class Quality(ServerEvent, frozen=True):
    """Everybody's connection in the call, every two seconds."""

    participants: dict[str, QualityCard]


class LayersWanted(ServerEvent, frozen=True):
    """Which layers of your picture somebody receives: send these, pause the others. Until it comes, send all.

    A picture that you send in one layer only is wanted when `layers` is not empty. It may be said again.
    """

    source: Source
    layers: list[str]


class ActiveSpeaker(ServerEvent, frozen=True):
    """Who in the call speaks now; nobody, when `participant` is absent. Not stored."""

    participant: str | None = None


class SeatTaken(ServerEvent, frozen=True):
    """Another tab or device of yours took your seat; this one is told nothing more about the room."""


class ServerDraining(ServerEvent, frozen=True):
    """The server will close soon. Reconnect when the connection ends; nothing is lost."""


class SessionEnded(ServerEvent, frozen=True):
    """You are signed out; the socket closes. `code` says why, as in errors."""

    code: str


SERVER_EVENTS: Final[tuple[type[ServerEvent], ...]] = (
    Typing,
    StillPicture,
    MediaOffer,
    IceServers,
    MediaStateChanged,
    Quality,
    LayersWanted,
    ActiveSpeaker,
    SeatTaken,
    ServerDraining,
    SessionEnded,
)
"""What the server tells besides `room_event` (a fact) and `lobby_changed` (a `LobbyEntry`)."""


def event_name(event: type[Struct]) -> str:
    """Return an event's name on the wire."""
    if event is MediaStateChanged:
        return "media_state"
    return snake_case(event.__name__)


_decoders: Final[Mapping[str, msgspec.json.Decoder[ClientEvent]]] = {
    event_name(event): msgspec.json.Decoder(event) for event in CLIENT_EVENTS
}


def decode(name: str, argument: bytes) -> ClientEvent:
    """Read one client event. `kernel.errors.Invalid`, naming the field, when it breaks the rules above."""
    decoder = _decoders.get(name)
    if decoder is None:
        raise Invalid("There is no such event.")
    return _decoded(decoder, argument)


def read_sign_in(auth: object) -> SignIn:
    """Read what came with the connection. `kernel.errors.Invalid` when it is not a `SignIn`."""
    try:
        return msgspec.convert(auth, SignIn)
    except msgspec.ValidationError as error:
        raise Invalid(str(error)[:DETAIL_LIMIT]) from None


def refused(error: AppError) -> Refused:
    """Return what the sender is told about `error`."""
    detail = error.detail[:DETAIL_LIMIT] if error.detail else None
    return Refused(error=Problem(error.code, error.message, detail))


def _decoded(decoder: msgspec.json.Decoder[_Event], argument: bytes) -> _Event:
    try:
        return decoder.decode(argument)
    except msgspec.ValidationError as error:
        raise Invalid(str(error)[:DETAIL_LIMIT]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Invalid("This is not strict JSON.") from None
