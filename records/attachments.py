"""What is known of the files sent within consultations; their names sealed."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update

from care.attachment import StoredFile
from kernel.errors import NotFound
from kernel.ids import AttachmentId, ConsultationId, ParticipantId
from records.data_key import DataKey
from records.engine import Connection, uniqueness_as_conflict
from records.sealing import Sealer
from records.tables import attachments


class SqlAttachments:
    """Implements `care.ports.AttachmentRepository`."""

    def __init__(self, connection: Connection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer

    async def add(self, file: StoredFile) -> None:
        row = await self._to_row(file)
        async with uniqueness_as_conflict(self._connection):
            await self._connection.execute(insert(attachments).values(**row, complete=False))

    async def complete(self, file: StoredFile) -> None:
        row = await self._to_row(file)
        statement = update(attachments).where(attachments.c.id == file.id).values(**row, complete=True)
        if (await self._connection.execute(statement)).rowcount == 0:
            raise NotFound

    async def remove(self, attachment: AttachmentId) -> None:
        await self._connection.execute(
            delete(attachments).where(attachments.c.id == attachment, attachments.c.complete.is_(False))
        )

    async def get(self, consultation: ConsultationId, attachment: AttachmentId) -> StoredFile:
        found = await self.many(consultation, [attachment])
        if not found:
            raise NotFound
        return found[0]

    async def many(self, consultation: ConsultationId, attachments_: Collection[AttachmentId]) -> list[StoredFile]:
        rows = (
            await self._connection.execute(
                select(attachments).where(
                    attachments.c.consultation == consultation,
                    attachments.c.id.in_(attachments_),
                    attachments.c.complete.is_(True),
                )
            )
        ).all()
        if not rows:
            return []
        key = await self._sealer.key(self._connection, consultation)
        return [_from_row(row, key) for row in rows]

    async def usage(self, consultation: ConsultationId) -> tuple[int, int]:
        row = (
            await self._connection.execute(
                select(func.count(), func.coalesce(func.sum(attachments.c.size_bytes), 0)).where(
                    attachments.c.consultation == consultation, attachments.c.complete.is_(True)
                )
            )
        ).one()
        return int(row[0]), int(row[1])

    async def pending(self) -> list[tuple[AttachmentId, str]]:
        rows = await self._connection.execute(
            select(attachments.c.id, attachments.c.blob).where(attachments.c.complete.is_(False))
        )
        return [(AttachmentId(row.id), row.blob) for row in rows]

    async def _to_row(self, file: StoredFile) -> dict[str, object]:
        key = await self._sealer.key(self._connection, file.consultation)
        return {
            "id": file.id,
            "consultation": file.consultation,
            "uploader": file.uploader,
            "content_type": file.content_type,
            "size_bytes": file.size_bytes,
            "sha256": file.sha256,
            "blob": file.blob,
            "created_at": file.created_at,
            "sealed": key.seal(file.name.encode(), context=_context(file.consultation, file.id)),
        }


def _from_row(row: Row[*tuple[Any, ...]], key: DataKey) -> StoredFile:
    consultation, attachment = ConsultationId(row.consultation), AttachmentId(row.id)
    return StoredFile(
        id=attachment,
        consultation=consultation,
        uploader=ParticipantId(row.uploader),
        name=key.open(row.sealed, context=_context(consultation, attachment)).decode(),
        content_type=row.content_type,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        blob=row.blob,
        created_at=row.created_at,
    )


def _context(consultation: ConsultationId, attachment: AttachmentId) -> str:
    return f"attachments/{consultation}/{attachment}"
