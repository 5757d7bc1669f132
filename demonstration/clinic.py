"""The demonstration clinic: made once, and every time with a consultation that begins now."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from care.consultation import Consultation, Status
from care.invitation import Invitation, Relation, join_link
from care.note import Addendum, Sections, VisitNote, amended, revised, signed
from care.people import Department, Member, Patient
from care.ports import ConsultationFilter, Store, UnitOfWork
from demonstration.footage import Footage
from demonstration.script import BookingText, PatientText, Script, VisitText, read_script
from demonstration.visits import Cast, Visit, events_of
from identity.audit import SYSTEM, AuditEntry
from identity.opaque import digest_of, new_secret
from identity.passwords import DEMONSTRATION_PASSWORD, hash_of
from identity.principal import Role
from kernel.ids import (
    ConsultationId,
    DepartmentId,
    InvitationId,
    ParticipantId,
    PatientId,
    RecordingId,
    RoomId,
    UserId,
    new_id,
)
from rooms.events import Decision
from rooms.ports import EventLog

_LINK_LIFETIME: Final = timedelta(hours=24)
_PLANNED_MINUTES: Final = 20
_AROUND: Final = timedelta(hours=12)
"""Bookings of the script within this time of now count as today's."""
_NOW: Final = timedelta(hours=2)
"""Only bookings within this time of now count as beginning now."""
_EVERYTHING: Final = 10_000
_OPEN: Final = (Status.PLANNED, Status.ARRIVED, Status.IN_PROGRESS, Status.ON_HOLD)


class NotADemonstration(Exception):
    """The database belongs to a real clinic: no invented people are put into it."""


@dataclass(frozen=True, slots=True)
class DemonstrationAccount:
    """Somebody who can sign in; the password is published."""

    login: str
    password: str
    name: str
    role: Role
    title: str


@dataclass(frozen=True, slots=True)
class JoinLink:
    """A patient's fresh link to a consultation that begins now."""

    patient_name: str
    clinician_login: str
    language: str
    secret: str

    def url(self, base_url: str) -> str:
        """Return the link as the patient gets it."""
        return join_link(base_url, self.secret)


@dataclass(frozen=True, slots=True)
class Demonstration:
    """Who can sign in, and the links to try; the first link is the one to show where there is room for one."""

    accounts: tuple[DemonstrationAccount, ...]
    links: tuple[JoinLink, ...]


async def seed(store: Store, log: EventLog, footage: Footage | None = None) -> Demonstration:
    """Make the clinic in an empty database; in one that has it, book what begins now again and make fresh links.

    With `footage` one of the earlier visits has a recording to watch; the composer must not run yet. Raises
    `NotADemonstration` when the database has people who are not the script's.
    """
    script = await asyncio.to_thread(read_script)
    async with store.read() as work:
        known = {member.login for member in await work.people.members()}
    if not known:
        password_hash = await asyncio.to_thread(hash_of, DEMONSTRATION_PASSWORD)
        async with store.write() as work:
            await _found(work, script, password_hash)
    elif not known.issuperset(member.login for member in script.clinic.members):
        raise NotADemonstration
    async with store.read() as work:
        visits = await _untold_visits(work, script, with_recordings=footage is not None)
    await asyncio.gather(*(log.append(visit.room, events_of(visit)) for visit in visits))
    for visit in visits:
        if footage is not None and visit.recording is not None:
            await footage.show(
                store,
                ConsultationId(visit.room),
                recording=visit.recording,
                at=visit.recorded_at,
                clinician=visit.clinician.id,
                patient=visit.patient.id,
            )
    async with store.write() as work:
        links = await _book_today(work, script)
    return Demonstration(_accounts(script), tuple(links))


