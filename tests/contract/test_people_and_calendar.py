"""What `care.ports` promises of people, consultations and invitations."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event, update
from sqlalchemy.exc import IntegrityError

from care.consultation import Status
from care.invitation import Invitation
from care.ports import ConsultationFilter, Store, UnitOfWork
from care.recording import RecordingState
from care.summary import NoteState
from identity.ports import SignInStore
from identity.principal import Role
from kernel.errors import Conflict, NotFound
from kernel.ids import ConsultationId, DepartmentId, InvitationId, PatientId, UserId
from records.tables import consultations, members, recordings
from tests.small_clinic import (
    ADA,
    CARDIOLOGY,
    CATO,
    HAN,
    LI,
    NOON,
    OTHER_VISIT,
    ROSE,
    ROSES_ACCOUNT,
    VISIT,
    WU,
    SmallClinic,
    consultation,
)

INVITATION = Invitation(
    InvitationId("inv_1"), VISIT, Role.GUEST, "Tom", "relative", "en", HAN.id, NOON, NOON + timedelta(hours=24)
)


async def test_the_store_is_what_both_sides_asked_for(records: SmallClinic) -> None:
    care: Store = records.store
    identity: SignInStore = records.store
    async with care.read() as work, identity.read() as unit:
        assert work.at == unit.at == NOON


async def test_people_are_read_as_they_were_written(records: SmallClinic) -> None:
    async with records.store.read() as work:
        assert await work.people.department(CARDIOLOGY.id) == CARDIOLOGY
        assert await work.people.departments() == [CARDIOLOGY]
        assert await work.people.member(HAN.id) == HAN
        assert await work.people.members() == [ADA, CATO, HAN, ROSES_ACCOUNT, WU]
        assert await work.people.patient(LI.id) == LI
        assert await work.people.patient_by_record_number(LI.record_number) == LI


async def test_the_absent_are_not_found(records: SmallClinic) -> None:
    async with records.store.write() as work:
        for absent in (
            work.people.department(DepartmentId("dep_no")),
            work.people.member(UserId("usr_no")),
            work.people.patient(PatientId("pat_no")),
            work.people.patient_by_record_number("MR-00000"),
            work.people.save_member(replace(HAN, id=UserId("usr_no"), login="other")),
            work.consultations.get(ConsultationId("con_no")),
            work.consultations.summary(ConsultationId("con_no")),
            work.consultations.save(consultation(ConsultationId("con_no"))),
            work.invitations.get(InvitationId("inv_no")),
            work.invitations.save(INVITATION),
        ):
            with pytest.raises(NotFound):
                await absent


@pytest.mark.parametrize(
    "attempt",
    [
        lambda work: work.people.add_member(replace(WU, id=UserId("usr_2"), login="DR.HAN")),
        lambda work: work.people.save_member(replace(WU, login="dr.han")),
        lambda work: work.people.add_member(replace(ROSES_ACCOUNT, id=UserId("usr_3"), login="rose2")),
        lambda work: work.people.add_patient(replace(LI, id=PatientId("pat_2"))),
        lambda work: work.people.add_department(CARDIOLOGY),
        lambda work: work.consultations.add(consultation(VISIT)),
    ],
)
async def test_logins_record_numbers_and_ids_are_given_once(
    records: SmallClinic, attempt: Callable[[UnitOfWork], Awaitable[None]]
) -> None:
    async def again() -> None:
        async with records.store.write() as work:
            await attempt(work)

    with pytest.raises(Conflict):
        await again()


async def test_changes_are_kept(records: SmallClinic) -> None:
    renamed = replace(HAN, name="Han Meimei", active=False, login="Dr.Meimei")
    async with records.store.write() as work:
        await work.people.save_member(renamed)
    async with records.store.read() as work:
        assert await work.people.member(HAN.id) == replace(renamed, login="dr.meimei")


@pytest.mark.parametrize(
    ("q", "found"),
    [("", [ROSE, LI]), ("李", [LI]), ("rose", [ROSE]), ("MILLER", [ROSE]), ("mr-000001", [LI]), ("%", []), ("_", [])],
)
async def test_patients_are_found_by_name_or_number(records: SmallClinic, q: str, found: list[object]) -> None:
    async with records.store.read() as work:
        assert await work.people.patients(q=q) == found


async def test_a_clinician_treats_who_they_have_a_consultation_with(records: SmallClinic) -> None:
    async with records.store.read() as work:
        assert await work.people.patients(treated_by=HAN.id) == [ROSE]
        assert await work.people.patients(treated_by=HAN.id, q="李") == []
        assert await work.consultations.treats(HAN.id, ROSE.id)
        assert not await work.consultations.treats(HAN.id, LI.id)
    async with records.store.write() as work:
        await work.consultations.save(replace(consultation(), status=Status.CANCELLED))
    async with records.store.read() as work:
        assert not await work.consultations.treats(HAN.id, ROSE.id)
        assert await work.people.patients(treated_by=HAN.id) == []


async def test_consultations_are_read_as_they_were_written(records: SmallClinic) -> None:
    finished = replace(
        consultation(), status=Status.FINISHED, started_at=NOON, finished_at=NOON + timedelta(minutes=9, microseconds=5)
    )
    async with records.store.write() as work:
        await work.consultations.save(finished)
    async with records.store.read() as work:
        assert await work.consultations.get(VISIT) == finished
        assert {found.id for found in await work.consultations.many([VISIT, OTHER_VISIT, ConsultationId("x")])} == {
            VISIT,
            OTHER_VISIT,
        }


@pytest.mark.parametrize(
    ("which", "found"),
    [
        (ConsultationFilter(), [VISIT, OTHER_VISIT]),
        (ConsultationFilter(clinician=HAN.id), [VISIT]),
        (ConsultationFilter(patient=LI.id), [OTHER_VISIT]),
        (ConsultationFilter(since=NOON), [VISIT, OTHER_VISIT]),
        (ConsultationFilter(since=NOON + timedelta(microseconds=1)), [OTHER_VISIT]),
        (ConsultationFilter(until=NOON + timedelta(hours=1)), [VISIT]),
        (ConsultationFilter(clinician=HAN.id, patient=LI.id), []),
    ],
)
async def test_the_calendar_is_filtered(records: SmallClinic, which: ConsultationFilter, found: list[str]) -> None:
    async with records.store.read() as work:
        assert [one.id for one in await work.consultations.find(which, limit=10)] == found
        assert [one.id for one in await work.consultations.summaries(which, limit=10)] == found
        backwards = await work.consultations.summaries(which, limit=10, newest_first=True)
        assert [one.id for one in backwards] == found[::-1]
        assert len(await work.consultations.find(which, limit=1)) == min(1, len(found))


async def test_a_summary_has_names_and_what_became_of_note_and_recording(records: SmallClinic) -> None:
    async with records.store.read() as work:
        summary = await work.consultations.summary(VISIT)
    assert (summary.patient, summary.clinician.name, summary.department) == (ROSE, HAN.name, CARDIOLOGY)
    assert (summary.note_state, summary.recording, summary.recording_state) == (NoteState.NONE, None, None)
    row = {"id": "rec_1", "consultation": VISIT, "state": RecordingState.COMPOSING, "started_at": NOON}
    async with records.database.write() as connection:
        await connection.execute(recordings.insert(), row)
    async with records.store.read() as work:
        summary = await work.consultations.summary(VISIT)
    assert (summary.recording, summary.recording_state) == ("rec_1", RecordingState.COMPOSING)


async def test_a_list_is_one_query_however_long(records: SmallClinic) -> None:
    async with records.store.write() as work:
        for number in range(30):
            await work.consultations.add(consultation(ConsultationId(f"con_{number}")))
    statements: list[str] = []
    async with records.store.read() as work:
        connection = work.consultations._connection
        engine = (await connection.run(lambda c: c)).engine
        event.listen(engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
        assert len(await work.consultations.summaries(ConsultationFilter(), limit=50)) == 32
    assert len([statement for statement in statements if statement.startswith("SELECT")]) == 1


async def test_links_are_kept_and_listed_in_order(records: SmallClinic) -> None:
    second = replace(INVITATION, id=InvitationId("inv_2"), created_at=NOON + timedelta(minutes=1), role=Role.PATIENT)
    async with records.store.write() as work:
        await work.invitations.add(second, digest=b"2" * 32)
        await work.invitations.add(INVITATION, digest=b"1" * 32)
        revoked = replace(second, revoked_at=NOON)
        await work.invitations.save(revoked)
        assert await work.invitations.get(INVITATION.id) == INVITATION
        assert await work.invitations.of(VISIT) == [INVITATION, revoked]
        assert await work.invitations.of(OTHER_VISIT) == []
        with pytest.raises(Conflict):  # last: a transaction may be lost with it
            await work.invitations.add(replace(INVITATION, id=InvitationId("inv_3")), digest=b"1" * 32)


@pytest.mark.parametrize(
    "statement",
    [
        update(consultations).values(status="lost"),
        update(consultations).values(status="finished", finished_at=None),
        update(consultations).values(planned_minutes=0),
        update(consultations).values(clinician="usr_nobody"),
        update(members).where(members.c.id == HAN.id).values(role="guest"),
        update(members).where(members.c.id == HAN.id).values(role="patient"),
        update(members).where(members.c.id == HAN.id).values(login="Dr.Han"),
        update(members).where(members.c.id == ROSES_ACCOUNT.id).values(patient=None),
    ],
)
async def test_the_tables_repeat_the_domains_promises(records: SmallClinic, statement: object) -> None:
    async def attempt() -> None:
        async with records.database.write() as connection:
            await connection.execute(statement)  # type: ignore[call-overload]

    with pytest.raises(IntegrityError):
        await attempt()
