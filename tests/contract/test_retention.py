"""Recordings whose time is over: what is due, what a hold protects, and that nothing of the rest opens again."""

import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care.archive import ArchiveService
from care.destruction import Destruction, DestructionState
from care.destructions import DestructionService
from care.due_visits import RetentionService
from care.hold import HoldState, HoldStep, SecondPersonNeeded
from care.holds import HoldService
from care.integrity import FaultKind
from care.note import VisitNote
from care.ports import ArchiveFilter
from care.retention import RetentionClass, RetentionRule, RetentionRules
from kernel.errors import Conflict, Invalid, NotFound
from kernel.ids import ConsultationId, RoomId
from records.archive_words import write_words
from records.blobs import BlobStore
from records.data_key import DataKey
from records.destruction import Destroyer
from records.engine import Database
from records.event_log import SqlEventLog
from records.key_ring import KeyRing
from records.key_shares import KeyShares
from records.recorded_media import RecordedMedia
from records.sealing import KeyMissing, Sealer
from records.statements import StatementKind
from records.tables import consultations
from server.background import undisturbed
from tests.signed_archive import FILM, SAID, SEGMENTS, SignedArchive, signed_archive
from tests.small_clinic import CATO, NOON, ON_SQLITE, OTHER_VISIT, VISIT, signed_in

RULES = RetentionRules("CN", 3, 15)
RULE = RULES.of(RetentionClass.RECORDINGS)
RECORDS = RetentionClass.RECORDS
YEARS = datetime.fromisoformat("1990-01-01"), datetime.fromisoformat("2200-01-01")
IN_TIME, LATER = datetime(2029, 11, 24, tzinfo=UTC), datetime(2029, 11, 26, tzinfo=UTC)
MUCH_LATER = datetime(2041, 11, 26, tzinfo=UTC)
CUSTODIAN, SECOND = signed_in(CATO), replace(signed_in(CATO), subject="usr_second")


@pytest.fixture
async def archive(tmp_path: Path, database_url: str) -> AsyncIterator[SignedArchive]:
    (tmp_path / "data").mkdir()
    async with signed_archive(tmp_path / "data", url=database_url) as archive:
        async with archive.clinic.store.write() as work:
            await work.people.add_member(replace(CATO, id=SECOND.subject, login="second"))
        yield archive


def destroyer(archive: SignedArchive) -> Destroyer:
    return Destroyer(archive.clinic.store, archive.blobs, archive.signer, RULES)


async def due(
    archive: SignedArchive, at: datetime, kind: RetentionClass = RetentionClass.RECORDINGS
) -> list[tuple[ConsultationId, bool]]:
    found = await RetentionService(archive.clinic.store, RULES).due(CUSTODIAN, kind, at=at)
    return [(visit.consultation.id, visit.is_held) for visit in found]


def files(archive: SignedArchive) -> list[str]:
    root = archive.blobs.root
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


@given(st.datetimes(*YEARS, timezones=st.just(UTC)), st.integers(1, 100))
def test_a_visit_is_due_once_its_years_are_over(finished_at: datetime, years: int) -> None:
    rule = RetentionRule(RetentionClass.RECORDINGS, years)
    due_at = rule.due_at(finished_at)
    assert abs(due_at - finished_at - timedelta(days=365.2425 * years)) < timedelta(days=2)
    assert rule.finished_before(due_at + timedelta(days=1)) >= finished_at
    assert rule.finished_before(due_at - timedelta(days=2)) < finished_at


async def test_what_is_due_is_shown_before_it_is_and_in_pages(archive: SignedArchive) -> None:
    assert await due(archive, IN_TIME) == []
    everything = await due(archive, LATER)
    assert {visit for visit, _ in everything} == {VISIT, OTHER_VISIT}
    async with archive.clinic.store.read() as work:
        before = RULE.finished_before(LATER)
        first = await work.retention.due(RULE.kind, before, after=None, limit=1)
        second = await work.retention.due(RULE.kind, before, after=first[0].place, limit=1)
        assert await work.retention.due(RULE.kind, before, after=second[0].place, limit=1) == []
    assert [each.consultation.id for each in (*first, *second)] == [visit for visit, _ in everything]


