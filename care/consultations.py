"""The calendar of consultations, the links into them, and who may take a seat in their rooms."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from care.access import Action, Relationship, may, require, to_consultation
from care.consultation import Consultation, Status
from care.invitation import Invitation
from care.people import Member
from care.ports import ConsultationFilter, Store, UnitOfWork
from care.reach import changing, reach_consultation, reading
from care.summary import ConsultationSummary
from identity.opaque import digest_of, new_secret
from identity.principal import Principal, Role
from kernel.errors import AppError, Invalid, NotFound
from kernel.ids import ConsultationId, DepartmentId, InvitationId, ParticipantId, PatientId, UserId, new_id
from rooms.ports import OwnConsultation, Seat

LIST_LIMIT: Final = 200  # consultations in one answer
UPCOMING_LIMIT: Final = 50
OPEN_LINKS_LIMIT: Final = 20  # for one consultation
LINK_LIFETIME: Final = timedelta(hours=24)  # after the planned beginning, or from now when that is past
REASON_CHARS: Final = 2000
NAME_CHARS: Final = 100
MINUTES: Final = range(5, 241)
RELATIONS: Final = ("patient", "interpreter", "relative", "colleague")
LANGUAGES: Final = ("en", "zh-CN")

_NEAR: Final = timedelta(hours=18)  # whatever the clinic's time zone, today lies within


class ConsultationBegun(AppError):
    """It has begun or is over, and can't be cancelled any more."""

    code = "consultation.begun"
    message = "This consultation has begun and can no longer be cancelled."
    status = 409


class ConsultationClosed(AppError):
    """It was cancelled or is over: nobody new is invited to it."""

    code = "consultation.closed"
    message = "This consultation is over or was cancelled."
    status = 409


class TooManyLinks(AppError):
    """The consultation has as many open links as are allowed."""

    code = "invitation.too_many"
    message = "This consultation has too many open links. Revoke one first."
    status = 409


@dataclass(frozen=True, slots=True)
class IssuedInvitation:
    """A link just made. The secret is shown once and kept nowhere."""

    invitation: Invitation
    secret: str


