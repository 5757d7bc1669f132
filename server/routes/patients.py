"""Patients and their histories."""

from datetime import date, datetime
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta

from care.chart import Chart, Visit
from care.history import Allergy, Condition, Medication, Observation
from care.people import Patient, Sex
from identity.principal import Role
from kernel.errors import Invalid, NotFound
from kernel.ids import ConsultationId, EntryId, new_id
from server.endpoint import Call, Input, Routes
from server.fields import END, PRINTABLE_LINES
from server.routes.notes import NoteView
from server.views import ConsultationView

routes = Routes()

Line = Annotated[str, Meta(min_length=1, max_length=500, pattern=PRINTABLE_LINES)]
OptionalLine = Annotated[str, Meta(max_length=1000, pattern=PRINTABLE_LINES)]
Code = Annotated[str, Meta(max_length=32, pattern=r"^[A-Za-z0-9.\-]*" + END)]
Unit = Annotated[str, Meta(max_length=32, pattern=r"^[!-~]*" + END)]
Entry = TypeVar("Entry", Condition, Allergy, Medication, Observation)
Quantity = Annotated[float, Meta(ge=-1e9, le=1e9)]


class PatientsQuery(Input):
    """`q` is part of a name or record number; empty shows the first ones."""

    q: Annotated[str, Meta(max_length=100)] = ""


class HistoryQuery(Input):
    """`consultation` is the visit for which the history is opened, for the access log."""

    consultation: Annotated[str, Meta(max_length=80)] | None = None


class PatientRecordView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    birth_date: date
    sex: Sex
    language: str
    record_number: str
    phone: str

    @classmethod
    def of(cls, patient: Patient) -> "PatientRecordView":
        return cls(
            id=patient.id,
            name=patient.name,
            birth_date=patient.birth_date,
            sex=patient.sex,
            language=patient.language,
            record_number=patient.record_number,
            phone=patient.phone,
        )


class Patients(msgspec.Struct, frozen=True):
    patients: list[PatientRecordView]


class VisitView(ConsultationView, frozen=True, kw_only=True):
    """A consultation of the patient; its note where the reader may see it."""

    note: NoteView | None

    @classmethod
    def of_visit(cls, visit: Visit) -> "VisitView":
        return cls.of(visit.consultation, note=None if visit.note is None else NoteView.of(visit.note))


class HistoryPage(msgspec.Struct, frozen=True, kw_only=True):
    """Problems, allergies and medications newest first, measurements oldest first, consultations newest first."""

    patient: PatientRecordView
    conditions: tuple[Condition, ...]
    allergies: tuple[Allergy, ...]
    medications: tuple[Medication, ...]
    observations: tuple[Observation, ...]
    consultations: list[VisitView]

    @classmethod
    def of(cls, chart: Chart) -> "HistoryPage":
        return cls(
            patient=PatientRecordView.of(chart.patient),
            conditions=chart.history.conditions,
            allergies=chart.history.allergies,
            medications=chart.history.medications,
            observations=chart.history.observations,
            consultations=[VisitView.of_visit(visit) for visit in chart.visits],
        )


class ConditionBody(Input):
    text: Line
    code: Code = ""  # ICD-10
    clinical_status: Literal["active", "remission", "resolved"] = "active"
    onset: date | None = None
    note: OptionalLine = ""


class AllergyBody(Input):
    substance: Line
    reaction: OptionalLine = ""
    criticality: Literal["low", "high", "unable-to-assess"] = "unable-to-assess"
    recorded: date | None = None  # today when left out


class MedicationBody(Input):
    text: Line
    dosage: OptionalLine = ""
    status: Literal["active", "completed", "stopped"] = "active"
    since: date | None = None
    until: date | None = None


class ObservationBody(Input):
    text: Line
    value: Quantity
    unit: Unit = ""  # UCUM
    code: Code = ""  # LOINC
    at: datetime | None = None  # now when left out
    low: Quantity | None = None
    high: Quantity | None = None


