"""The calendar, the links and the reception, over real records."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from care.consultation import Status
from care.consultations import ConsultationBegun, ConsultationService
from care.invitation import Relation
from care.invitations import LINK_LIFETIME, OPEN_LINKS_LIMIT, ConsultationClosed, InvitationService, TooManyLinks
from care.reception import ReceptionService
from identity.principal import Principal, Role
from kernel.errors import Invalid, NotFound
from kernel.ids import ConsultationId, InvitationId, SessionId
from rooms.ports import Reception
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
    signed_in,
)

DOCTOR, OTHER_DOCTOR, ADMINISTRATOR = signed_in(HAN), signed_in(WU), signed_in(ADA)
CUSTODIAN, PATIENT = signed_in(CATO), signed_in(ROSES_ACCOUNT)
NEW: dict[str, Any] = {
    "patient": LI.id,
    "clinician": HAN.id,
    "scheduled_at": NOON + timedelta(days=1),
    "planned_minutes": 15,
    "reason": "  Follow-up 复诊 ",
}


@pytest.fixture
def calendar(records: SmallClinic) -> ConsultationService:
    return ConsultationService(records.store)


@pytest.fixture
def links(records: SmallClinic) -> InvitationService:
    return InvitationService(records.store)


@pytest.fixture
def reception(records: SmallClinic) -> ReceptionService:
    return ReceptionService(records.store)


def by_link(invitation: InvitationId, role: Role = Role.GUEST) -> Principal:
    patient = ROSE.id if role is Role.PATIENT else None
    return Principal(invitation, SessionId("ses_x"), role, "Tom", "en", patient=patient, consultation=VISIT)


async def access_log(records: SmallClinic) -> list[tuple[str, str, str, str]]:
    async with records.store.read() as work:
        entries = [chained.entry for chained in reversed(await work.audit.page())]
    return [(entry.actor, entry.action, entry.object_id, entry.outcome) for entry in entries]


async def change_status(records: SmallClinic, status: Status) -> None:
    finished_at = NOON if status is Status.FINISHED else None
    async with records.store.write() as work:
        await work.consultations.save(replace(consultation(), status=status, finished_at=finished_at))


async def test_a_doctor_books_for_themselves_in_their_department(
    records: SmallClinic, calendar: ConsultationService
) -> None:
    made = await calendar.create(DOCTOR, **NEW)
    assert (made.patient, made.clinician.id, made.department) == (LI, HAN.id, CARDIOLOGY)
    assert (made.reason, made.status) == ("Follow-up 复诊", Status.PLANNED)
    assert await calendar.read(DOCTOR, made.id) == made
    assert await access_log(records) == [("usr_han", "consultation.create", made.id, "allowed")]


async def test_an_administrator_books_for_everybody_and_nobody_else_does(
    records: SmallClinic, calendar: ConsultationService
) -> None:
    assert (await calendar.create(ADMINISTRATOR, **NEW)).clinician.id == HAN.id
    for principal in (OTHER_DOCTOR, CUSTODIAN, PATIENT):
        with pytest.raises(NotFound):
            await calendar.create(principal, **NEW)
    assert [entry[0] for entry in await access_log(records) if entry[3] == "refused"] == [
        OTHER_DOCTOR.participant,
        CUSTODIAN.participant,
        PATIENT.participant,
    ]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"reason": "  "}, Invalid),
        ({"reason": "x" * 2001}, Invalid),
        ({"planned_minutes": 4}, Invalid),
        ({"planned_minutes": 241}, Invalid),
        ({"scheduled_at": NOON.replace(tzinfo=None)}, Invalid),
        ({"clinician": ADA.id, "department": CARDIOLOGY.id}, NotFound),
        ({"clinician": "usr_no"}, NotFound),
        ({"patient": "pat_no"}, NotFound),
        ({"department": "dep_no"}, NotFound),
    ],
)
async def test_what_can_not_be_booked_is_refused(
    records: SmallClinic, calendar: ConsultationService, change: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await calendar.create(ADMINISTRATOR, **(NEW | change))
    assert await access_log(records) == []


async def test_an_inactive_doctor_is_not_booked(records: SmallClinic, calendar: ConsultationService) -> None:
    async with records.store.write() as work:
        await work.people.save_member(replace(HAN, active=False))
    with pytest.raises(NotFound):
        await calendar.create(ADMINISTRATOR, **NEW)


@pytest.mark.parametrize("status", [Status.PLANNED, Status.ARRIVED])
async def test_what_has_not_begun_is_cancelled_once(
    records: SmallClinic, calendar: ConsultationService, status: Status
) -> None:
    await change_status(records, status)
    for _ in range(2):
        assert (await calendar.cancel(DOCTOR, VISIT)).status is Status.CANCELLED
    assert [entry[1] for entry in await access_log(records)] == ["consultation.cancel"]


@pytest.mark.parametrize("status", [Status.IN_PROGRESS, Status.ON_HOLD, Status.FINISHED])
async def test_what_has_begun_is_not_cancelled(
    records: SmallClinic, calendar: ConsultationService, status: Status
) -> None:
    await change_status(records, status)
    with pytest.raises(ConsultationBegun):
        await calendar.cancel(DOCTOR, VISIT)


async def test_somebody_elses_consultation_is_as_absent_as_an_absent_one(
    records: SmallClinic, calendar: ConsultationService, links: InvitationService, reception: ReceptionService
) -> None:
    words = set()
    for principal, which in ((OTHER_DOCTOR, VISIT), (OTHER_DOCTOR, ConsultationId("con_no")), (PATIENT, OTHER_VISIT)):
        for ask in (calendar.read, calendar.cancel, links.of, reception.seat):
            with pytest.raises(NotFound) as refused:
                await ask(principal, which)
            words.add((refused.value.code, str(refused.value), refused.value.detail))
    assert len(words) == 1
    refusals = await access_log(records)
    assert ("usr_wu", "consultation.read", VISIT, "refused") in refusals
    assert len(refusals) == 8, "an absent consultation is nobody's, so nothing is noted of it"


async def test_each_sees_their_own_day(calendar: ConsultationService) -> None:
    day, zone = date(2026, 11, 25), ZoneInfo("UTC")
    seen = {}
    for name, principal in (("doctor", DOCTOR), ("patient", PATIENT), ("admin", ADMINISTRATOR), ("cato", CUSTODIAN)):
        seen[name] = [found.id for found in await calendar.on_day(principal, day, zone)]
    assert seen == {"doctor": [VISIT], "patient": [VISIT], "admin": [VISIT, OTHER_VISIT], "cato": []}
    assert await calendar.on_day(DOCTOR, date(2026, 11, 24), zone) == []


async def test_a_day_begins_where_the_clinic_is(records: SmallClinic, calendar: ConsultationService) -> None:
    late = NOON.replace(hour=17)  # one o'clock at night in Shanghai
    async with records.store.write() as work:
        await work.consultations.save(consultation(scheduled_at=late))
    shanghai = ZoneInfo("Asia/Shanghai")
    assert await calendar.on_day(DOCTOR, date(2026, 11, 25), shanghai) == []
    assert len(await calendar.on_day(DOCTOR, date(2026, 11, 26), shanghai)) == 1
    with pytest.raises(Invalid):
        await calendar.on_day(DOCTOR, date.max, shanghai)


async def test_without_a_day_the_past_comes_before_what_is_coming(
    records: SmallClinic, calendar: ConsultationService
) -> None:
    async with records.store.write() as work:
        for days in (-3, -2, 2):
            await work.consultations.add(
                consultation(ConsultationId(f"con_{days}"), scheduled_at=NOON + timedelta(days=days))
            )
    assert [found.id for found in await calendar.around_now(DOCTOR)] == ["con_-3", "con_-2", VISIT, "con_2"]


async def test_a_link_shows_its_own_consultation_only(
    records: SmallClinic, calendar: ConsultationService, links: InvitationService
) -> None:
    async with records.store.write() as work:
        await work.consultations.add(consultation(ConsultationId("con_2")))
    link = await links.invite(DOCTOR, VISIT, relation=Relation.PATIENT, name="", language="en")
    patient = by_link(link.invitation.id, Role.PATIENT)
    assert [found.id for found in await calendar.around_now(patient)] == [VISIT]
    assert [found.id for found in await calendar.on_day(patient, date(2026, 11, 25), ZoneInfo("UTC"))] == [VISIT]
    assert await calendar.on_day(patient, date(2026, 11, 24), ZoneInfo("UTC")) == []
    assert (await calendar.read(patient, VISIT)).id == VISIT
    with pytest.raises(NotFound):
        await calendar.read(patient, ConsultationId("con_2"))
    assert await calendar.around_now(by_link(link.invitation.id)) == []


async def test_links_are_made_listed_and_revoked(records: SmallClinic, links: InvitationService) -> None:
    made = await links.invite(DOCTOR, VISIT, relation=Relation.INTERPRETER, name="  Tom   Li ", language="zh-CN")
    invitation = made.invitation
    assert (invitation.role, invitation.name, invitation.created_by) == (Role.GUEST, "Tom Li", HAN.id)
    assert invitation.expires_at == NOON + LINK_LIFETIME
    assert len(made.secret) >= 43
    assert await links.of(DOCTOR, VISIT) == [invitation]
    for _ in range(2):
        revoked = await links.revoke(ADMINISTRATOR, VISIT, invitation.id)
    assert revoked == replace(invitation, revoked_at=NOON)
    assert await links.of(DOCTOR, VISIT) == [revoked]
    assert [entry[:2] for entry in await access_log(records)] == [
        ("usr_han", "invitation.create"),
        ("usr_ada", "invitation.revoke"),
    ]


async def test_a_link_is_revoked_through_its_own_consultation_only(
    records: SmallClinic, links: InvitationService
) -> None:
    made = await links.invite(DOCTOR, VISIT, relation=Relation.RELATIVE, name="Tom", language="en")
    with pytest.raises(NotFound):
        await links.revoke(OTHER_DOCTOR, OTHER_VISIT, made.invitation.id)
    assert (await links.of(DOCTOR, VISIT))[0].revoked_at is None


@pytest.mark.parametrize(
    "wrong",
    [{"language": "fr"}, {"name": " "}, {"name": "x" * 101}],
)
async def test_a_link_that_makes_no_sense_is_refused(wrong: dict[str, str], links: InvitationService) -> None:
    with pytest.raises(Invalid):
        await links.invite(DOCTOR, VISIT, **({"relation": Relation.RELATIVE, "name": "Tom", "language": "en"} | wrong))


async def test_open_links_are_bounded_and_revoking_makes_room(links: InvitationService) -> None:
    async def invite() -> InvitationId:
        made = await links.invite(DOCTOR, VISIT, relation=Relation.RELATIVE, name="Tom", language="en")
        return made.invitation.id

    made = [await invite() for _ in range(OPEN_LINKS_LIMIT)]
    with pytest.raises(TooManyLinks):
        await invite()
    await links.revoke(DOCTOR, VISIT, made[0])
    await invite()


@pytest.mark.parametrize("status", [Status.FINISHED, Status.CANCELLED])
async def test_nobody_is_invited_to_what_is_over(
    records: SmallClinic, status: Status, links: InvitationService
) -> None:
    await change_status(records, status)
    with pytest.raises(ConsultationClosed):
        await links.invite(DOCTOR, VISIT, relation=Relation.RELATIVE, name="Tom", language="en")


async def test_doctor_patient_and_guest_each_have_their_seat(records: SmallClinic, links: InvitationService) -> None:
    reception: Reception = ReceptionService(records.store)
    doctor = await reception.seat(DOCTOR, VISIT)
    assert (doctor.role, doctor.name, doctor.clinician) == (Role.CLINICIAN, HAN.name, DOCTOR.participant)
    patient = await reception.seat(PATIENT, VISIT)
    assert (patient.role, patient.patient_name, patient.clinician_name) == (Role.PATIENT, ROSE.name, HAN.name)
    assert patient.reason == doctor.reason == consultation().reason
    assert (patient.department_en, patient.department_zh) == ("Cardiology", "心内科")
    made = await links.invite(DOCTOR, VISIT, relation=Relation.INTERPRETER, name="Tom", language="en")
    guest = await reception.seat(by_link(made.invitation.id), VISIT)
    assert (guest.role, guest.name, guest.reason) == (Role.GUEST, "Tom", "")


async def test_there_is_no_seat_for_others_nor_in_a_cancelled_consultation(
    records: SmallClinic, calendar: ConsultationService, reception: ReceptionService
) -> None:
    for principal in (OTHER_DOCTOR, ADMINISTRATOR, CUSTODIAN):
        with pytest.raises(NotFound):
            await reception.seat(principal, VISIT)
    await calendar.cancel(DOCTOR, VISIT)
    with pytest.raises(NotFound):
        await reception.seat(DOCTOR, VISIT)


async def test_a_link_revoked_or_expired_after_it_was_opened_gives_no_seat(
    records: SmallClinic, links: InvitationService, reception: ReceptionService
) -> None:
    revoked, expired = [
        (await links.invite(DOCTOR, VISIT, relation=Relation.RELATIVE, name="Tom", language="en")).invitation.id
        for _ in range(2)
    ]
    await links.revoke(DOCTOR, VISIT, revoked)
    with pytest.raises(NotFound):
        await reception.seat(by_link(revoked), VISIT)
    await reception.seat(by_link(expired), VISIT)
    records.later(LINK_LIFETIME)
    with pytest.raises(NotFound):
        await reception.seat(by_link(expired), VISIT)


async def test_todays_own_consultations_are_a_doctors_alone(records: SmallClinic, reception: ReceptionService) -> None:
    async with records.store.write() as work:
        for number, hours in enumerate((-30, -17, 17, 30)):
            await work.consultations.add(
                consultation(ConsultationId(f"con_{number}"), scheduled_at=NOON + timedelta(hours=hours))
            )
        cancelled = replace(consultation(ConsultationId("con_cancelled")), status=Status.CANCELLED)
        await work.consultations.add(cancelled)
    await change_status(records, Status.FINISHED)
    own = await reception.own_consultations_today(DOCTOR)
    assert [(each.id, each.is_over) for each in own] == [("con_1", False), (VISIT, True), ("con_2", False)]
    for principal in (PATIENT, ADMINISTRATOR, CUSTODIAN):
        assert await reception.own_consultations_today(principal) == []
