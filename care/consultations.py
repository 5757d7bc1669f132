"""The calendar of consultations."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from care.access import Action, Relationship, require
from care.consultation import Consultation, Status
from care.people import Member
from care.ports import ConsultationFilter, Store, UnitOfWork
from care.reach import changing, reach_consultation, reading
from care.summary import ConsultationSummary
from identity.principal import Principal, Role
from kernel.errors import AppError, Invalid, NotFound
from kernel.ids import ConsultationId, DepartmentId, PatientId, UserId, new_id

LIST_LIMIT: Final = 200  # consultations in one answer
UPCOMING_LIMIT: Final = 50
REASON_CHARS: Final = 2000
MINUTES: Final = range(5, 241)

NEAR: Final = timedelta(hours=18)
"""Whatever the clinic's time zone, today lies within this of now."""


class ConsultationBegun(AppError):
    """It has begun or is over, and can't be cancelled any more."""

    code = "consultation.begun"
    message = "This consultation has begun and can no longer be cancelled."
    status = 409


class ConsultationService:
    """Reads and changes the calendar on behalf of somebody."""

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
            await work.audit.add(
                principal,
                Action.CONSULTATION_CREATE,
                object_type="consultation",
                object_id=consultation.id,
                detail=f"patient {patient}",
            )
            return await work.consultations.summary(consultation.id)

    async def cancel(self, principal: Principal, consultation: ConsultationId) -> ConsultationSummary:
        """Take a consultation that has not begun off the calendar; its links stop working. Twice is once."""
        async with changing(self._store, principal) as work:
            found = await reach_consultation(work, principal, consultation, Action.CONSULTATION_CANCEL)
            if found.status is not Status.CANCELLED:
                if found.status not in {Status.PLANNED, Status.ARRIVED}:
                    raise ConsultationBegun
                await work.consultations.save(replace(found, status=Status.CANCELLED))
                await work.audit.add(
                    principal, Action.CONSULTATION_CANCEL, object_type="consultation", object_id=consultation
                )
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
            since = work.at - NEAR
            coming = await _listed(work, principal, since=since, until=None, limit=UPCOMING_LIMIT)
            past = await _listed(work, principal, since=None, until=since, limit=UPCOMING_LIMIT, newest_first=True)
            return [*reversed(past), *coming]


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
