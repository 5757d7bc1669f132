"""What stands in the files of the database, and who can still read it after the keys changed."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from care.note import Sections, revised
from kernel.ids import ConsultationId, MessageId, ParticipantId
from records.data_key import DataKey, SealBroken
from records.engine import Database
from records.event_log import SqlEventLog
from records.key_ring import KeyRing, KeyRingUnusable
from records.key_shares import KeyShares, KeySharesUnusable
from records.sealing import KeyMissing, Purpose, Sealer
from records.tables import data_keys
from rooms.events import Body, MessagePosted, RoomEvent, RoomOpened
from tests.small_clinic import HAN, NOON, ON_SQLITE, OTHER_VISIT, ROOM, ROSE, VISIT, SmallClinic

SPOKEN = "The pain moves to my left arm 疼痛放射到左臂"
EVENTS = [
    RoomEvent(1, NOON, RoomOpened(ParticipantId(HAN.id), HAN.name)),
    RoomEvent(
        2,
        NOON + timedelta(seconds=1),
        MessagePosted(ParticipantId(ROSE.id), MessageId("message-1"), Body("server", text=SPOKEN)),
    ),
]


async def test_words_of_chat_and_note_are_nowhere_in_the_database_files(
    records: SmallClinic, bytes_at_rest: Callable[[], bytes]
) -> None:
    written = "Suspected angina, start aspirin 疑似心绞痛"
    await SqlEventLog(records.database, records.sealer).append(ROOM, EVENTS)
    async with records.store.write() as work:
        note = revised(await work.notes.of(VISIT), Sections(SPOKEN, "", written, ""), version=0, at=work.at)
        await work.notes.save(note, previous=0)
    async with records.database.read() as connection:
        key = await records.sealer.key(connection, VISIT)
    at_rest = bytes_at_rest()
    assert ROSE.name.encode() in at_rest, "the files hold the calendar, so the search below means something"
    for words in (SPOKEN, written):
        for part in (words, words[:12], words[-6:]):
            assert part.encode() not in at_rest
            assert part.encode("utf-16-le") not in at_rest
    assert key.raw not in at_rest
    assert records.ring.key("k1") not in at_rest


async def test_a_consultation_keeps_its_key_and_no_two_share_one(records: SmallClinic) -> None:
    async with records.database.write() as connection:
        visit = await records.sealer.key(connection, VISIT)
        other = await records.sealer.key(connection, OTHER_VISIT)
    assert visit.raw != other.raw
    fresh = Sealer(records.database, records.ring, records.shares)
    async with records.database.read() as connection:
        assert (await fresh.key(connection, VISIT)).raw == visit.raw


async def test_a_reader_makes_no_key(records: SmallClinic) -> None:
    with pytest.raises(KeyMissing):
        async with records.database.read() as connection:
            await records.sealer.key(connection, VISIT)


async def test_a_key_of_a_transaction_that_failed_is_not_used_again(records: SmallClinic) -> None:
    made = []

    async def make_and_fail() -> None:
        async with records.database.write() as connection:
            made.append(await records.sealer.key(connection, VISIT))
            assert (await records.sealer.key(connection, VISIT)).raw == made[0].raw
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await make_and_fail()
    async with records.database.write() as connection:
        assert (await records.sealer.key(connection, VISIT)).raw != made[0].raw


async def test_after_a_rotation_everything_is_read_and_the_old_key_can_go(records: SmallClinic) -> None:
    await SqlEventLog(records.database, records.sealer).append(ROOM, EVENTS)
    assert await records.sealer.rotate() == 1
    assert await records.sealer.rewrap_all() == 0
    records.ring.forget("k1")
    ring = KeyRing.load_or_create(records.directory / "keys" / "records.json")
    log = SqlEventLog(records.database, Sealer(records.database, ring, records.shares))
    assert await log.read(ROOM) == EVENTS


async def test_before_rewrapping_the_old_key_is_still_needed(records: SmallClinic) -> None:
    await SqlEventLog(records.database, records.sealer).append(ROOM, EVENTS)
    records.ring.rotate()
    log = SqlEventLog(records.database, Sealer(records.database, records.ring, records.shares))
    assert await log.read(ROOM) == EVENTS
    records.ring.forget("k1")
    log = SqlEventLog(records.database, Sealer(records.database, records.ring, records.shares))
    with pytest.raises(KeyRingUnusable, match="k1"):
        await log.read(ROOM)


def in_another_process(records: SmallClinic) -> Sealer:
    ring = KeyRing.load_or_create(records.directory / "keys" / "records.json")
    return Sealer(records.database, ring, records.shares)


async def test_a_rotation_by_another_process_is_learned_of_before_a_key_is_made(records: SmallClinic) -> None:
    elsewhere = in_another_process(records)
    async with records.database.write() as connection:
        await records.sealer.key(connection, VISIT)
    assert await elsewhere.rotate() == 1
    async with records.database.write() as connection:
        other = await records.sealer.key(connection, OTHER_VISIT)
        await Sealer(records.database, records.ring, records.shares).key(connection, VISIT)
    async with records.database.read() as connection:
        assert set(await connection.scalars(select(data_keys.c.key_ring_id))) == {"k2"}
        assert (await elsewhere.key(connection, OTHER_VISIT)).raw == other.raw


async def test_a_key_wrapped_by_another_process_after_a_rotation_is_opened(records: SmallClinic) -> None:
    async with records.database.write() as connection:
        await records.sealer.key(connection, VISIT)
    elsewhere = in_another_process(records)
    await elsewhere.rotate()
    async with records.database.read() as connection:
        key = await Sealer(records.database, records.ring, records.shares).key(connection, VISIT)
        assert key.raw == (await elsewhere.key(connection, VISIT)).raw


async def test_more_keys_than_one_batch_are_rewrapped(records: SmallClinic) -> None:
    async with records.store.write() as work:
        visit = await work.consultations.get(VISIT)
    consultations = [ConsultationId(f"con_{number:04}") for number in range(501)]
    async with records.database.write() as connection:
        row = {"patient": visit.patient, "clinician": visit.clinician, "department": visit.department}
        row |= {"scheduled_at": NOON, "planned_minutes": 10, "reason": "-", "status": "planned"}
        await connection.run(
            lambda c: c.execute(
                data_keys.metadata.tables["consultations"].insert(), [{"id": i, **row} for i in consultations]
            )
        )
        for consultation in consultations:
            await records.sealer.key(connection, consultation)
    records.ring.rotate()
    assert await records.sealer.rewrap_all() == 501
    async with records.database.read() as connection:
        assert set(await connection.scalars(select(data_keys.c.key_ring_id))) == {"k2"}


async def test_a_wrapped_key_put_into_another_row_does_not_open(records: SmallClinic) -> None:
    async with records.database.write() as connection:
        await records.sealer.key(connection, VISIT)
        await records.sealer.key(connection, OTHER_VISIT)
        wrapped = await connection.scalar(select(data_keys.c.wrapped).where(data_keys.c.consultation == VISIT))
        await connection.execute(
            update(data_keys).where(data_keys.c.consultation == OTHER_VISIT).values(wrapped=wrapped)
        )
    with pytest.raises(SealBroken):
        async with records.database.read() as connection:
            await Sealer(records.database, records.ring, records.shares).key(connection, OTHER_VISIT)


async def keys_of(records: SmallClinic, consultation: ConsultationId) -> tuple[bytes, bytes]:
    async with records.database.write() as connection:
        record = await records.sealer.key(connection, consultation)
        media = await records.sealer.key(connection, consultation, Purpose.MEDIA)
    return record.raw, media.raw


async def test_record_and_media_have_keys_of_their_own(records: SmallClinic) -> None:
    record, media = await keys_of(records, VISIT)
    assert record != media
    assert await keys_of(records, VISIT) == (record, media)


@ON_SQLITE
async def test_a_backup_opens_nothing_of_what_was_destroyed_since(records: SmallClinic, tmp_path: Path) -> None:
    record, _ = await keys_of(records, VISIT)
    others = await keys_of(records, OTHER_VISIT)
    backup = tmp_path / "backup"
    backup.mkdir()
    with closing(sqlite3.connect(records.directory / "consilium.db")) as connection:
        connection.execute("VACUUM INTO ?", [str(backup / "consilium.db")])
    shutil.copy(records.directory / "keys" / "records.json", backup)

    async with records.database.write() as connection:
        await records.sealer.destroy(connection, VISIT, Purpose.MEDIA)

    restored = Database(f"sqlite:///{backup / 'consilium.db'}")
    await restored.open()
    ring = KeyRing.load_or_create(backup / "records.json")
    for database in (records.database, restored):
        sealer = Sealer(database, ring, records.shares)
        async with database.write() as connection:
            with pytest.raises(KeyMissing):
                await sealer.key(connection, VISIT, Purpose.MEDIA)  # nor is another one made in its place
            assert (await sealer.key(connection, VISIT)).raw == record
            found = [(await sealer.key(connection, OTHER_VISIT, purpose)).raw for purpose in Purpose]
            assert tuple(found) == others
    await restored.close()


async def test_a_key_that_was_destroyed_outlives_no_rotation_and_no_cache(records: SmallClinic) -> None:
    _, media = await keys_of(records, VISIT)
    async with records.database.write() as connection:
        await records.sealer.destroy(connection, VISIT, Purpose.MEDIA)
    await records.sealer.rotate()
    async with records.database.read() as connection:
        with pytest.raises(KeyMissing):
            await records.sealer.key(connection, VISIT, Purpose.MEDIA)
        wrapped = await connection.scalar(
            select(data_keys.c.wrapped).where(data_keys.c.consultation == VISIT, data_keys.c.purpose == Purpose.MEDIA)
        )
    assert wrapped == b""
    kept = b"".join(path.read_bytes() for path in records.directory.rglob("*") if path.is_file())
    assert media not in kept


async def test_keys_from_before_there_were_shares_open_and_get_one_at_the_next_rotation(records: SmallClinic) -> None:
    old = DataKey.fresh()
    ring_key = DataKey(records.ring.key("k1"))
    wrapped = ring_key.seal(old.raw, context=f"consultation_keys/{VISIT}/k1")
    row = {"consultation": VISIT, "key_ring_id": "k1", "share": None, "wrapped": wrapped}
    async with records.database.write() as connection:
        await connection.execute(insert(data_keys), [{**row, "purpose": purpose} for purpose in Purpose])
    for _ in range(2):
        sealer = Sealer(records.database, records.ring, records.shares)
        async with records.database.read() as connection:
            assert [(await sealer.key(connection, VISIT, purpose)).raw for purpose in Purpose] == [old.raw] * 2
        await records.sealer.rotate()
    async with records.database.read() as connection:
        shares = list(await connection.scalars(select(data_keys.c.share)))
    assert None not in shares
    assert len(set(shares)) == 2


async def test_a_share_that_is_away_costs_no_key_whatever_is_rotated_meanwhile(
    records: SmallClinic, tmp_path: Path
) -> None:
    before = [await keys_of(records, visit) for visit in (VISIT, OTHER_VISIT)]
    file = records.directory / "keys" / "shares.db"
    backup = shutil.copy(file, tmp_path / "shares.db")
    async with records.database.read() as connection:
        shares = list(await connection.scalars(select(data_keys.c.share).where(data_keys.c.consultation == VISIT)))
    records.shares.destroy(shares)
    ring = KeyRing.load_or_create(records.directory / "keys" / "records.json")
    assert await Sealer(records.database, ring, records.shares).rotate() == 2, "those of the other visit"
    shutil.copy(backup, file)
    again = Sealer(records.database, ring, records.shares)
    async with records.database.read() as connection:
        after = [
            tuple([(await again.key(connection, visit, purpose)).raw for purpose in Purpose])
            for visit in (VISIT, OTHER_VISIT)
        ]
    assert after == before


async def test_a_lost_file_of_shares_is_said_before_everything_seems_destroyed(records: SmallClinic) -> None:
    await records.sealer.require_shares()
    await keys_of(records, VISIT)
    await records.sealer.require_shares()
    (records.directory / "keys" / "shares.db").unlink()
    lost = Sealer(records.database, records.ring, KeyShares(records.directory / "keys" / "shares.db"))
    with pytest.raises(KeySharesUnusable, match=r"shares\.db was lost"):
        await lost.require_shares()
