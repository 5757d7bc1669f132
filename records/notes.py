"""Visit notes and their addenda, sealed under their consultation's key."""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from sqlalchemy import Row, insert, select, update

from care.note import Addendum, Sections, VisitNote
from kernel.errors import Conflict
from kernel.ids import ConsultationId, UserId
from records.data_key import DataKey
from records.engine import Connection, uniqueness_as_conflict
from records.sealing import Sealer
from records.tables import note_addenda, notes


class SqlNotes:
    """Implements `care.ports.NoteRepository`."""

    def __init__(self, connection: Connection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer

    async def of(self, consultation: ConsultationId) -> VisitNote:
        found = await self.many([consultation])
        return found.get(consultation) or VisitNote(consultation)

    async def many(self, consultations: Collection[ConsultationId]) -> dict[ConsultationId, VisitNote]:
        rows = (await self._connection.execute(select(notes).where(notes.c.consultation.in_(consultations)))).all()
        keys = await self._sealer.keys(self._connection, [ConsultationId(row.consultation) for row in rows])
        addenda = await self._addenda([row.consultation for row in rows if row.signed_at is not None], keys)
        return {
            ConsultationId(row.consultation): _note_from_row(row, keys, addenda.get(row.consultation, ()))
            for row in rows
        }

    async def save(self, note: VisitNote, *, previous: int) -> None:
        key = await self._sealer.key(self._connection, note.consultation)
        sections = Sections(note.subjective, note.objective, note.assessment, note.plan)
        row = {
            "version": note.version,
            "saved_at": note.saved_at,
            "sealed": key.seal(msgspec.json.encode(sections), context=_note_context(note.consultation, note.version)),
            "signed_by": note.signed_by,
            "signed_by_name": note.signed_by_name,
            "signed_at": note.signed_at,
        }
        if previous == 0:
            async with uniqueness_as_conflict(self._connection):
                await self._connection.execute(insert(notes).values(consultation=note.consultation, **row))
            return
        statement = (
            update(notes)
            .where(
                notes.c.consultation == note.consultation,
                notes.c.version == previous,
                notes.c.signed_at.is_(None),
            )
            .values(row)
        )
        if (await self._connection.execute(statement)).rowcount == 0:
            raise Conflict

    async def add_addendum(self, consultation: ConsultationId, position: int, addendum: Addendum) -> None:
        key = await self._sealer.key(self._connection, consultation)
        sealed = key.seal(addendum.text.encode(), context=_addendum_context(consultation, position))
        async with uniqueness_as_conflict(self._connection):
            await self._connection.execute(
                insert(note_addenda).values(
                    consultation=consultation,
                    position=position,
                    author=addendum.author,
                    author_name=addendum.author_name,
                    at=addendum.at,
                    sealed=sealed,
                )
            )

    async def _addenda(
        self, consultations: Collection[str], keys: Mapping[ConsultationId, DataKey]
    ) -> dict[str, tuple[Addendum, ...]]:
        if not consultations:
            return {}
        rows = await self._connection.execute(
            select(note_addenda)
            .where(note_addenda.c.consultation.in_(consultations))
            .order_by(note_addenda.c.consultation, note_addenda.c.position)
        )
        found: dict[str, tuple[Addendum, ...]] = {}
        for row in rows:
            consultation = ConsultationId(row.consultation)
            text = keys[consultation].open(row.sealed, context=_addendum_context(consultation, row.position)).decode()
            addendum = Addendum(UserId(row.author), row.author_name, row.at, text)
            found[consultation] = (*found.get(consultation, ()), addendum)
        return found


def _note_from_row(
    row: Row[*tuple[Any, ...]], keys: Mapping[ConsultationId, DataKey], addenda: tuple[Addendum, ...]
) -> VisitNote:
    consultation = ConsultationId(row.consultation)
    opened = keys[consultation].open(row.sealed, context=_note_context(consultation, row.version))
    sections = msgspec.json.decode(opened, type=Sections)
    return VisitNote(
        consultation,
        sections.subjective,
        sections.objective,
        sections.assessment,
        sections.plan,
        version=row.version,
        saved_at=row.saved_at,
        signed_by=UserId(row.signed_by) if row.signed_by else None,
        signed_by_name=row.signed_by_name,
        signed_at=row.signed_at,
        addenda=addenda,
    )


def _note_context(consultation: ConsultationId, version: int) -> str:
    return f"notes/{consultation}/{version}"


def _addendum_context(consultation: ConsultationId, position: int) -> str:
    return f"note_addenda/{consultation}/{position}"