class ConsultationService:
    """Everything about consultations but what happens inside them. Implements `rooms.ports.Reception`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def create(
        self,
        principal: Principal,
        *,
        patient: PatientId,
        clinician: UserId,
        scheduled_at: datetime,
        planned_minutes: int,
        reason: str,
        department: DepartmentId | None = None,
    ) -> ConsultationSummary:
        """Enter a consultation in the calendar; without `department` it is the clinician's own.

        A clinician may do so for themselves, an administrator for everybody.
        """
        reason = reason.strip()
        _check(1 <= len(reason) <= REASON_CHARS, "reason")
        _check(planned_minutes in MINUTES, "planned_minutes")
        _check(scheduled_at.tzinfo is not None, "scheduled_at")
        async with changing(self._store, principal) as work:
            own = principal.role is Role.CLINICIAN and principal.subject == clinician
            relationship = Relationship.HOLDS if own else Relationship.NONE
            require(principal, Action.CONSULTATION_CREATE, relationship, object_type="member", object_id=clinician)
            holder = await _clinician(work, clinician)
            chosen = department or holder.department
            if chosen is None:
                raise Invalid("department")
            await work.people.department(chosen)
            await work.people.patient(patient)
            consultation = Consultation(
                id=ConsultationId(new_id("con")),
                patient=patient,
                clinician=clinician,
                department=chosen,
                scheduled_at=scheduled_at,
                planned_minutes=planned_minutes,
                reason=reason,
            )
            await work.consultations.add(consultation)
            await _note(work, principal, Action.CONSULTATION_CREATE, consultation.id, detail=f"patient {patient}")
            return await work.consultations.summary(consultation.id)

    async def cancel(self, principal: Principal, consultation: ConsultationId) -> ConsultationSummary:
        """Take a consultation that has not begun off the calendar; its links stop working. Twice is once."""
        async with changing(self._store, principal) as work:
            found = await reach_consultation(work, principal, consultation, Action.CONSULTATION_CANCEL)
            if found.status is not Status.CANCELLED:
                if found.status not in {Status.PLANNED, Status.ARRIVED}:
                    raise ConsultationBegun
                await work.consultations.save(replace(found, status=Status.CANCELLED))
                await _note(work, principal, Action.CONSULTATION_CANCEL, consultation)
            return await work.consultations.summary(consultation)

    async def read(self, principal: Principal, consultation: ConsultationId) -> ConsultationSummary:
        """Return one consultation."""
        async with reading(self._store, principal) as work:
            await reach_consultation(work, principal, consultation, Action.CONSULTATION_READ)
            return await work.consultations.summary(consultation)

    async def on_day(self, principal: Principal, day: date, zone: ZoneInfo) -> Sequence[ConsultationSummary]:
        """Return the consultations of one day in `zone`, earliest first: one's own, or an administrator's all."""
        try:
            since = datetime.combine(day, time.min, tzinfo=zone)
            until = datetime.combine(day + timedelta(days=1), time.min, tzinfo=zone)
        except OverflowError:
            raise Invalid("day") from None
        async with reading(self._store, principal) as work:
            return await _listed(work, principal, since=since, until=until, limit=LIST_LIMIT)

    async def around_now(self, principal: Principal) -> Sequence[ConsultationSummary]:
        """Return what is coming and the latest that were, earliest first, at most `UPCOMING_LIMIT` of each."""
        async with reading(self._store, principal) as work:
            since = work.at - _NEAR
            coming = await _listed(work, principal, since=since, until=None, limit=UPCOMING_LIMIT)
            past = await _listed(work, principal, since=None, until=since, limit=UPCOMING_LIMIT, newest_first=True)
            return [*reversed(past), *coming]

    async def invite(
        self, principal: Principal, consultation: ConsultationId, *, relation: str, name: str, language: str
    ) -> IssuedInvitation:
        """Make a link for the patient or one more person. The patient's link bears the patient's own name."""
        name = " ".join(name.split())
        _check(relation in RELATIONS, "relation")
        _check(language in LANGUAGES, "language")
        async with changing(self._store, principal) as work:
            found = await reach_consultation(work, principal, consultation, Action.INVITATION_CREATE)
            if found.status in {Status.FINISHED, Status.CANCELLED}:
                raise ConsultationClosed
            earlier = await work.invitations.of(consultation)
            if sum(invitation.is_open(work.at) for invitation in earlier) >= OPEN_LINKS_LIMIT:
                raise TooManyLinks
            if relation == "patient":
                name = (await work.people.patient(found.patient)).name
            _check(1 <= len(name) <= NAME_CHARS, "name")
            invitation = Invitation(
                id=InvitationId(new_id("inv")),
                consultation=consultation,
                role=Role.PATIENT if relation == "patient" else Role.GUEST,
                name=name,
                relation=relation,
                language=language,
                created_by=UserId(principal.subject),
                created_at=work.at,
                expires_at=max(found.scheduled_at, work.at) + LINK_LIFETIME,
            )
            secret = new_secret()
            await work.invitations.add(invitation, digest=digest_of(secret))
            await _note(
                work, principal, Action.INVITATION_CREATE, consultation, detail=f"{invitation.id} {invitation.relation}"
            )
            return IssuedInvitation(invitation=invitation, secret=secret)

    async def invitations(self, principal: Principal, consultation: ConsultationId) -> Sequence[Invitation]:
        """Return the consultation's links, revoked and expired ones too, oldest first."""
        async with reading(self._store, principal) as work:
            await reach_consultation(work, principal, consultation, Action.INVITATION_READ)
            return await work.invitations.of(consultation)

    async def revoke(self, principal: Principal, consultation: ConsultationId, invitation: InvitationId) -> Invitation:
        """Make a link useless from now on; who is inside already stays until removed. Twice is once."""
        async with changing(self._store, principal) as work:
            await reach_consultation(work, principal, consultation, Action.INVITATION_REVOKE)
            found = await work.invitations.get(invitation)
            if found.consultation != consultation:
                raise NotFound
            if found.revoked_at is None:
                found = replace(found, revoked_at=work.at)
                await work.invitations.save(found)
                await _note(work, principal, Action.INVITATION_REVOKE, consultation, detail=invitation)
            return found

    # The reception of the live rooms ----------------------------------------------------------------------------------

    async def seat(self, principal: Principal, consultation: ConsultationId) -> Seat:
        """Return the person's seat; `NotFound` when there is none for them, or the consultation was cancelled.

        A link that was revoked or has expired since it was opened gives no seat.
        """
        async with reading(self._store, principal) as work:
            found = await reach_consultation(work, principal, consultation, Action.ROOM_ENTER)
            if found.status is Status.CANCELLED:
                raise NotFound
            if principal.consultation is not None:
                invitation = await work.invitations.get(InvitationId(principal.subject))
                if not invitation.is_open(work.at):
                    raise NotFound
            summary = await work.consultations.summary(consultation)
        is_told_reason = may(principal, Action.CONSULTATION_READ, to_consultation(principal, found))
        return Seat(
            role=principal.role,
            name=principal.name,
            language=principal.language,
            clinician=ParticipantId(found.clinician),
            clinician_name=summary.clinician.name,
            patient_name=summary.patient.name,
            department_en=summary.department.name_en,
            department_zh=summary.department.name_zh,
            reason=summary.reason if is_told_reason else "",
            scheduled_at=summary.scheduled_at,
        )

    async def own_consultations_today(self, principal: Principal) -> list[OwnConsultation]:
        """Return a clinician's consultations of about today, in any time zone, earliest first; others have none."""
        if principal.role is not Role.CLINICIAN:
            return []
        async with self._store.read() as work:
            which = ConsultationFilter(
                clinician=UserId(principal.subject), since=work.at - _NEAR, until=work.at + _NEAR
            )
            found = await work.consultations.find(which, limit=LIST_LIMIT)
        return [
            OwnConsultation(consultation.id, is_over=consultation.status is Status.FINISHED)
            for consultation in found
            if consultation.status is not Status.CANCELLED
        ]


