"""The demonstration clinic as written in `data/`: people, histories, visits. Nobody in it exists."""

import tomllib
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Final, Literal

import msgspec

from care.history import Allergy, Condition, HistoryEntry, Medication, Observation
from care.people import Sex
from identity.principal import Role
from kernel.ids import EntryId, new_id

_DATA: Final = Path(__file__).parent / "data"
_MEASURED_AT: Final = time(7, 30)


class DepartmentText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    key: str
    name_en: str
    name_zh: str


class MemberText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    login: str
    name: str
    role: Role
    language: str
    title: str
    department: str | None = None


class BookingText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A consultation of the day of the demonstration, by the patient's key and the doctor's login."""

    patient: str
    clinician: str
    reason: str
    in_minutes: int = 0


class ClinicText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    departments: list[DepartmentText]
    members: list[MemberText]
    now: list[BookingText]
    today: list[BookingText]


class ConditionText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    text: str
    code: str
    status: Literal["active", "remission", "resolved"]
    onset: date | None = None
    onset_days_ago: int | None = None
    note: str = ""


class AllergyText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    substance: str
    reaction: str
    criticality: Literal["low", "high", "unable-to-assess"]
    recorded: date | None = None
    recorded_days_ago: int | None = None


class MedicationText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    text: str
    dosage: str
    status: Literal["active", "completed", "stopped"]
    since_days_ago: int
    until_days_ago: int | None = None


class SeriesText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of measurement; each value stands behind how many days ago it was taken."""

    code: str
    text: str
    unit: str
    low: float | None = None
    high: float | None = None
    values: list[tuple[int, float]]


class GuestText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    relation: Literal["interpreter", "relative", "colleague"]


class VisitText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An earlier consultation with its note and what was written in the chat, by role.

    A recorded one lasts a minute: its recording is the drawn one, its patient and clinician are the drawn people.
    """

    days_ago: int
    hour: int  # on the machine's clock
    minutes: int
    clinician: str
    reason: str
    consent: Literal["given", "refused", "none"]
    guest: GuestText | None = None
    recorded: bool = False
    signed: bool = True
    subjective: str
    objective: str
    assessment: str
    plan: str
    chat: list[tuple[Literal["patient", "clinician", "guest"], str]]
    addendum: str = ""

    def scheduled_at(self, now: datetime) -> datetime:
        """Return when it was to begin."""
        return moment(now, self.days_ago, time(self.hour))


class PatientText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    key: str
    name: str
    birth_date: date | None = None
    born_days_ago: int | None = None
    sex: Sex
    language: str
    record_number: str
    phone: str
    login: str | None = None
    conditions: list[ConditionText] = []
    allergies: list[AllergyText] = []
    medications: list[MedicationText] = []
    observations: list[SeriesText] = []
    visits: list[VisitText] = []

    def born(self, now: datetime) -> date:
        """Return the birth date; children stay as old as they are written."""
        born = _date(now, self.birth_date, self.born_days_ago)
        assert born is not None, f"{self.key} was never born"
        return born

    def history(self, now: datetime) -> list[HistoryEntry]:
        """Return what is known of the patient, seen from `now`."""
        return [
            *self._conditions(now),
            *self._allergies(now),
            *self._medications(now),
            *self._observations(now),
        ]

    def _conditions(self, now: datetime) -> list[Condition]:
        return [
            Condition(
                _entry(), line.text, line.code, line.status, _date(now, line.onset, line.onset_days_ago), line.note
            )
            for line in self.conditions
        ]

    def _allergies(self, now: datetime) -> list[Allergy]:
        return [
            Allergy(
                _entry(),
                line.substance,
                line.reaction,
                line.criticality,
                _date(now, line.recorded, line.recorded_days_ago),
            )
            for line in self.allergies
        ]

    def _medications(self, now: datetime) -> list[Medication]:
        return [
            Medication(
                _entry(),
                line.text,
                line.dosage,
                line.status,
                day_before(now, line.since_days_ago),
                _date(now, None, line.until_days_ago),
            )
            for line in self.medications
        ]

    def _observations(self, now: datetime) -> list[Observation]:
        return [
            Observation(
                _entry(),
                series.code,
                series.text,
                value,
                series.unit,
                moment(now, days_ago, _MEASURED_AT),
                series.low,
                series.high,
            )
            for series in self.observations
            for days_ago, value in series.values
        ]


class Script(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that is written of the clinic."""

    clinic: ClinicText
    patients: list[PatientText]


def read_script() -> Script:
    """Read the files. Blocks for some milliseconds; raises `msgspec.ValidationError` when they are not well written."""
    clinic = msgspec.convert(tomllib.loads((_DATA / "clinic.toml").read_text(encoding="utf-8")), ClinicText)
    patients = [
        msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), PatientText)
        for path in sorted(_DATA.glob("patients/*.toml"))
    ]
    return Script(clinic=clinic, patients=patients)


def day_before(now: datetime, days: int) -> date:
    """Return the day `days` before today, on the calendar of the machine: the clinic is where it runs."""
    return now.astimezone().date() - timedelta(days=days)


def moment(now: datetime, days: int, clock: time) -> datetime:
    """Return when it was `clock` on the machine's clock, `days` before today, in UTC."""
    return datetime.combine(day_before(now, days), clock, now.astimezone().tzinfo).astimezone(UTC)


def _date(now: datetime, written: date | None, days_ago: int | None) -> date | None:
    return written if days_ago is None else day_before(now, days_ago)


def _entry() -> EntryId:
    return EntryId(new_id("ent"))
