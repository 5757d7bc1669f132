"""Checks an archive against what was signed, from the stored bytes up, without any of the keys that open it.

Order of the checks: statement, signature, key, access log, manifest, segments' chain, rows, files; then the film. Of a
recording that was destroyed there are no files. The first fault ends the check of a consultation. Memory is bounded by
the largest single manifest.
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from care.integrity import Check, Fault, FaultKind, Verdict
from care.recording import Recording, RecordingState, Segment
from identity.audit import AuditEntry, ChainReport, Outcome
from kernel.clock import monotonic_s
from kernel.ids import ConsultationId
from kernel.threads import Threads
from records.blobs import BlobStore
from records.manifest import MEDIA_SECTIONS, Document, decoded, root_of, root_over
from records.signing_keys import SigningKeys
from records.statements import KEY_BEGINS, KEYS_OBJECT, PREFIX, SIGNED, Statement, StatementKind, key_words
from records.unit_of_work import SqlStore, SqlUnit

OnSegment = Callable[[int], None]
"""Told, in a thread, the size of each segment whose bytes agree."""

_KEYS_LIMIT: Final = 1000
_WALK_LASTS_S: Final = 600
_SOUND_LASTS_S: Final = 1800
_CHECKS_LIMIT: Final = 4  # of films and whole visits, at the same time

MANIFEST_FILE: Final = "manifest"
STATEMENT_FILE: Final = "statement"
FILM_STATEMENT_FILE: Final = "film statement"
DESTRUCTION_STATEMENT_FILE: Final = "destruction statement"


class FaultFound(Exception):
    """The check ends here."""

    def __init__(self, kind: FaultKind, file: str) -> None:
        super().__init__(f"{kind}: {file}")
        self.fault: Final = Fault(kind, file)


@dataclass(frozen=True, slots=True)
class _Stored:
    """What the database has of a consultation's archive, as of one moment."""

    recording: Recording
    manifest: Statement
    media: bytes
    sealed: bytes
    rows: list[Segment]
    film: Statement | None
    destruction: Statement | None


