"""Who is asking, as far as the domain needs to know."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from kernel.ids import ConsultationId, InvitationId, ParticipantId, PatientId, SessionId, UserId

LANGUAGES: Final = ("en", "zh-CN")


class Role(StrEnum):
    """What a person is to the clinic."""

    PATIENT = "patient"
    CLINICIAN = "clinician"
    CUSTODIAN = "custodian"
    ADMINISTRATOR = "administrator"
    GUEST = "guest"  # interpreter, relative or colleague who came by a link


@dataclass(frozen=True, slots=True)
class Principal:
    """One authenticated person. `consultation` is set when the proof opens exactly that one."""

    subject: UserId | InvitationId
    session: SessionId
    role: Role
    name: str
    language: str  # one of LANGUAGES
    patient: PatientId | None = None  # whose record is the person's own
    consultation: ConsultationId | None = None

    @property
    def participant(self) -> ParticipantId:
        """The id this person has inside a room: the same from a link as signed in."""
        return ParticipantId(self.patient or self.subject)

    @property
    def grounds(self) -> tuple[str, str]:
        """What the proof ends with: the sign-in, and the account or invitation."""
        return self.session, self.subject
