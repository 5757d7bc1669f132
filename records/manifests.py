"""Manifests, signed statements and what checks of them found, between rows and the domain."""

from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, and_, delete, exists, func, insert, or_, select

from care.consultation import Status
from care.integrity import Check, Fault, FaultKind, Integrity
from care.recording import RecordingState
from kernel.ids import ConsultationId
from records.engine import Connection
from records.sealing import Sealer
from records.statements import Statement, StatementKind
from records.tables import consultations, integrity_checks, manifests, recordings, segments, signed_statements

_COMPOSED: Final = (RecordingState.READY, RecordingState.FAILED)


class SqlManifests:
    """Implements `care.ports.IntegrityRepository`, and what signing and checking need beyond it."""

    def __init__(self, connection: Connection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer

    async def integrity(self, consultation: ConsultationId) -> Integrity:
        statement = await self.statement(consultation, StatementKind.MANIFEST)
        query = select(integrity_checks).where(integrity_checks.c.consultation == consultation)
        row = (await self._connection.execute(query)).one_or_none()
        destruction = await self.statement(consultation, StatementKind.DESTRUCTION)
        return _integrity(statement, None if row is None else _check_from_row(row), destruction)

    async def record_destroyed_at(self, consultation: ConsultationId) -> datetime | None:
        return _claimed(await self.statement(consultation, StatementKind.ERASURE))[1]

    async def note_check(self, consultation: ConsultationId, check: Check) -> None:
        await self._connection.execute(delete(integrity_checks).where(integrity_checks.c.consultation == consultation))
        await self._connection.execute(
            insert(integrity_checks).values(
                consultation=consultation,
                at=check.at,
                fault="" if check.fault is None else check.fault.kind,
                file="" if check.fault is None else check.fault.file[:300],
                segments=check.segments,
            )
        )

    async def seal(self, consultation: ConsultationId, record: bytes) -> bytes:
        """Return the record document as it is stored."""
        key = await self._sealer.key(self._connection, consultation)
        return key.seal(record, context=_context(consultation))

    async def unseal(self, consultation: ConsultationId, sealed: bytes) -> bytes:
        """Return the record document. Raises `SealBroken`, or `KeyMissing` when its key was destroyed."""
        key = await self._sealer.key(self._connection, consultation)
        return key.open(sealed, context=_context(consultation))

    async def add(self, consultation: ConsultationId, *, media: bytes, sealed: bytes) -> None:
        """Store the documents of a manifest."""
        await self._connection.execute(insert(manifests).values(consultation=consultation, media=media, sealed=sealed))

    async def documents(self, consultation: ConsultationId) -> tuple[bytes, bytes] | None:
        """Return the media document, and the record document as it is sealed; None when there is no manifest."""
        query = select(manifests.c.media, manifests.c.sealed).where(manifests.c.consultation == consultation)
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else (row.media, row.sealed)

    async def add_statement(self, consultation: ConsultationId, statement: Statement) -> None:
        """Store a statement behind those that are there."""
        newest = select(func.max(signed_statements.c.number)).where(signed_statements.c.consultation == consultation)
        number = (await self._connection.scalar(newest) or 0) + 1
        await self._connection.execute(
            insert(signed_statements).values(
                consultation=consultation,
                number=number,
                kind=statement.kind,
                text=statement.text,
                signature=statement.signature,
            )
        )

    async def statement(self, consultation: ConsultationId, kind: StatementKind) -> Statement | None:
        """Return the newest statement of a kind."""
        query = (
            select(signed_statements)
            .where(signed_statements.c.consultation == consultation, signed_statements.c.kind == kind)
            .order_by(signed_statements.c.number.desc())
            .limit(1)
        )
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else Statement(kind, row.text, row.signature)

    async def closed(self, *, after: str, limit: int) -> list[ConsultationId]:
        """Return finished visits that were recorded, signed or not, by id from behind `after` on."""
        query = (
            select(recordings.c.consultation)
            .join(consultations, consultations.c.id == recordings.c.consultation)
            .where(consultations.c.status == Status.FINISHED, recordings.c.consultation > after)
            .order_by(recordings.c.consultation)
            .limit(limit)
        )
        return [ConsultationId(row.consultation) for row in await self._connection.execute(query)]

    async def count_segments(self, consultation: ConsultationId | None = None) -> int:
        """Return how many segments one recording, or all together, have."""
        query = select(func.count()).select_from(segments)
        if consultation is not None:
            query = query.join(recordings, recordings.c.id == segments.c.recording).where(
                recordings.c.consultation == consultation
            )
        return int(await self._connection.scalar(query))

    async def unsigned(self) -> list[ConsultationId]:
        """Return finished visits whose manifest, or whose film, nobody has signed yet, oldest first."""
        has_film = exists().where(
            signed_statements.c.consultation == recordings.c.consultation,
            signed_statements.c.kind == StatementKind.FILM,
        )
        query = (
            select(recordings.c.consultation)
            .join(consultations, consultations.c.id == recordings.c.consultation)
            .where(
                consultations.c.status == Status.FINISHED,
                recordings.c.state.in_(_COMPOSED),
                or_(
                    ~exists().where(manifests.c.consultation == recordings.c.consultation),
                    and_(recordings.c.state == RecordingState.READY, ~has_film),
                ),
            )
            .order_by(recordings.c.started_at)
        )
        return [ConsultationId(row.consultation) for row in await self._connection.execute(query)]


def _integrity(statement: Statement | None, check: Check | None, destruction: Statement | None) -> Integrity:
    content, signed_at = _claimed(statement)
    return Integrity(
        signed_at=signed_at,
        destroyed_at=_claimed(destruction)[1],
        key=str(content.get("key", "")),
        root=str(content.get("root", "")),
        check=check,
    )


def _claimed(statement: Statement | None) -> tuple[dict[str, Any], datetime | None]:
    """Return what a statement says, and when it was signed; nothing of an altered one, which a check finds."""
    if statement is not None:
        with suppress(ValueError, KeyError, TypeError):
            content = dict(statement.content)
            return content, datetime.fromisoformat(content["signed_at"])
    return {}, None


def _check_from_row(row: Row[*tuple[Any, ...]]) -> Check:
    fault = Fault(FaultKind(row.fault), row.file) if row.fault else None
    return Check(at=row.at, fault=fault, segments=row.segments)


def _context(consultation: ConsultationId) -> str:
    return f"manifests/{consultation}"
