"""What is known of a patient: problems, allergies, medications, measurements (FHIR names)."""

from dataclasses import dataclass
from datetime import date, datetime

from kernel.ids import EntryId, PatientId


@dataclass(frozen=True, slots=True)
class Condition:
    id: EntryId
    text: str
    code: str  # ICD-10, "" when unknown
    clinical_status: str  # "active", "remission", "resolved"
    onset: date | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Allergy:
    id: EntryId
    substance: str
    reaction: str
    criticality: str  # "low", "high", "unable-to-assess"
    recorded: date | None


@dataclass(frozen=True, slots=True)
class Medication:
    """FHIR MedicationStatement."""

    id: EntryId
    text: str
    dosage: str
    status: str  # "active", "completed", "stopped"
    since: date | None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """One measurement; series of the same `code` are drawn as a chart."""

    id: EntryId
    code: str  # LOINC, for example "8480-6"
    text: str  # "Systolic blood pressure"
    value: float
    unit: str  # UCUM, for example "mm[Hg]"
    at: datetime
    low: float | None = None  # reference range
    high: float | None = None


HistoryEntry = Condition | Allergy | Medication | Observation


@dataclass(frozen=True, slots=True)
class PatientHistory:
    patient: PatientId
    conditions: tuple[Condition, ...]
    allergies: tuple[Allergy, ...]
    medications: tuple[Medication, ...]
    observations: tuple[Observation, ...]
