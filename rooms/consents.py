"""Who has agreed to be recorded: the latest answer of everybody stands."""

from collections.abc import Mapping

from kernel.ids import ParticipantId
from rooms.commands import RecordConsent
from rooms.events import ConsentRecorded, Decision, Fact, RoomEvent


class Consents:
    """The latest recorded answer of each participant. `apply` is the only mutator."""

    def __init__(self) -> None:
        self._latest: dict[ParticipantId, ConsentRecorded] = {}

    def is_given(self, participant: ParticipantId) -> bool:
        """Whether this person's tracks may be recorded now."""
        return self.decision(participant) is Decision.GIVEN

    def decision(self, participant: ParticipantId) -> Decision | None:
        """Return the latest answer, or None when the person has not answered."""
        latest = self._latest.get(participant)
        return latest.decision if latest else None

    def decisions(self) -> Mapping[ParticipantId, Decision]:
        """Return the latest answer of everybody who has answered."""
        return {participant: consent.decision for participant, consent in self._latest.items()}

    def recording(self, command: RecordConsent) -> list[Fact]:
        """Decide what an answer causes. The same answer again, or withdrawing what was not given, causes nothing."""
        if command.decision is Decision.WITHDRAWN and not self.is_given(command.by):
            return []
        consent = ConsentRecorded(command.by, command.decision, command.version, command.language, command.text)
        return [] if self._latest.get(command.by) == consent else [consent]

    def apply(self, event: RoomEvent) -> None:
        """Take over an answer; other facts change nothing."""
        if isinstance(event.fact, ConsentRecorded):
            self._latest[event.fact.participant] = event.fact
