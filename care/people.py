"""The people and departments of the clinic."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from identity.principal import Role
from kernel.ids import DepartmentId, PatientId, UserId


class Sex(StrEnum):
    """FHIR AdministrativeGender."""

    FEMALE = "female"
    MALE = "male"
    OTHER = "other"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Department:
    id: DepartmentId
    name_en: str
    name_zh: str


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody with an account: staff, or a patient who signs in. The password hash never leaves `identity`."""

    id: UserId
    login: str
    name: str
    role: Role
    language: str
    title: str = ""  # "Attending physician, cardiology"
    department: DepartmentId | None = None
    patient: PatientId | None = None
    active: bool = True


@dataclass(frozen=True, slots=True)
class Patient:
    id: PatientId
    name: str
    birth_date: date
    sex: Sex
    language: str
    record_number: str  # what the clinic prints on paper, for example "MR-000123"
    phone: str = ""
