"""A link that opens exactly one consultation."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from identity.principal import Role
from kernel.ids import ConsultationId, InvitationId, UserId


class Relation(StrEnum):
    """What the one who comes by the link is to the patient."""

    PATIENT = "patient"
    INTERPRETER = "interpreter"
    RELATIVE = "relative"
    COLLEAGUE = "colleague"


@dataclass(frozen=True, slots=True)
class Invitation:
    """The secret itself is never stored, only its SHA-256 digest, and that never leaves `records`."""

    id: InvitationId
    consultation: ConsultationId
    role: Role  # PATIENT or GUEST
    name: str  # shown in the room
    relation: Relation
    language: str
    created_by: UserId
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None

    def is_open(self, now: datetime) -> bool:
        """Whether the link still works at `now`."""
        return self.revoked_at is None and now < self.expires_at


def join_link(base_url: str, secret: str) -> str:
    """Return what a patient or guest opens. The secret is in the fragment, which no browser sends to any server."""
    return f"{base_url.rstrip('/')}/join#{secret}"
