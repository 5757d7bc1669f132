"""Somebody who has been away for long: noted once, and only where somebody is there to leave a message."""

import pytest

from rooms.commands import Command, Disconnect, FinishVisit, NoteAbsence
from rooms.events import ConnectionRungChanged, Rung
from rooms.room import AWAY_AFTER
from rooms.tracks import Rungs
from tests.builders import DOCTOR, GUEST, NOON, PATIENT, Stage, call, connection, enter, waiting_room

AWAY = ConnectionRungChanged(PATIENT, Rung.MESSAGE, Rung.MESSAGE)
SOON, THEN = NOON + AWAY_AFTER / 2, NOON + AWAY_AFTER


def gone(*commands: Command) -> Stage:
    stage = call()
    stage.do(Disconnect(PATIENT, connection(PATIENT)), *commands)
    return stage


def test_after_half_a_minute_the_absence_is_noted_once() -> None:
    stage = gone()
    assert stage.room.next_deadline() == THEN
    assert stage.do(NoteAbsence(), now=SOON) == []
    assert stage.do(NoteAbsence(), now=THEN) == [AWAY]
    assert stage.room.next_deadline() is None
    assert stage.do(NoteAbsence(), now=THEN + AWAY_AFTER) == []


def test_who_comes_back_in_time_was_not_away_and_later_on_is_back() -> None:
    stage = gone()
    stage.do(enter(PATIENT, tab=2), now=SOON)
    assert stage.room.next_deadline() is None
    assert stage.do(NoteAbsence(), now=THEN) == []
    stage = gone()
    stage.do(NoteAbsence(), enter(PATIENT, tab=2), now=THEN)
    assert stage.room.rungs(PATIENT) == Rungs()


@pytest.mark.parametrize(
    "stage",
    [
        gone(Disconnect(DOCTOR, connection(DOCTOR))),  # nobody is left
        gone(FinishVisit(DOCTOR)),
        Stage(enter(DOCTOR), enter(PATIENT), Disconnect(PATIENT, connection(PATIENT))),  # was never in the call
        waiting_room(),
    ],
)
def test_otherwise_there_is_no_deadline(stage: Stage) -> None:
    assert stage.room.next_deadline() is None
    assert stage.do(NoteAbsence(), now=THEN) == []


def test_whoever_waits_does_not_make_somebody_missed() -> None:
    stage = gone()
    assert stage.room.person(GUEST) is not None
    stage.do(Disconnect(DOCTOR, connection(DOCTOR)))
    assert stage.room.next_deadline() is None
