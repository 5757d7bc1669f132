"""The manifest of a recorded visit: everything that is signed about it, as two documents and the hash over both.

The media document (tracks, segments, gaps, time base) is stored in clear, so that the files can be checked without any
key. The record document (people, consents, messages, events) holds what people said: it is stored sealed. Each is a
JSON object of named lists; every entry of every list is one leaf of a Merkle tree, so that a single one can be shown to
a court without the others. docs/ARCHIVE.md describes the format.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from care.attachment import StoredFile
from care.gaps import gaps_of
from care.recording import Recording, Segment
from care.recording_time import Spans
from kernel.ids import AttachmentId
from records.canonical_json import canonical, from_canonical, instant
from records.merkle import merkle_root, node_hash
from records.sealed_digest import SealedDigest
from rooms.events import KINDS, ConsentRecorded, MessagePosted, ParticipantArrived, RoomEvent

SCHEMA: Final = "consilium-manifest/1"

MEDIA_SECTIONS: Final = ("header", "tracks", "segments", "gaps")
RECORD_SECTIONS: Final = ("salt", "participants", "consents", "messages", "events")

_CLOCK_RATES: Final = {"opus": 48_000, "vp8": 90_000}

Document = dict[str, list[Any]]


ABSENT: Final = SealedDigest(0, "")
"""Of a segment whose file was gone already when the manifest was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedVisit:
    """What a manifest is made of. `salt` (hex) keeps others from guessing words by their hash."""

    recording: Recording
    segments: Sequence[Segment]
    sealed: Sequence[SealedDigest]  # of each segment
    events: Sequence[RoomEvent]
    attachments: Mapping[AttachmentId, StoredFile]
    salt: str


def media_document(visit: RecordedVisit) -> Document:
    """Return what is signed about the media: the same for the same visit, whenever it is made."""
    spans = Spans.of(visit.events, visit.segments)
    counted = Counter((segment.participant, segment.source, segment.codec) for segment in visit.segments)
    header = {
        "schema": SCHEMA,
        "consultation": visit.recording.consultation,
        "recording": visit.recording.id,
        "clock": "server",  # of every time in the manifest; offsets are milliseconds in the recording
        "spans": [
            {
                "started_at": instant(span.started_at),
                "stopped_at": span.stopped_at and instant(span.stopped_at),
                "offset_ms": span.offset_ms,
            }
            for span in spans.spans
        ],
    }
    return {
        "header": [header],
        "tracks": [
            {
                "participant": participant,
                "source": source.value,
                "codec": codec,
                "clock_rate_hz": _CLOCK_RATES.get(codec),
                "segments": count,
            }
            for (participant, source, codec), count in sorted(counted.items())
        ],
        "segments": [
            _segment(segment, sealed, spans) for segment, sealed in zip(visit.segments, visit.sealed, strict=True)
        ],
        "gaps": [
            {
                "participant": gap.participant,
                "source": gap.source.value,
                "at": instant(gap.at),
                "offset_ms": gap.offset_ms,
                "duration_ms": gap.duration_ms,
                "reason": gap.reason,
            }
            for gap in gaps_of(visit.segments, spans)
        ],
    }


def record_document(visit: RecordedVisit) -> Document:
    """Return what is signed about people, consents, words and events."""
    spans = Spans.of(visit.events, visit.segments)
    return {
        "salt": [visit.salt],
        "participants": [_told(event, spans) for event in visit.events if isinstance(event.fact, ParticipantArrived)],
        "consents": [_told(event, spans) for event in visit.events if isinstance(event.fact, ConsentRecorded)],
        "messages": [
            _message(event, spans, visit.attachments) for event in visit.events if isinstance(event.fact, MessagePosted)
        ],
        "events": [
            _told(event, spans)
            for event in visit.events
            if not isinstance(event.fact, ParticipantArrived | ConsentRecorded | MessagePosted)
        ],
    }


def root_of(document: Document) -> tuple[bytes, int]:
    """Return a document's Merkle root and the number of its leaves: `[section, position, entry]` in canonical JSON."""
    count = sum(len(entries) for entries in document.values())
    return merkle_root(_leaves(document)), count


def root_over(media: bytes, record: bytes) -> bytes:
    """Return the manifest's root from the roots of its documents."""
    return node_hash(media, record)


def decoded(text: bytes, sections: Iterable[str]) -> Document:
    """Return a stored document. ValueError unless it is canonical and has exactly these sections."""
    document = from_canonical(text)
    if not isinstance(document, dict) or set(document) != set(sections):
        raise ValueError("not a document of a manifest")
    if not all(isinstance(entries, list) for entries in document.values()):
        raise ValueError("a section is a list")
    return document


def _leaves(document: Document) -> Iterator[bytes]:
    for section in sorted(document):
        for position, entry in enumerate(document[section]):
            yield canonical([section, position, entry])


def _segment(segment: Segment, sealed: SealedDigest, spans: Spans) -> dict[str, Any]:
    return {
        "participant": segment.participant,
        "source": segment.source.value,
        "index": segment.index,
        "codec": segment.codec,
        "container": segment.container,
        "started_at": instant(segment.started_at),
        "offset_ms": spans.offset_ms(segment.started_at),
        "duration_ms": segment.duration_ms,
        "frames": segment.frames,
        "interrupted": segment.interrupted,
        "size_bytes": segment.size_bytes,
        "sha256": segment.sha256,
        "previous_sha256": segment.previous_sha256,
        "blob": segment.blob,
        "sealed_bytes": sealed.size_bytes,
        "sealed_sha256": sealed.sha256,
    }


def _told(event: RoomEvent, spans: Spans) -> dict[str, Any]:
    """Return an event with its place and its fact as the room knows it."""
    return {
        "seq": event.seq,
        "at": instant(event.at),
        "offset_ms": spans.offset_ms(event.at),
        "kind": KINDS[type(event.fact)],
        "fact": _plain(msgspec.to_builtins(event.fact, builtin_types=(datetime,))),
    }


def _message(event: RoomEvent, spans: Spans, stored: Mapping[AttachmentId, StoredFile]) -> dict[str, Any]:
    told = _told(event, spans)
    for attachment in told["fact"]["attachments"]:
        file = stored.get(AttachmentId(attachment["id"]))
        attachment["sha256"] = None if file is None else file.sha256
    return told


def _plain(value: Any) -> Any:
    """Return `value` without what canonical JSON has no form for: fractions become their decimal words."""
    match value:
        case dict():
            return {str(key): _plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case float():
            return repr(value)
        case datetime():
            return instant(value)
        case _:
            return value
