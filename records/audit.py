"""The access log as a chain of hashes: an entry that is changed, removed, added or moved afterwards is found."""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Row, insert, select, update

from identity.audit import AuditEntry, ChainedEntry, ChainReport, Outcome
from identity.principal import Principal
from records.engine import Connection
from records.tables import audit_entries, audit_head

GENESIS: Final = bytes(32)  # what the first entry follows
_VERIFY_BATCH: Final = 1000
_DETAIL_CHARS: Final = 400


class SqlAuditTrail:
    """Implements `identity.audit.AuditTrail`. Writers of several nodes take turns on the row of `audit_head`."""

    def __init__(self, connection: Connection, *, at: datetime) -> None:
        self._connection = connection
        self._at = at

    async def add(
        self,
        principal: Principal,
        action: str,
        *,
        object_type: str,
        object_id: str,
        outcome: Outcome = Outcome.ALLOWED,
        detail: str = "",
    ) -> None:
        entry = AuditEntry(
            at=self._at,
            actor=principal.participant,
            role=principal.role,
            action=action,
            object_type=object_type,
            object_id=object_id,
            outcome=outcome,
            detail=detail[:_DETAIL_CHARS],
        )
        await self.add_entries([entry])

    async def add_entries(self, entries: Sequence[AuditEntry]) -> None:
        if not entries:
            return
        query = select(audit_head.c.seq, audit_head.c.hash).where(audit_head.c.id == 1).with_for_update()
        head = (await self._connection.execute(query)).one_or_none()
        if head is None:
            await self._connection.execute(insert(audit_head).values(id=1, seq=0, hash=GENESIS))
        seq, digest = (0, GENESIS) if head is None else (head.seq, head.hash)
        rows = []
        for entry in entries:
            seq += 1
            digest = chain_hash(digest, seq, entry)
            rows.append(_to_row(seq, entry, digest))
        await self._connection.execute(insert(audit_entries), rows)
        await self._connection.execute(update(audit_head).where(audit_head.c.id == 1).values(seq=seq, hash=digest))

    async def take_turn(self) -> None:
        """Let nobody else add an entry until this transaction ends; only in one that adds some."""
        await self._connection.execute(select(audit_head.c.seq).where(audit_head.c.id == 1).with_for_update())

    async def find(self, object_id: str, action: str, detail: str) -> ChainedEntry | None:
        """Return the first entry of exactly these words that follows from the one before it, None without one."""
        query = (
            select(audit_entries)
            .where(
                audit_entries.c.object_id == object_id,
                audit_entries.c.action == action,
                audit_entries.c.detail == detail,
            )
            .order_by(audit_entries.c.seq)
            .limit(1)
        )
        row = (await self._connection.execute(query)).one_or_none()
        if row is None:
            return None
        chained = _from_row(row)
        previous = await self._connection.scalar(
            select(audit_entries.c.hash).where(audit_entries.c.seq == chained.seq - 1)
        )
        follows = chain_hash(previous or GENESIS, chained.seq, chained.entry) == chained.hash
        return chained if follows else None

    async def page(
        self, *, before: int | None = None, limit: int = 100, object_id: str | None = None
    ) -> list[ChainedEntry]:
        query = select(audit_entries).order_by(audit_entries.c.seq.desc()).limit(limit)
        if before is not None:
            query = query.where(audit_entries.c.seq < before)
        if object_id is not None:
            query = query.where(audit_entries.c.object_id == object_id)
        return [_from_row(row) for row in await self._connection.execute(query)]

    async def proofs(self, object_id: str, *, limit: int) -> list[tuple[bytes, ChainedEntry]]:
        """Return the oldest entries about one object, each with the hash of the entry before it in the whole log."""
        before = audit_entries.alias()
        query = (
            select(audit_entries, before.c.hash.label("previous"))
            .outerjoin(before, before.c.seq == audit_entries.c.seq - 1)
            .where(audit_entries.c.object_id == object_id)
            .order_by(audit_entries.c.seq)
            .limit(limit)
        )
        return [(row.previous or GENESIS, _from_row(row)) for row in await self._connection.execute(query)]

    async def verify(self) -> ChainReport:
        seq, digest = 0, GENESIS
        while True:
            query = select(audit_entries).where(audit_entries.c.seq > seq).order_by(audit_entries.c.seq)
            rows = (await self._connection.execute(query.limit(_VERIFY_BATCH))).all()
            for row in rows:
                chained = _from_row(row)
                expected = chain_hash(digest, seq + 1, chained.entry)
                if chained.seq != seq + 1 or chained.hash != expected:
                    return ChainReport(entries=seq, head=digest, broken_at=seq + 1)
                seq, digest = chained.seq, expected
            if len(rows) < _VERIFY_BATCH:
                break
        head = (await self._connection.execute(select(audit_head.c.seq, audit_head.c.hash))).one_or_none()
        sound = (seq, digest) == ((0, GENESIS) if head is None else (head.seq, head.hash))
        return ChainReport(entries=seq, head=digest, broken_at=None if sound else seq + 1)


def chain_hash(previous: bytes, seq: int, entry: AuditEntry) -> bytes:
    """Return SHA-256(`previous` | canonical JSON of the entry with its place)."""
    canonical = json.dumps(chained_form(seq, entry), ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(previous + canonical.encode()).digest()


def chained_form(seq: int, entry: AuditEntry) -> list[str | int]:
    """Return an entry with its place as it is hashed: a list of which JSON is made."""
    return [
        seq,
        entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        entry.actor,
        entry.role,
        entry.action,
        entry.object_type,
        entry.object_id,
        entry.outcome,
        entry.detail,
    ]


def _to_row(seq: int, entry: AuditEntry, digest: bytes) -> dict[str, object]:
    return {
        "seq": seq,
        "at": entry.at,
        "actor": entry.actor,
        "role": entry.role,
        "action": entry.action,
        "object_type": entry.object_type,
        "object_id": entry.object_id,
        "outcome": entry.outcome,
        "detail": entry.detail,
        "hash": digest,
    }


def _from_row(row: Row[*tuple[Any, ...]]) -> ChainedEntry:
    entry = AuditEntry(
        at=row.at,
        actor=row.actor,
        role=row.role,
        action=row.action,
        object_type=row.object_type,
        object_id=row.object_id,
        outcome=Outcome(row.outcome),
        detail=row.detail,
    )
    return ChainedEntry(seq=row.seq, entry=entry, hash=row.hash)
