"""What the access log promises: it grows, it is never rewritten unnoticed."""

from datetime import timedelta

import pytest
from sqlalchemy import delete, insert, select, update

from identity.audit import AuditEntry, Outcome
from records.audit import GENESIS, chain_hash
from records.tables import audit_entries, audit_head
from tests.small_clinic import ADA, HAN, NOON, SmallClinic, signed_in


def entry(number: int) -> AuditEntry:
    return AuditEntry(
        at=NOON + timedelta(seconds=number, microseconds=7),
        actor="usr_han",
        role="clinician",
        action="history.read",
        object_type="patient",
        object_id=f"pat_{number % 3}",
        detail=f"observations 病历 {number}",
    )


@pytest.fixture
async def chained(records: SmallClinic) -> SmallClinic:
    for numbers in (range(1, 3), range(3, 4), range(4, 8)):
        async with records.store.write() as work:
            await work.audit.add_entries([entry(number) for number in numbers])
    return records


async def broken_at(records: SmallClinic) -> int | None:
    async with records.store.read() as work:
        return (await work.audit.verify()).broken_at


async def test_an_untouched_chain_is_sound_and_names_its_end(chained: SmallClinic) -> None:
    async with chained.store.read() as work:
        report = await work.audit.verify()
        newest = (await work.audit.page(limit=1))[0]
    assert report.broken_at is None
    assert report.entries == 7
    assert report.head == newest.hash


async def test_an_empty_chain_is_sound(records: SmallClinic) -> None:
    async with records.store.read() as work:
        report = await work.audit.verify()
    assert (report.entries, report.head, report.broken_at) == (0, GENESIS, None)


@pytest.mark.parametrize(
    "change",
    [
        {"actor": "usr_wu"},
        {"action": "note.read"},
        {"object_id": "pat_other"},
        {"outcome": "refused"},
        {"detail": ""},
        {"role": "custodian"},
        {"at": NOON},
        {"hash": GENESIS},
    ],
)
async def test_an_edited_entry_is_found(chained: SmallClinic, change: dict[str, object]) -> None:
    async with chained.database.write() as connection:
        await connection.execute(update(audit_entries).where(audit_entries.c.seq == 4).values(change))
    assert await broken_at(chained) == 4


@pytest.mark.parametrize("seq", [1, 4, 7])
async def test_a_deleted_entry_is_found(chained: SmallClinic, seq: int) -> None:
    async with chained.database.write() as connection:
        await connection.execute(delete(audit_entries).where(audit_entries.c.seq == seq))
    assert await broken_at(chained) == seq


async def test_two_entries_that_changed_places_are_found(chained: SmallClinic) -> None:
    async with chained.database.write() as connection:
        for old, new in ((3, 99), (4, 3), (99, 4)):
            await connection.execute(update(audit_entries).where(audit_entries.c.seq == old).values(seq=new))
    assert await broken_at(chained) == 3


async def test_an_inserted_entry_is_found(chained: SmallClinic) -> None:
    async with chained.database.write() as connection:
        (last,) = await connection.execute(select(audit_entries).where(audit_entries.c.seq == 7))
        forged = dict(last._mapping) | {"seq": 8, "hash": chain_hash(last.hash, 8, entry(8))}
        await connection.execute(insert(audit_entries), forged)
    assert await broken_at(chained) == 8


async def test_an_emptied_log_is_found(chained: SmallClinic) -> None:
    async with chained.database.write() as connection:
        await connection.execute(delete(audit_entries))
    assert await broken_at(chained) == 1


async def test_entries_follow_an_outside_copy_of_the_head(chained: SmallClinic) -> None:
    """Whoever rebuilds the whole chain, head and all, can't rebuild what was written down elsewhere."""
    async with chained.store.read() as work:
        noted = (await work.audit.verify()).head
    async with chained.database.write() as connection:
        await connection.execute(delete(audit_entries))
        await connection.execute(delete(audit_head))
    async with chained.store.write() as work:
        await work.audit.add_entries([entry(number) for number in range(1, 7)])
    async with chained.store.read() as work:
        report = await work.audit.verify()
    assert report.broken_at is None
    assert report.head != noted


async def test_a_rolled_back_entry_never_was(chained: SmallClinic) -> None:
    async def add_and_fail() -> None:
        async with chained.store.write() as work:
            await work.audit.add(signed_in(HAN), "note.read", object_type="consultation", object_id="con_visit")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await add_and_fail()
    async with chained.store.write() as work:
        await work.audit.add(signed_in(ADA), "audit.read", object_type="clinic", object_id="-", outcome=Outcome.REFUSED)
    assert await broken_at(chained) is None
    async with chained.store.read() as work:
        newest = (await work.audit.page(limit=1))[0]
    assert (newest.seq, newest.entry.actor, newest.entry.outcome) == (8, "usr_ada", Outcome.REFUSED)
    assert newest.entry.at == NOON


async def test_pages_go_back_in_time_and_may_be_about_one_object(chained: SmallClinic) -> None:
    async with chained.store.read() as work:
        assert [c.seq for c in await work.audit.page(limit=3)] == [7, 6, 5]
        assert [c.seq for c in await work.audit.page(before=5, limit=3)] == [4, 3, 2]
        assert [c.seq for c in await work.audit.page(object_id="pat_0")] == [6, 3]
        assert (await work.audit.page(limit=1))[0].entry == entry(7)
