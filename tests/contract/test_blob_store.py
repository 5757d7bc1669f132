"""What `records.blobs` promises about everything it keeps on the disk."""

import io
import os
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records.blobs import CHUNK_BYTES, BlobDamaged, BlobStore
from records.data_key import DataKey, SealBroken

BLOB = "segments/con_abc/p1-camera-0"
KEY = DataKey(bytes(32))


def pattern(length: int) -> bytes:
    return sha256(b"seed").digest() * (length // 32) + b"x" * (length % 32)


def written(store: BlobStore, plaintext: bytes, *, flush_every: int = 0) -> Path:
    writer = store.create(BLOB, KEY)
    for start in range(0, len(plaintext), flush_every or max(1, len(plaintext))):
        writer.write(plaintext[start : start + flush_every] if flush_every else plaintext)
        if flush_every:
            writer.flush()
    digest = writer.close()
    assert digest.size_bytes == len(plaintext)
    assert digest.sha256 == sha256(plaintext).hexdigest()
    return store._root / BLOB


@pytest.mark.parametrize("length", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
def test_what_was_written_is_read(tmp_path: Path, length: int) -> None:
    store = BlobStore(tmp_path)
    plaintext = pattern(length)
    path = written(store, plaintext)
    with store.open(BLOB, KEY) as reader:
        assert reader.complete
        assert reader.size == length
        assert reader.read() == plaintext
    assert plaintext[:32] not in path.read_bytes() or length < 32
    assert path.stat().st_mode & 0o777 == 0o600


@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_any_seek_and_read_gives_the_plaintext(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    store = BlobStore(tmp_path_factory.mktemp("blobs"))
    plaintext = pattern(data.draw(st.integers(1, 3 * CHUNK_BYTES)))
    written(store, plaintext, flush_every=data.draw(st.sampled_from([0, 7000, 70_000])))
    mirror = io.BytesIO(plaintext)
    with store.open(BLOB, KEY) as reader:
        for _ in range(20):
            position = data.draw(st.integers(0, len(plaintext) + 10))
            size = data.draw(st.integers(0, 2 * CHUNK_BYTES))
            assert reader.seek(position) == mirror.seek(position)
            assert reader.read(size) == mirror.read(size)
        assert reader.seek(-1, os.SEEK_END) == len(plaintext) - 1
        buffer = bytearray(10)
        assert reader.readinto(buffer) == 1


def test_a_crashed_writer_leaves_everything_it_flushed(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    writer = store.create(BLOB, KEY)
    writer.write(pattern(100_000))
    writer.flush()
    writer.write(b"not flushed")
    writer.abandon()
    with pytest.raises(BlobDamaged):
        store.open(BLOB, KEY)
    with store.open(BLOB, KEY, unfinished=True) as reader:
        assert not reader.complete
        assert reader.read() == pattern(100_000)


@pytest.mark.parametrize("cut", [1, 20, 40, 30_000, 70_000])
def test_an_unfinished_blob_reads_up_to_its_last_whole_frame(tmp_path: Path, cut: int) -> None:
    store = BlobStore(tmp_path)
    path = written(store, pattern(150_000), flush_every=10_000)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - cut)
    with pytest.raises(BlobDamaged):
        store.open(BLOB, KEY)
    with store.open(BLOB, KEY, unfinished=True) as reader:
        plaintext = reader.read()
        assert plaintext == pattern(150_000)[: len(plaintext)]
        assert len(plaintext) >= 150_000 - cut - 10_000


def test_a_tail_that_never_reached_the_disk_is_left_out(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    path = written(store, pattern(50_000), flush_every=10_000)
    whole = bytearray(path.read_bytes())
    whole[-15_000:] = bytes(15_000)  # as a file system shows blocks it never wrote
    path.write_bytes(whole)
    with store.open(BLOB, KEY, unfinished=True) as reader:
        assert reader.read() == pattern(50_000)[:30_000]


@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(max_examples=60, deadline=None)
def test_a_flipped_bit_anywhere_is_noticed(tmp_path_factory: pytest.TempPathFactory, where: float, bit: int) -> None:
    store = BlobStore(tmp_path_factory.mktemp("blobs"))
    path = written(store, pattern(100_000), flush_every=9_000)
    whole = bytearray(path.read_bytes())
    whole[int(where * len(whole))] ^= 1 << bit
    path.write_bytes(whole)
    with pytest.raises(BlobDamaged), store.open(BLOB, KEY) as reader:
        reader.read()


def test_a_frame_replaced_by_a_longer_one_does_not_move_what_follows(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    path = written(store, pattern(3 * CHUNK_BYTES))
    whole = bytearray(path.read_bytes())
    frame = 4 + 28 + CHUNK_BYTES
    shorter = (1000).to_bytes(4, "big") + bytes(1028)
    path.write_bytes(whole[:8] + shorter + whole[8 + frame :])
    with pytest.raises(BlobDamaged):
        store.open(BLOB, KEY)


def test_a_blob_is_bound_to_its_name_and_key(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    path = written(store, b"for one consultation")
    path.rename(path.with_name("other"))
    with pytest.raises(BlobDamaged):
        store.open("segments/con_abc/other", KEY)
    path.with_name("other").rename(path)
    with pytest.raises(BlobDamaged) as caught:
        store.open(BLOB, DataKey(b"k" * 32))
    assert isinstance(caught.value.__cause__, SealBroken)


def test_an_id_is_taken_once_and_leads_nowhere_else(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    written(store, b"first")
    with pytest.raises(FileExistsError):
        store.create(BLOB, KEY)
    for outside in ["../x", "a/../b", "/etc/passwd", "a", "a/.hidden", "a//b", "a/b\n", "a/b/c/d/e/f/g"]:
        with pytest.raises(ValueError, match="blob id"):
            store.open(outside, KEY)


def test_a_folder_lists_its_blobs(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    assert store.names("segments/con_abc") == []
    written(store, b"x")
    assert store.names("segments/con_abc") == ["p1-camera-0"]


def test_discarding_and_deleting_leave_nothing(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    writer = store.create(BLOB, KEY)
    writer.write(b"x")
    writer.discard()
    store.delete(BLOB)
    with pytest.raises(FileNotFoundError):
        store.open(BLOB, KEY)
    assert store.free_bytes() > 0


def test_a_full_disk_leaves_whole_frames(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    store = BlobStore(tmp_path)
    writer = store.create(BLOB, KEY)
    writer.write(pattern(100_000))
    writer.flush()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (120_000, limits[1]))
    try:
        writer.write(pattern(60_000))
        with pytest.raises(OSError, match="large"):
            writer.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    writer.abandon()
    with store.open(BLOB, KEY, unfinished=True) as reader:
        assert reader.read() == pattern(100_000)


@pytest.mark.parametrize("length", [0, 100, CHUNK_BYTES, CHUNK_BYTES + 1, 5 * CHUNK_BYTES + 17])
def test_the_head_of_a_patchable_blob_can_be_rewritten(tmp_path: Path, length: int) -> None:
    store = BlobStore(tmp_path)
    expected = bytearray(pattern(length))
    writer = store.create_patchable(BLOB, KEY)
    for start in range(0, length, 5000):
        writer.write(expected[start : start + 5000])
    assert writer.tell() == length
    if length > 60:
        writer.seek(50)
        writer.write(b"duration")
        expected[50:58] = b"duration"
        writer.seek(0, os.SEEK_END)
    digest = writer.finish()
    assert digest.sha256 == sha256(expected).hexdigest()
    with store.open(BLOB, KEY) as reader:
        assert reader.read() == bytes(expected)


def test_beyond_its_head_a_patchable_blob_only_grows(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    writer = store.create_patchable(BLOB, KEY)
    writer.write(pattern(200_000))
    for position in [CHUNK_BYTES, CHUNK_BYTES - 2, 150_000, 200_001]:
        writer.seek(position)
        with pytest.raises(OSError, match="header"):
            writer.write(b"four")
    writer.close()
    with store.open(BLOB, KEY, unfinished=True) as reader:
        assert reader.size == 0
