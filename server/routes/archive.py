"""The archive: search, one visit's record, its transcript, and the right to watch its recording."""

from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

import msgspec
from aiohttp import web
from msgspec import Meta

from care.archive import ArchivedRecording, ArchiveRecord
from care.gaps import Gap
from care.hold import HoldState
from care.integrity import Check, FaultKind, Integrity
from care.ports import ArchiveEntry, ArchiveFilter, Kept
from care.recording import Recording, RecordingState, Segment
from care.recordings import RecordingAltered, RecordingDestroyed, StorageAway
from care.transcript import ConsentAnswer, Happening, Message, Person
from care.transcript_page import page_of
from identity.principal import Role
from identity.tokens import VIEWING_LIFETIME
from kernel.errors import Invalid, NotFound, SignInRequired
from kernel.ids import DepartmentId, PatientId, UserId
from rooms.quality_minutes import QualityMinute
from server.downloads import download
from server.endpoint import Call, Input, Routes, json_response
from server.fields import PRINTABLE, zone_of
from server.routes.notes import NoteView
from server.viewing import grant_viewing, viewer
from server.views import ConsultationView

routes = Routes()

_READERS: Final = frozenset({Role.CUSTODIAN, Role.CLINICIAN})
Id = Annotated[str, Meta(max_length=80)]


class ArchiveQuery(Input, rename={"since": "from", "until": "to"}):
    """`from` and `to` are instants of the schedule, `to` is excluded. Every word of `q` must begin one in the names,
    the record number, the department or the reason for the visit; Chinese is found anywhere. `recording` says
    what is kept, and `longer_than` (minutes) asks for visits that were recorded. For custodians: `hold=open` is under a
    legal hold, or with one asked for; `hold=awaiting` is where another custodian asked and you can confirm.
    """

    patient: Id | None = None
    clinician: Id | None = None
    department: Id | None = None
    recording: Kept | None = None
    hold: Literal["open", "awaiting"] | None = None
    longer_than: Annotated[int, Meta(ge=0, le=1440)] | None = None
    since: datetime | None = None
    until: datetime | None = None
    q: Annotated[str, Meta(max_length=200)] = ""
    cursor: Annotated[str, Meta(max_length=200)] | None = None


class TranscriptQuery(Input):
    """`zone` is the IANA time zone in which times are written."""

    zone: Annotated[str, Meta(max_length=60)] = "UTC"


class ArchivedView(msgspec.Struct, frozen=True, kw_only=True):
    """A recording as lists show it."""

    id: str
    state: RecordingState
    duration_ms: int
    progress: int
    failure: str

    @classmethod
    def of(cls, recording: Recording) -> "ArchivedView":
        return cls(
            id=recording.id,
            state=recording.state,
            duration_ms=recording.duration_ms,
            progress=recording.progress,
            failure=recording.failure,
        )


class ArchiveEntryView(ConsultationView, frozen=True, kw_only=True):
    """`is_destroyed` is the recording, because its time was over. `hold` is null for who has no say in holds."""

    recording: ArchivedView | None
    is_destroyed: bool
    hold: HoldState | None

    @classmethod
    def of_entry(cls, entry: ArchiveEntry) -> "ArchiveEntryView":
        recording = None if entry.recording is None else ArchivedView.of(entry.recording)
        return cls.of(entry.consultation, recording=recording, is_destroyed=entry.is_destroyed, hold=entry.hold)


class ArchivePageView(msgspec.Struct, frozen=True):
    """`next` is the cursor of the page behind this one; null at the end."""

    entries: list[ArchiveEntryView]
    next: str | None


class SpanView(msgspec.Struct, frozen=True):
    started_at: datetime
    stopped_at: datetime | None
    offset_ms: int


class SegmentView(msgspec.Struct, frozen=True, kw_only=True):
    participant: str
    source: str
    index: int
    codec: str
    started_at: datetime
    offset_ms: int | None
    duration_ms: int
    frames: int
    size_bytes: int
    sha256: str
    closed: bool

    @classmethod
    def of(cls, segment: Segment, *, offset_ms: int | None) -> "SegmentView":
        return cls(
            participant=segment.participant,
            source=segment.source,
            index=segment.index,
            codec=segment.codec,
            started_at=segment.started_at,
            offset_ms=offset_ms,
            duration_ms=segment.duration_ms,
            frames=segment.frames,
            size_bytes=segment.size_bytes,
            sha256=segment.sha256,
            closed=segment.closed,
        )


