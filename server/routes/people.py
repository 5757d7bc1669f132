"""Accounts, departments and new patients, for administrators."""

from datetime import date
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from care.directory import MemberChange, NewMember, NewPatient
from care.people import Member, Sex
from identity.passwords import PasswordRefused
from identity.principal import Role
from kernel.errors import Conflict
from kernel.ids import DepartmentId, PatientId, UserId
from server.endpoint import Call, Input, Routes
from server.fields import END, PRINTABLE
from server.views import DepartmentView

routes = Routes()

_ADMINISTRATOR: Final = frozenset({Role.ADMINISTRATOR})

Line = Annotated[str, Meta(min_length=1, max_length=120, pattern=PRINTABLE)]
OptionalLine = Annotated[str, Meta(max_length=120, pattern=PRINTABLE)]
Login = Annotated[str, Meta(min_length=2, max_length=120, pattern=r"^[^\s\x00-\x1f\x7f]+" + END)]
Language = Annotated[str, Meta(pattern=r"^(en|zh-CN)" + END)]
Password = Annotated[str, Meta(max_length=1024)]


class MemberView(msgspec.Struct, frozen=True, kw_only=True):
    """An account, without anything it signs in with but its name."""

    id: str
    login: str
    name: str
    role: Role
    language: str
    title: str
    department: str | None
    patient: str | None
    active: bool

    @classmethod
    def of(cls, member: Member) -> "MemberView":
        return cls(
            id=member.id,
            login=member.login,
            name=member.name,
            role=member.role,
            language=member.language,
            title=member.title,
            department=member.department,
            patient=member.patient,
            active=member.active,
        )


class People(msgspec.Struct, frozen=True):
    people: list[MemberView]


class Departments(msgspec.Struct, frozen=True):
    departments: list[DepartmentView]


class MemberBody(Input):
    login: Login
    password: Password
    name: Line
    role: Role
    language: Language
    title: OptionalLine = ""
    department: str | None = None
    patient: str | None = None


class MemberChangeBody(Input):
    """What is not named stays as it is."""

    name: Line | None = None
    language: Language | None = None
    title: OptionalLine | None = None
    department: str | None = None
    active: bool | None = None
    password: Password | None = None


class DepartmentBody(Input):
    name_en: Line
    name_zh: Line


class PatientBody(Input):
    name: Line
    birth_date: date
    sex: Sex
    language: Language
    record_number: Line
    phone: OptionalLine = ""


class NewPatientView(msgspec.Struct, frozen=True):
    id: str
    record_number: str


@routes.endpoint("GET", "/api/v1/people", summary="List accounts", tag="people", roles=_ADMINISTRATOR, response=People)
async def list_people(call: Call[None, None]) -> People:
    return People([MemberView.of(member) for member in await call.services.directory.members(call.principal)])


@routes.endpoint(
    "POST",
    "/api/v1/people",
    summary="Open an account",
    tag="people",
    roles=_ADMINISTRATOR,
    body=MemberBody,
    response=MemberView,
    status=201,
    errors=[Conflict, PasswordRefused],
)
async def add_person(call: Call[None, MemberBody]) -> MemberView:
    body = call.body
    new = NewMember(
        login=body.login,
        password=body.password,
        name=body.name,
        role=body.role,
        language=body.language,
        title=body.title,
        department=DepartmentId(body.department) if body.department else None,
        patient=PatientId(body.patient) if body.patient else None,
    )
    return MemberView.of(await call.services.directory.add_member(call.principal, new))


@routes.endpoint(
    "PATCH",
    "/api/v1/people/{person}",
    summary="Change, close or reopen an account",
    tag="people",
    roles=_ADMINISTRATOR,
    body=MemberChangeBody,
    response=MemberView,
    errors=[PasswordRefused],
)
async def change_person(call: Call[None, MemberChangeBody]) -> MemberView:
    body = call.body
    change = MemberChange(
        name=body.name,
        language=body.language,
        title=body.title,
        department=DepartmentId(body.department) if body.department else None,
        active=body.active,
        password=body.password,
    )
    member = await call.services.directory.change_member(call.principal, UserId(call.path["person"]), change)
    if body.password is not None or not member.active:
        call.services.gateway.end_sessions(member.id)
    return MemberView.of(member)


@routes.endpoint(
    "GET",
    "/api/v1/departments",
    summary="List departments",
    tag="people",
    roles=set(Role) - {Role.GUEST},
    response=Departments,
)
async def list_departments(call: Call[None, None]) -> Departments:
    return Departments([DepartmentView.of(one) for one in await call.services.directory.departments()])


@routes.endpoint(
    "POST",
    "/api/v1/departments",
    summary="Found a department",
    tag="people",
    roles=_ADMINISTRATOR,
    body=DepartmentBody,
    response=DepartmentView,
    status=201,
    errors=[Conflict],
)
async def add_department(call: Call[None, DepartmentBody]) -> DepartmentView:
    department = await call.services.directory.add_department(
        call.principal, name_en=call.body.name_en, name_zh=call.body.name_zh
    )
    return DepartmentView.of(department)


@routes.endpoint(
    "POST",
    "/api/v1/patients",
    summary="Begin a patient's record",
    tag="people",
    roles=_ADMINISTRATOR,
    body=PatientBody,
    response=NewPatientView,
    status=201,
    errors=[Conflict],
)
async def add_patient(call: Call[None, PatientBody]) -> NewPatientView:
    body = call.body
    patient = await call.services.directory.add_patient(
        call.principal,
        NewPatient(
            name=body.name,
            birth_date=body.birth_date,
            sex=body.sex,
            language=body.language,
            record_number=body.record_number,
            phone=body.phone,
        ),
    )
    return NewPatientView(patient.id, patient.record_number)
