"""The one policy, walked through completely: every role in every relationship asks for everything."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

import pytest

from care.access import AccessRefused, Action, Relationship, may, require, to_consultation, to_patient
from care.consultation import Consultation
from identity.principal import Principal, Role
from kernel.errors import NotFound
from kernel.ids import ConsultationId, DepartmentId, InvitationId, PatientId, SessionId, UserId

VISIT = Consultation(
    ConsultationId("con_visit"),
    PatientId("pat_rose"),
    UserId("usr_han"),
    DepartmentId("dep_1"),
    datetime(2026, 11, 25, 12, tzinfo=UTC),
    20,
    "-",
)

# One line for each action; one column for each standing that is allowed anything at all.
STANDINGS = {
    "own": (Role.PATIENT, Relationship.SELF),
    "guest": (Role.GUEST, Relationship.INVITED),
    "holds": (Role.CLINICIAN, Relationship.HOLDS),
    "treats": (Role.CLINICIAN, Relationship.TREATS),
    "doctor": (Role.CLINICIAN, Relationship.NONE),
    "custod": (Role.CUSTODIAN, Relationship.NONE),
    "admin": (Role.ADMINISTRATOR, Relationship.NONE),
}
TABLE = """
                     own  guest  holds  treats  doctor  custod  admin
