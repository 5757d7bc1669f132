"""What may be said by whom, once; and who gets to read it."""

import pytest

from kernel.errors import Invalid
from rooms.commands import HoldParticipant, PostMessage, ReadMessages
from rooms.errors import NotAdmitted, RoomExhausted
from rooms.events import Body, MessagePosted, MessagesRead
from rooms.permissions import Withheld, seen_by
from rooms.room import EVENTS_LIMIT
from tests.builders import (
    DOCTOR,
    GUEST,
    NOON,
    PATIENT,
    admit,
    attachment,
    call,
    consent,
    post,
    waiting_room,
)


def test_a_waiting_patient_may_write():
    assert waiting_room().do(post(PATIENT)) == [MessagePosted(PATIENT, "message-1", Body("server", "Hello"), ())]


def test_a_waiting_guest_may_not_write_or_read():
    stage = waiting_room()
    for attempt in (post(GUEST), ReadMessages(GUEST, 1)):
        with pytest.raises(NotAdmitted):
            stage.do(attempt)


def test_the_same_message_id_by_the_same_author_is_one_message():
    stage = waiting_room()
    stage.do(post(PATIENT, "first"))
    seq = stage.room.last_seq
    assert stage.do(post(PATIENT, "second thoughts")) == []
    assert stage.room.seq_of_message(PATIENT, "message-1") == seq
    assert len(stage.do(post(DOCTOR))) == 1


@pytest.mark.parametrize(
    "command",
    [
        post(PATIENT, ""),
        post(PATIENT, "  \n"),
        post(PATIENT, "x" * 4001),
        post(PATIENT, id_="short"),
        post(PATIENT, id_="x" * 65),
        post(PATIENT, files=[attachment(f"att_{n}") for n in range(11)]),
        PostMessage(PATIENT, "message-1", Body("unknown", "Hello")),
        PostMessage(PATIENT, "message-1", Body("server")),
    ],
)
def test_what_breaks_the_rules_of_a_message_is_refused(command):
    with pytest.raises(Invalid):
        waiting_room().do(command)


def test_a_file_needs_no_words():
    (fact,) = waiting_room().do(post(PATIENT, "", files=[attachment()]))
    assert fact.attachments == (attachment(),)


def test_a_read_cursor_moves_forward_only_and_never_past_the_end():
    stage = waiting_room()
    stage.do(post(PATIENT))
    seq = stage.room.last_seq
    assert stage.do(ReadMessages(DOCTOR, seq)) == [MessagesRead(DOCTOR, seq)]
    assert stage.do(ReadMessages(DOCTOR, seq), ReadMessages(DOCTOR, 1)) == []
    for up_to in (0, stage.room.last_seq + 1):
        with pytest.raises(Invalid):
            stage.do(ReadMessages(DOCTOR, up_to))


def test_a_guest_reads_exactly_what_was_said_while_they_were_admitted():
    stage = call()
    stage.do(post(PATIENT, "before", id_="message-a"), admit(GUEST))
    stage.do(post(PATIENT, "during", id_="message-b"), HoldParticipant(DOCTOR, GUEST))
    stage.do(post(PATIENT, "after", id_="message-c"), admit(GUEST), post(GUEST, "again", id_="message-d"))
    guest = stage.room.person(GUEST)
    seen = [seen_by(guest, event) for event in stage.events]
    texts = [s.fact.body.text for s in seen if not isinstance(s, Withheld) and isinstance(s.fact, MessagePosted)]
    assert texts == ["during", "again"]
    assert [s.seq for s in seen] == list(range(1, len(stage.events) + 1))


def test_patient_and_doctor_read_everything():
    stage = call()
    stage.do(post(DOCTOR), admit(GUEST), consent(GUEST))
    for who in (PATIENT, DOCTOR):
        assert all(seen_by(stage.room.person(who), event) is event for event in stage.events)


def test_a_guest_learns_nothing_of_the_others_answers_about_consent():
    stage = call()
    stage.do(consent(PATIENT), admit(GUEST), consent(GUEST))
    guest = stage.room.person(GUEST)
    answers = [event for event in stage.events if type(event.fact).__name__ == "ConsentRecorded"]
    assert [isinstance(seen_by(guest, event), Withheld) for event in answers] == [True, False]


def test_an_endless_room_takes_only_what_ends_it():
    stage = call()
    stage.room._seq = EVENTS_LIMIT
    with pytest.raises(RoomExhausted):
        stage.do(post(PATIENT))
    assert stage.room.handle(HoldParticipant(DOCTOR, PATIENT), now=NOON)
