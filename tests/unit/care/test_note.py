from datetime import UTC, datetime

import pytest

from care.note import (
    ADDENDA_LIMIT,
    SECTION_LIMIT_CHARACTERS,
    Addendum,
    AddendumEmpty,
    NoteEmpty,
    NoteSigned,
    NoteUnsigned,
    Sections,
    VisitNote,
    amended,
    revised,
    signed,
)
from kernel.errors import Conflict, TooLarge
from kernel.ids import ConsultationId, UserId

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
EMPTY = VisitNote(ConsultationId("con_1"))
DRAFT = revised(EMPTY, Sections(plan="rest"), version=0, at=NOON)
DOCTOR = UserId("usr_1")
SIGNED = signed(DRAFT, version=1, by=DOCTOR, by_name="Dr Lin", at=NOON)


def addendum(text: str) -> Addendum:
    return Addendum(DOCTOR, "Dr Lin", NOON, text)


def test_each_save_makes_the_next_version() -> None:
    second = revised(DRAFT, Sections(plan="rest, fluids"), version=1, at=NOON)
    assert (DRAFT.version, second.version, second.plan) == (1, 2, "rest, fluids")


def test_a_save_from_an_older_version_conflicts() -> None:
    with pytest.raises(Conflict):
        revised(DRAFT, Sections(), version=0, at=NOON)


def test_only_the_version_that_was_read_can_be_signed() -> None:
    with pytest.raises(Conflict):
        signed(DRAFT, version=0, by=DOCTOR, by_name="Dr Lin", at=NOON)
    assert SIGNED.version == DRAFT.version


def test_a_signed_note_never_changes() -> None:
    with pytest.raises(NoteSigned):
        revised(SIGNED, Sections(plan="other"), version=1, at=NOON)
    with pytest.raises(NoteSigned):
        signed(SIGNED, version=1, by=DOCTOR, by_name="Dr Lin", at=NOON)


def test_an_empty_note_can_not_be_signed() -> None:
    blank = revised(EMPTY, Sections(subjective="  \n"), version=0, at=NOON)
    with pytest.raises(NoteEmpty):
        signed(blank, version=1, by=DOCTOR, by_name="Dr Lin", at=NOON)


def test_addenda_belong_to_a_signed_note_and_have_words() -> None:
    with pytest.raises(NoteUnsigned):
        amended(DRAFT, addendum("later"))
    with pytest.raises(AddendumEmpty):
        amended(SIGNED, addendum(" "))
    assert [item.text for item in amended(SIGNED, addendum("later")).addenda] == ["later"]


def test_sections_and_addenda_are_bounded() -> None:
    with pytest.raises(TooLarge):
        revised(EMPTY, Sections(plan="x" * (SECTION_LIMIT_CHARACTERS + 1)), version=0, at=NOON)
    note = SIGNED
    for _ in range(ADDENDA_LIMIT):
        note = amended(note, addendum("again"))
    with pytest.raises(TooLarge):
        amended(note, addendum("once more"))