consultation.read     x     .      x      x       .       x       x
consultation.create   .     .      x      .       .       .       x
consultation.cancel   .     .      x      .       .       .       x
room.enter            x     x      x      .       .       .       .
invitation.read       .     .      x      .       .       .       x
invitation.create     .     .      x      .       .       .       x
invitation.revoke     .     .      x      .       .       .       x
attachment.add        x     x      x      .       .       .       .
attachment.read       x     x      x      x       .       x       .
messages.read         x     .      .      .       .       .       .
patient.search        .     .      x      x       x       .       x
patient.read          x     .      x      x       .       .       x
patient.manage        .     .      .      .       .       .       x
history.read          x     .      x      x       .       .       .
history.write         .     .      x      x       .       .       .
note.read             x     .      x      x       .       x       .
note.read_draft       .     .      x      .       .       .       .
note.write            .     .      x      .       .       .       .
note.sign             .     .      x      .       .       .       .
note.amend            .     .      x      .       .       .       .
archive.search        .     .      x      x       x       x       .
archive.read          .     .      x      x       .       x       .
archive.accesses      .     .      .      .       .       x       .
archive.export        .     .      .      .       .       x       .
archive.verify        .     .      .      .       .       x       .
archive.destroy       .     .      .      .       .       .       .
destruction.change    .     .      .      .       .       x       .
retention.read        .     .      .      .       .       x       .
custodian_key.change  .     .      .      .       .       x       .
release.ask           .     .      x      x       .       x       .
release.answer        .     .      .      .       .       x       .
hold.change           .     .      .      .       .       x       .
recording.view        .     .      x      x       .       x       .
recording.compose     .     .      x      .       .       x       .
people.manage         .     .      .      .       .       .       x
audit.read            .     .      .      .       .       .       x
node.read             .     .      .      .       .       .       x
"""


def allowed() -> dict[tuple[Role, Relationship], set[Action]]:
    head, *lines = TABLE.strip().splitlines()
    columns = head.split()
    granted: dict[tuple[Role, Relationship], set[Action]] = {STANDINGS[column]: set() for column in columns}
    named = set()
    for line in lines:
        word, *marks = line.split()
        named.add(Action(word))
        for column, mark in zip(columns, marks, strict=True):
            if mark == "x":
                granted[STANDINGS[column]].add(Action(word))
    assert named == set(Action), "the table must name every action"
    return granted


def somebody(role: Role, **changes: object) -> Principal:
    return replace(Principal(UserId("usr_any"), SessionId("ses_1"), role, "Any", "en"), **changes)  # type: ignore[arg-type]


def test_every_role_in_every_relationship_may_do_exactly_what_the_table_says() -> None:
    granted = allowed()
    for role, relationship, action in product(Role, Relationship, Action):
        expected = action in granted.get((role, relationship), set())
        assert may(somebody(role), action, relationship) is expected, (role, relationship, action)


def test_administrators_see_no_clinical_content() -> None:
    clinical = {action for action in Action if action.partition(".")[0] in {"note", "history", "archive", "recording"}}
    for action, relationship in product(clinical, Relationship):
        assert not may(somebody(Role.ADMINISTRATOR), action, relationship)


def test_a_refusal_has_the_words_of_absence_and_remembers_for_the_access_log() -> None:
    with pytest.raises(NotFound) as refused:
        require(somebody(Role.GUEST), Action.NOTE_READ, object_type="consultation", object_id="con_visit")
    assert isinstance(refused.value, AccessRefused)
    absent = NotFound()
    assert (refused.value.code, str(refused.value), refused.value.status) == (absent.code, str(absent), absent.status)
    assert refused.value.detail is None
    assert (refused.value.action, refused.value.object_id) == (Action.NOTE_READ, "con_visit")
    require(somebody(Role.ADMINISTRATOR), Action.AUDIT_READ)


DOCTOR = somebody(Role.CLINICIAN, subject=VISIT.clinician)
COLLEAGUE = somebody(Role.CLINICIAN)
PATIENT = somebody(Role.PATIENT, patient=VISIT.patient)
BY_LINK = replace(PATIENT, subject=InvitationId("inv_1"), consultation=VISIT.id)
GUEST = somebody(Role.GUEST, subject=InvitationId("inv_2"), consultation=VISIT.id)
ELSEWHERE = ConsultationId("con_elsewhere")


@pytest.mark.parametrize(
    ("principal", "treats", "expected"),
    [
        (DOCTOR, False, Relationship.HOLDS),
        (COLLEAGUE, True, Relationship.TREATS),
        (COLLEAGUE, False, Relationship.NONE),
        (PATIENT, False, Relationship.SELF),
        (BY_LINK, False, Relationship.SELF),
        (GUEST, False, Relationship.INVITED),
        (replace(PATIENT, patient=PatientId("pat_li")), False, Relationship.NONE),
        (replace(PATIENT, patient=None), True, Relationship.NONE),
        (replace(BY_LINK, consultation=ELSEWHERE), False, Relationship.NONE),
        (replace(GUEST, consultation=ELSEWHERE), False, Relationship.NONE),
        (replace(GUEST, consultation=None), True, Relationship.NONE),
        (replace(DOCTOR, consultation=ELSEWHERE), True, Relationship.NONE),
        (replace(DOCTOR, role=Role.ADMINISTRATOR), True, Relationship.NONE),
        (replace(PATIENT, role=Role.GUEST), False, Relationship.NONE),
        (somebody(Role.CUSTODIAN), True, Relationship.NONE),
    ],
)
def test_what_somebody_has_to_do_with_a_consultation(
    principal: Principal, treats: bool, expected: Relationship
) -> None:
    assert to_consultation(principal, VISIT, treats=treats) is expected


@pytest.mark.parametrize(
    ("principal", "treats", "expected"),
    [
        (PATIENT, False, Relationship.SELF),
        (BY_LINK, False, Relationship.NONE),
        (COLLEAGUE, True, Relationship.TREATS),
        (COLLEAGUE, False, Relationship.NONE),
        (replace(PATIENT, patient=PatientId("pat_li")), True, Relationship.NONE),
        (GUEST, True, Relationship.NONE),
        (somebody(Role.CUSTODIAN), True, Relationship.NONE),
        (somebody(Role.ADMINISTRATOR), True, Relationship.NONE),
    ],
)
def test_what_somebody_has_to_do_with_a_whole_record(
    principal: Principal, treats: bool, expected: Relationship
) -> None:
    assert to_patient(principal, VISIT.patient, treats=treats) is expected