async def test_what_was_destroyed_is_gone_proven_and_nothing_else_is(archive: SignedArchive) -> None:
    assert await destroyer(archive).destroy(VISIT, RULE.kind, at=LATER)
    assert all(OTHER_VISIT in name for name in files(archive))
    assert len(files(archive)) == 2 * SEGMENTS + 1
    assert await due(archive, LATER) == [(OTHER_VISIT, False)]
    with pytest.raises(KeyMissing):
        await archive.media.open(await archive.recording())
    verdict = await archive.verdict()
    assert (verdict.fault, verdict.segments, verdict.destroyed_at) == (None, 0, NOON)
    assert (await archive.verdict(OTHER_VISIT)).segments == 2 * SEGMENTS
    async with archive.clinic.store.read() as work:
        assert (await work.manifests.integrity(VISIT)).destroyed_at == NOON
        noted = [chained.entry for chained in await work.audit.page(object_id=VISIT, limit=5)]
    assert ("archive.destroy", f"{2 * SEGMENTS + 1} files, recordings, 3 years") in [
        (entry.action, entry.detail) for entry in noted
    ]
    assert not await destroyer(archive).destroy(VISIT, RULE.kind, at=LATER), "once is enough"


@pytest.mark.parametrize("own_key", [True, False])
async def test_the_statement_says_whether_the_key_was_the_recordings_own(archive: SignedArchive, own_key: bool) -> None:
    if not own_key:  # from before media had keys of its own; a rotation gave both rows a share
        one = DataKey(archive.clinic.ring.key("k1")).seal(DataKey.fresh().raw, context=f"consultation_keys/{VISIT}/k1")
        archive.sql(
            "UPDATE data_keys SET share = NULL, wrapped = :one WHERE consultation = :visit", one=one, visit=VISIT
        )
        archive.clinic.sealer._keys.clear()
        assert await archive.clinic.sealer.rotate() > 0
    assert await destroyer(archive).destroy(VISIT, RULE.kind, at=LATER)
    async with archive.clinic.store.read() as work:
        statement = await work.manifests.statement(VISIT, StatementKind.DESTRUCTION)
    assert statement is not None
    assert statement.content["own_key"] is own_key


async def test_nothing_is_destroyed_before_its_time(archive: SignedArchive) -> None:
    before = files(archive)
    assert not await destroyer(archive).destroy(VISIT, RULE.kind, at=IN_TIME)
    assert files(archive) == before
    assert (await archive.verdict()).destroyed_at is None


@pytest.mark.parametrize("state", [HoldState.ASKED, HoldState.SET, HoldState.LIFT_ASKED])
async def test_nothing_under_hold_is_ever_destroyed(archive: SignedArchive, state: HoldState) -> None:
    holds = HoldService(archive.clinic.store)
    await holds.take(CUSTODIAN, VISIT, HoldStep.ASK, reason="a lawsuit")
    if state is not HoldState.ASKED:
        await holds.take(SECOND, VISIT, HoldStep.CONFIRM)
    if state is HoldState.LIFT_ASKED:
        await holds.take(SECOND, VISIT, HoldStep.ASK_LIFT, reason="settled")
    before = files(archive)
    assert (VISIT, True) in await due(archive, LATER)
    assert not await destroyer(archive).destroy(VISIT, RULE.kind, at=LATER)
    assert files(archive) == before
    if state is HoldState.LIFT_ASKED:
        await holds.take(CUSTODIAN, VISIT, HoldStep.LIFT)
        assert await destroyer(archive).destroy(VISIT, RULE.kind, at=LATER)


