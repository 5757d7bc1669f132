"""Signs what is kept of a visit: its manifest when the recording is closed, its film when that is composed."""

import asyncio
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

from care.recording import Recording, RecordingState
from kernel.ids import ConsultationId, RoomId
from records.blobs import BlobStore
from records.canonical_json import canonical, instant
from records.manifest import ABSENT, SCHEMA, RecordedVisit, media_document, record_document, root_of, root_over
from records.sealed_digest import SealedDigest
from records.signing_keys import SigningKeys
from records.statements import Statement, StatementKind, entry_for, note_key, signed
from records.unit_of_work import SqlStore, SqlUnit
from rooms.events import MessagePosted, RoomEvent
from rooms.ports import EventLog

_SALT_BYTES: Final = 32


class ManifestSigner:
    """All methods are for the event loop, and change nothing where it is done already."""

    def __init__(self, store: SqlStore, log: EventLog, blobs: BlobStore, keys: SigningKeys) -> None:
        self._store = store
        self._log = log
        self._blobs = blobs
        self._keys = keys

    async def sign_manifest(self, recording: Recording) -> None:
        """Make, sign and store the manifest of a finished visit whose segments are all closed."""
        async with self._store.read() as work:
            if await work.manifests.statement(recording.consultation, StatementKind.MANIFEST) is not None:
                return
            visit = await self._visit(work, recording)
        media, record = await asyncio.to_thread(_documents, visit)
        async with self._store.write() as work:
            if await work.manifests.documents(recording.consultation) is not None:
                return
            sealed = await work.manifests.seal(recording.consultation, canonical(record))
            content = _manifest_content(recording, media, record, sealed)
            await self.state(work, recording.consultation, StatementKind.MANIFEST, content)
            await work.manifests.add(recording.consultation, media=canonical(media), sealed=sealed)

    async def keep_film(self, recording: Recording) -> None:
        """Store that `recording` is ready to be played, with a signed statement of what its film is."""
        assert recording.state is RecordingState.READY, "there is a film"
        sealed = await asyncio.to_thread(self._blobs.sealed_digest, recording.blob)
        async with self._store.write() as work:
            await work.recordings.save(recording)
            manifest = await work.manifests.statement(recording.consultation, StatementKind.MANIFEST)
            content = _film_content(recording, sealed, manifest)
            await self.state(work, recording.consultation, StatementKind.FILM, content)

    async def sign_film(self, recording: Recording) -> None:
        """As `keep_film`, of a film for which there is no statement yet."""
        async with self._store.read() as work:
            statement = await work.manifests.statement(recording.consultation, StatementKind.FILM)
        if statement is None:
            await self.keep_film(recording)

    async def state(
        self, work: SqlUnit, consultation: ConsultationId, kind: StatementKind, content: Mapping[str, Any]
    ) -> Statement:
        """Sign `content`; statement and access log's entry become durable with `work`."""
        await work.audit.take_turn()
        await asyncio.to_thread(self._keys.refresh)  # a rotation that is committed has ended the key before
        await note_key(work.audit, self._keys, work.at)
        statement = signed(self._keys, kind, {**content, "signed_at": instant(work.at)})
        await work.manifests.add_statement(consultation, statement)
        await work.audit.add_entries([entry_for(statement, consultation, at=work.at)])
        return statement

    async def _visit(self, work: SqlUnit, recording: Recording) -> RecordedVisit:
        segments = await work.recordings.segments(recording.id)
        events = await self._log.read(RoomId(recording.consultation))
        files = await work.attachments.many(recording.consultation, _attachments(events))
        sealed = await asyncio.to_thread(lambda: [self._digest(segment.blob) for segment in segments])
        return RecordedVisit(
            recording=recording,
            segments=segments,
            sealed=sealed,
            events=events,
            attachments={file.id: file for file in files},
            salt=secrets.token_hex(_SALT_BYTES),
        )

    def _digest(self, blob: str) -> SealedDigest:
        try:
            return self._blobs.sealed_digest(blob)
        except FileNotFoundError:
            return ABSENT


def _documents(visit: RecordedVisit) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    return media_document(visit), record_document(visit)


def _attachments(events: Sequence[RoomEvent]) -> set[Any]:
    return {
        attachment.id
        for event in events
        if isinstance(event.fact, MessagePosted)
        for attachment in event.fact.attachments
    }


def _manifest_content(
    recording: Recording, media: dict[str, list[Any]], record: dict[str, list[Any]], sealed: bytes
) -> dict[str, Any]:
    media_root, media_leaves = root_of(media)
    record_root, record_leaves = root_of(record)
    return {
        "manifest": SCHEMA,
        "consultation": recording.consultation,
        "recording": recording.id,
        "root": root_over(media_root, record_root).hex(),
        "media": {"root": media_root.hex(), "leaves": media_leaves},
        "record": {
            "root": record_root.hex(),
            "leaves": record_leaves,
            "sealed_sha256": hashlib.sha256(sealed).hexdigest(),
        },
    }


def _film_content(recording: Recording, sealed: SealedDigest, manifest: Statement | None) -> dict[str, Any]:
    return {
        "consultation": recording.consultation,
        "recording": recording.id,
        "manifest_root": None if manifest is None else manifest.content["root"],
        "blob": recording.blob,
        "duration_ms": recording.duration_ms,
        "size_bytes": recording.size_bytes,
        "sha256": recording.sha256,
        "sealed_bytes": sealed.size_bytes,
        "sealed_sha256": sealed.sha256,
    }
