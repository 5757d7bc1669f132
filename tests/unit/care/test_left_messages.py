"""Which messages somebody has not read."""

from care.left_messages import LIMIT, unread
from rooms.commands import ReadMessages
from tests.builders import DOCTOR, PATIENT, Stage, call, post


def conversation() -> Stage:
    stage = call()
    stage.do(post(DOCTOR, "How are you?", id_="message-1"))
    stage.do(post(PATIENT, "Better", id_="message-2"))
    return stage


def test_what_the_others_wrote_is_left_until_it_is_read() -> None:
    stage = conversation()
    assert [message.text for message in unread(stage.events, PATIENT)] == ["How are you?"]
    assert [message.text for message in unread(stage.events, DOCTOR)] == ["Better"]
    stage.do(ReadMessages(PATIENT, stage.room.last_seq))
    stage.do(post(DOCTOR, "Come again in a week", id_="message-3"))
    (left,) = unread(stage.events, PATIENT)
    assert (left.text, left.author) == ("Come again in a week", DOCTOR)


def test_what_somebody_else_has_read_is_left_all_the_same() -> None:
    stage = conversation()
    stage.do(ReadMessages(DOCTOR, stage.room.last_seq))
    assert len(unread(stage.events, PATIENT)) == 1


def test_the_newest_are_shown_of_very_many() -> None:
    stage = conversation()
    for number in range(LIMIT):
        stage.do(post(DOCTOR, str(number), id_=f"message-{number:04}"))
    texts = [message.text for message in unread(stage.events, PATIENT)]
    assert texts == [str(number) for number in range(LIMIT)]
