"""Who speaks: from the loudness that browsers write beside each packet of sound (RFC 6464), sealed sound included.

Afterwards, in the film, from the decoded voices by the same rule.
"""

from collections.abc import Mapping
from typing import Final

from kernel.ids import ParticipantId
from media.streams import SILENCE

VOICE_DB: Final = 77  # above digital silence, so -50 dBov: a quiet voice; a quiet room lies 10 dB lower
LOUDER_DB: Final = 6  # than the one who speaks, to take over from them
HOLD_NS: Final = 2_000_000_000  # nobody takes over sooner; a breath or a "mhm" changes nothing
REST_NS: Final = 2_500_000_000  # without a voice for so long nobody speaks
_SMOOTHING: Final = 0.3  # of each new look, ten a second: a cough is over before it counts


class Microphone:
    """What one microphone delivers, looked at several times a second; counters only grow."""

    __slots__ = ("_looked_ns", "_received", "loudness_db", "silent_since_ns", "voice_ns")

    def __init__(self, now_ns: int) -> None:
        self.loudness_db = 0.0  # above digital silence, smoothed
        self.voice_ns = 0  # time in which a voice was heard
        self.silent_since_ns: int | None = None  # since when packets have held nothing, not even noise
        self._received = 0
        self._looked_ns = now_ns

    @property
    def is_voice(self) -> bool:
        """Whether somebody speaks into it now."""
        return self.loudness_db >= VOICE_DB

    def look(self, level: int, received: int, now_ns: int) -> None:
        """Take the newest packet's level (RFC 6464: 0 loudest, 127 silence) and how many packets came in all."""
        loudness_db = SILENCE - level if received != self._received else 0
        if received == self._received or level < SILENCE:
            self.silent_since_ns = None
        elif self.silent_since_ns is None:
            self.silent_since_ns = now_ns
        if self.is_voice:
            self.voice_ns += now_ns - self._looked_ns
        self.loudness_db += (loudness_db - self.loudness_db) * _SMOOTHING
        self._received = received
        self._looked_ns = now_ns


class ActiveSpeaker:
    """Which of several people speaks. Changes rarely: the highlight in a call follows it."""

    __slots__ = ("_heard_ns", "_since_ns", "participant")

    def __init__(self) -> None:
        self.participant: ParticipantId | None = None
        self._since_ns = 0
        self._heard_ns = 0

    def choose(self, microphones: Mapping[ParticipantId, Microphone], now_ns: int) -> bool:
        """Look at everybody and tell whether `participant` has changed."""
        before = self.participant
        speaking = microphones.get(before) if before is not None else None
        if speaking is not None and speaking.is_voice:
            self._heard_ns = now_ns
        loudest = max(microphones, key=lambda who: microphones[who].loudness_db, default=None)
        if loudest is not None and microphones[loudest].is_voice and loudest != before:
            if before is None or speaking is None or self._gives_way(speaking, microphones[loudest], now_ns):
                self.participant, self._since_ns, self._heard_ns = loudest, now_ns, now_ns
        elif before is not None and (speaking is None or now_ns - self._heard_ns >= REST_NS):
            self.participant = None
        return self.participant != before

    def _gives_way(self, speaking: Microphone, louder: Microphone, now_ns: int) -> bool:
        if now_ns - self._since_ns < HOLD_NS:
            return False
        return not speaking.is_voice or louder.loudness_db - speaking.loudness_db >= LOUDER_DB


class Speech:
    """Who speaks in a recording, heard about ten times a second."""

    def __init__(self) -> None:
        self._microphones: dict[ParticipantId, Microphone] = {}
        self._active = ActiveSpeaker()
        self._heard = 0

    @property
    def speaker(self) -> ParticipantId | None:
        """Whoever speaks, None while nobody does."""
        return self._active.participant

    def hear(self, levels: Mapping[str, int], at_ms: float) -> None:
        """Take everybody's level (RFC 6464) at a time that does not go back; who is not in `levels` is silent."""
        self._heard += 1
        now_ns = round(at_ms * 1e6)
        for who in levels:
            self._microphones.setdefault(ParticipantId(who), Microphone(now_ns))
        for who, microphone in self._microphones.items():
            microphone.look(levels.get(who, SILENCE), self._heard, now_ns)
        self._active.choose(self._microphones, now_ns)
