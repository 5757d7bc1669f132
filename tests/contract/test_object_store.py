"""What an object store has to do for the archive: S3 over a line that may break, and a directory."""

from datetime import timedelta
from pathlib import Path

import pytest

from records.object_store import Failure, ObjectStore, StoreAddress, StoreFailed
from records.sealed_digest import digest_of
from tests.s3_server import BUCKET, S3Server, Trouble

SMALL, LARGE = 70_000, 17 * 1024 * 1024  # one request, and several parts
NAME = "segments/con_1/usr_1-camera-00001"


def bucket(server: S3Server, prefix: str) -> ObjectStore:
    return ObjectStore(
        StoreAddress(
            f"s3://{BUCKET}/{prefix}",
            endpoint=server.endpoint,
            key_id="AKIDEXAMPLE",
            secret="wJalrXUtnFEMI",
            timeout=timedelta(seconds=5),
            retries=0,
        )
    )


@pytest.fixture(params=["s3", "directory"])
def store(request: pytest.FixtureRequest, s3: S3Server, tmp_path: Path) -> ObjectStore:
    if request.param == "s3":
        return bucket(s3, f"{request.node.name.partition('[')[0]}/{tmp_path.name}")
    return ObjectStore(StoreAddress(f"file://{tmp_path / 'archive'}"))


def file(tmp_path: Path, size: int = SMALL) -> Path:
    path = tmp_path / "sealed"
    path.write_bytes(bytes(range(256)) * (size // 256))
    return path


@pytest.mark.parametrize("size", [512, SMALL, LARGE])
def test_what_was_put_is_there(store: ObjectStore, tmp_path: Path, size: int) -> None:
    path = file(tmp_path, size)
    store.put(NAME, path)
    assert store.digest(NAME) == digest_of(path)
    assert store.size(NAME) == path.stat().st_size
    assert store.read(NAME, start=300, length=10) == path.read_bytes()[300:310]
    store.fetch(NAME, tmp_path / "fetched")
    assert (tmp_path / "fetched").read_bytes() == path.read_bytes()
    assert (tmp_path / "fetched").stat().st_mode & 0o777 == 0o600


def test_what_is_put_again_takes_the_place_of_what_was(store: ObjectStore, tmp_path: Path) -> None:
    store.put(NAME, file(tmp_path, LARGE))
    store.put(NAME, file(tmp_path, 512))
    assert store.size(NAME) == 512


def test_the_names_of_a_folder_are_those_of_what_lies_in_it(store: ObjectStore, tmp_path: Path) -> None:
    path = file(tmp_path, 256)
    for name in (NAME, "segments/con_1/usr_2-camera-00000", "segments/con_2/usr_1-camera-00000"):
        store.put(name, path)
    assert sorted(store.names("segments/con_1")) == ["usr_1-camera-00001", "usr_2-camera-00000"]
    assert store.names("segments/con_3") == []


def test_what_is_absent_is_not_found_and_may_be_deleted(store: ObjectStore, tmp_path: Path) -> None:
    for ask in (store.size, store.digest):
        with pytest.raises(FileNotFoundError):
            ask(NAME)
    store.put(NAME, file(tmp_path))
    store.delete(NAME)
    store.delete(NAME)
    with pytest.raises(FileNotFoundError):
        store.read(NAME, start=0, length=1)


@pytest.mark.parametrize(
    ("trouble", "failure"),
    [
        (Trouble.AWAY, Failure.UNREACHABLE),
        (Trouble.DENIED, Failure.REFUSED),
        (Trouble.FULL, Failure.FULL),
        (Trouble.CUT_UP, Failure.UNREACHABLE),
    ],
)
@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_put_that_fails_says_why_and_leaves_nothing(
    s3: S3Server, tmp_path: Path, trouble: Trouble, failure: Failure, size: int
) -> None:
    store, path = bucket(s3, tmp_path.name), file(tmp_path, size)
    s3.trouble = trouble
    with pytest.raises(StoreFailed) as failed:
        store.put(NAME, path)
    assert failed.value.failure is failure
    assert "wJalr" not in str(failed.value)
    s3.trouble = Trouble.NONE
    assert store.names("segments/con_1") == []


@pytest.mark.parametrize("trouble", [Trouble.AWAY, Trouble.DENIED, Trouble.CUT_DOWN])
def test_a_read_that_fails_is_no_short_read(s3: S3Server, tmp_path: Path, trouble: Trouble) -> None:
    store = bucket(s3, tmp_path.name)
    store.put(NAME, file(tmp_path))
    s3.trouble = trouble
    with pytest.raises(StoreFailed):
        store.digest(NAME)
    with pytest.raises(StoreFailed):
        store.fetch(NAME, tmp_path / "fetched")


def test_a_bucket_that_is_not_there_refuses(s3: S3Server, tmp_path: Path) -> None:
    address = StoreAddress("s3://nobody/x", endpoint=s3.endpoint, key_id="a", secret="b", retries=0)
    with pytest.raises(StoreFailed) as failed:
        ObjectStore(address).put(NAME, file(tmp_path))
    assert failed.value.failure is Failure.REFUSED


@pytest.mark.parametrize("url", ["", "http://store/x", "s3://", "archive"])
def test_an_address_that_makes_no_sense_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="address"):
        ObjectStore(StoreAddress(url))
