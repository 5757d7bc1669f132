"""The doctor's structured note of a visit (SOAP), saved as it is typed and then signed."""

from dataclasses import dataclass
from datetime import datetime

from kernel.errors import AppError
from kernel.ids import ConsultationId, UserId


class NoteSigned(AppError):
    code = "note.signed"
    message = "This note is signed. Write an addendum instead."
    status = 409


@dataclass(frozen=True, slots=True)
class Addendum:
    author: UserId
    author_name: str
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class VisitNote:
    """`version` grows by one with each save; a save names the version it was made from."""

    consultation: ConsultationId
    subjective: str = ""
    objective: str = ""
    assessment: str = ""
    plan: str = ""
    version: int = 0
    saved_at: datetime | None = None
    signed_by: UserId | None = None
    signed_by_name: str | None = None
    signed_at: datetime | None = None
    addenda: tuple[Addendum, ...] = ()