@routes.endpoint(
    "GET",
    "/api/v1/patients",
    summary="Find patients: a clinician's own, an administrator's all",
    tag="patients",
    roles={Role.CLINICIAN, Role.ADMINISTRATOR},
    query=PatientsQuery,
    response=Patients,
)
async def find_patients(call: Call[PatientsQuery, None]) -> Patients:
    found = await call.services.chart.patients(call.principal, call.query.q.strip())
    return Patients([PatientRecordView.of(patient) for patient in found])


@routes.endpoint(
    "GET",
    "/api/v1/patients/{patient}",
    summary="Read who a patient is",
    tag="patients",
    roles={Role.CLINICIAN, Role.ADMINISTRATOR, Role.PATIENT},
    response=PatientRecordView,
    errors=[NotFound],
)
async def read_patient(call: Call[None, None]) -> PatientRecordView:
    return PatientRecordView.of(await call.services.chart.patient(call.principal, call.patient))


@routes.endpoint(
    "GET",
    "/api/v1/patients/{patient}/history",
    summary="Read a patient's history: for clinicians who treat them, and for themselves",
    tag="patients",
    roles={Role.CLINICIAN, Role.PATIENT},
    query=HistoryQuery,
    response=HistoryPage,
    errors=[NotFound],
)
async def read_history(call: Call[HistoryQuery, None]) -> HistoryPage:
    during = None if call.query.consultation is None else ConsultationId(call.query.consultation)
    return HistoryPage.of(await call.services.chart.history(call.principal, call.patient, during=during))


@routes.endpoint(
    "POST",
    "/api/v1/patients/{patient}/conditions",
    summary="Add a problem to the history",
    tag="patients",
    roles={Role.CLINICIAN},
    body=ConditionBody,
    response=Condition,
    errors=[NotFound],
    status=201,
)
async def add_condition(call: Call[None, ConditionBody]) -> Condition:
    body = call.body
    return await _added(call, Condition(_entry(), body.text, body.code, body.clinical_status, body.onset, body.note))


@routes.endpoint(
    "POST",
    "/api/v1/patients/{patient}/allergies",
    summary="Add an allergy to the history",
    tag="patients",
    roles={Role.CLINICIAN},
    body=AllergyBody,
    response=Allergy,
    errors=[NotFound],
    status=201,
)
async def add_allergy(call: Call[None, AllergyBody]) -> Allergy:
    body = call.body
    recorded = body.recorded or call.now().date()
    return await _added(call, Allergy(_entry(), body.substance, body.reaction, body.criticality, recorded))


@routes.endpoint(
    "POST",
    "/api/v1/patients/{patient}/medications",
    summary="Add a medication to the history",
    tag="patients",
    roles={Role.CLINICIAN},
    body=MedicationBody,
    response=Medication,
    errors=[NotFound, Invalid],
    status=201,
)
async def add_medication(call: Call[None, MedicationBody]) -> Medication:
    body = call.body
    if body.since is not None and body.until is not None and body.until < body.since:
        raise Invalid("`until` is before `since`")
    return await _added(call, Medication(_entry(), body.text, body.dosage, body.status, body.since, body.until))


@routes.endpoint(
    "POST",
    "/api/v1/patients/{patient}/observations",
    summary="Add a measurement to the history",
    tag="patients",
    roles={Role.CLINICIAN},
    body=ObservationBody,
    response=Observation,
    errors=[NotFound, Invalid],
    status=201,
)
async def add_observation(call: Call[None, ObservationBody]) -> Observation:
    body = call.body
    at = body.at or call.now()
    if at.tzinfo is None:
        raise Invalid("`at` has no time zone")
    if body.low is not None and body.high is not None and body.high < body.low:
        raise Invalid("`high` is below `low`")
    return await _added(
        call, Observation(_entry(), body.code, body.text, body.value, body.unit, at, body.low, body.high)
    )


async def _added(call: Call[None, object], entry: Entry) -> Entry:
    await call.services.chart.add_entry(call.principal, call.patient, entry)
    return entry


def _entry() -> EntryId:
    return EntryId(new_id("ent"))
