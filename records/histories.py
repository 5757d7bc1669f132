"""What is known of each patient: problems, allergies, medications, measurements."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from sqlalchemy import Table, insert, select

from care.history import Allergy, Condition, HistoryEntry, Medication, Observation, PatientHistory
from kernel.ids import EntryId, PatientId
from records.engine import Connection, uniqueness_as_conflict
from records.tables import allergies, conditions, medications, observations

OBSERVATIONS_LIMIT: Final = 2000
_ENTRIES_LIMIT: Final = 500

_TABLES: Final[dict[type[HistoryEntry], Table]] = {
    Condition: conditions,
    Allergy: allergies,
    Medication: medications,
    Observation: observations,
}


class SqlHistories:
    """Implements `care.ports.HistoryRepository`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def of(self, patient: PatientId) -> PatientHistory:
        return PatientHistory(
            patient,
            await self._conditions(patient),
            await self._allergies(patient),
            await self._medications(patient),
            await self._observations(patient),
        )

    async def add(self, patient: PatientId, entries: Sequence[HistoryEntry]) -> None:
        for kind, table in _TABLES.items():
            rows = [{**asdict(entry), "patient": patient} for entry in entries if isinstance(entry, kind)]
            if rows:
                async with uniqueness_as_conflict(self._connection):
                    await self._connection.execute(insert(table), rows)

    async def _conditions(self, patient: PatientId) -> tuple[Condition, ...]:
        table = conditions.c
        rows = await self._connection.execute(
            select(conditions)
            .where(table.patient == patient)
            .order_by(table.onset.desc().nulls_last(), table.id)
            .limit(_ENTRIES_LIMIT)
        )
        return tuple(
            Condition(EntryId(row.id), row.text, row.code, row.clinical_status, row.onset, row.note) for row in rows
        )

    async def _allergies(self, patient: PatientId) -> tuple[Allergy, ...]:
        table = allergies.c
        rows = await self._connection.execute(
            select(allergies)
            .where(table.patient == patient)
            .order_by(table.criticality != "high", table.recorded.desc().nulls_last(), table.id)
            .limit(_ENTRIES_LIMIT)
        )
        return tuple(
            Allergy(EntryId(row.id), row.substance, row.reaction, row.criticality, row.recorded) for row in rows
        )

    async def _medications(self, patient: PatientId) -> tuple[Medication, ...]:
        table = medications.c
        rows = await self._connection.execute(
            select(medications)
            .where(table.patient == patient)
            .order_by(table.since.desc().nulls_last(), table.id)
            .limit(_ENTRIES_LIMIT)
        )
        return tuple(
            Medication(EntryId(row.id), row.text, row.dosage, row.status, row.since, row.until) for row in rows
        )

    async def _observations(self, patient: PatientId) -> tuple[Observation, ...]:
        table = observations.c
        rows = await self._connection.execute(
            select(observations)
            .where(table.patient == patient)
            .order_by(table.at.desc(), table.id.desc())
            .limit(OBSERVATIONS_LIMIT)
        )
        return tuple(
            Observation(EntryId(row.id), row.code, row.text, row.value, row.unit, row.at, row.low, row.high)
            for row in reversed(rows.all())
        )