@ON_SQLITE
async def test_a_restored_backup_opens_nothing_that_was_destroyed_since(archive: SignedArchive, tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    shutil.copytree(archive.blobs.root, backup / "blobs")
    shutil.copy(archive.clinic.directory / "keys" / "records.json", backup)
    with closing(sqlite3.connect(archive.clinic.directory / "consilium.db")) as connection:
        connection.execute("VACUUM INTO ?", [str(backup / "consilium.db")])

    await destroyer(archive).destroy(VISIT, RULE.kind, at=LATER)

    database = Database(f"sqlite:///{backup / 'consilium.db'}")
    await database.open()
    sealer = Sealer(database, KeyRing.load_or_create(backup / "records.json"), archive.clinic.shares)
    media = RecordedMedia(database, sealer, BlobStore(backup / "blobs"))
    assert (backup / "blobs" / (await archive.recording()).blob).exists(), "the ciphertext is there"
    with pytest.raises(KeyMissing):
        await media.open(await archive.recording())
    with await media.open(await archive.recording(OTHER_VISIT)) as film:
        assert film.read() == FILM
    await database.close()


async def test_a_process_that_stops_after_the_key_is_gone_does_the_rest_the_next_time(
    archive: SignedArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = archive.clinic.sealer.destroy

    async def stopped(*arguments: object) -> None:
        await real(*arguments)
        raise ConnectionAbortedError

    monkeypatch.setattr(archive.clinic.sealer, "destroy", stopped)
    with pytest.raises(ConnectionAbortedError):
        await destroyer(archive).destroy(VISIT, RULE.kind, at=LATER)
    monkeypatch.undo()
    assert (VISIT, False) in await due(archive, LATER)
    assert await destroyer(archive).destroy(VISIT, RULE.kind, at=LATER)
    assert (await archive.verdict()).destroyed_at == NOON


async def test_files_that_can_not_be_removed_at_once_are_removed_later(
    archive: SignedArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_blobs: BlobStore, _blob: str) -> None:
        raise OSError(5, "storage does not answer")

    with monkeypatch.context() as patched:
        patched.setattr(BlobStore, "destroy", away)
        assert await destroyer(archive).destroy(VISIT, RULE.kind, at=LATER)
        assert await destroyer(archive).sweep() == 2 * SEGMENTS + 1
    assert any(VISIT in name for name in files(archive))
    assert await destroyer(archive).sweep() == 0
    assert not any(VISIT in name for name in files(archive))


async def test_a_destruction_that_nobody_signed_is_a_fault(archive: SignedArchive) -> None:
    await destroyer(archive).destroy(VISIT, RULE.kind, at=LATER)
    (words,) = archive.row("SELECT text FROM signed_statements WHERE kind = 'destruction'")
    assert isinstance(words, bytes)
    altered = words.replace(b"media", b"nedia")
    archive.sql("UPDATE signed_statements SET text = :altered WHERE kind = 'destruction'", altered=altered)
    fault = (await archive.verdict()).fault
    assert fault is not None
    assert (fault.kind, fault.file) == (FaultKind.SIGNATURE, "destruction statement")
    archive.sql("DELETE FROM signed_statements WHERE kind = 'destruction'")
    fault = (await archive.verdict()).fault
    assert fault is not None
    assert fault.kind is FaultKind.SEGMENT_MISSING


async def propose_and_confirm(archive: SignedArchive, kind: RetentionClass, *, at: datetime) -> Destruction:
    """Two custodians agree to destroy what is due."""
    archive.clinic.now = at
    service = DestructionService(archive.clinic.store, RULES)
    proposed = (await service.propose(CUSTODIAN, kind, at=at)).shown[0].destruction
    await service.confirm(SECOND, proposed.id)
    async with archive.clinic.store.read() as work:
        return await work.destructions.get(proposed.id)


async def test_a_whole_record_goes_when_its_time_is_over_and_its_recording_with_it(archive: SignedArchive) -> None:
    assert await due(archive, LATER, RECORDS) == []
    assert {visit for visit, _ in await due(archive, MUCH_LATER, RECORDS)} == {VISIT, OTHER_VISIT}
    assert not await destroyer(archive).destroy(VISIT, RECORDS, at=LATER)
    assert await destroyer(archive).destroy(VISIT, RECORDS, at=MUCH_LATER)
    assert await archive.log.read(RoomId(VISIT)) == []
    with pytest.raises(KeyMissing):
        await archive.media.open(await archive.recording())
    record = await ArchiveService(archive.clinic.store, archive.log).record(CUSTODIAN, VISIT)
    assert (record.destroyed_at, record.transcript.messages, record.note) == (NOON, (), None)
    assert record.recording is not None
    assert record.recording.recording.speech == ()
    assert (record.consultation.reason, record.consultation.patient.name) == ("", "Rose Miller")
    search = ArchiveService(archive.clinic.store, archive.log).search
    found = (await search(CUSTODIAN, ArchiveFilter(words=("stairs",)))).entries
    assert [entry.consultation.id for entry in found] == [OTHER_VISIT], "the reason for the visit is gone"
    assert [entry.consultation.id for entry in (await search(CUSTODIAN, ArchiveFilter(words=("Rose",)))).entries] == [
        VISIT
    ]
    verdict = await archive.verdict()
    assert (verdict.fault, verdict.destroyed_at) == (None, NOON)
    assert await due(archive, MUCH_LATER, RECORDS) == [(OTHER_VISIT, False)]
    assert await due(archive, MUCH_LATER) == [(OTHER_VISIT, False)]
    assert all(OTHER_VISIT in name for name in files(archive))


async def test_what_is_written_anew_of_a_destroyed_record_is_refused_as_absent(archive: SignedArchive) -> None:
    await destroyer(archive).destroy(VISIT, RECORDS, at=MUCH_LATER)
    note = VisitNote(VISIT)
    async with archive.clinic.store.write() as work:
        with pytest.raises(NotFound):
            await work.notes.save(note, previous=0)


@ON_SQLITE
async def test_a_restored_backup_opens_with_the_shares_of_then_and_not_with_those_of_now(
    archive: SignedArchive, tmp_path: Path
) -> None:
    directory = archive.clinic.directory
    shutil.copytree(directory, tmp_path / "then")
    await destroyer(archive).destroy(VISIT, RECORDS, at=MUCH_LATER)
    shutil.copytree(tmp_path / "then", tmp_path / "now")
    shutil.copy(directory / "keys" / "shares.db", tmp_path / "now" / "keys" / "shares.db")
    for name, opens in (("then", True), ("now", False)):
        place = tmp_path / name
        database = Database(f"sqlite:///{place / 'consilium.db'}")
        await database.open()
        ring, shares = KeyRing.load_or_create(place / "keys" / "records.json"), KeyShares(place / "keys" / "shares.db")
        sealer = Sealer(database, ring, shares)
        media = RecordedMedia(database, sealer, BlobStore(place / "blobs"))
        log = SqlEventLog(database, sealer)
        try:
            if opens:
                assert SAID in str(await log.read(RoomId(VISIT)))
                with await media.open(await archive.recording()) as film:
                    assert film.read() == FILM
            else:
                with pytest.raises(KeyMissing):
                    await log.read(RoomId(VISIT))
                with pytest.raises(KeyMissing):
                    await media.open(await archive.recording())
        finally:
            await database.close()


async def test_two_people_agree_and_what_was_held_meanwhile_is_kept(archive: SignedArchive) -> None:
    service = DestructionService(archive.clinic.store, RULES)
    archive.clinic.now = LATER
    with pytest.raises(Invalid):
        await service.propose(CUSTODIAN, RULE.kind, at=MUCH_LATER)
    (proposed,) = (await service.propose(CUSTODIAN, RULE.kind, at=LATER)).shown
    assert proposed.counts.waiting == 2
    with pytest.raises(Conflict):
        await service.propose(SECOND, RULE.kind, at=LATER)
    with pytest.raises(SecondPersonNeeded):
        await service.confirm(CUSTODIAN, proposed.destruction.id)
    await HoldService(archive.clinic.store).take(CUSTODIAN, OTHER_VISIT, HoldStep.ASK, reason="a lawsuit")
    (agreed,) = (await service.confirm(SECOND, proposed.destruction.id)).shown
    with pytest.raises(Conflict):
        await service.decline(CUSTODIAN, agreed.destruction.id, reason="too late")
    await destroyer(archive).carry_out(agreed.destruction)
    (done,) = (await service.all(CUSTODIAN)).shown
    assert (done.destruction.state, done.counts.destroyed, done.counts.kept) == (DestructionState.DONE, 1, 1)
    assert all(OTHER_VISIT in name for name in files(archive))
    async with archive.clinic.store.read() as work:
        statement = await work.manifests.statement(VISIT, StatementKind.DESTRUCTION)
        assert await work.manifests.statement(OTHER_VISIT, StatementKind.DESTRUCTION) is None
    assert statement is not None
    assert (statement.content["proposed_by"], statement.content["confirmed_by"]) == (CATO.id, SECOND.subject)


async def test_a_process_that_stops_midway_goes_on_where_it_was(
    archive: SignedArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    agreed = await propose_and_confirm(archive, RECORDS, at=MUCH_LATER)
    real, calls = archive.signer.state, 0

    async def stops(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 3:  # the first visit has two statements
            raise ConnectionAbortedError
        return await real(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as broken:
        broken.setattr(archive.signer, "state", stops)
        with pytest.raises(ConnectionAbortedError):
            await destroyer(archive).carry_out(agreed)
    async with archive.clinic.store.read() as work:
        assert [each.id for each in await work.destructions.confirmed()] == [agreed.id]
        assert (await work.destructions.counts(agreed.id)).destroyed == 1
    await destroyer(archive).carry_out(agreed)
    assert files(archive) == []
    async with archive.clinic.store.read() as work:
        assert await work.destructions.confirmed() == []
        counts = await work.destructions.counts(agreed.id)
    assert (counts.destroyed, counts.waiting, counts.kept) == (2, 0, 0)


async def test_one_visit_that_fails_keeps_no_other_from_its_turn(
    archive: SignedArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    agreed = await propose_and_confirm(archive, RULE.kind, at=LATER)
    real = archive.signer.state

    async def fails_for_one(work: object, consultation: str, *arguments: object) -> object:
        if consultation == VISIT:
            raise ConnectionAbortedError
        return await real(work, consultation, *arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as broken:
        broken.setattr(archive.signer, "state", fails_for_one)
        await destroyer(archive).carry_out(agreed, each=undisturbed)
    async with archive.clinic.store.read() as work:
        counts = await work.destructions.counts(agreed.id)
        assert (counts.destroyed, counts.waiting) == (1, 1)
        assert await work.destructions.confirmed() == [agreed], "it is not done"
    await destroyer(archive).carry_out(agreed, each=undisturbed)
    assert files(archive) == []


async def test_the_words_of_a_destroyed_record_are_nowhere_in_the_database(
    archive: SignedArchive, bytes_at_rest: Callable[[], bytes]
) -> None:
    archive.sql("UPDATE consultations SET reason = 'Xanthelasma again' WHERE id = :visit", visit=VISIT)
    async with archive.clinic.database.write() as connection:
        await write_words(connection, consultations.c.id == VISIT)
    assert b"anthelasma" in bytes_at_rest()
    await destroyer(archive).carry_out(await propose_and_confirm(archive, RECORDS, at=MUCH_LATER))
    await archive.clinic.database.close()  # what is logged gets to its place
    if archive.clinic.is_embedded:  # PostgreSQL overwrites when it cleans up, later
        assert b"anthelasma" not in bytes_at_rest()
    await archive.clinic.database.open()


async def test_who_declines_says_why_and_nothing_happens(archive: SignedArchive) -> None:
    service = DestructionService(archive.clinic.store, RULES)
    with pytest.raises(Conflict):
        await service.propose(CUSTODIAN, RULE.kind, at=NOON)
    archive.clinic.now = LATER
    (proposed,) = (await service.propose(CUSTODIAN, RULE.kind, at=LATER)).shown
    (declined,) = (await service.decline(SECOND, proposed.destruction.id, reason="ask the lawyer")).shown
    assert declined.destruction.state is DestructionState.DECLINED
    with pytest.raises(Conflict):
        await service.confirm(SECOND, proposed.destruction.id)
    assert len(await service.visits(CUSTODIAN, proposed.destruction.id)) == 2
    assert len(await due(archive, LATER)) == 2
