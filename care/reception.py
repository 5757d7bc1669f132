"""Who may take a seat in a consultation's room."""

from care.access import Action, may, to_consultation
from care.consultation import Status
from care.consultations import LIST_LIMIT, NEAR
from care.ports import ConsultationFilter, Store
from care.reach import reach_consultation, reading
from identity.principal import Principal, Role
from kernel.errors import NotFound
from kernel.ids import ConsultationId, InvitationId, ParticipantId, UserId
from rooms.ports import OwnConsultation, Seat


class ReceptionService:
    """Implements `rooms.ports.Reception`."""

    def __init__(self, store: Store) -> None:
        self._store = store

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
            which = ConsultationFilter(clinician=UserId(principal.subject), since=work.at - NEAR, until=work.at + NEAR)
            found = await work.consultations.find(which, limit=LIST_LIMIT)
        return [
            OwnConsultation(consultation.id, is_over=consultation.status is Status.FINISHED)
            for consultation in found
            if consultation.status is not Status.CANCELLED
        ]
