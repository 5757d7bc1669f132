"""Departments, accounts and patients."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, Select, exists, insert, or_, select, update

from care.consultation import Status
from care.people import Department, Member, Patient, Sex
from identity.principal import Role
from kernel.errors import NotFound
from kernel.ids import DepartmentId, PatientId, UserId
from records.engine import Connection, uniqueness_as_conflict
from records.sealing import Sealer
from records.tables import consultations, departments, members, patients


class SqlPeople:
    """Implements `care.ports.PeopleRepository`."""

    def __init__(self, connection: Connection, sealer: Sealer) -> None:
        del sealer  # nothing here belongs to one consultation
        self._connection = connection

    async def department(self, department: DepartmentId) -> Department:
        row = (await self._connection.execute(select(departments).where(departments.c.id == department))).one_or_none()
        if row is None:
            raise NotFound
        return department_from_row(row)

    async def departments(self) -> list[Department]:
        rows = await self._connection.execute(select(departments).order_by(departments.c.name_en))
        return [department_from_row(row) for row in rows]

    async def add_department(self, department: Department) -> None:
        with uniqueness_as_conflict():
            await self._connection.execute(insert(departments).values(asdict(department)))

    async def save_department(self, department: Department) -> None:
        statement = update(departments).where(departments.c.id == department.id).values(asdict(department))
        if (await self._connection.execute(statement)).rowcount == 0:
            raise NotFound

    async def member(self, member: UserId) -> Member:
        return await self._member(select(members).where(members.c.id == member))

    async def member_by_login(self, login: str) -> Member:
        return await self._member(select(members).where(members.c.login == login.lower()))

    async def members(self, *, role: Role | None = None) -> list[Member]:
        query = select(members).order_by(members.c.name, members.c.id)
        if role is not None:
            query = query.where(members.c.role == role)
        return [member_from_row(row) for row in await self._connection.execute(query)]

    async def add_member(self, member: Member) -> None:
        with uniqueness_as_conflict():
            await self._connection.execute(insert(members).values(_member_to_row(member)))

    async def save_member(self, member: Member) -> None:
        statement = update(members).where(members.c.id == member.id).values(_member_to_row(member))
        with uniqueness_as_conflict():
            if (await self._connection.execute(statement)).rowcount == 0:
                raise NotFound

    async def patient(self, patient: PatientId) -> Patient:
        row = (await self._connection.execute(select(patients).where(patients.c.id == patient))).one_or_none()
        if row is None:
            raise NotFound
        return patient_from_row(row)

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
        return [patient_from_row(row) for row in await self._connection.execute(query)]

    async def add_patient(self, patient: Patient) -> None:
        with uniqueness_as_conflict():
            await self._connection.execute(insert(patients).values(asdict(patient)))

    async def save_patient(self, patient: Patient) -> None:
        statement = update(patients).where(patients.c.id == patient.id).values(asdict(patient))
        with uniqueness_as_conflict():
            if (await self._connection.execute(statement)).rowcount == 0:
                raise NotFound

    async def _member(self, query: Select[*tuple[Any, ...]]) -> Member:
        row = (await self._connection.execute(query)).one_or_none()
        if row is None:
            raise NotFound
        return member_from_row(row)


def department_from_row(row: Row[*tuple[Any, ...]]) -> Department:
    """Return the department in a row of `departments`."""
    return Department(id=DepartmentId(row.id), name_en=row.name_en, name_zh=row.name_zh)


def member_from_row(row: Row[*tuple[Any, ...]]) -> Member:
    """Return the account in a row of `members`."""
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


def patient_from_row(row: Row[*tuple[Any, ...]]) -> Patient:
    """Return the patient in a row of `patients`."""
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
