"""From the spool to an object store over a line that breaks: nothing is lost, and nothing goes before it is proven."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from care.integrity import FaultKind
from records.deliveries import Backlog, Deliveries
from records.object_store import Failure, ObjectStore, StoreAddress, StoreFailed
from server.delivery import Delivery
from tests.s3_server import BUCKET, S3Server, Trouble
from tests.signed_archive import FILM, SEGMENTS, SignedArchive, signed_archive
from tests.small_clinic import NOON
from tests.waiting import until

FILES = 2 * (2 * SEGMENTS + 1)  # of two visits with two tracks and a film each


@pytest.fixture
def remote(s3: S3Server, tmp_path: Path) -> ObjectStore:
    address = StoreAddress(
        f"s3://{BUCKET}/{tmp_path.name}",
        endpoint=s3.endpoint,
        key_id="a",
        secret="b",
        timeout=timedelta(seconds=5),
        retries=0,
    )
    return ObjectStore(address)


@pytest.fixture
async def archive(tmp_path: Path, remote: ObjectStore) -> AsyncIterator[SignedArchive]:
    async with signed_archive(tmp_path, remote) as archive:
        yield archive


@pytest.fixture
def deliveries(archive: SignedArchive) -> Deliveries:
    return Deliveries(archive.clinic.database, archive.blobs)


def here(archive: SignedArchive) -> list[str]:
    root = archive.blobs.root
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


async def deliver_all(deliveries: Deliveries) -> None:
    while due := await deliveries.due(NOON, limit=5):
        for waiting in due:
            await deliveries.deliver(waiting.blob, at=NOON)
    while await deliveries.evict(limit=5):
        pass


@asynccontextmanager
async def delivering(deliveries: Deliveries, archive: SignedArchive) -> AsyncIterator[Delivery]:
    """The background job, on the clinic's clock."""
    delivery = Delivery(deliveries, lambda: archive.clinic.now, every_s=0.01)
    delivery.start()
    try:
        yield delivery
    finally:
        await delivery.close()


async def test_what_was_delivered_is_there_only_and_is_read_from_there(
    archive: SignedArchive, deliveries: Deliveries
) -> None:
    assert len(here(archive)) == FILES
    assert await deliveries.backlog() == Backlog(waiting=FILES)
    await deliver_all(deliveries)
    assert here(archive) == []
    assert await deliveries.backlog() == Backlog()
    assert (await archive.verdict()).fault is None
    with await archive.media.open(await archive.recording()) as film:
        film.seek(100_000)
        assert film.read(1000) == FILM[100_000:101_000]
        film.seek(0)
        assert film.read() == FILM


@pytest.mark.parametrize(
    ("trouble", "failure"),
    [
        (Trouble.AWAY, Failure.UNREACHABLE),
        (Trouble.DENIED, Failure.REFUSED),
        (Trouble.FULL, Failure.FULL),
        (Trouble.CUT_UP, Failure.UNREACHABLE),
        (Trouble.CUT_DOWN, Failure.UNREACHABLE),
        (Trouble.ALTERED, Failure.ALTERED),
    ],
)
async def test_a_store_that_fails_gets_everything_when_it_is_back(
    archive: SignedArchive, deliveries: Deliveries, s3: S3Server, trouble: Trouble, failure: Failure
) -> None:
    before = here(archive)
    s3.trouble = trouble
    async with delivering(deliveries, archive) as delivery:
        await until(lambda: delivery.is_failing, seconds=30)
    assert here(archive) == before, "nothing goes before the store has proved it"
    backlog = await deliveries.backlog()
    assert (backlog.waiting, backlog.failure) == (FILES, failure)
    s3.trouble = Trouble.NONE
    archive.clinic.later(timedelta(minutes=6))  # the longest pause between two attempts
    async with delivering(deliveries, archive):
        await until(lambda: here(archive) == [], seconds=30)
    assert await deliveries.backlog() == Backlog()
    assert (await archive.verdict()).fault is None