class SpokenView(msgspec.Struct, frozen=True):
    """A stretch of the composed recording in which somebody spoke, in milliseconds."""

    participant: str
    from_ms: int
    to_ms: int


class RecordingView(ArchivedView, frozen=True, kw_only=True):
    """A recording with everything that says how complete it is."""

    size_bytes: int
    sha256: str
    spans: list[SpanView]
    segments: list[SegmentView]
    gaps: tuple[Gap, ...]
    speech: list[SpokenView]

    @classmethod
    def of_archived(cls, archived: ArchivedRecording) -> "RecordingView":
        recording, spans = archived.recording, archived.spans
        return cls(
            id=recording.id,
            state=recording.state,
            duration_ms=recording.duration_ms,
            progress=recording.progress,
            failure=recording.failure,
            size_bytes=recording.size_bytes,
            sha256=recording.sha256,
            spans=[SpanView(span.started_at, span.stopped_at, span.offset_ms) for span in spans.spans],
            segments=[
                SegmentView.of(segment, offset_ms=spans.offset_ms(segment.started_at)) for segment in archived.segments
            ],
            gaps=archived.gaps,
            speech=[SpokenView(one.participant, one.from_ms, one.to_ms) for one in recording.speech],
        )


class CheckView(msgspec.Struct, frozen=True, kw_only=True):
    """The newest check. `fault` is null when everything is as it was signed; `file` says where the fault is."""

    at: datetime
    fault: FaultKind | None
    file: str
    segments: int

    @classmethod
    def of(cls, check: Check) -> "CheckView":
        fault = check.fault
        return cls(
            at=check.at,
            fault=None if fault is None else fault.kind,
            file="" if fault is None else fault.file,
            segments=check.segments,
        )


class IntegrityView(msgspec.Struct, frozen=True, kw_only=True):
    """What is signed of a recorded visit (null: not yet), and what the newest check found (null: none was made).

    `destroyed_at` is when the recording was destroyed because its time was over.
    """

    signed_at: datetime | None
    key: str
    root: str
    check: CheckView | None
    destroyed_at: datetime | None

    @classmethod
    def of(cls, integrity: Integrity) -> "IntegrityView":
        check = integrity.check
        return cls(
            signed_at=integrity.signed_at,
            key=integrity.key,
            root=integrity.root,
            check=None if check is None else CheckView.of(check),
            destroyed_at=integrity.destroyed_at,
        )


