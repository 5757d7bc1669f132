"""The administrator's side of people and departments: who may sign in, as what, and where they work."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import date

from care.access import Action, require
from care.people import Department, Member, Patient, Sex
from care.ports import Store, UnitOfWork
from care.reach import changing, reading
from identity.principal import Principal, Role
from kernel.errors import Invalid
from kernel.ids import DepartmentId, PatientId, UserId, new_id


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMember:
    """Somebody who shall get an account. `patient` names whose record a patient's account opens."""

    login: str
    password: str
    name: str
    role: Role
    language: str
    title: str = ""
    department: DepartmentId | None = None
    patient: PatientId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberChange:
    """What shall be different about an account; None leaves it as it is."""

    name: str | None = None
    language: str | None = None
    title: str | None = None
    department: DepartmentId | None = None
    active: bool | None = None
    password: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPatient:
    name: str
    birth_date: date
    sex: Sex
    language: str
    record_number: str
    phone: str = ""


class Directory:
    """The people and departments of the clinic, for those whom `care.access` lets manage them.

    `hash_password(password, login)` raises `PasswordRefused` for one that is too weak.
    """

    def __init__(self, store: Store, hash_password: Callable[[str, str], Awaitable[str]]) -> None:
        self._store = store
        self._hash_password = hash_password

    async def members(self, principal: Principal) -> list[Member]:
        """Return every account, closed ones too."""
        async with reading(self._store, principal) as work:
            require(principal, Action.PEOPLE_MANAGE)
            return await work.people.members()

    async def add_member(self, principal: Principal, new: NewMember) -> Member:
        """Open an account. Raises Conflict when the login is taken, Invalid when role and patient do not fit."""
        async with reading(self._store, principal):
            require(principal, Action.PEOPLE_MANAGE)
        member = _member(new)
        password_hash = await self._hash_password(new.password, new.login)
        async with self._store.write() as work:
            await _require_named(work, member)
            await work.people.add_member(member)
            await work.sessions.set_password(member.id, password_hash, at=work.at)
            await work.audit.add(
                principal, "member.add", object_type="member", object_id=member.id, detail=member.role.value
            )
        return member

    async def change_member(self, principal: Principal, member: UserId, change: MemberChange) -> Member:
        """Change an account. Closing it, or a new password, ends its sessions. Nobody closes their own."""
        async with reading(self._store, principal) as work:
            require(principal, Action.PEOPLE_MANAGE, object_type="member", object_id=member)
            login = (await work.people.member(member)).login
        if change.active is False and member == principal.subject:
            raise Invalid("You can't close your own account.")
        password_hash = None
        if change.password is not None:
            password_hash = await self._hash_password(change.password, login)
        async with self._store.write() as work:
            before = await work.people.member(member)
            after = _changed(before, change)
            await _require_named(work, after)
            await work.people.save_member(after)
            if password_hash is not None:
                await work.sessions.set_password(member, password_hash, at=work.at)
            if password_hash is not None or not after.active:
                await work.sessions.revoke_all(member, at=work.at, because="administrator")
            parts = [name for name in MemberChange.__dataclass_fields__ if getattr(change, name) is not None]
            await work.audit.add(
                principal, "member.change", object_type="member", object_id=member, detail=", ".join(parts)
            )
        return after

    async def departments(self) -> list[Department]:
        """Return all departments; anybody who is signed in may know them."""
        async with self._store.read() as work:
            return await work.people.departments()

    async def add_department(self, principal: Principal, *, name_en: str, name_zh: str) -> Department:
        """Found a department."""
        department = Department(DepartmentId(new_id("dep")), name_en, name_zh)
        async with changing(self._store, principal) as work:
            require(principal, Action.PEOPLE_MANAGE)
            await work.people.add_department(department)
            await work.audit.add(principal, "department.add", object_type="department", object_id=department.id)
        return department

    async def add_patient(self, principal: Principal, new: NewPatient) -> Patient:
        """Begin a patient's record. Raises Conflict when the record number is taken."""
        patient = Patient(
            id=PatientId(new_id("pat")),
            name=new.name,
            birth_date=new.birth_date,
            sex=new.sex,
            language=new.language,
            record_number=new.record_number,
            phone=new.phone,
        )
        async with changing(self._store, principal) as work:
            require(principal, Action.PATIENT_MANAGE)
            await work.people.add_patient(patient)
            await work.audit.add(principal, "patient.add", object_type="patient", object_id=patient.id)
        return patient


def _member(new: NewMember) -> Member:
    if new.role is Role.GUEST:
        raise Invalid("Guests come by a link, not by an account.")
    if (new.role is Role.PATIENT) is not (new.patient is not None):
        raise Invalid("A patient's account, and only that, names whose record it opens.")
    return Member(
        id=UserId(new_id("usr")),
        login=new.login,
        name=new.name,
        role=new.role,
        language=new.language,
        title=new.title,
        department=new.department,
        patient=new.patient,
    )


def _changed(before: Member, change: MemberChange) -> Member:
    return replace(
        before,
        name=before.name if change.name is None else change.name,
        language=before.language if change.language is None else change.language,
        title=before.title if change.title is None else change.title,
        department=before.department if change.department is None else change.department,
        active=before.active if change.active is None else change.active,
    )


async def _require_named(work: UnitOfWork, member: Member) -> None:
    """Raise `NotFound` unless the department and patient that the account names are there."""
    if member.department is not None:
        await work.people.department(member.department)
    if member.patient is not None:
        await work.people.patient(member.patient)
