"""Recordings in custody: what the server still has of them, what opens them, and that they can be destroyed."""

import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from care.custodian_key import CustodianKey as PublicKey
from care.custodian_key import CustodianKeyState, retired
from care.release import Release, ReleaseState
from care.retention import RetentionClass, RetentionRules
from kernel.errors import NotFound
from kernel.ids import ConsultationId, CustodianKeyId, ReleaseId, UserId
from records.custodian_key_file import CustodianKey, fresh_key
from records.custody import Custody, TooFewKeys
from records.data_key import DataKey
from records.destruction import Destroyer
from records.engine import Database
from records.key_ring import KeyRing
from records.key_shares import KeyShares
from records.sealing import KeyInCustody, KeyMissing, Purpose, Sealer
from tests.signed_archive import FILM, SegmentSink, SignedArchive, signed_archive
from tests.small_clinic import CATO, NOON, ON_SQLITE, OTHER_VISIT, VISIT

LATER = datetime(2040, 1, 1, tzinfo=UTC)


@pytest.fixture
async def archive(tmp_path: Path, database_url: str) -> AsyncIterator[SignedArchive]:
    (tmp_path / "data").mkdir()
    async with signed_archive(tmp_path / "data", url=database_url) as archive:
        yield archive


def custody(archive: SignedArchive, quorum: int) -> Custody:
    return Custody(archive.clinic.database, archive.clinic.sealer, quorum=quorum)


async def in_force(archive: SignedArchive, count: int) -> list[CustodianKey]:
    """Put `count` custodians' keys into force."""
    keys = [fresh_key() for _ in range(count)]
    async with archive.clinic.store.write() as work:
        for number, key in enumerate(keys):
            owner = UserId(f"usr_custodian_{key.fingerprint[:8]}")
            await work.people.add_member(replace(CATO, id=owner, login=owner, name=f"Custodian {number}"))
            await work.custodian_keys.add(
                PublicKey(
                    id=CustodianKeyId(key.fingerprint),
                    owner=owner,
                    public_key=key.public,
                    state=CustodianKeyState.IN_FORCE,
                    proposed_at=NOON,
                    confirmed_at=NOON,
                )
            )
    return keys


async def film(archive: SignedArchive) -> bytes:
    reader = await archive.media.open(await archive.recording())
    with reader:
        return reader.readall()


async def media_key(archive: SignedArchive) -> DataKey:
    async with archive.clinic.database.read() as connection:
        return await archive.clinic.sealer.key(connection, VISIT, Purpose.MEDIA)


def everything_on_disk(archive: SignedArchive) -> bytes:
    return b"".join(path.read_bytes() for path in archive.clinic.directory.rglob("*") if path.is_file())


async def test_without_enough_keys_the_server_keeps_what_it_has(archive: SignedArchive) -> None:
    await in_force(archive, 1)
    assert await custody(archive, 2).sweep() == 0
    assert await film(archive) == FILM


async def test_what_is_given_into_custody_does_not_open_here_any_more(archive: SignedArchive) -> None:
    key = await media_key(archive)
    await in_force(archive, 3)
    assert await custody(archive, 2).sweep() == 2
    assert await custody(archive, 2).sweep() == 0, "once is enough"
    with pytest.raises(KeyInCustody):
        await film(archive)
    assert key.raw not in everything_on_disk(archive)
    assert (VISIT, Purpose.MEDIA) not in archive.clinic.sealer._keys
    verdict = await archive.verdict()
    assert (verdict.fault, verdict.segments > 0) == (None, True), "checking needs no key"


async def test_a_rotation_of_the_ring_leaves_it_alone_and_a_restart_finds_it(archive: SignedArchive) -> None:
    keys = await in_force(archive, 1)
    await custody(archive, 1).sweep()
    await archive.clinic.sealer.rotate()
    fresh = Sealer(archive.clinic.database, archive.clinic.ring, archive.clinic.shares)
    async with archive.clinic.database.read() as connection:
        with pytest.raises(KeyInCustody):
            await fresh.key(connection, VISIT, Purpose.MEDIA)
    await Custody(archive.clinic.database, fresh, quorum=1).open(VISIT, keys)
    async with archive.clinic.database.read() as connection:
        assert await fresh.key(connection, VISIT, Purpose.MEDIA)


@pytest.mark.parametrize(("quorum", "total"), [(1, 1), (1, 3), (2, 3), (3, 5)])
async def test_it_opens_with_as_many_key_files_as_it_takes_and_no_fewer(
    archive: SignedArchive, quorum: int, total: int
) -> None:
    keys = await in_force(archive, total)
    await custody(archive, quorum).sweep()
    too_few: Sequence[CustodianKey] = keys[: quorum - 1]
    for some in (too_few, [*too_few, *too_few], [*too_few, fresh_key()]):
        with pytest.raises(TooFewKeys):
            await custody(archive, quorum).open(VISIT, some)
        with pytest.raises(KeyInCustody):
            await film(archive)
    await custody(archive, quorum).open(VISIT, keys[total - quorum :])
    assert await film(archive) == FILM
    with pytest.raises(NotFound):
        await custody(archive, quorum).open(ConsultationId("con_nothing"), keys)


