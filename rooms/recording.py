"""Whether the consultation is being recorded, under which one id."""

from kernel.ids import ParticipantId, RecordingId
from rooms.events import Fact, RecordingStarted, RecordingStopped, RoomEvent, StopReason


class RecordingManifest:
    """One recording for each consultation, on or off, paused as often as wanted. `apply` is the only mutator."""

    def __init__(self) -> None:
        self._recording: RecordingId | None = None
        self._is_on = False

    @property
    def active(self) -> RecordingId | None:
        """The recording that is running, None while nothing is recorded."""
        return self._recording if self._is_on else None

    def starting(self, recording: RecordingId, by: ParticipantId) -> list[Fact]:
        """Decide what a start causes: the first id stays for the whole consultation, a second start does nothing."""
        return [] if self._is_on else [RecordingStarted(self._recording or recording, by)]

    def stopping(self, by: ParticipantId | None, reason: StopReason) -> list[Fact]:
        """Decide what a stop causes: nothing when nothing is being recorded."""
        return [RecordingStopped(self.active, by, reason)] if self.active else []

    def apply(self, event: RoomEvent) -> None:
        """Take over a start or a stop; other facts change nothing."""
        match event.fact:
            case RecordingStarted(recording):
                self._recording, self._is_on = recording, True
            case RecordingStopped():
                self._is_on = False
            case _:
                pass