async def test_a_process_that_stops_between_two_steps_does_them_again(
    archive: SignedArchive, deliveries: Deliveries, remote: ObjectStore
) -> None:
    stored, removed = (await archive.segments())[:2]
    remote.put(stored.blob, archive.file(stored.blob))  # and no row says so
    await deliveries.deliver(removed.blob, at=NOON)
    archive.blobs.delete(removed.blob)  # nor this
    await deliver_all(deliveries)
    assert here(archive) == []
    assert (await archive.verdict()).fault is None


async def test_a_file_that_was_written_anew_is_not_removed_for_the_one_that_was_delivered(
    archive: SignedArchive, deliveries: Deliveries
) -> None:
    film = await archive.recording()
    while due := await deliveries.due(NOON, limit=50):
        for waiting in due:
            await deliveries.deliver(waiting.blob, at=NOON)
    await archive.media.keep(film, b"another film " * 10_000, duration_ms=30_000)
    anew = archive.file(film.blob).read_bytes()
    assert await deliveries.evict(limit=50) == FILES
    assert here(archive) == [film.blob]
    assert await deliveries.backlog() == Backlog(waiting=1)
    await deliver_all(deliveries)
    assert here(archive) == []
    assert archive.blobs.sealed_digest(film.blob).sha256 == sha256(anew).hexdigest()


async def test_files_are_brought_back_for_the_composer_and_leave_again(
    archive: SignedArchive, deliveries: Deliveries
) -> None:
    before = here(archive)
    await deliver_all(deliveries)
    blobs = [segment.blob for segment in await archive.segments()]
    await deliveries.stage(blobs)
    await deliveries.stage(blobs)
    assert here(archive) == [name for name in before if name in blobs]
    await deliver_all(deliveries)
    assert here(archive) == []


async def test_what_the_store_altered_is_not_brought_back(
    archive: SignedArchive, deliveries: Deliveries, s3: S3Server
) -> None:
    await deliver_all(deliveries)
    s3.trouble = Trouble.ALTERED
    with pytest.raises(StoreFailed) as failed:
        await deliveries.stage([(await archive.segments())[0].blob])
    assert failed.value.failure is Failure.ALTERED
    assert here(archive) == []


async def test_what_is_changed_in_the_store_is_found_by_verifying(
    archive: SignedArchive, deliveries: Deliveries, remote: ObjectStore, s3: S3Server, tmp_path: Path
) -> None:
    await deliver_all(deliveries)
    blob, other = (segment.blob for segment in (await archive.segments())[:2])
    kept = tmp_path / "kept"
    await asyncio.to_thread(remote.fetch, blob, kept)

    changed = tmp_path / "changed"
    changed.write_bytes(bytes([kept.read_bytes()[0] ^ 1]) + kept.read_bytes()[1:])
    await assert_found(archive, FaultKind.SEGMENT_CHANGED, blob, lambda: remote.put(blob, changed))
    remote.fetch(other, tmp_path / "other")
    await assert_found(archive, FaultKind.SEGMENT_CHANGED, blob, lambda: remote.put(blob, tmp_path / "other"))
    await assert_found(archive, FaultKind.SEGMENT_MISSING, blob, lambda: remote.delete(blob))
    remote.put(blob, kept)
    foreign = blob.rpartition("-")[0] + "-00099"
    await assert_found(archive, FaultKind.SEGMENT_FOREIGN, foreign, lambda: remote.put(foreign, kept))
    remote.delete(foreign)
    assert (await archive.verdict()).fault is None
    s3.trouble = Trouble.AWAY
    fault = (await archive.verdict()).fault
    assert fault is not None
    assert fault.kind is FaultKind.STORAGE


async def assert_found(archive: SignedArchive, kind: FaultKind, file: str, spoil: Callable[[], None]) -> None:
    await asyncio.to_thread(spoil)
    fault = (await archive.verdict()).fault
    assert fault is not None
    assert (fault.kind, fault.file) == (kind, file)


async def test_what_is_destroyed_is_gone_from_both(
    archive: SignedArchive, deliveries: Deliveries, remote: ObjectStore
) -> None:
    blob = (await archive.segments())[0].blob
    await deliver_all(deliveries)
    await deliveries.stage([blob])
    archive.blobs.destroy(blob)
    assert here(archive) == []
    with pytest.raises(FileNotFoundError):
        remote.size(blob)