async def _found(work: UnitOfWork, script: Script, password_hash: str) -> None:
    """Store departments, people, histories and the earlier visits with their notes."""
    departments: dict[str, DepartmentId] = {}
    for line in script.clinic.departments:
        departments[line.key] = DepartmentId(new_id("dep"))
        await work.people.add_department(Department(departments[line.key], line.name_en, line.name_zh))
    members: dict[str, Member] = {}
    for written in script.clinic.members:
        member = Member(
            id=UserId(new_id("usr")),
            login=written.login,
            name=written.name,
            role=written.role,
            language=written.language,
            title=written.title,
            department=departments[written.department] if written.department else None,
        )
        members[member.login] = member
        await _add_account(work, member, password_hash)
    for patient_text in script.patients:
        patient = _patient(patient_text, work.at)
        await work.people.add_patient(patient)
        await work.histories.add(patient.id, patient_text.history(work.at))
        if patient_text.login:
            account = Member(
                id=UserId(new_id("usr")),
                login=patient_text.login,
                name=patient.name,
                role=Role.PATIENT,
                language=patient.language,
                patient=patient.id,
            )
            await _add_account(work, account, password_hash)
        for visit in patient_text.visits:
            await _add_visit(work, patient, members[visit.clinician], visit)
    founded = AuditEntry(work.at, SYSTEM, "", "demonstration.found", object_type="clinic", object_id="demonstration")
    await work.audit.add_entries([founded])


async def _add_account(work: UnitOfWork, member: Member, password_hash: str) -> None:
    await work.people.add_member(member)
    await work.sessions.set_password(member.id, password_hash, at=work.at)


async def _add_visit(work: UnitOfWork, patient: Patient, clinician: Member, text: VisitText) -> None:
    """Store an earlier visit as planned, with its guest's link and its note; its room's events make it finished."""
    scheduled_at = text.scheduled_at(work.at)
    consultation = _consultation(patient.id, clinician, scheduled_at, text.reason)
    await work.consultations.add(consultation)
    if text.guest is not None:
        guest = Invitation(
            id=InvitationId(new_id("inv")),
            consultation=consultation.id,
            role=Role.GUEST,
            name=text.guest.name,
            relation=Relation(text.guest.relation),
            language=patient.language,
            created_by=clinician.id,
            created_at=scheduled_at - timedelta(days=1),
            expires_at=scheduled_at + _LINK_LIFETIME,
        )
        await work.invitations.add(guest, digest=digest_of(new_secret()))
    saved_at = scheduled_at + timedelta(minutes=text.minutes + 4)
    sections = Sections(text.subjective, text.objective, text.assessment, text.plan)
    note = revised(VisitNote(consultation.id), sections, version=0, at=saved_at)
    if text.signed:
        signed_at = saved_at + timedelta(minutes=2)
        note = signed(note, version=note.version, by=clinician.id, by_name=clinician.name, at=signed_at)
    await work.notes.save(note, previous=0)
    if text.addendum:
        addendum = Addendum(clinician.id, clinician.name, saved_at + timedelta(days=1), text.addendum)
        amended(note, addendum)  # refuses what the clinic's own rules refuse
        await work.notes.add_addendum(consultation.id, 1, addendum)


async def _untold_visits(work: UnitOfWork, script: Script, *, with_recordings: bool) -> list[Visit]:
    """Return the earlier visits whose rooms are still empty: all at first, none later."""
    stored = await work.consultations.summaries(ConsultationFilter(until=work.at), limit=_EVERYTHING)
    untold = {(item.patient.record_number, item.reason): item for item in stored if item.status is Status.PLANNED}
    visits: list[Visit] = []
    for patient_text in script.patients:
        for text in patient_text.visits:
            found = untold.get((patient_text.record_number, text.reason))
            if found is None:
                continue
            clinician = await work.people.member(found.clinician.id)
            patient = found.patient
            guests = await work.invitations.of(found.id)
            visits.append(
                Visit(
                    room=RoomId(found.id),
                    scheduled_at=found.scheduled_at,
                    minutes=text.minutes,
                    clinician=Cast(ParticipantId(clinician.id), Role.CLINICIAN, clinician.name, clinician.language),
                    patient=Cast(ParticipantId(patient.id), Role.PATIENT, patient.name, patient.language),
                    guest=Cast(ParticipantId(guests[0].id), Role.GUEST, guests[0].name, guests[0].language)
                    if guests
                    else None,
                    consent=None if text.consent == "none" else Decision(text.consent),
                    chat=tuple((Role(role), words) for role, words in text.chat),
                    recording=RecordingId(new_id("rec")) if text.recorded and with_recordings else None,
                )
            )
    return visits


