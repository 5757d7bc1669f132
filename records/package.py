"""The package for a court or a regulator: one ZIP file with everything that is kept of a recorded visit, in clear.

It holds its own signed list of files and the script that checks it (`records/package_check.py`). Nothing is collected
on disk or in memory: each file is decrypted, hashed and written in one go.
"""

import asyncio
import hashlib
import json
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from care.recording import Recording, RecordingState
from care.recording_time import Spans
from care.summary import ConsultationSummary
from care.transcript import Transcript, transcript_of
from care.transcript_page import page_of
from kernel.errors import NotFound, Overloaded
from kernel.ids import AttachmentId, ConsultationId, RoomId
from kernel.threads import Threads
from records.audit import chained_form
from records.blobs import BlobStore
from records.canonical_json import instant
from records.data_key import DataKey
from records.manifest import MEDIA_SECTIONS, RECORD_SECTIONS, Document, decoded
from records.manifest_signing import ManifestSigner
from records.package_check import attachment_path, segment_path
from records.recorded_media import RecordedMedia
from records.signing_keys import SigningKeys, VerifyingKey
from records.statements import Statement, StatementKind
from records.unit_of_work import SqlStore
from rooms.ports import EventLog

_READ_BYTES: Final = 256 * 1024
_LOG_LIMIT: Final = 10_000
PACKAGES_LIMIT: Final = 2  # written at the same time
_ENCLOSED: Final = {"README.txt": "package_readme.txt", "verify.py": "package_check.py"}


