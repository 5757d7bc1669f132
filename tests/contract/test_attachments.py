"""Files sent within a consultation: taken in whole or not at all, given to those who may see them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from care.attachment import CONSULTATION_LIMIT_BYTES, FILE_LIMIT_BYTES, AttachmentsFull, StorageFailed, StoredFile
from care.attachments import UPLOADS_LIMIT_EACH, AttachmentService
from care.consultation import Status
from care.content_type import FileRefused
from identity.principal import Principal, Role
from kernel.errors import NotFound, Overloaded, TooLarge
from kernel.ids import AttachmentId, ConnectionId, InvitationId, MessageId, ParticipantId, RoomId, SessionId
from records.attachment_blobs import SqlAttachmentBlobs
from records.blobs import BlobStore
from records.event_log import SqlEventLog
from rooms.commands import AdmitParticipant, Command, Enter, HoldParticipant, OpenRoom, PostMessage, RemoveParticipant
from rooms.events import Attachment, Body
from rooms.room import Room
from tests.small_clinic import ADA, CATO, HAN, NOON, OTHER_VISIT, ROSE, ROSES_ACCOUNT, VISIT, WU, SmallClinic, signed_in

WORDS = "glucose 7.2\n空腹血糖\n".encode()
DOCTOR, PATIENT = signed_in(HAN), signed_in(ROSES_ACCOUNT)
GUEST = Principal(InvitationId("inv_1"), SessionId("ses_1"), Role.GUEST, "Guest", "en", consultation=VISIT)


@pytest.fixture
def service(records: SmallClinic) -> AttachmentService:
    blobs = SqlAttachmentBlobs(records.database, records.sealer, BlobStore(records.directory / "blobs"))
    return AttachmentService(records.store, blobs, SqlEventLog(records.database, records.sealer))


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def sent(service: AttachmentService, who: Principal = PATIENT, content: bytes = WORDS) -> StoredFile:
    return await service.receive(who, VISIT, name="diary.txt", chunks=pieces(content))


def files_in(directory: Path) -> list[Path]:
    return [path for path in (directory / "blobs").rglob("*") if path.is_file()]


async def remains(records: SmallClinic) -> tuple[int, int, int]:
    """Return blobs, complete files and pending files."""
    async with records.store.read() as work:
        files, _ = await work.attachments.usage(VISIT)
        return len(files_in(records.directory)), files, len(await work.attachments.pending())


async def told(records: SmallClinic, *commands: Command) -> None:
    room = Room(RoomId(VISIT))
    events = []
    for command in commands:
        for event in room.handle(command, now=NOON):
            room.apply(event)
            events.append(event)
    await SqlEventLog(records.database, records.sealer).append(room.id, events)


def entering(who: Principal) -> Enter:
    return Enter(who.participant, who.role, who.name, "en", ConnectionId("cnx_" + who.subject))


def posting(who: Principal, file: StoredFile) -> PostMessage:
    attachment = Attachment(file.id, file.name, file.content_type, file.size_bytes)
    return PostMessage(who.participant, MessageId("m-" + file.id), Body("server", ""), (attachment,))


async def test_a_file_comes_back_as_it_was_sent_under_a_safe_name(service: AttachmentService) -> None:
    file = await service.receive(PATIENT, VISIT, name="../血糖\u202e.exe", chunks=pieces(WORDS[:5], WORDS[5:]))
    assert (file.name, file.content_type, file.size_bytes) == ("血糖.exe.txt", "text/plain", len(WORDS))
    again = await service.find(PATIENT, VISIT, file.id)
    assert again == file
    assert b"".join([chunk async for chunk in service.read(again)]) == WORDS


async def test_nothing_of_a_file_is_readable_on_the_disk(
    service: AttachmentService, records: SmallClinic, bytes_at_rest: Callable[[], bytes]
) -> None:
    await sent(service)
    stored = b"".join(path.read_bytes() for path in files_in(records.directory)) + bytes_at_rest()
    assert b"glucose" not in stored
    assert b"diary" not in stored


async def test_a_file_that_is_refused_leaves_nothing(service: AttachmentService, records: SmallClinic) -> None:
    with pytest.raises(FileRefused):
        await sent(service, content=b"<svg onload=alert(1)>")
    assert await remains(records) == (0, 0, 0)


async def test_a_file_that_is_too_long_is_refused_while_it_streams(
    service: AttachmentService, records: SmallClinic
) -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b"x" * 1_000_000

    with pytest.raises(TooLarge):
        await service.receive(PATIENT, VISIT, name="big.txt", chunks=endless())
    assert taken == FILE_LIMIT_BYTES // 1_000_000 + 1
    assert await remains(records) == (0, 0, 0)


async def test_an_abandoned_upload_leaves_nothing(service: AttachmentService, records: SmallClinic) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield WORDS * 10_000
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await service.receive(PATIENT, VISIT, name="half.txt", chunks=broken())
    assert await remains(records) == (0, 0, 0)


async def test_a_disk_that_takes_nothing_is_told_and_what_it_left_is_swept_later(
    service: AttachmentService, records: SmallClinic
) -> None:
    (records.directory / "blobs").write_text("a file where a folder should be")
    with pytest.raises(StorageFailed):
        await sent(service)
    (records.directory / "blobs").unlink()
    assert await service.sweep() == 1
    assert await remains(records) == (0, 0, 0)


async def test_a_cancelled_upload_leaves_nothing(service: AttachmentService, records: SmallClinic) -> None:
    begun = asyncio.Event()

    async def stalled() -> AsyncIterator[bytes]:
        yield WORDS
        begun.set()
        await asyncio.Event().wait()

    upload = asyncio.create_task(service.receive(PATIENT, VISIT, name="half.txt", chunks=stalled()))
    await begun.wait()
    assert await remains(records) == (1, 0, 1)
    upload.cancel()
    with pytest.raises(asyncio.CancelledError):
        await upload
    assert await remains(records) == (0, 0, 0)


async def test_what_a_crash_left_is_swept_away_and_nothing_else(
    service: AttachmentService, records: SmallClinic
) -> None:
    kept = await sent(service)
    blobs = SqlAttachmentBlobs(records.database, records.sealer, BlobStore(records.directory / "blobs"))
    blob = f"attachments/{VISIT}/att_lost"
    lost = replace(kept, id=AttachmentId("att_lost"), blob=blob, sha256="", size_bytes=0)
    async with records.store.write() as work:
        await work.attachments.add(lost)
    await (await blobs.create(VISIT, blob)).write(WORDS)
    assert await remains(records) == (2, 1, 1)
    assert await service.sweep() == 1
    assert await remains(records) == (1, 1, 0)
    assert await service.sweep() == 0


async def test_uploads_at_the_same_time_are_bounded(service: AttachmentService) -> None:
    async def stalled() -> AsyncIterator[bytes]:
        yield WORDS
        await asyncio.Event().wait()

    uploads = [
        asyncio.create_task(service.receive(PATIENT, VISIT, name="a.txt", chunks=stalled()))
        for _ in range(UPLOADS_LIMIT_EACH)
    ]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await sent(service)
    for upload in uploads:
        upload.cancel()
    await asyncio.gather(*uploads, return_exceptions=True)
    await sent(service)


async def test_one_consultation_holds_only_so_much(service: AttachmentService, records: SmallClinic) -> None:
    file = await sent(service)
    async with records.store.write() as work:
        await work.attachments.complete(replace(file, size_bytes=CONSULTATION_LIMIT_BYTES - 5))
    with pytest.raises(AttachmentsFull):
        await sent(service)
    assert await remains(records) == (1, 1, 0)


@pytest.mark.parametrize("who", [signed_in(WU), signed_in(ADA), signed_in(CATO)])
async def test_only_who_takes_part_can_send_files(service: AttachmentService, who: Principal) -> None:
    with pytest.raises(NotFound):
        await sent(service, who)


async def test_no_file_can_be_sent_when_the_visit_is_over(service: AttachmentService, records: SmallClinic) -> None:
    async with records.store.write() as work:
        visit = await work.consultations.get(VISIT)
        await work.consultations.save(replace(visit, status=Status.FINISHED, finished_at=NOON))
    with pytest.raises(NotFound):
        await sent(service)


async def test_a_file_in_no_message_is_for_its_sender_only(service: AttachmentService, records: SmallClinic) -> None:
    file = await sent(service)
    await told(records, OpenRoom(DOCTOR.participant, HAN.name), entering(PATIENT), entering(DOCTOR))
    for who in (DOCTOR, signed_in(CATO)):
        with pytest.raises(NotFound):
            await service.find(who, VISIT, file.id)


async def test_a_sent_file_is_for_the_patient_the_doctor_and_the_archive_and_nobody_else(
    service: AttachmentService, records: SmallClinic
) -> None:
    file = await sent(service)
    await told(
        records, OpenRoom(DOCTOR.participant, HAN.name), entering(PATIENT), entering(DOCTOR), posting(PATIENT, file)
    )
    for who in (PATIENT, DOCTOR, signed_in(CATO)):
        assert await service.find(who, VISIT, file.id) == file
    for who in (signed_in(WU), signed_in(ADA), GUEST):
        with pytest.raises(NotFound):
            await service.find(who, VISIT, file.id)
    with pytest.raises(NotFound):
        await service.find(PATIENT, OTHER_VISIT, file.id)


async def test_a_guest_sees_files_sent_while_they_were_in_the_call(
    service: AttachmentService, records: SmallClinic
) -> None:
    before, during, after = [await sent(service) for _ in range(3)]
    guest, doctor = GUEST.participant, DOCTOR.participant
    await told(
        records,
        OpenRoom(doctor, HAN.name),
        *(entering(who) for who in (PATIENT, DOCTOR, GUEST)),
        posting(PATIENT, before),
        AdmitParticipant(doctor, guest),
        posting(PATIENT, during),
        HoldParticipant(doctor, guest),
        posting(PATIENT, after),
    )
    assert await service.find(GUEST, VISIT, during.id) == during
    for file in (before, after):
        with pytest.raises(NotFound):
            await service.find(GUEST, VISIT, file.id)


async def test_a_dismissed_guest_sees_no_file_any_more(service: AttachmentService, records: SmallClinic) -> None:
    file = await sent(service)
    guest, doctor = GUEST.participant, DOCTOR.participant
    await told(
        records,
        OpenRoom(doctor, HAN.name),
        *(entering(who) for who in (PATIENT, DOCTOR, GUEST)),
        AdmitParticipant(doctor, guest),
        posting(PATIENT, file),
        RemoveParticipant(doctor, guest),
    )
    with pytest.raises(NotFound):
        await service.find(GUEST, VISIT, file.id)


async def test_files_are_described_in_the_order_asked_to_their_own_sender_only(service: AttachmentService) -> None:
    first, second = await sent(service), await sent(service)
    described = await service.describe(VISIT, [second.id, first.id], ParticipantId(ROSE.id))
    assert [attachment.id for attachment in described] == [second.id, first.id]
    for ids, uploader in (
        ([first.id], DOCTOR.participant),
        ([first.id, AttachmentId("att_none")], PATIENT.participant),
    ):
        with pytest.raises(NotFound):
            await service.describe(VISIT, ids, uploader)
    with pytest.raises(NotFound):
        await service.describe(OTHER_VISIT, [first.id], PATIENT.participant)


async def test_sending_and_reading_a_file_stand_in_the_access_log(
    service: AttachmentService, records: SmallClinic
) -> None:
    file = await sent(service)
    await service.find(PATIENT, VISIT, file.id)
    async with records.store.read() as work:
        noted = [(line.entry.action, line.entry.detail) for line in await work.audit.page(object_id=VISIT)]
    assert noted == [("attachment.read", file.id), ("attachment.add", file.id)]


async def test_a_guest_sends_files_only_while_messages_are_accepted_from_them(
    records: SmallClinic, service: AttachmentService
) -> None:
    opening = OpenRoom(ParticipantId(HAN.id), HAN.name)
    with pytest.raises(NotFound):
        await sent(service, GUEST)
    await told(records, opening, entering(DOCTOR), entering(GUEST))
    with pytest.raises(NotFound):
        await sent(service, GUEST)
    assert await remains(records) == (0, 0, 0)
