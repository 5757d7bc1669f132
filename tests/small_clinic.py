"""The smallest clinic whose records are real: two doctors, two patients, a few consultations, one database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row, create_engine, text

from care.consultation import Consultation
from care.people import Department, Member, Patient, Sex
from identity.principal import Principal, Role
from kernel.ids import ConsultationId, DepartmentId, PatientId, RoomId, SessionId, UserId
from records.engine import Database, database_url
from records.key_ring import KeyRing
from records.key_shares import KeyShares
from records.migrations import migrate
from records.sealing import Sealer
from records.unit_of_work import SqlStore

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)

CARDIOLOGY = Department(DepartmentId("dep_cardiology"), "Cardiology", "心内科")
LI = Patient(PatientId("pat_li"), "李雷", date(1980, 3, 1), Sex.MALE, "zh-CN", "MR-000001")
ROSE = Patient(PatientId("pat_rose"), "Rose Miller", date(1991, 7, 9), Sex.FEMALE, "en", "MR-000002")
HAN = Member(UserId("usr_han"), "dr.han", "Han Mei", Role.CLINICIAN, "en", "Attending physician", CARDIOLOGY.id)
WU = Member(UserId("usr_wu"), "dr.wu", "Wu Tian", Role.CLINICIAN, "zh-CN", "Resident", CARDIOLOGY.id)
ADA = Member(UserId("usr_ada"), "admin", "Ada", Role.ADMINISTRATOR, "en")
CATO = Member(UserId("usr_cato"), "custodian", "Cato", Role.CUSTODIAN, "en")
ROSES_ACCOUNT = Member(UserId("usr_rose"), "rose", "Rose Miller", Role.PATIENT, "en", patient=ROSE.id)

VISIT = ConsultationId("con_visit")  # Han and Rose, at noon
OTHER_VISIT = ConsultationId("con_other")  # Wu and Li, an hour later
ROOM = RoomId(VISIT)


def signed_in(member: Member) -> Principal:
    return Principal(
        subject=member.id,
        session=SessionId(f"ses_{member.login}"),
        role=member.role,
        name=member.name,
        language=member.language,
        patient=member.patient,
    )


def consultation(
    consultation_id: ConsultationId = VISIT,
    *,
    patient: Patient = ROSE,
    clinician: Member = HAN,
    scheduled_at: datetime = NOON,
) -> Consultation:
    return Consultation(
        id=consultation_id,
        patient=patient.id,
        clinician=clinician.id,
        department=CARDIOLOGY.id,
        scheduled_at=scheduled_at,
        planned_minutes=20,
        reason="Chest tightness after stairs",
    )


ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""Of tests that copy the database's file as a backup."""


@dataclass(slots=True)
class SmallClinic:
    directory: Path
    database: Database
    ring: KeyRing
    shares: KeyShares
    sealer: Sealer
    store: SqlStore
    url: str
    now: datetime = NOON

    def later(self, by: timedelta) -> None:
        self.now += by

    @property
    def is_embedded(self) -> bool:
        return self.url.startswith("sqlite")

    def sql(self, statement: str, **values: object) -> list[Row[*tuple[Any, ...]]]:
        """Run a statement past everything that protects the rows, and return what it finds."""
        engine = create_engine(database_url(self.url))
        try:
            with engine.begin() as connection:
                if not self.is_embedded:
                    connection.exec_driver_sql("SET session_replication_role = replica")  # no foreign keys
                found = connection.execute(text(statement), values)
                return list(found.all()) if found.returns_rows else []
        finally:
            engine.dispose()


@asynccontextmanager
async def small_clinic(directory: Path, url: str = "") -> AsyncIterator[SmallClinic]:
    """Open a clinic with its keys in `directory`, and its records there, too, or in an empty or fresh database."""
    url = url or f"sqlite:///{directory / 'consilium.db'}"
    migrate(url)
    database = Database(url)
    await database.open()
    ring = KeyRing.load_or_create(directory / "keys" / "records.json")
    shares = KeyShares(directory / "keys" / "shares.db")
    sealer = Sealer(database, ring, shares)
    clock: list[SmallClinic] = []
    clinic = SmallClinic(
        directory, database, ring, shares, sealer, SqlStore(database, sealer, lambda: clock[0].now), url
    )
    clock.append(clinic)
    async with clinic.store.write() as work:
        await work.people.add_department(CARDIOLOGY)
        for patient in (LI, ROSE):
            await work.people.add_patient(patient)
        for member in (HAN, WU, ADA, CATO, ROSES_ACCOUNT):
            await work.people.add_member(member)
        await work.consultations.add(consultation())
        later = NOON + timedelta(hours=1)
        await work.consultations.add(consultation(OTHER_VISIT, patient=LI, clinician=WU, scheduled_at=later))
    try:
        yield clinic
    finally:
        await database.close()