class Sink(Protocol):
    """Where the package goes; called from a thread."""

    def write(self, data: bytes, /) -> int: ...

    def flush(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Contents:
    """Everything that goes into a package, as of one moment; large files by their blobs."""

    consultation: ConsultationId
    texts: dict[str, bytes]
    blobs: dict[DataKey, dict[str, str]]  # key -> path in the package -> blob


class ArchivePackager:
    """Methods are for the event loop. Files are read in threads of its own: a slow client must hold up nobody else."""

    def __init__(
        self,
        *,
        store: SqlStore,
        log: EventLog,
        blobs: BlobStore,
        media: RecordedMedia,
        keys: SigningKeys,
        signer: ManifestSigner,
    ) -> None:
        self._store = store
        self._log = log
        self._blobs = blobs
        self._media = media
        self._keys = keys
        self._signer = signer
        self._threads = Threads("package", PACKAGES_LIMIT)
        self._places = PACKAGES_LIMIT

    @contextmanager
    def place(self) -> Iterator[None]:
        """Keep a place among those who are written to at the same time; `Overloaded` when there is none."""
        if not self._places:
            raise Overloaded
        self._places -= 1
        try:
            yield
        finally:
            self._places += 1

    async def write(self, consultation: ConsultationId, sink: Sink, *, at: datetime) -> None:
        """Write the package of a signed visit; `NotFound` when it is not signed. What `sink` raises ends it."""
        contents = await self._contents(consultation, at)
        package = _Zip(_Forward(sink), f"consilium-{consultation}", at)
        try:
            await self._threads.run(self._fill, package, contents)
            async with self._store.write() as work:
                content = {"consultation": consultation, "files": package.files}
                statement = await self._signer.state(work, consultation, StatementKind.PACKAGE, content)
            await self._threads.run(package.finish, statement)
        finally:
            package.abandon()

    def _fill(self, package: "_Zip", contents: _Contents) -> None:
        for path, text in contents.texts.items():
            package.add(path, [text])
        for key, blobs in contents.blobs.items():
            for path, blob in blobs.items():
                package.add(path, self._chunks(blob, key))

    def _chunks(self, blob: str, key: DataKey) -> Iterator[bytes]:
        with closing(self._blobs.open(blob, key, unfinished=True)) as content:
            while chunk := content.read(_READ_BYTES):
                yield chunk

    async def _contents(self, consultation: ConsultationId, at: datetime) -> _Contents:
        async with self._store.read() as work:
            documents = await work.manifests.documents(consultation)
            recording = await work.recordings.of(consultation)
            if documents is None or recording is None:
                raise NotFound
            statements = [
                statement
                for kind in (StatementKind.MANIFEST, StatementKind.FILM)
                if (statement := await work.manifests.statement(consultation, kind)) is not None
            ]
            record = await work.manifests.unseal(consultation, documents[1])
            log = await work.audit.proofs(consultation, limit=_LOG_LIMIT)
            summary = await work.consultations.summary(consultation)
            note = await work.notes.of(consultation)
            segments = await work.recordings.segments(recording.id)
            files = await work.attachments.many(consultation, _attachments(decoded(record, RECORD_SECTIONS)))
        events = await self._log.read(RoomId(consultation))
        enclosed = await asyncio.to_thread(_enclosed)
        transcript = transcript_of(events, Spans.of(events, segments))
        media = decoded(documents[0], MEDIA_SECTIONS)
        texts = {
            **enclosed,
            "keys.json": _json({"keys": [key_view(key) for key in self._keys.all]}),
            "transcript.html": page_of(transcript, summary, zone=UTC, printed_at=at).encode(),
            "transcript.json": _written(transcript, summary),
            "manifest/media.json": documents[0],
            "manifest/record.json": record,
            "access-log.json": _json(
                {
                    "complete": len(log) < _LOG_LIMIT,
                    "entries": [
                        {
                            "previous": previous.hex(),
                            "entry": chained_form(chained.seq, chained.entry),
                            "hash": chained.hash.hex(),
                        }
                        for previous, chained in log
                    ],
                }
            ),
        }
        if note.signed_at is not None:
            texts["note.json"] = msgspec.json.format(msgspec.json.encode(note), indent=1)
        for statement in statements:
            texts |= _statement_files(statement)
        recorded = {segment_path(entry): entry["blob"] for entry in media["segments"]} | _film(recording)
        attached = {attachment_path(file.id): file.blob for file in files}
        blobs: dict[DataKey, dict[str, str]] = {}
        if recorded:
            blobs[await self._media.key(consultation)] = recorded
        if attached:
            blobs[await self._media.record_key(consultation)] = attached
        return _Contents(consultation, texts, blobs)


@dataclass(slots=True)
class _Zip:
    """A ZIP file that is written from front to back, which notes the hash of everything in it."""

    sink: "_Forward"
    folder: str
    at: datetime
    files: dict[str, str] = field(default_factory=dict)
    _zip: zipfile.ZipFile = field(init=False)

    def __post_init__(self) -> None:
        self._zip = zipfile.ZipFile(self.sink, "w", zipfile.ZIP_STORED)

    def add(self, path: str, chunks: Iterable[bytes]) -> None:
        digest = hashlib.sha256()
        entry = zipfile.ZipInfo(f"{self.folder}/{path}", self.at.astimezone(UTC).timetuple()[:6])
        entry.external_attr = 0o600 << 16
        with self._zip.open(entry, "w", force_zip64=True) as content:
            for chunk in chunks:
                if not self.sink.is_open:
                    raise ConnectionAbortedError
                digest.update(chunk)
                content.write(chunk)
        self.files[path] = digest.hexdigest()

    def finish(self, statement: Statement) -> None:
        for path, text in _statement_files(statement).items():
            self.add(path, [text])
        self._zip.close()

    def abandon(self) -> None:
        """Let nothing more be written: what has no end yet never has one, so that nobody takes it for a package."""
        self.sink.is_open = False


class _Forward:
    """A file for `zipfile` that can be written to and nothing else, so that it never goes back.

    `zipfile` writes at whatever end, also after an error: what comes once this is closed goes nowhere.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.is_open = True

    def write(self, data: bytes, /) -> int:
        try:
            return self._sink.write(data) if self.is_open else len(data)
        except BaseException:
            self.is_open = False
            raise

    def flush(self) -> None:
        if self.is_open:
            self._sink.flush()

    def close(self) -> None:
        """Leave the sink open: it is its owner's."""


def key_view(key: VerifyingKey) -> dict[str, str | None]:
    """Return a public key as it is exported."""
    return {
        "id": key.id,
        "algorithm": "ed25519",
        "public": key.raw.hex(),
        "began": instant(key.began),
        "ended": None if key.ended is None else instant(key.ended),
    }


def _enclosed() -> dict[str, bytes]:
    here = Path(__file__).parent
    return {name: (here / file).read_bytes() for name, file in _ENCLOSED.items()}


def _statement_files(statement: Statement) -> dict[str, bytes]:
    name = f"statements/{statement.kind}"
    return {f"{name}.json": statement.text, f"{name}.sig": statement.signature.hex().encode()}


def _film(recording: Recording) -> dict[str, str]:
    return {"film.webm": recording.blob} if recording.state is RecordingState.READY else {}


def _attachments(record: Document) -> set[AttachmentId]:
    return {AttachmentId(each["id"]) for message in record["messages"] for each in message["fact"]["attachments"]}


def _written(transcript: Transcript, summary: ConsultationSummary) -> bytes:
    view = {"consultation": summary, **{name: getattr(transcript, name) for name in Transcript.__slots__}}
    return msgspec.json.format(msgspec.json.encode(view), indent=1)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode()
