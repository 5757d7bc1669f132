"""Files that people send within a consultation: taken in while they stream, judged, stored whole or not at all."""

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from care.access import Action
from care.attachment import (
    CONSULTATION_LIMIT_BYTES,
    CONSULTATION_LIMIT_FILES,
    FILE_LIMIT_BYTES,
    AttachmentsFull,
    StorageFailed,
    StoredFile,
)
from care.consultation import Status
from care.content_type import ContentJudge
from care.file_names import safe_name
from care.ports import AttachmentBlobs, BlobFile, Store
from care.reach import changing, note_reading, reach_consultation, reading
from identity.principal import Principal, Role
from kernel.errors import NotFound, Overloaded, TooLarge
from kernel.ids import AttachmentId, ConsultationId, ParticipantId, RoomId, new_id
from rooms.events import Attachment, MessagePosted
from rooms.permissions import may_chat, sees
from rooms.ports import EventLog
from rooms.room import Room

UPLOADS_LIMIT: Final = 64
"""Files that one node takes in at the same time."""
UPLOADS_LIMIT_EACH: Final = 4
"""Files that are taken in at the same time within one consultation."""

_CLOSED: Final = (Status.FINISHED, Status.CANCELLED)


class AttachmentService:
    """The files of all consultations. Implements `rooms.ports.AttachmentDirectory`."""

    def __init__(self, store: Store, blobs: AttachmentBlobs, log: EventLog) -> None:
        self._store = store
        self._blobs = blobs
        self._log = log
        self._uploads: Counter[ConsultationId] = Counter()

    async def receive(
        self, principal: Principal, consultation: ConsultationId, *, name: str, chunks: AsyncIterator[bytes]
    ) -> StoredFile:
        """Take in a file from somebody who takes part in the consultation while it is open: guests once admitted.

        Raises `FileRefused` as soon as its content is of no accepted type, `TooLarge` as soon as it is too long,
        `AttachmentsFull`, `StorageFailed`, `Overloaded`; whatever is raised, also by `chunks`, nothing of the file
        remains. The name is made safe.
        """
        with self._place(consultation):
            file = await self._announce(principal, consultation)
            content: BlobFile | None = None
            try:
                with _storing():
                    content = await self._blobs.create(consultation, file.blob)
                content_type, size_bytes = await _copied(chunks, content)
                file = replace(
                    file,
                    name=safe_name(name, content_type),
                    content_type=content_type,
                    size_bytes=size_bytes,
                    sha256=await _closed(content),
                )
                await self._complete(principal, file)
            except BaseException:
                await self._abandon(file, content)
                raise
        return file

    async def find(self, principal: Principal, consultation: ConsultationId, attachment: AttachmentId) -> StoredFile:
        """Return what is known of a file that the principal may read, and note that it was read.

        That is one they sent themselves, or one in a message they may see. `NotFound` otherwise.
        """
        async with reading(self._store, principal) as work:
            await reach_consultation(work, principal, consultation, Action.ATTACHMENT_READ)
            file = await work.attachments.get(consultation, attachment)
        if file.uploader != principal.participant and not await self._is_shown(principal, file):
            raise NotFound
        await note_reading(
            self._store, principal, Action.ATTACHMENT_READ, "consultation", consultation, detail=attachment
        )
        return file

    def read(self, file: StoredFile) -> AsyncGenerator[bytes, None]:
        """Yield the content of a file that `find` returned."""
        return self._blobs.read(file.consultation, file.blob)

    async def describe(
        self, consultation: ConsultationId, ids: Sequence[AttachmentId], uploader: ParticipantId
    ) -> tuple[Attachment, ...]:
        """Return the files in the order of `ids`; `NotFound` when one is absent or not the uploader's."""
        async with self._store.read() as work:
            found = {file.id: file for file in await work.attachments.many(consultation, ids)}
        files = [found.get(attachment) for attachment in ids]
        return tuple(_described(file, uploader) for file in files)

    async def sweep(self) -> int:
        """Remove what uploads left behind that a crash interrupted; returns how many. Before the first upload."""
        async with self._store.read() as work:
            pending = await work.attachments.pending()
        for attachment, blob in pending:
            await self._blobs.delete(blob)
            async with self._store.write() as work:
                await work.attachments.remove(attachment)
        return len(pending)

    @contextmanager
    def _place(self, consultation: ConsultationId) -> Iterator[None]:
        if self._uploads.total() >= UPLOADS_LIMIT or self._uploads[consultation] >= UPLOADS_LIMIT_EACH:
            raise Overloaded
        self._uploads[consultation] += 1
        try:
            yield
        finally:
            self._uploads[consultation] -= 1
            self._uploads += Counter()  # forgets the zeros

    async def _announce(self, principal: Principal, consultation: ConsultationId) -> StoredFile:
        attachment = AttachmentId(new_id("att"))
        if principal.role is Role.GUEST and not await self._may_post(principal, consultation):
            raise NotFound
        async with changing(self._store, principal) as work:
            found = await reach_consultation(work, principal, consultation, Action.ATTACHMENT_ADD)
            if found.status in _CLOSED:
                raise NotFound
            _require_room(*await work.attachments.usage(consultation))
            file = StoredFile(
                id=attachment,
                consultation=consultation,
                uploader=principal.participant,
                name="",
                content_type="",
                size_bytes=0,
                sha256="",
                blob=f"attachments/{consultation}/{attachment}",
                created_at=work.at,
            )
            await work.attachments.add(file)
        return file

    async def _complete(self, principal: Principal, file: StoredFile) -> None:
        async with self._store.write() as work:
            files, size_bytes = await work.attachments.usage(file.consultation)
            _require_room(files, size_bytes + file.size_bytes)
            await work.attachments.complete(file)
            await work.audit.add(
                principal,
                Action.ATTACHMENT_ADD,
                object_type="consultation",
                object_id=file.consultation,
                detail=file.id,
            )

    async def _abandon(self, file: StoredFile, content: BlobFile | None) -> None:
        try:
            if content is not None:
                await content.discard()
            await self._blobs.delete(file.blob)
        except OSError:
            return  # it stays pending: the sweep of the next start tries again
        async with self._store.write() as work:
            await work.attachments.remove(file.id)

    async def _may_post(self, principal: Principal, consultation: ConsultationId) -> bool:
        """Whether a guest may send a message now, as the live room decides it; what can't be sent takes no space."""
        room = RoomId(consultation)
        guest = Room.replayed(room, await self._log.read(room)).person(principal.participant)
        return guest is not None and may_chat(guest)

    async def _is_shown(self, principal: Principal, file: StoredFile) -> bool:
        """Whether a message that the principal may see carries the file."""
        room = RoomId(file.consultation)
        events = await self._log.read(room)
        carrying = [
            event
            for event in events
            if isinstance(event.fact, MessagePosted)
            and any(attachment.id == file.id for attachment in event.fact.attachments)
        ]
        if not carrying or principal.role is not Role.GUEST:
            return bool(carrying)
        guest = Room.replayed(room, events).person(principal.participant)
        return guest is not None and not guest.removed and any(sees(guest, event) for event in carrying)


async def _copied(chunks: AsyncIterator[bytes], content: BlobFile) -> tuple[str, int]:
    """Write everything that arrives; return its type and size."""
    judge = ContentJudge()
    size_bytes = 0
    async for chunk in chunks:
        size_bytes += len(chunk)
        if size_bytes > FILE_LIMIT_BYTES:
            raise TooLarge
        judge.feed(chunk)
        with _storing():
            await content.write(chunk)
    return judge.verdict(), size_bytes


async def _closed(content: BlobFile) -> str:
    with _storing():
        return await content.close()


@contextmanager
def _storing() -> Iterator[None]:
    """Tell apart a disk that fails from a sender who is gone: both are an OSError."""
    try:
        yield
    except OSError as error:
        raise StorageFailed from error


def _require_room(files: int, size_bytes: int) -> None:
    if files >= CONSULTATION_LIMIT_FILES or size_bytes > CONSULTATION_LIMIT_BYTES:
        raise AttachmentsFull


def _described(file: StoredFile | None, uploader: ParticipantId) -> Attachment:
    if file is None or file.uploader != uploader:
        raise NotFound
    return Attachment(file.id, file.name, file.content_type, file.size_bytes)