async def _book_today(work: UnitOfWork, script: Script) -> list[JoinLink]:
    """Book what the script wants for today where it is missing; return a fresh link to each that begins now."""
    patients = {patient.record_number: patient for patient in await work.people.patients(limit=_EVERYTHING)}
    by_key = {text.key: patients[text.record_number] for text in script.patients if text.record_number in patients}
    members = {member.login: member for member in await work.people.members()}
    around = await work.consultations.find(
        ConsultationFilter(since=work.at - _AROUND, until=work.at + _AROUND), limit=_EVERYTHING
    )
    await _cancel_missed(work, script)
    for text in script.clinic.today:
        if text.patient in by_key and not _booked(around, text, by_key, members):
            at = _even(work.at) + timedelta(minutes=text.in_minutes)
            await work.consultations.add(
                _consultation(by_key[text.patient].id, members[text.clinician], at, text.reason)
            )
    links: list[JoinLink] = []
    for text in script.clinic.now:
        if text.patient not in by_key:
            continue
        patient, clinician = by_key[text.patient], members[text.clinician]
        near = [item for item in around if item.status in _OPEN and abs(item.scheduled_at - work.at) <= _NOW]
        consultation = next(iter(_booked(near, text, by_key, members)), None)
        if consultation is None:
            consultation = _consultation(patient.id, clinician, _even(work.at), text.reason)
            await work.consultations.add(consultation)
        links.append(await _link(work, consultation, patient, clinician))
    return links


async def _cancel_missed(work: UnitOfWork, script: Script) -> None:
    """Cancel the script's bookings of earlier days to which nobody came."""
    reasons = {text.reason for text in (*script.clinic.now, *script.clinic.today)}
    for item in await work.consultations.find(ConsultationFilter(until=work.at - _AROUND), limit=_EVERYTHING):
        if item.status is Status.PLANNED and item.reason in reasons:
            await work.consultations.save(replace(item, status=Status.CANCELLED))


async def _link(work: UnitOfWork, consultation: Consultation, patient: Patient, clinician: Member) -> JoinLink:
    secret = new_secret()
    invitation = Invitation(
        id=InvitationId(new_id("inv")),
        consultation=consultation.id,
        role=Role.PATIENT,
        name=patient.name,
        relation=Relation.PATIENT,
        language=patient.language,
        created_by=clinician.id,
        created_at=work.at,
        expires_at=work.at + _LINK_LIFETIME,
    )
    await work.invitations.add(invitation, digest=digest_of(secret))
    return JoinLink(patient.name, clinician.login, patient.language, secret)


def _booked(
    consultations: Sequence[Consultation],
    text: BookingText,
    patients: dict[str, Patient],
    members: dict[str, Member],
) -> list[Consultation]:
    wanted = (patients[text.patient].id, members[text.clinician].id, text.reason)
    return [item for item in consultations if (item.patient, item.clinician, item.reason) == wanted]


def _consultation(patient: PatientId, clinician: Member, at: datetime, reason: str) -> Consultation:
    assert clinician.department is not None, f"{clinician.login} has no department"
    return Consultation(
        id=ConsultationId(new_id("con")),
        patient=patient,
        clinician=clinician.id,
        department=clinician.department,
        scheduled_at=at,
        planned_minutes=_PLANNED_MINUTES,
        reason=reason,
    )


def _patient(text: PatientText, now: datetime) -> Patient:
    return Patient(
        id=PatientId(new_id("pat")),
        name=text.name,
        birth_date=text.born(now),
        sex=text.sex,
        language=text.language,
        record_number=text.record_number,
        phone=text.phone,
    )


def _accounts(script: Script) -> tuple[DemonstrationAccount, ...]:
    staff = [
        DemonstrationAccount(line.login, DEMONSTRATION_PASSWORD, line.name, line.role, line.title)
        for line in script.clinic.members
    ]
    patients = [
        DemonstrationAccount(text.login, DEMONSTRATION_PASSWORD, text.name, Role.PATIENT, "")
        for text in script.patients
        if text.login
    ]
    return (*staff, *patients)


def _even(at: datetime) -> datetime:
    """Return the last full five minutes."""
    return at.replace(minute=at.minute - at.minute % 5, second=0, microsecond=0)
