"""The doctor's note of a visit."""

from datetime import datetime
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from care.note import (
    ADDENDUM_LIMIT_CHARACTERS,
    SECTION_LIMIT_CHARACTERS,
    AddendumEmpty,
    NoteEmpty,
    NoteSigned,
    NoteUnsigned,
    Sections,
    VisitNote,
)
from identity.principal import Role
from kernel.errors import Conflict, NotFound, TooLarge
from server.endpoint import Call, Input, Routes

routes = Routes()

_NOTE_LIMIT_BYTES: Final = 4 * SECTION_LIMIT_CHARACTERS * 6 + 1024  # every character may come as a JSON escape
_TEXT = r"^[^\x00]*$"
Section = Annotated[str, Meta(max_length=SECTION_LIMIT_CHARACTERS, pattern=_TEXT)]
Version = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class AddendumView(msgspec.Struct, frozen=True):
    author: str
    author_name: str
    at: datetime
    text: str


class NoteView(msgspec.Struct, frozen=True, kw_only=True):
    """A note. `version` 0 means that none was saved yet."""

    consultation: str
    subjective: str
    objective: str
    assessment: str
    plan: str
    version: int
    saved_at: datetime | None
    signed_by: str | None
    signed_by_name: str | None
    signed_at: datetime | None
    addenda: list[AddendumView]

    @classmethod
    def of(cls, note: VisitNote) -> "NoteView":
        return cls(
            consultation=note.consultation,
            subjective=note.subjective,
            objective=note.objective,
            assessment=note.assessment,
            plan=note.plan,
            version=note.version,
            saved_at=note.saved_at,
            signed_by=note.signed_by,
            signed_by_name=note.signed_by_name,
            signed_at=note.signed_at,
            addenda=[AddendumView(item.author, item.author_name, item.at, item.text) for item in note.addenda],
        )


class NoteBody(Input):
    """The whole note as it shall be; `version` is the one it was made from."""

    version: Version
    subjective: Section = ""
    objective: Section = ""
    assessment: Section = ""
    plan: Section = ""


class SignBody(Input):
    """`version` is the one that was read and is signed."""

    version: Version


class AddendumBody(Input):
    text: Annotated[str, Meta(max_length=ADDENDUM_LIMIT_CHARACTERS, pattern=_TEXT)]


@routes.endpoint(
    "GET",
    "/api/v1/consultations/{consultation}/note",
    summary="Read the note: its author always, others once it is signed",
    tag="notes",
    roles={Role.CLINICIAN, Role.PATIENT, Role.CUSTODIAN},
    response=NoteView,
    errors=[NotFound],
)
async def read_note(call: Call[None, None]) -> NoteView:
    return NoteView.of(await call.services.chart.note(call.principal, call.consultation))


@routes.endpoint(
    "PUT",
    "/api/v1/consultations/{consultation}/note",
    summary="Save the note as it is typed",
    tag="notes",
    roles={Role.CLINICIAN},
    body=NoteBody,
    response=NoteView,
    errors=[NotFound, Conflict, NoteSigned, TooLarge],
    body_limit_bytes=_NOTE_LIMIT_BYTES,
)
async def save_note(call: Call[None, NoteBody]) -> NoteView:
    body = call.body
    sections = Sections(body.subjective, body.objective, body.assessment, body.plan)
    saved = await call.services.chart.save_note(call.principal, call.consultation, sections, version=body.version)
    return NoteView.of(saved)


@routes.endpoint(
    "POST",
    "/api/v1/consultations/{consultation}/note/sign",
    summary="Sign the note; it never changes afterwards",
    tag="notes",
    roles={Role.CLINICIAN},
    body=SignBody,
    response=NoteView,
    errors=[NotFound, Conflict, NoteSigned, NoteEmpty],
)
async def sign_note(call: Call[None, SignBody]) -> NoteView:
    chart = call.services.chart
    return NoteView.of(await chart.sign_note(call.principal, call.consultation, version=call.body.version))


@routes.endpoint(
    "POST",
    "/api/v1/consultations/{consultation}/note/addenda",
    summary="Add to a signed note",
    tag="notes",
    roles={Role.CLINICIAN},
    body=AddendumBody,
    response=NoteView,
    errors=[NotFound, NoteUnsigned, AddendumEmpty, TooLarge],
    status=201,
)
async def add_addendum(call: Call[None, AddendumBody]) -> NoteView:
    return NoteView.of(await call.services.chart.amend_note(call.principal, call.consultation, call.body.text))
