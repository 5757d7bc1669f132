"""The doctor's structured note of a visit (SOAP), saved as it is typed and then signed."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from kernel.errors import AppError, Conflict, TooLarge
from kernel.ids import ConsultationId, UserId

SECTION_LIMIT_CHARACTERS: Final = 20_000
ADDENDUM_LIMIT_CHARACTERS: Final = 8_000
ADDENDA_LIMIT: Final = 100


class NoteSigned(AppError):
    code = "note.signed"
    message = "This note is signed. Write an addendum instead."
    status = 409


class NoteUnsigned(AppError):
    code = "note.unsigned"
    message = "An addendum belongs to a signed note. Sign this one first."
    status = 409


class NoteEmpty(AppError):
    code = "note.empty"
    message = "There is nothing to sign yet."
    status = 409


class AddendumEmpty(AppError):
    code = "note.addendum_empty"
    message = "The addendum has no words."
    status = 400


@dataclass(frozen=True, slots=True)
class Sections:
    """What the doctor writes."""

    subjective: str = ""
    objective: str = ""
    assessment: str = ""
    plan: str = ""


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


def revised(note: VisitNote, sections: Sections, *, version: int, at: datetime) -> VisitNote:
    """Return the note with new words, made from `version` of it.

    `NoteSigned` once it is signed, `Conflict` when somebody else saved since, `TooLarge` for a section past its limit.
    """
    if note.signed_at is not None:
        raise NoteSigned
    if version != note.version:
        raise Conflict
    texts = (sections.subjective, sections.objective, sections.assessment, sections.plan)
    if any(len(text) > SECTION_LIMIT_CHARACTERS for text in texts):
        raise TooLarge
    return replace(
        note,
        subjective=sections.subjective,
        objective=sections.objective,
        assessment=sections.assessment,
        plan=sections.plan,
        version=note.version + 1,
        saved_at=at,
    )


def signed(note: VisitNote, *, version: int, by: UserId, by_name: str, at: datetime) -> VisitNote:
    """Return the note signed: from now on it never changes. Only the version that was read can be signed."""
    if note.signed_at is not None:
        raise NoteSigned
    if version != note.version:
        raise Conflict
    if not any(text.strip() for text in (note.subjective, note.objective, note.assessment, note.plan)):
        raise NoteEmpty
    return replace(note, signed_by=by, signed_by_name=by_name, signed_at=at)


def amended(note: VisitNote, addendum: Addendum) -> VisitNote:
    """Return the signed note with one more addendum."""
    if note.signed_at is None:
        raise NoteUnsigned
    if not addendum.text.strip():
        raise AddendumEmpty
    if len(addendum.text) > ADDENDUM_LIMIT_CHARACTERS or len(note.addenda) >= ADDENDA_LIMIT:
        raise TooLarge
    return replace(note, addenda=(*note.addenda, addendum))