@ON_SQLITE
async def test_a_backup_from_before_does_not_open_with_what_the_server_has_now(
    archive: SignedArchive, tmp_path: Path
) -> None:
    directory = archive.clinic.directory
    shutil.copytree(directory, tmp_path / "backup")
    await in_force(archive, 1)
    await custody(archive, 1).sweep()
    shutil.copy(directory / "keys" / "shares.db", tmp_path / "backup" / "keys" / "shares.db")
    database = Database(f"sqlite:///{tmp_path / 'backup' / 'consilium.db'}")
    await database.open()
    ring = KeyRing.load_or_create(tmp_path / "backup" / "keys" / "records.json")
    restored = Sealer(database, ring, KeyShares(tmp_path / "backup" / "keys" / "shares.db"))
    try:
        async with database.read() as connection:
            with pytest.raises(KeyMissing):
                await restored.key(connection, VISIT, Purpose.MEDIA)
    finally:
        await database.close()


async def test_a_share_that_could_not_be_destroyed_at_once_is_by_the_next_sweep(
    archive: SignedArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with archive.clinic.database.read() as connection:
        await archive.clinic.sealer.keys(connection, [VISIT, OTHER_VISIT], Purpose.MEDIA)
    before = archive.row("SELECT share FROM data_keys WHERE purpose = 'media' AND consultation = 'con_visit'")
    await in_force(archive, 1)

    def fails(_shares: object) -> None:
        raise OSError("no disk")

    with monkeypatch.context() as broken:
        broken.setattr(archive.clinic.shares, "destroy", fails)
        with pytest.raises(OSError, match="no disk"):
            await custody(archive, 1).sweep()
    assert archive.clinic.shares.of([str(before[0])])
    await custody(archive, 1).sweep()
    assert not archive.clinic.shares.of([str(before[0])])
    assert archive.row("SELECT count(*) FROM retired_shares") == (0,)


async def test_what_is_in_custody_is_destroyed_for_custodians_too(archive: SignedArchive) -> None:
    keys = await in_force(archive, 1)
    await custody(archive, 1).sweep()
    destroyer = Destroyer(archive.clinic.store, archive.blobs, archive.signer, RetentionRules("CN", 3, 15))
    assert await destroyer.destroy(VISIT, RetentionClass.RECORDINGS, at=LATER)
    with pytest.raises(NotFound):
        await custody(archive, 1).open(VISIT, keys)
    assert archive.row("SELECT count(*) FROM custody_parts WHERE consultation = 'con_visit'") == (0,)
    assert (await archive.verdict()).destroyed_at is not None
    await custody(archive, 1).open(OTHER_VISIT, keys)


def asked(state: ReleaseState) -> Release:
    return Release(
        id=ReleaseId(f"rls_{state}"),
        consultation=VISIT,
        asked_by=UserId(CATO.id),
        asked_at=NOON,
        reason="a complaint",
        public_key=fresh_key().public,
        quorum=1,
        state=state,
        granted_at=NOON,
    )


async def test_sealed_anew_it_opens_with_the_keys_of_now_only(archive: SignedArchive) -> None:
    first, leaving = await in_force(archive, 2)
    await custody(archive, 1).sweep()
    async with archive.clinic.store.write() as work:
        gone = await work.custodian_keys.get(CustodianKeyId(leaving.fingerprint))
        await work.custodian_keys.save(retired(gone, None, at=NOON))
    await custody(archive, 1).open(VISIT, [leaving])
    (newcomer,) = await in_force(archive, 1)
    async with archive.clinic.store.write() as work:
        for state in (ReleaseState.ASKED, ReleaseState.GRANTED, ReleaseState.DECLINED):
            await work.releases.add(asked(state))
    await custody(archive, 2).reseal(VISIT, [first], at=NOON)
    async with archive.clinic.store.read() as work:
        states = {(await work.releases.get(ReleaseId(f"rls_{state}"))).state for state in ("asked", "granted")}
        assert states == {ReleaseState.WITHDRAWN}, "what was given for them opens nothing any more"
        assert (await work.releases.get(ReleaseId("rls_declined"))).state is ReleaseState.DECLINED
    with pytest.raises(KeyInCustody):
        await film(archive)
    for some in ([first], [first, leaving]):
        with pytest.raises(TooFewKeys):
            await custody(archive, 2).open(VISIT, some)
    await custody(archive, 2).open(VISIT, [newcomer, first])
    assert await film(archive) == FILM


async def test_a_recording_that_shares_its_records_key_stays_with_the_server(archive: SignedArchive) -> None:
    one = DataKey(archive.clinic.ring.key("k1")).seal(DataKey.fresh().raw, context=f"consultation_keys/{VISIT}/k1")
    archive.sql("UPDATE data_keys SET share = NULL, wrapped = :one WHERE consultation = :visit", one=one, visit=VISIT)
    archive.clinic.sealer._keys.clear()
    await in_force(archive, 1)
    assert await custody(archive, 1).sweep() == 1
    assert await custody(archive, 1).given() == [OTHER_VISIT]


async def test_an_interrupted_segment_of_something_in_custody_is_kept(archive: SignedArchive) -> None:
    await in_force(archive, 1)
    await custody(archive, 1).sweep()
    archive.sql("UPDATE segments SET closed = FALSE WHERE blob = (SELECT min(blob) FROM segments)")
    sink = SegmentSink(archive.clinic.database, archive.clinic.sealer, archive.blobs, measure=lambda _file: (0, 0))
    await sink.adopt()
    assert archive.row("SELECT count(*) FROM segments WHERE closed = FALSE") == (1,)
