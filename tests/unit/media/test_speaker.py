"""Who speaks, from the levels of their packets."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from kernel.ids import ParticipantId
from media.speaker import HOLD_NS, REST_NS, ActiveSpeaker, Microphone

ANNE, BO = ParticipantId("usr_anne"), ParticipantId("pat_bo")
LOOK_NS = 100_000_000
VOICE, LOUD_VOICE, ROOM_NOISE, NOTHING = 35, 20, 70, 127


class Talk:
    """Two microphones, looked at ten times a second."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.received = 0
        self.microphones = {ANNE: Microphone(0), BO: Microphone(0)}
        self.speaker = ActiveSpeaker()
        self.changes: list[tuple[int, ParticipantId | None]] = []

    def go_on(self, seconds: float, anne: int, bo: int) -> ParticipantId | None:
        """Both send sound of these levels for so long."""
        for _ in range(round(seconds * 10)):
            self.now_ns += LOOK_NS
            self.received += 5
            self.microphones[ANNE].look(anne, self.received, self.now_ns)
            self.microphones[BO].look(bo, self.received, self.now_ns)
            if self.speaker.choose(self.microphones, self.now_ns):
                self.changes.append((self.now_ns, self.speaker.participant))
        return self.speaker.participant


def test_noise_is_no_voice() -> None:
    assert Talk().go_on(10, ROOM_NOISE, NOTHING) is None


def test_whoever_speaks_is_found_within_a_second_and_rests_after_three() -> None:
    talk = Talk()
    assert talk.go_on(1, VOICE, ROOM_NOISE) == ANNE
    assert talk.go_on(2, ROOM_NOISE, ROOM_NOISE) == ANNE  # a pause between two sentences
    assert talk.go_on(2, ROOM_NOISE, ROOM_NOISE) is None
    assert [who for _, who in talk.changes] == [ANNE, None]


def test_a_cough_changes_nothing() -> None:
    talk = Talk()
    talk.go_on(5, VOICE, ROOM_NOISE)
    talk.go_on(0.2, VOICE, LOUD_VOICE)
    assert talk.go_on(1, VOICE, ROOM_NOISE) == ANNE
    assert len(talk.changes) == 1


def test_an_answer_takes_over_and_a_voice_just_as_loud_does_not() -> None:
    talk = Talk()
    talk.go_on(3, VOICE, ROOM_NOISE)
    assert talk.go_on(5, VOICE, VOICE - 2) == ANNE
    assert talk.go_on(3, ROOM_NOISE, VOICE) == BO


def test_who_hangs_up_speaks_no_longer() -> None:
    talk = Talk()
    talk.go_on(3, VOICE, ROOM_NOISE)
    del talk.microphones[ANNE]
    assert talk.speaker.choose(talk.microphones, talk.now_ns)
    assert talk.speaker.participant is None


def test_time_of_speech_is_counted() -> None:
    talk = Talk()
    talk.go_on(10, VOICE, ROOM_NOISE)
    talk.go_on(10, ROOM_NOISE, VOICE)
    anne, bo = (talk.microphones[who].voice_ns / 1e9 for who in (ANNE, BO))
    assert 9 < anne < 11
    assert 9 < bo < 11


def test_digital_silence_is_told_from_a_quiet_room_and_from_sending_nothing() -> None:
    talk = Talk()
    talk.go_on(10, NOTHING, ROOM_NOISE)
    since_ns = talk.microphones[ANNE].silent_since_ns
    assert since_ns is not None
    assert talk.now_ns - since_ns > 9e9
    assert talk.microphones[BO].silent_since_ns is None
    talk.microphones[ANNE].look(NOTHING, talk.received, talk.now_ns)  # no packet came since
    assert talk.microphones[ANNE].silent_since_ns is None


@given(st.lists(st.tuples(st.integers(0, 127), st.integers(0, 127)), max_size=400))
def test_whatever_is_heard_the_speaker_changes_seldom(levels: list[tuple[int, int]]) -> None:
    talk = Talk()
    for anne, bo in levels:
        talk.go_on(0.1, anne, bo)
    times = [at for at, _ in talk.changes]
    gaps = [after - before for before, after in pairwise(times)]
    assert all(gap >= min(HOLD_NS, REST_NS) for gap, (_, who) in zip(gaps, talk.changes, strict=False) if who)
