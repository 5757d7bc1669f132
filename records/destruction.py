"""Destroys what is due and was confirmed: first the key, so that no backup opens it, then the files."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog

from care.access import Action
from care.destruction import Destruction, Outcome, done
from care.retention import RetentionClass, RetentionRules
from identity.audit import SYSTEM, AuditEntry
from kernel.ids import ConsultationId
from records.blobs import BlobStore
from records.manifest_signing import ManifestSigner
from records.statements import StatementKind
from records.unit_of_work import SqlStore, SqlUnit

_BATCH: Final = 200

_log = structlog.get_logger("records.destruction")


Attempt = Callable[..., Awaitable[object]]
"""Takes what is to be tried, a word for its failure and, by name, what it is about; it may survive the failure."""


async def _attempted(work: Awaitable[object], _failure: str, **_about: object) -> object:
    return await work


@dataclass(frozen=True, slots=True)
class Destroyer:
    """Works on what `records/retention.py` says is due. Methods are for the event loop."""

    store: SqlStore
    blobs: BlobStore
    signer: ManifestSigner
    rules: RetentionRules

    async def carry_out(self, destruction: Destruction, *, each: Attempt = _attempted) -> None:
        """Destroy what a confirmed proposal names; what is under hold by now, or not due, is kept.

        `each` is given every visit's destruction: it may let one fail so that the others have their turn. The proposal
        is carried out when none waits any more.
        """
        async with self.store.read() as work:
            items = await work.destructions.items(destruction.id)
        for item in items:
            if item.outcome is Outcome.WAITING:
                destroying = self.destroy(
                    item.consultation, destruction.kind, at=destruction.due_at, agreed=destruction
                )
                await each(destroying, "not_destroyed", consultation=item.consultation)
        async with self.store.write() as work:
            if destruction.kind is RetentionClass.RECORDS:
                await work.retention.forget_words()
            if not (await work.destructions.counts(destruction.id)).waiting:
                await work.destructions.save(done(destruction, at=work.at))

    async def destroy(
        self, consultation: ConsultationId, kind: RetentionClass, *, at: datetime, agreed: Destruction | None = None
    ) -> bool:
        """Destroy a recording or a record; False, and nothing happens, when it is not due at `at` or a hold stands.

        That it was destroyed, when, by which rule and on whose word (`agreed`) is signed, and stands in the access log;
        and whether the recording had a key of its own: one that shares the record's is unreadable in backups only when
        the record is destroyed, too.
        """
        async with self.store.read() as work:  # not below: after that, the keys it looked at would be cached
            own_key = await work.retention.has_own_key(consultation)
        rule = self.rules.of(kind)
        async with self.store.write() as work:
            may = await work.retention.may_destroy(kind, consultation, rule.finished_before(at))
            if agreed is not None:
                gone = may or await work.retention.is_destroyed(kind, consultation)
                await work.destructions.note(agreed.id, consultation, Outcome.DESTROYED if gone else Outcome.KEPT)
            if not may:
                return False
            media = await work.retention.files(consultation)
            has_media = bool(media) and not await work.retention.is_destroyed(RetentionClass.RECORDINGS, consultation)
            files = media if has_media else []
            if kind is RetentionClass.RECORDS:
                files = [*files, *await work.retention.attached_files(consultation)]
            await self._state(work, consultation, kind, files, agreed, own_key=own_key, has_media=has_media)
            if kind is RetentionClass.RECORDS:
                await work.retention.destroy_record(consultation)
            else:
                await work.retention.destroy_recording(consultation)
        for blob in files:
            await self._remove(blob)
        return True

    async def _state(
        self,
        work: SqlUnit,
        consultation: ConsultationId,
        kind: RetentionClass,
        files: Sequence[str],
        agreed: Destruction | None,
        *,
        own_key: bool,
        has_media: bool,
    ) -> None:
        """Sign what is about to be destroyed, and write it into the access log."""
        content: dict[str, Any] = {
            "consultation": consultation,
            "files": len(files),
            "rule": str(self.rules.of(kind)),
            "jurisdiction": self.rules.jurisdiction,
        }
        if agreed is not None:
            content |= {
                "destruction": agreed.id,
                "proposed_by": agreed.proposed_by,
                "confirmed_by": agreed.confirmed_by or "operator",
            }
        if kind is RetentionClass.RECORDINGS or has_media:
            media = {**content, "purpose": "media", "own_key": own_key}
            await self.signer.state(work, consultation, StatementKind.DESTRUCTION, media)
        if kind is RetentionClass.RECORDS:
            before = await work.manifests.statement(consultation, StatementKind.DESTRUCTION)
            # Of a recording from before there were keys of their own, destroyed earlier: now no copy of it opens.
            shared = before is not None and before.content.get("own_key") is False
            record = {**content, "purpose": "record", "recording_shared_key": shared}
            await self.signer.state(work, consultation, StatementKind.ERASURE, record)
        is_shared = kind is RetentionClass.RECORDINGS and not own_key
        words = f"{len(files)} files, {content['rule']}" + (", the record's key stays" if is_shared else "")
        entry = AuditEntry(work.at, SYSTEM, "", Action.ARCHIVE_DESTROY, "consultation", consultation, detail=words)
        await work.audit.add_entries([entry])

    async def sweep(self) -> int:
        """Remove the files that an earlier attempt could not; return how many are still left."""
        while True:
            async with self.store.read() as work:
                left = await work.retention.leftovers(limit=_BATCH)
            if not left:
                return 0
            removed = [await self._remove(blob) for blob in left]
            if not all(removed):
                return removed.count(False)

    async def _remove(self, blob: str) -> bool:
        try:
            await asyncio.to_thread(self.blobs.destroy, blob)
        except OSError:
            _log.warning("not_removed", blob=blob)  # it is unreadable already, and tried again
            return False
        async with self.store.write() as work:
            await work.retention.forget_file(blob)
        return True
