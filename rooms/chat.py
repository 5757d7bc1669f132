"""What was said: which messages exist and how far everybody has read. Their content stays in the log."""

from kernel.errors import Invalid
from kernel.ids import MessageId, ParticipantId
from rooms.commands import PostMessage, ReadMessages
from rooms.events import Fact, MessagePosted, MessagesRead, RoomEvent

TEXT_LIMIT = 4000  # characters
ATTACHMENTS_LIMIT = 10
MESSAGE_ID_LENGTHS = range(8, 65)


class ChatLog:
    """The index of a room's messages. `apply` is the only mutator."""

    def __init__(self) -> None:
        self._posted: dict[tuple[ParticipantId, MessageId], int] = {}
        self._read: dict[ParticipantId, int] = {}

    def seq_of(self, author: ParticipantId, message: MessageId) -> int | None:
        """Return the place of a message in the room's order, or None when it was never posted."""
        return self._posted.get((author, message))

    def unread_by(self, reader: ParticipantId) -> int:
        """Return how many messages of others somebody has not read yet."""
        read = self._read.get(reader, 0)
        return sum(seq > read and author != reader for (author, _), seq in self._posted.items())

    def posting(self, command: PostMessage) -> list[Fact]:
        """Decide what a message from somebody who may write causes. A retry causes nothing."""
        if (command.by, command.client_message_id) in self._posted:
            return []
        if len(command.client_message_id) not in MESSAGE_ID_LENGTHS:
            raise Invalid("id")
        if len(command.attachments) > ATTACHMENTS_LIMIT:
            raise Invalid("attachments")
        text = command.body.text
        if command.body.scheme != "server" or text is None or len(text) > TEXT_LIMIT:
            raise Invalid("body")
        if not text.strip() and not command.attachments:
            raise Invalid("body.text")
        return [MessagePosted(command.by, command.client_message_id, command.body, command.attachments)]

    def reading(self, command: ReadMessages, *, last_seq: int) -> list[Fact]:
        """Decide what a read receipt causes. Going back causes nothing, passing the end is `Invalid`."""
        if not 0 < command.up_to <= last_seq:
            raise Invalid("up_to")
        if command.up_to <= self._read.get(command.by, 0):
            return []
        return [MessagesRead(command.by, command.up_to)]

    def apply(self, event: RoomEvent) -> None:
        """Take over what `event` says about messages; other facts change nothing."""
        match event.fact:
            case MessagePosted(author, message):
                self._posted[author, message] = event.seq
            case MessagesRead(participant, up_to):
                self._read[participant] = up_to
            case _:
                pass