def _check(holds: bool, field: str) -> None:
    if not holds:
        raise Invalid(field)


async def _clinician(work: UnitOfWork, clinician: UserId) -> Member:
    member = await work.people.member(clinician)
    if member.role is not Role.CLINICIAN or not member.active:
        raise NotFound
    return member


async def _listed(
    work: UnitOfWork,
    principal: Principal,
    *,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    newest_first: bool = False,
) -> Sequence[ConsultationSummary]:
    """Return what belongs to `principal`: the calendar's part that is theirs, for everybody else nothing."""
    if principal.consultation is not None:
        if principal.role is not Role.PATIENT:
            return []
        summary = await work.consultations.summary(principal.consultation)
        within = (since is None or since <= summary.scheduled_at) and (until is None or summary.scheduled_at < until)
        return [summary] if within else []
    match principal.role:
        case Role.CLINICIAN:
            which = ConsultationFilter(clinician=UserId(principal.subject), since=since, until=until)
        case Role.PATIENT if principal.patient is not None:
            which = ConsultationFilter(patient=principal.patient, since=since, until=until)
        case Role.ADMINISTRATOR:
            which = ConsultationFilter(since=since, until=until)
        case _:
            return []
    return await work.consultations.summaries(which, limit=limit, newest_first=newest_first)


async def _note(
    work: UnitOfWork, principal: Principal, action: Action, consultation: ConsultationId, *, detail: str = ""
) -> None:
    await work.audit.add(principal, action, object_type="consultation", object_id=consultation, detail=detail)