class ArchiveRecordView(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of one visit. Offsets are milliseconds in the composed recording, null outside of it."""

    consultation: ConsultationView
    participants: tuple[Person, ...]
    recording: RecordingView | None
    timeline: tuple[Happening, ...]
    messages: tuple[Message, ...]
    note: NoteView | None
    consents: tuple[ConsentAnswer, ...]
    quality: tuple[QualityMinute, ...]
    integrity: IntegrityView | None
    destroyed_at: datetime | None  # when all that was written was destroyed

    @classmethod
    def of(cls, record: ArchiveRecord) -> "ArchiveRecordView":
        return cls(
            consultation=ConsultationView.of(record.consultation),
            participants=record.transcript.participants,
            recording=None if record.recording is None else RecordingView.of_archived(record.recording),
            timeline=record.transcript.timeline,
            messages=record.transcript.messages,
            note=None if record.note is None else NoteView.of(record.note),
            consents=record.transcript.consents,
            quality=record.quality,
            integrity=None if record.integrity is None else IntegrityView.of(record.integrity),
            destroyed_at=record.destroyed_at,
        )


class TranscriptView(msgspec.Struct, frozen=True, kw_only=True):
    """The transcript to keep: what was said and done, by whom, and what everybody agreed to."""

    consultation: ConsultationView
    participants: tuple[Person, ...]
    timeline: tuple[Happening, ...]
    messages: tuple[Message, ...]
    consents: tuple[ConsentAnswer, ...]


class ViewingBody(Input):
    """`reason` is written into the access log."""

    reason: Annotated[str, Meta(min_length=3, max_length=300, pattern=PRINTABLE)]


class Viewing(msgspec.Struct, frozen=True):
    """`media_url` plays for `expires_in` seconds in the browser that asked."""

    expires_in: int
    media_url: str


@routes.endpoint(
    "GET",
    "/api/v1/archive",
    summary="Search past visits: a custodian all, a clinician their own",
    tag="archive",
    roles=_READERS,
    query=ArchiveQuery,
    response=ArchivePageView,
    errors=[Invalid],
)
async def search_archive(call: Call[ArchiveQuery, None]) -> ArchivePageView:
    query = call.query
    if any(instant is not None and instant.tzinfo is None for instant in (query.since, query.until)):
        raise Invalid("`from` and `to` need a time zone")
    which = ArchiveFilter(
        patient=None if query.patient is None else PatientId(query.patient),
        clinician=None if query.clinician is None else UserId(query.clinician),
        department=None if query.department is None else DepartmentId(query.department),
        kept=query.recording,
        is_held=query.hold == "open",
        awaits=UserId(call.principal.subject) if query.hold == "awaiting" else None,
        longer_than=None if query.longer_than is None else timedelta(minutes=query.longer_than),
        since=query.since,
        until=query.until,
        words=tuple(query.q.split()),
    )
    page = await call.services.archive.search(call.principal, which, cursor=query.cursor)
    return ArchivePageView([ArchiveEntryView.of_entry(entry) for entry in page.entries], page.next)


@routes.endpoint(
    "GET",
    "/api/v1/archive/{consultation}",
    summary="Read what is kept of a visit",
    tag="archive",
    roles=_READERS,
    response=ArchiveRecordView,
    errors=[NotFound],
)
async def read_archive_record(call: Call[None, None]) -> ArchiveRecordView:
    return ArchiveRecordView.of(await call.services.archive.record(call.principal, call.consultation))


@routes.endpoint(
    "POST",
    "/api/v1/archive/{consultation}/check",
    summary="Compare everything that is stored of a recorded visit with what was signed",
    tag="archive",
    roles={Role.CUSTODIAN},
    response=IntegrityView,
    errors=[NotFound],
)
async def check_archive(call: Call[None, None]) -> IntegrityView:
    return IntegrityView.of(await call.services.recordings.check(call.principal, call.consultation))


@routes.endpoint(
    "POST",
    "/api/v1/archive/{consultation}/viewing",
    summary="Say why, then watch the recording for half an hour",
    tag="archive",
    roles=_READERS,
    body=ViewingBody,
    response=Viewing,
    errors=[NotFound, RecordingAltered, RecordingDestroyed, StorageAway],
)
async def open_viewing(call: Call[None, ViewingBody]) -> web.Response:
    consultation = call.consultation
    await call.services.recordings.open_viewing(call.principal, consultation, reason=call.body.reason)
    viewing = Viewing(int(VIEWING_LIFETIME.total_seconds()), f"/api/v1/archive/{consultation}/media")
    response = json_response(viewing)
    grant_viewing(call, response)
    return response


@routes.endpoint(
    "GET",
    "/api/v1/archive/{consultation}/transcript.json",
    summary="Download the transcript for programs; with an access token or while viewing",
    tag="archive",
    roles=None,
    response=TranscriptView,
    errors=[NotFound, SignInRequired],
)
async def download_transcript_json(call: Call[None, None]) -> web.Response:
    consultation = call.consultation
    record = await call.services.archive.record(viewer(call), consultation, part="transcript.json")
    transcript = record.transcript
    view = TranscriptView(
        consultation=ConsultationView.of(record.consultation),
        participants=transcript.participants,
        timeline=transcript.timeline,
        messages=transcript.messages,
        consents=transcript.consents,
    )
    text = msgspec.json.format(msgspec.json.encode(view), indent=2).decode()
    return download(text, name=f"transcript-{consultation}.json", content_type="application/json")


@routes.endpoint(
    "GET",
    "/api/v1/archive/{consultation}/transcript.html",
    summary="Download the transcript to read or print, in both languages; with an access token or while viewing",
    tag="archive",
    roles=None,
    query=TranscriptQuery,
    errors=[NotFound, SignInRequired, Invalid],
    response_type="text/html",
)
async def download_transcript_html(call: Call[TranscriptQuery, None]) -> web.Response:
    consultation = call.consultation
    zone = zone_of(call.query.zone)
    record = await call.services.archive.record(viewer(call), consultation, part="transcript.html")
    text = page_of(record.transcript, record.consultation, zone=zone, printed_at=call.now())
    return download(text, name=f"transcript-{consultation}.html", content_type="text/html")
