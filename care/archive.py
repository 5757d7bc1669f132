"""The archive of past visits: finding one, and reading what is kept of it."""

import base64
import binascii
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from care.access import Action, may, require
from care.gaps import Gap, gaps_of
from care.integrity import Integrity
from care.note import VisitNote
from care.ports import ArchiveEntry, ArchiveFilter, ArchivePlace, Store
from care.reach import note_reading, reach_consultation, reading
from care.recording import Recording, Segment
from care.recording_time import Spans
from care.summary import ConsultationSummary
from care.transcript import Transcript, transcript_of
from identity.principal import Principal, Role
from kernel.errors import Invalid
from kernel.ids import ConsultationId, RoomId, UserId
from rooms.ports import EventLog
from rooms.quality_minutes import QualityMinute

PAGE: Final = 50
WORDS_LIMIT: Final = 8
MINUTES: Final = 2000  # of connection quality in one record: eight people for four hours
_CURSOR_LIMIT: Final = 200


@dataclass(frozen=True, slots=True)
class ArchivePage:
    """At most `PAGE` visits, newest first; `next` leads to those behind them, None at the end."""

    entries: tuple[ArchiveEntry, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class ArchivedRecording:
    """A recording with everything that says how complete it is."""

    recording: Recording
    spans: Spans
    segments: tuple[Segment, ...]
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True)
class ArchiveRecord:
    """What is kept of one visit. The note only once it is signed."""

    consultation: ConsultationSummary
    transcript: Transcript
    recording: ArchivedRecording | None
    note: VisitNote | None
    quality: tuple[QualityMinute, ...] = ()
    integrity: Integrity | None = None  # None: nothing was recorded
    destroyed_at: datetime | None = None  # when all that was written was destroyed


class ArchiveService:
    """Reads the archive on behalf of somebody: a custodian all of it, a clinician their own visits."""

    def __init__(self, store: Store, log: EventLog) -> None:
        self._store = store
        self._log = log

    async def search(self, principal: Principal, which: ArchiveFilter, *, cursor: str | None = None) -> ArchivePage:
        """Return one page. `Invalid` when `cursor` is none of ours. Holds are shown to who has a say in them."""
        after = None if cursor is None else _decoded(cursor)
        async with reading(self._store, principal) as work:
            require(principal, Action.ARCHIVE_SEARCH)
            if which.is_held or which.awaits is not None:
                require(principal, Action.HOLD_CHANGE)
            if principal.role is Role.CLINICIAN:
                if which.clinician not in (None, principal.subject):
                    return ArchivePage((), None)
                which = replace(which, clinician=UserId(principal.subject))
            found = await work.archive.search(
                replace(which, words=which.words[:WORDS_LIMIT]), after=after, limit=PAGE + 1
            )
        await note_reading(self._store, principal, Action.ARCHIVE_SEARCH)
        sees_holds = may(principal, Action.HOLD_CHANGE)
        entries = tuple(found[:PAGE]) if sees_holds else tuple(replace(entry, hold=None) for entry in found[:PAGE])
        return ArchivePage(entries, _encoded(entries[-1].consultation) if len(found) > PAGE else None)

    async def record(self, principal: Principal, consultation: ConsultationId, *, part: str = "") -> ArchiveRecord:
        """Return what is kept of a visit. `part` says in the access log what of it was asked for."""
        async with reading(self._store, principal) as work:
            await reach_consultation(work, principal, consultation, Action.ARCHIVE_READ)
            summary = await work.consultations.summary(consultation)
            note = await work.notes.of(consultation)
            recording = await work.recordings.of(consultation)
            segments = [] if recording is None else await work.recordings.segments(recording.id)
            quality = await work.quality.of(consultation, limit=MINUTES)
            integrity = None if recording is None else await work.manifests.integrity(consultation)
            destroyed_at = await work.manifests.record_destroyed_at(consultation)
        events = await self._log.read(RoomId(consultation))
        spans = Spans.of(events, segments)
        await note_reading(self._store, principal, Action.ARCHIVE_READ, "consultation", consultation, detail=part)
        return ArchiveRecord(
            summary,
            transcript_of(events, spans),
            None
            if recording is None
            else ArchivedRecording(recording, spans, tuple(segments), gaps_of(segments, spans)),
            note if note.signed_at is not None else None,
            tuple(quality),
            integrity,
            destroyed_at,
        )


def _encoded(consultation: ConsultationSummary) -> str:
    place = f"{consultation.scheduled_at.isoformat()} {consultation.id}"
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def _decoded(cursor: str) -> ArchivePlace:
    try:
        padded = cursor[:_CURSOR_LIMIT] + "=" * (-len(cursor) % 4)
        when, _, consultation = base64.b64decode(padded, altchars="-_", validate=True).decode().partition(" ")
        scheduled_at = datetime.fromisoformat(when)
        scheduled_at.astimezone(UTC)  # what the store will do, and what can't be done at the ends of the calendar
    except (ValueError, OverflowError, binascii.Error):
        raise Invalid("cursor") from None
    if scheduled_at.tzinfo is None or not consultation:
        raise Invalid("cursor")
    return ArchivePlace(scheduled_at, ConsultationId(consultation))
