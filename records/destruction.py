"""Destroys recordings whose time is over: first the key, so that no backup opens them, then the files."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from care.access import Action
from care.retention import RetentionRule
from identity.audit import SYSTEM, AuditEntry
from kernel.ids import ConsultationId
from records.blobs import BlobStore
from records.manifest_signing import ManifestSigner
from records.statements import StatementKind
from records.unit_of_work import SqlStore

_BATCH: Final = 200

_log = structlog.get_logger("records.destruction")


@dataclass(frozen=True, slots=True)
class Destroyer:
    """Works on what `records/retention.py` says is due. Methods are for the event loop."""

    store: SqlStore
    blobs: BlobStore
    signer: ManifestSigner
    rule: RetentionRule

    async def destroy(self, consultation: ConsultationId, *, at: datetime) -> bool:
        """Destroy one recording; False, and nothing happens, when it is not due at `at` or a hold stands.

        That it was destroyed, when and by which rule is signed, and stands in the access log; and whether it had a key
        of its own: one that shares the record's is unreadable in backups only when the record is destroyed, too.
        """
        async with self.store.read() as work:  # not below: after that, the keys it looked at would be cached
            own_key = await work.retention.has_own_key(consultation)
        async with self.store.write() as work:
            if not await work.retention.may_destroy(consultation, self.rule.finished_before(at)):
                return False
            files = await work.retention.files(consultation)
            content = {
                "consultation": consultation,
                "purpose": "media",
                "own_key": own_key,
                "files": len(files),
                "rule": f"recordings, {self.rule.years} years",
            }
            await self.signer.state(work, consultation, StatementKind.DESTRUCTION, content)
            words = f"{len(files)} files, {content['rule']}" + ("" if own_key else ", the record's key stays")
            entry = AuditEntry(work.at, SYSTEM, "", Action.ARCHIVE_DESTROY, "consultation", consultation, detail=words)
            await work.audit.add_entries([entry])
            await work.retention.destroy(consultation)
        for blob in files:
            await self._remove(blob)
        return True

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
