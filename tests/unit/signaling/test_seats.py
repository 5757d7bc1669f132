"""One person, one seat, however many sockets."""

from kernel.ids import RoomId
from signaling.budget import Budget
from signaling.sessions import Seating, Session, Sessions
from tests.builders import DOCTOR, PATIENT, ROOM, connection, principal


def opened(sessions: Sessions, sid: str, who=PATIENT) -> Session:
    session = Session(sid, principal(who), Budget(now_s=0))
    sessions.open(session)
    return session


def seating(who=PATIENT, tab: int = 1, room: RoomId = ROOM) -> Seating:
    return Seating(room, who, connection(who, tab))


def test_the_newer_socket_takes_the_seat_and_the_older_one_has_none():
    sessions = Sessions()
    older, newer = opened(sessions, "a"), opened(sessions, "b")
    assert sessions.sit_down(older, seating(tab=1)) is None
    assert sessions.sit_down(newer, seating(tab=2)) is older
    assert older.seating is None
    assert sessions.seated_in(ROOM) == {PATIENT: newer}


def test_sitting_down_again_displaces_nobody():
    sessions = Sessions()
    session = opened(sessions, "a")
    sessions.sit_down(session, seating())
    assert sessions.sit_down(session, seating()) is None
    assert sessions.seated_in(ROOM) == {PATIENT: session}


def test_a_displaced_socket_that_leaves_frees_nothing():
    sessions = Sessions()
    older, newer = opened(sessions, "a"), opened(sessions, "b")
    sessions.sit_down(older, seating(tab=1))
    sessions.sit_down(newer, seating(tab=2))
    sessions.stand_up(older)
    sessions.close("a")
    assert sessions.seated_in(ROOM) == {PATIENT: newer}


def test_people_sit_beside_each_other_and_rooms_are_apart():
    sessions = Sessions()
    doctor, patient = opened(sessions, "a", DOCTOR), opened(sessions, "b", PATIENT)
    sessions.sit_down(doctor, seating(DOCTOR))
    sessions.sit_down(patient, seating(PATIENT, room=RoomId("con_other")))
    assert sessions.seated_in(ROOM) == {DOCTOR: doctor}
    assert sessions.seated_in(RoomId("con_other")) == {PATIENT: patient}


def test_nothing_is_left_of_those_who_went():
    sessions = Sessions()
    for sid in ("a", "b"):
        session = opened(sessions, sid)
        sessions.sit_down(session, seating())
        sessions.stand_up(session)
        assert sessions.close(sid) is session
    assert sessions.close("a") is None
    assert len(sessions) == 0
    assert sessions.of_person(PATIENT) == ()
    assert sessions.seated_in(ROOM) == {}
    assert sessions == Sessions()