class ArchiveVerifier:
    """All methods are for the event loop; files are read in threads."""

    def __init__(
        self, store: SqlStore, blobs: BlobStore, keys: SigningKeys, monotonic: Callable[[], float] = monotonic_s
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._keys = keys
        self._monotonic = monotonic
        self._threads = Threads("verification", _CHECKS_LIMIT)
        self._checking = asyncio.Lock()
        self._walked: tuple[float, ChainReport] | None = None
        self._sound: dict[str, float] = {}  # hash of a film -> until when its visit need not be read again

    async def chain(self) -> ChainReport:
        """Walk the whole access log, once for however many consultations are checked after it."""
        await asyncio.to_thread(self._keys.refresh)
        async with self._store.read() as work:
            return await work.audit.verify()

    async def verify(
        self, consultation: ConsultationId, chain: ChainReport | None, *, on_segment: OnSegment = lambda _size: None
    ) -> Verdict:
        """Check everything of one consultation. Storage that fails is a fault of its own kind, never a good verdict.

        Without `chain` the access log must have what was signed, but is not walked.
        """
        counted = [0, 0]

        def count(size: int) -> None:
            counted[0] += 1
            counted[1] += size
            on_segment(size)

        fault, content, destroyed_at = None, {}, None
        try:
            stored = await self._read(consultation, chain)
            content = dict(stored.manifest.content)
            destroyed_at = stored.destruction.content["signed_at"] if stored.destruction else None
            await self._threads.run(self._compare, stored, content, count)
        except FaultFound as found:
            fault = found.fault
        signed_at = content.get("signed_at")
        return Verdict(
            consultation=consultation,
            fault=fault,
            segments=counted[0],
            size_bytes=counted[1],
            key=str(content.get("key", "")),
            signed_at=datetime.fromisoformat(signed_at) if signed_at else None,
            destroyed_at=datetime.fromisoformat(destroyed_at) if destroyed_at else None,
        )

    async def check(self, consultation: ConsultationId) -> Verdict:
        """As `verify`, one after the other; the checks of ten minutes share one walk through the access log."""
        async with self._checking:
            if self._walked is None or self._monotonic() - self._walked[0] > _WALK_LASTS_S:
                self._walked = (self._monotonic(), await self.chain())
            verdict = await self.verify(consultation, self._walked[1])
        if verdict.fault is not None:
            self._sound.clear()
        return verdict

    async def playing_fault(self, recording: Recording) -> Fault | None:
        """Check everything of a visit whose film is about to be played: what is altered anywhere is not played.

        The access log is not walked for it, and what was sound is not read again for half an hour.
        """
        now = self._monotonic()
        if self._sound.get(recording.sha256, 0) > now:
            return None
        await asyncio.to_thread(self._keys.refresh)
        fault = (await self.verify(recording.consultation, None)).fault
        if fault is None:
            self._sound = {film: until for film, until in self._sound.items() if until > now}
            self._sound[recording.sha256] = now + _SOUND_LASTS_S
        return fault

    async def note(
        self, verdict: Verdict, *, actor: str, role: str, action: str, outcome: Outcome = Outcome.ALLOWED
    ) -> Check:
        """Remember what a check found, and write it into the access log."""
        async with self._store.write() as work:
            check = Check(at=work.at, fault=verdict.fault, segments=verdict.segments)
            await work.manifests.note_check(verdict.consultation, check)
            words = "sound" if verdict.fault is None else f"{verdict.fault.kind} {verdict.fault.file}"
            entry = AuditEntry(work.at, actor, role, action, "consultation", verdict.consultation, outcome, words)
            await work.audit.add_entries([entry])
        return check

    # What the database says -------------------------------------------------------------------------------------------

    async def _read(self, consultation: ConsultationId, chain: ChainReport | None) -> _Stored:
        async with self._store.read() as work:
            manifest = await work.manifests.statement(consultation, StatementKind.MANIFEST)
            if manifest is None:
                raise FaultFound(FaultKind.UNSIGNED, STATEMENT_FILE)
            await self._check_statement(work, consultation, manifest, STATEMENT_FILE, chain)
            documents = await work.manifests.documents(consultation)
            recording = await work.recordings.of(consultation)
            if documents is None or recording is None or recording.id != manifest.content["recording"]:
                raise FaultFound(FaultKind.MANIFEST, MANIFEST_FILE)
            film = await work.manifests.statement(consultation, StatementKind.FILM)
            if film is not None:
                await self._check_statement(work, consultation, film, FILM_STATEMENT_FILE, chain)
            destruction = await work.manifests.statement(consultation, StatementKind.DESTRUCTION)
            if destruction is not None:
                await self._check_statement(work, consultation, destruction, DESTRUCTION_STATEMENT_FILE, chain)
            of_record = await work.manifests.statement(consultation, StatementKind.ERASURE)
            if of_record is not None:
                await self._check_statement(work, consultation, of_record, DESTRUCTION_STATEMENT_FILE, chain)
            rows = await work.recordings.segments(recording.id)
        return _Stored(recording, manifest, *documents, rows, film, destruction)

    async def _check_statement(
        self, work: SqlUnit, consultation: ConsultationId, statement: Statement, file: str, chain: ChainReport | None
    ) -> None:
        """Check that a key of ours signed the statement in its time, and that the access log has it."""
        try:
            content = statement.content
        except ValueError:
            raise FaultFound(FaultKind.SIGNATURE, file) from None
        key = self._keys.find(str(content.get("key")))
        if key is None:
            raise FaultFound(FaultKind.KEY_UNKNOWN, file)
        if content.get("consultation") != consultation or not key.verifies(
            PREFIX + statement.text, statement.signature
        ):
            raise FaultFound(FaultKind.SIGNATURE, file)
        entry = await work.audit.find(consultation, SIGNED, statement.words)
        if entry is None:
            raise FaultFound(FaultKind.AUDIT_MISSING, f"access log, {file}")
        if chain is not None and chain.broken_at is not None and chain.broken_at <= entry.seq:
            raise FaultFound(FaultKind.AUDIT_BROKEN, f"access log, entry {chain.broken_at}")
        if not await self._was_active(work, key_words(key.id, key.raw), entry.seq):
            raise FaultFound(FaultKind.KEY_RETIRED, file)

    async def _was_active(self, work: SqlUnit, words: str, seq: int) -> bool:
        """Whether of the keys whose beginning the access log has before `seq`, that of `words` is the newest."""
        begun = await work.audit.page(object_id=KEYS_OBJECT, before=seq, limit=_KEYS_LIMIT)
        newest = next((each.entry for each in begun if each.entry.action == KEY_BEGINS), None)
        return newest is not None and newest.detail == words

    # What the files say -----------------------------------------------------------------------------------------------

    def _compare(self, stored: _Stored, content: Mapping[str, Any], count: OnSegment) -> None:
        try:
            document = decoded(stored.media, MEDIA_SECTIONS)
            media_root, media_leaves = root_of(document)
        except ValueError:
            raise FaultFound(FaultKind.MANIFEST, MANIFEST_FILE) from None
        root = root_over(media_root, bytes.fromhex(content["record"]["root"])).hex()
        sealed = hashlib.sha256(stored.sealed).hexdigest()
        if (media_root.hex(), media_leaves, root) != (
            content["media"]["root"],
            content["media"]["leaves"],
            content["root"],
        ):
            raise FaultFound(FaultKind.MANIFEST, MANIFEST_FILE)
        if sealed != content["record"]["sealed_sha256"]:
            raise FaultFound(FaultKind.MANIFEST, f"{MANIFEST_FILE}, record")
        _check_chain(document["segments"])
        _check_rows(document["segments"], stored.rows)
        if stored.destruction is not None:
            return  # that the files are gone is signed, too
        self._compare_segments(document, stored, count)
        if stored.recording.state is RecordingState.READY:
            self._compare_film(stored.recording, stored.film)

    def _compare_segments(self, document: Document, stored: _Stored, count: OnSegment) -> None:
        entries = document["segments"]
        known = {entry["blob"] for entry in entries if entry["sealed_sha256"]}
        folder = f"segments/{stored.recording.consultation}"
        for name in self._names(folder):
            if f"{folder}/{name}" not in known:
                raise FaultFound(FaultKind.SEGMENT_FOREIGN, f"{folder}/{name}")
        for entry in entries:
            if entry["sealed_sha256"]:
                self._compare_file(entry, FaultKind.SEGMENT_MISSING, FaultKind.SEGMENT_CHANGED)
                count(entry["sealed_bytes"])

    def _names(self, folder: str) -> list[str]:
        try:
            return self._blobs.all_names(folder)
        except OSError:
            raise FaultFound(FaultKind.STORAGE, folder) from None

    def _compare_film(self, recording: Recording, film: Statement | None) -> None:
        if film is None:
            raise FaultFound(FaultKind.FILM_UNSIGNED, recording.blob)
        content = film.content
        stated = (content["blob"], content["sha256"], content["size_bytes"], content["duration_ms"])
        if stated != (recording.blob, recording.sha256, recording.size_bytes, recording.duration_ms):
            raise FaultFound(FaultKind.FILM_CHANGED, recording.blob)
        self._compare_file(content, FaultKind.FILM_MISSING, FaultKind.FILM_CHANGED)

    def _compare_file(self, stated: Mapping[str, Any], missing: FaultKind, changed: FaultKind) -> None:
        try:
            found = self._blobs.sealed_digest(stated["blob"])
        except FileNotFoundError:
            raise FaultFound(missing, stated["blob"]) from None
        except OSError:
            raise FaultFound(FaultKind.STORAGE, stated["blob"]) from None
        if (found.size_bytes, found.sha256) != (stated["sealed_bytes"], stated["sealed_sha256"]):
            raise FaultFound(changed, stated["blob"])


def _check_chain(entries: list[Any]) -> None:
    """Check that each track's segments name the hash of the one before."""
    newest: dict[tuple[str, str], tuple[int, str]] = {}
    for entry in sorted(entries, key=lambda entry: int(entry["index"])):
        track = (entry["participant"], entry["source"])
        index, sha256 = newest.get(track, (-1, ""))
        if entry["index"] <= index or entry["previous_sha256"] not in {"", sha256}:  # "": from before there were chains
            raise FaultFound(FaultKind.CHAIN, entry["blob"])
        newest[track] = (entry["index"], entry["sha256"])


def _check_rows(entries: list[Any], rows: list[Segment]) -> None:
    """Check that the database's rows, from which films are composed, are those of the manifest."""
    found = {row.blob: row for row in rows}
    for entry in entries:
        row = found.pop(entry["blob"], None)
        if row is None:
            raise FaultFound(FaultKind.SEGMENT_MISSING, entry["blob"])
        stated = (entry["participant"], entry["source"], entry["index"], entry["sha256"], entry["size_bytes"])
        if stated != (row.participant, row.source.value, row.index, row.sha256, row.size_bytes):
            raise FaultFound(FaultKind.SEGMENT_CHANGED, entry["blob"])
    for blob in found:
        raise FaultFound(FaultKind.SEGMENT_FOREIGN, blob)
