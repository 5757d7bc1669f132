"""What was written to a patient who did not read it: once a visit is over nobody comes to its chat any more."""

from collections.abc import Iterable, Sequence
from typing import Final

from care.access import Action
from care.ports import Store
from care.reach import reach_consultation, reading
from care.recording_time import Spans
from care.transcript import Message, transcript_of
from identity.principal import Principal
from kernel.ids import ConsultationId, ParticipantId, RoomId
from rooms.events import MessagesRead, RoomEvent
from rooms.ports import EventLog

LIMIT: Final = 50  # the newest ones


class LeftMessageService:
    """Reads what was left for somebody, on their behalf."""

    def __init__(self, store: Store, log: EventLog) -> None:
        self._store = store
        self._log = log

    async def read(self, principal: Principal, consultation: ConsultationId) -> Sequence[Message]:
        """Return what others wrote and the person has not read, oldest first."""
        async with reading(self._store, principal) as work:
            await reach_consultation(work, principal, consultation, Action.MESSAGES_READ)
        return unread(await self._log.read(RoomId(consultation)), principal.participant)


def unread(events: Sequence[RoomEvent], reader: ParticipantId) -> Sequence[Message]:
    """Return the messages of others behind the last one that `reader` has read, at most `LIMIT`."""
    read_to = max(_receipts(events, reader), default=0)
    messages = transcript_of(events, Spans()).messages
    return [message for message in messages if message.seq > read_to and message.author != reader][-LIMIT:]


def _receipts(events: Iterable[RoomEvent], reader: ParticipantId) -> Iterable[int]:
    return (
        event.fact.up_to
        for event in events
        if isinstance(event.fact, MessagesRead) and event.fact.participant == reader
    )
