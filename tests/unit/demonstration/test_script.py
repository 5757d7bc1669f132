"""What is written of the demonstration clinic holds together."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from care.history import Allergy, Condition, Medication, Observation
from demonstration.script import Script, read_script
from demonstration.visits import Cast, Visit, events_of
from identity.principal import LANGUAGES, Role
from kernel.ids import ParticipantId, RoomId
from rooms.events import ConsentRecorded, Decision, MessagePosted, MessagesRead, VisitFinished

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
ICD_10 = re.compile(r"[A-Z]\d\d(\.\d{1,2})?")
LOINC = re.compile(r"\d{1,5}-\d")


@pytest.fixture(scope="module")
def script() -> Script:
    return read_script()


def test_there_is_enough_of_everything(script: Script) -> None:
    roles = [member.role for member in script.clinic.members]
    assert len(script.clinic.departments) >= 4
    assert (roles.count(Role.CLINICIAN), roles.count(Role.CUSTODIAN), roles.count(Role.ADMINISTRATOR)) == (6, 1, 1)
    assert len(script.patients) >= 10
    assert {patient.language for patient in script.patients} == set(LANGUAGES)
    assert [patient.key for patient in script.patients if patient.login] == ["thompson"]


def test_everybody_who_is_named_is_there(script: Script) -> None:
    departments = {department.key for department in script.clinic.departments}
    clinicians = {member.login: member.department for member in script.clinic.members if member.role is Role.CLINICIAN}
    patients = {patient.key for patient in script.patients}
    assert set(clinicians.values()) == departments
    for booking in (*script.clinic.now, *script.clinic.today):
        assert booking.patient in patients
        assert booking.clinician in clinicians
    for patient in script.patients:
        assert {visit.clinician for visit in patient.visits} <= set(clinicians)


def test_every_doctor_has_something_to_do_today(script: Script) -> None:
    busy = {booking.clinician for booking in (*script.clinic.now, *script.clinic.today)}
    assert busy == {member.login for member in script.clinic.members if member.role is Role.CLINICIAN}


def test_a_patient_is_never_booked_twice_for_the_same_reason(script: Script) -> None:
    booked = [(booking.patient, booking.reason) for booking in (*script.clinic.now, *script.clinic.today)]
    seen = [(patient.key, visit.reason) for patient in script.patients for visit in patient.visits]
    assert len({*booked, *seen}) == len(booked) + len(seen)


def test_histories_are_coded_and_make_sense_in_time(script: Script) -> None:
    for patient in script.patients:
        born = patient.born(NOON)
        for entry in patient.history(NOON):
            match entry:
                case Condition():
                    assert ICD_10.fullmatch(entry.code)
                    assert entry.onset
                    assert born < entry.onset < NOON.date()
                case Allergy():
                    assert entry.recorded
                    assert born < entry.recorded < NOON.date()
                case Medication():
                    assert entry.since
                    assert born < entry.since < NOON.date()
                    assert (entry.status == "active") is (entry.until is None)
                    assert entry.until is None or entry.until > entry.since
                case Observation():
                    assert LOINC.fullmatch(entry.code)
                    assert entry.unit
                    assert entry.at < NOON
                    assert entry.low is None or entry.high is None or entry.low < entry.high


def test_series_go_over_months_in_order(script: Script) -> None:
    for patient in script.patients:
        lines = [[days for days, _ in series.values] for series in patient.observations]
        assert max(max(line) for line in lines) >= 90, patient.key
        for line in lines:
            assert line == sorted(set(line), reverse=True)


def test_signed_visits_have_a_whole_note_and_one_is_left_unsigned(script: Script) -> None:
    visits = [visit for patient in script.patients for visit in patient.visits]
    for visit in visits:
        assert not visit.signed or all((visit.subjective, visit.objective, visit.assessment, visit.plan))
    assert [visit.clinician for visit in visits if not visit.signed] == ["dr.okafor"]


def test_only_people_of_the_visit_speak_in_it(script: Script) -> None:
    for patient in script.patients:
        for visit in patient.visits:
            speakers = {role for role, _ in visit.chat}
            assert ("guest" in speakers) <= (visit.guest is not None)
            assert {"patient", "clinician"} <= speakers or "guest" in speakers


def test_a_played_visit_is_one_the_room_itself_decided_in_order_and_to_its_end() -> None:
    visit = Visit(
        room=RoomId("con_1"),
        scheduled_at=NOON,
        minutes=10,
        clinician=Cast(ParticipantId("usr_1"), Role.CLINICIAN, "Dr Lin", "zh-CN"),
        patient=Cast(ParticipantId("pat_1"), Role.PATIENT, "Ann", "en"),
        guest=Cast(ParticipantId("inv_1"), Role.GUEST, "Interpreter", "en"),
        consent=Decision.REFUSED,
        chat=((Role.PATIENT, "Hello"), (Role.GUEST, "您好"), (Role.CLINICIAN, "请讲")),
    )
    events = events_of(visit)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert [event.at for event in events] == sorted(event.at for event in events)
    assert isinstance(events[-1].fact, VisitFinished)
    assert events[-1].at == visit.finished_at == NOON + timedelta(minutes=10, seconds=40)
    facts = [event.fact for event in events]
    assert sum(isinstance(fact, MessagePosted) for fact in facts) == 3
    assert sum(isinstance(fact, MessagesRead) for fact in facts) == 6
    assert [fact.decision for fact in facts if isinstance(fact, ConsentRecorded)] == [
        Decision.REFUSED,
        Decision.GIVEN,
        Decision.GIVEN,
    ]
