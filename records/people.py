"""Departments, accounts and patients."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, Row, exists, insert, or_, select, update

from care.consultation import Status
from care.people import Department, Member, Patient, Sex
from identity.principal import Role
from kernel.errors import NotFound
from kernel.ids import DepartmentId, PatientId, UserId
from records.archive_words import write_words
from records.engine import Connection, uniqueness_as_conflict
from records.tables import consultations, departments, members, patients


class SqlPeople:
    """Implements `care.ports.PeopleRepository`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def department(self, department: DepartmentId) -> Department:
        row = (await self._connection.execute(select(departments).where(departments.c.id == department))).one_or_none()
        if row is None:
            raise NotFound
        return _department_from_row(row)

    async def departments(self) -> list[Department]:
        rows = await self._connection.execute(select(departments).order_by(departments.c.name_en))
        return [_department_from_row(row) for row in rows]

    async def add_department(self, department: Department) -> None:
        async with uniqueness_as_conflict(self._connection):
            await self._connection.execute(insert(departments).values(asdict(department)))

    async def member(self, member: UserId) -> Member:
        row = (await self._connection.execute(select(members).where(members.c.id == member))).one_or_none()
        if row is None:
            raise NotFound
        return _member_from_row(row)

    async def members(self) -> list[Member]:
        query = select(members).order_by(members.c.name, members.c.id)
        return [_member_from_row(row) for row in await self._connection.execute(query)]

    async def add_member(self, member: Member) -> None:
        async with uniqueness_as_conflict(self._connection):
            await self._connection.execute(insert(members).values(_member_to_row(member)))

    async def save_member(self, member: Member) -> None:
        statement = update(members).where(members.c.id == member.id).values(_member_to_row(member))
        async with uniqueness_as_conflict(self._connection):
            if (await self._connection.execute(statement)).rowcount == 0:
                raise NotFound
        await write_words(self._connection, consultations.c.clinician == member.id)

    async def patient(self, patient: PatientId) -> Patient:
        return await self._patient(patients.c.id == patient)

    async def patient_by_record_number(self, record_number: str) -> Patient:
        return await self._patient(patients.c.record_number == record_number)

    async def patients(self, *, q: str = "", treated_by: UserId | None = None, limit: int = 50) -> list[Patient]:
        query = select(patients).order_by(patients.c.name, patients.c.id).limit(limit)
        if q:
            query = query.where(
                or_(
                    patients.c.name.icontains(q, autoescape=True),
                    patients.c.record_number.icontains(q, autoescape=True),
                )
            )
        if treated_by is not None:
            query = query.where(
                exists().where(
                    consultations.c.patient == patients.c.id,
                    consultations.c.clinician == treated_by,
                    consultations.c.status != Status.CANCELLED,
                )
            )
        return [_patient_from_row(row) for row in await self._connection.execute(query)]

    async def add_patient(self, patient: Patient) -> None:
        async with uniqueness_as_conflict(self._connection):
            await self._connection.execute(insert(patients).values(asdict(patient)))

    async def _patient(self, which: ColumnElement[bool]) -> Patient:
        row = (await self._connection.execute(select(patients).where(which))).one_or_none()
        if row is None:
            raise NotFound
        return _patient_from_row(row)


def _department_from_row(row: Row[*tuple[Any, ...]]) -> Department:
    return Department(id=DepartmentId(row.id), name_en=row.name_en, name_zh=row.name_zh)


def _member_from_row(row: Row[*tuple[Any, ...]]) -> Member:
    return Member(
        id=UserId(row.id),
        login=row.login,
        name=row.name,
        role=Role(row.role),
        language=row.language,
        title=row.title,
        department=DepartmentId(row.department) if row.department else None,
        patient=PatientId(row.patient) if row.patient else None,
        active=row.active,
    )


def _patient_from_row(row: Row[*tuple[Any, ...]]) -> Patient:
    return Patient(
        id=PatientId(row.id),
        name=row.name,
        birth_date=row.birth_date,
        sex=Sex(row.sex),
        language=row.language,
        record_number=row.record_number,
        phone=row.phone,
    )


def _member_to_row(member: Member) -> dict[str, object]:
    return {**asdict(member), "login": member.login.lower()}
