"""Encrypted objects: attachments, recorded segments, composed recordings.

They are written on the local disk. Some are delivered to an object store later, and are read from there once the local
copy is gone.

A blob is a file: eight bytes of magic, then frames. A frame is four bytes (top bit: this is the last one; the rest: how
many bytes of plaintext, at most 64 KiB), then what the consultation's data key sealed: nonce, ciphertext, tag. The
context of each frame names the blob, the frame's index, its offset in the plaintext and whether it is the last one, so
frames can't be altered, reordered, exchanged between blobs or cut off without being noticed, and any of them can be
read without its predecessors. A blob whose writer crashed has no last frame and reads up to its last whole one.

Everything here blocks; call it from a thread.
"""

import hashlib
import io
import os
import re
import shutil
import struct
from array import array
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from records.data_key import NONCE_BYTES, TAG_BYTES, DataKey, SealBroken
from records.object_store import Failure, ObjectStore, StoreFailed
from records.sealed_digest import SealedDigest, digest_of

CHUNK_BYTES: Final = 64 * 1024
"""Plaintext in a full frame."""

_MAGIC: Final = b"CONSBLB1"
_SEAL_BYTES: Final = NONCE_BYTES + TAG_BYTES
_LENGTH: Final = struct.Struct(">I")
_FINAL: Final = 0x8000_0000
_BLOB_ID: Final = re.compile(r"[a-z]+(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*){1,5}")


class BlobDamaged(OSError):
    """What is stored is not what was written: altered, cut off, or sealed with another key."""


@dataclass(frozen=True, slots=True)
class BlobDigest:
    """Size and SHA-256 (hex) of a blob's plaintext."""

    size_bytes: int
    sha256: str


class BlobStore:
    """Blobs by ids such as `attachments/con_…/att_…`. Safe to share between threads.

    `root` is the directory where they are written, `remote` where they may be delivered to. What is asked of the remote
    store raises `StoreFailed` when it fails.
    """

    def __init__(self, root: Path, remote: ObjectStore | None = None) -> None:
        self._root = root
        self._remote = remote

    @property
    def root(self) -> Path:
        """The directory, for another process that works for us."""
        return self._root

    def create(self, blob_id: str, key: DataKey) -> "BlobWriter":
        """Begin a blob that is written from front to back. FileExistsError when there is one of that id."""
        return BlobWriter(self._create(blob_id), blob_id, key)

    def create_patchable(self, blob_id: str, key: DataKey) -> "PatchableBlobWriter":
        """Begin a blob whose first 64 KiB may be rewritten until it is closed. FileExistsError as `create`."""
        return PatchableBlobWriter(self._create(blob_id), blob_id, key)

    def open(self, blob_id: str, key: DataKey, *, unfinished: bool = False) -> "BlobReader":
        """Read a blob, wherever it is. FileNotFoundError when absent, `BlobDamaged` when altered or cut off.

        With `unfinished`, one that was never closed is read up to its last whole frame.
        """
        return BlobReader(self.open_sealed(blob_id), blob_id, key, unfinished=unfinished)

    def open_sealed(self, blob_id: str) -> "SealedBytes":
        """Read a blob as it is stored, wherever it is, for somebody who has its key. FileNotFoundError when absent."""
        try:
            return _LocalFile(self._path(blob_id))
        except FileNotFoundError:
            if self._remote is None:
                raise
            return _StoredObject(self._remote, blob_id)

    def deliver(self, blob_id: str) -> SealedDigest:
        """Copy a closed blob to the remote store and read it back there; StoreFailed unless it is the same.

        FileNotFoundError when it is not on this disk.
        """
        remote, path = self._needed_remote(), self._path(blob_id)
        ours = digest_of(path)
        remote.put(blob_id, path)
        if remote.digest(blob_id) != ours:
            raise StoreFailed(Failure.ALTERED)
        return ours

    def evict(self, blob_id: str, delivered: SealedDigest) -> bool:
        """Remove the local copy if it is what was delivered; False when it is not."""
        try:
            if digest_of(self._path(blob_id)) != delivered:
                return False
        except FileNotFoundError:
            return True  # by an attempt before
        self.delete(blob_id)
        return True

    def stage(self, blob_id: str, delivered: SealedDigest) -> None:
        """Bring back the local copy of a blob; StoreFailed when it is not what was delivered."""
        path = self._create(blob_id)
        if path.exists():
            return
        partial = path.with_name(f".{path.name}")
        partial.unlink(missing_ok=True)  # of a process that stopped
        try:
            self._needed_remote().fetch(blob_id, partial)
            if digest_of(partial) != delivered:
                raise StoreFailed(Failure.ALTERED)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    def sealed_digest(self, blob_id: str) -> SealedDigest:
        """Read a blob as it is stored, wherever it is, without any key. FileNotFoundError when absent."""
        try:
            return digest_of(self._path(blob_id))
        except FileNotFoundError:
            if self._remote is None:
                raise
            return self._remote.digest(blob_id)

    def names(self, folder: str) -> list[str]:
        """Return the last parts of the ids on this disk directly below `folder`, for example "segments/con_…"."""
        path = self._path(folder)
        return sorted(entry.name for entry in path.iterdir() if entry.name[0] != ".") if path.is_dir() else []

    def all_names(self, folder: str) -> list[str]:
        """Return the same of what is on this disk or in the remote store."""
        remote = self._remote.names(folder) if self._remote is not None else []
        return sorted({*self.names(folder), *remote})

    def delete(self, blob_id: str) -> None:
        """Remove a blob from this disk, or do nothing when there is none."""
        self._path(blob_id).unlink(missing_ok=True)

    def destroy(self, blob_id: str) -> None:
        """Remove a blob wherever it is, or do nothing when there is none."""
        self.delete(blob_id)
        if self._remote is not None:
            self._remote.delete(blob_id)

    def free_bytes(self) -> int:
        """Return how much space is left where the blobs are."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        return shutil.disk_usage(self._root).free

    def _needed_remote(self) -> ObjectStore:
        if self._remote is None:
            raise StoreFailed(Failure.UNREACHABLE)
        return self._remote

    def _create(self, blob_id: str) -> Path:
        path = self._path(blob_id)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path

    def _path(self, blob_id: str) -> Path:
        if not _BLOB_ID.fullmatch(blob_id):
            raise ValueError("not a blob id")
        return self._root / blob_id


class _FrameFile:
    """The file under a writer: frames appended whole, or not at all when storage fails."""

    def __init__(self, path: Path, blob_id: str, key: DataKey) -> None:
        self.path = path
        self.blob_id = blob_id
        self.key = key
        self._end = len(_MAGIC)
        self._fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            os.write(self._fd, _MAGIC)
        except OSError:
            self.discard()
            raise

    def frame(self, index: int, offset: int, plaintext: bytes, *, final: bool) -> bytes:
        context = _context(self.blob_id, index, offset, final=final)
        length = len(plaintext) | (_FINAL if final else 0)
        return _LENGTH.pack(length) + self.key.seal(plaintext, context=context)

    def append(self, frame: bytes) -> None:
        try:
            _write_all(self._fd, frame, self._end)
        except OSError:
            os.ftruncate(self._fd, self._end)
            raise
        self._end += len(frame)

    def skip(self, length: int) -> None:
        """Leave a hole to be filled by `patch`; it reads as the end of an unfinished blob."""
        self._end += length

    def patch(self, frame: bytes, at: int) -> None:
        _write_all(self._fd, frame, at)

    def sync(self) -> None:
        os.fsync(self._fd)

    def close(self) -> None:
        """Make the file and its name survive a crash of the machine."""
        try:
            os.fsync(self._fd)
        finally:
            self.release()
        directory = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def discard(self) -> None:
        self.release()
        self.path.unlink(missing_ok=True)

    def release(self) -> None:
        """Close the file as it is."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class BlobWriter:
    """Writes one blob from front to back. Not safe to share between threads."""

    def __init__(self, path: Path, blob_id: str, key: DataKey) -> None:
        self._file = _FrameFile(path, blob_id, key)
        self._pending = bytearray()
        self._index = 0
        self._offset = 0
        self._hash = hashlib.sha256()

    @property
    def size_bytes(self) -> int:
        """How many bytes were written so far."""
        return self._offset + len(self._pending)

    def write(self, data: bytes) -> int:
        """Append `data` and return its length. OSError when storage fails."""
        self._pending += data
        while len(self._pending) > CHUNK_BYTES:
            self._append(bytes(self._pending[:CHUNK_BYTES]), final=False)
        return len(data)

    def flush(self) -> None:
        """Make everything written so far survive a crash of the process and the machine."""
        if self._pending:
            self._append(bytes(self._pending), final=False)
        self._file.sync()

    def close(self) -> BlobDigest:
        """Complete the blob; it is durable when this returns."""
        self._append(bytes(self._pending), final=True)
        self._file.close()
        return BlobDigest(self._offset, self._hash.hexdigest())

    def abandon(self) -> None:
        """Let go of the file as a crash would: what reached it stays, as an unfinished blob."""
        self._file.release()

    def discard(self) -> None:
        """Remove the blob."""
        self._file.discard()

    def _append(self, chunk: bytes, *, final: bool) -> None:
        self._file.append(self._file.frame(self._index, self._offset, chunk, final=final))
        del self._pending[: len(chunk)]
        self._hash.update(chunk)
        self._index += 1
        self._offset += len(chunk)


class PatchableBlobWriter(io.RawIOBase):
    """Writes one blob whose first 64 KiB stay in memory, and open to change, until it is closed.

    Made for muxers, which return to a file's header at its end (duration, place of the cues): nothing is ever on the
    disk in clear, not even for a moment, and no second copy is needed. A write anywhere else than in the header or at
    the end raises OSError. Until `finish` the blob reads as empty.
    """

    _HEAD_FRAME: Final = _LENGTH.size + _SEAL_BYTES + CHUNK_BYTES

    def __init__(self, path: Path, blob_id: str, key: DataKey) -> None:
        super().__init__()
        self._file = _FrameFile(path, blob_id, key)
        self._file.skip(self._HEAD_FRAME)
        self._head = bytearray()
        self._pending = bytearray()
        self._index = 1
        self._appended = 0  # bytes of the body that are in frames
        self._position = 0

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._end()}[whence]
        if base + offset < 0:
            raise ValueError("a position before the beginning")
        self._position = base + offset
        return self._position

    def write(self, data: object) -> int:
        chunk = bytes(data)  # type: ignore[call-overload]
        rest = chunk
        if self._position < CHUNK_BYTES and self._position <= len(self._head):
            part = chunk[: CHUNK_BYTES - self._position]
            self._head[self._position : self._position + len(part)] = part
            self._position += len(part)
            rest = chunk[len(part) :]
        if rest:
            if self._position != self._end() or self._position < CHUNK_BYTES:
                raise OSError("only the header of this blob can be rewritten")
            self._pending += rest
            self._position += len(rest)
            while len(self._pending) > CHUNK_BYTES:
                self._append(bytes(self._pending[:CHUNK_BYTES]), final=False)
        return len(chunk)

    def finish(self) -> BlobDigest:
        """Complete the blob; it is durable, and was read back, when this returns."""
        head_only = self._end() <= CHUNK_BYTES
        if not head_only:
            self._append(bytes(self._pending), final=True)
        self._file.patch(self._file.frame(0, 0, bytes(self._head), final=head_only), len(_MAGIC))
        self._file.close()
        digest = hashlib.sha256()
        with BlobReader(_LocalFile(self._file.path), self._file.blob_id, self._file.key) as written:
            while chunk := written.read(16 * CHUNK_BYTES):
                digest.update(chunk)
            return BlobDigest(written.size, digest.hexdigest())

    def discard(self) -> None:
        """Remove the blob."""
        self._file.discard()

    def _end(self) -> int:
        return len(self._head) + self._appended + len(self._pending)

    def _append(self, chunk: bytes, *, final: bool) -> None:
        offset = CHUNK_BYTES + self._appended
        self._file.append(self._file.frame(self._index, offset, chunk, final=final))
        del self._pending[: len(chunk)]
        self._index += 1
        self._appended += len(chunk)


class SealedBytes(Protocol):
    """A sealed file to be read anywhere in it. `size` is its length in bytes."""

    size: int

    def pread(self, length: int, at: int) -> bytes:
        """Return that many bytes; fewer only at the end."""

    def close(self) -> None: ...


class _LocalFile:
    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.size = os.fstat(self._fd).st_size

    def pread(self, length: int, at: int) -> bytes:
        return os.pread(self._fd, length, at)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class _StoredObject:
    """A sealed file in the object store, asked for in windows, the newest two of which are kept."""

    _WINDOW_BYTES: Final = 1024 * 1024

    def __init__(self, store: ObjectStore, name: str) -> None:
        self._store = store
        self._name = name
        self._windows: dict[int, bytes] = {}
        self.size = store.size(name)

    def pread(self, length: int, at: int) -> bytes:
        end = min(at + length, self.size)
        parts = bytearray()
        while at < end:
            number, within = divmod(at, self._WINDOW_BYTES)
            part = self._window(number)[within : within + end - at]
            if not part:
                break  # the object became shorter
            parts += part
            at += len(part)
        return bytes(parts)

    def close(self) -> None:
        self._windows.clear()

    def _window(self, number: int) -> bytes:
        if number not in self._windows:
            start = number * self._WINDOW_BYTES
            length = min(self._WINDOW_BYTES, self.size - start)
            while len(self._windows) > 1:
                del self._windows[next(iter(self._windows))]
            self._windows[number] = self._store.read(self._name, start=start, length=length)
        return self._windows[number]


class BlobReader(io.RawIOBase):
    """One blob as a seekable binary file. Not safe to share between threads.

    Every frame is verified before any of its bytes is given out; `read` returns short only at the end.
    """

    def __init__(self, source: SealedBytes, blob_id: str, key: DataKey, *, unfinished: bool = False) -> None:
        """Take `source` over: it is closed with the reader, or when this raises."""
        super().__init__()
        self._source = source
        self._blob_id = blob_id
        self._key = key
        self._position = 0
        self._cached = -1
        self._chunk = b""
        self._starts = array("q")  # offset of each frame's plaintext
        self._places = array("q")  # position of each frame in the file
        try:
            self.complete = self._survey(unfinished=unfinished)
            """Whether the writer closed the blob."""
        except BaseException:
            self.close()
            raise

    @property
    def size(self) -> int:
        """Length of the plaintext in bytes."""
        return self._size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("a position before the beginning")
        self._position = base + offset
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        wanted = max(0, self._size - self._position)
        if size is not None and size >= 0:
            wanted = min(wanted, size)
        parts: list[bytes] = []
        while wanted:
            index = bisect_right(self._starts, self._position) - 1
            within = self._position - self._starts[index]
            part = self._load(index)[within : within + wanted]
            parts.append(part)
            self._position += len(part)
            wanted -= len(part)
        return b"".join(parts)

    def readall(self) -> bytes:
        return self.read(-1)

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._source.close()
        self._chunk = b""
        super().close()

    def _survey(self, *, unfinished: bool) -> bool:
        """Find the frames, and prove the last of them: its context holds the size. Tell whether it is the final one."""
        end = self._source.size
        if self._source.pread(len(_MAGIC), 0) != _MAGIC:
            raise BlobDamaged("not a blob")
        if self._is_uniform(end):
            return True
        place, offset, final = len(_MAGIC), 0, False
        while place + _LENGTH.size + _SEAL_BYTES <= end and not final:
            (head,) = _LENGTH.unpack(self._source.pread(_LENGTH.size, place))
            length, final = head & ~_FINAL, bool(head & _FINAL)
            following = place + _LENGTH.size + _SEAL_BYTES + length
            if length > CHUNK_BYTES or following > end or (length == 0 and not final):
                final = False
                break
            self._starts.append(offset)
            self._places.append(place)
            place, offset = following, offset + length
        self._size = offset
        self._final = final
        if final and place != end:
            raise BlobDamaged("something follows the blob's end")
        if not final and not unfinished:
            raise BlobDamaged("the blob has no end")
        if final:
            self._load(len(self._starts) - 1)
        while self._starts and not self._proven(len(self._starts) - 1):
            self._size = self._starts.pop()  # the machine stopped while this frame was on its way to the disk
            self._places.pop()
        return final

    def _is_uniform(self, end: int) -> bool:
        """Find the frames of a closed blob that are all full but the last, without looking at each.

        The last one proves it: its context holds its index, its offset and that it is the last.
        """
        frame = _LENGTH.size + _SEAL_BYTES + CHUNK_BYTES
        count = -(-(end - len(_MAGIC)) // frame)
        if count < 2:
            return False
        last = len(_MAGIC) + (count - 1) * frame
        length = end - last - _LENGTH.size - _SEAL_BYTES
        if length < 0 or self._source.pread(_LENGTH.size, last) != _LENGTH.pack(length | _FINAL):
            return False
        self._starts = array("q", range(0, count * CHUNK_BYTES, CHUNK_BYTES))
        self._places = array("q", range(len(_MAGIC), end, frame))
        self._size, self._final = (count - 1) * CHUNK_BYTES + length, True
        if self._proven(count - 1):
            return True
        self._starts, self._places = array("q"), array("q")
        return False

    def _proven(self, index: int) -> bool:
        try:
            self._load(index)
        except BlobDamaged:
            return False
        return True

    def _load(self, index: int) -> bytes:
        if index != self._cached:
            start, place = self._starts[index], self._places[index]
            last = index == len(self._starts) - 1
            length = (self._size if last else self._starts[index + 1]) - start
            sealed = self._source.pread(length + _SEAL_BYTES, place + _LENGTH.size)
            context = _context(self._blob_id, index, start, final=last and self._final)
            try:
                self._chunk = self._key.open(sealed, context=context)
            except SealBroken as error:
                raise BlobDamaged("the blob was altered") from error
            self._cached = index
        return self._chunk


def _context(blob_id: str, index: int, offset: int, *, final: bool) -> str:
    return f"blob/{blob_id}/{index}/{offset}/{'final' if final else 'more'}"


def _write_all(fd: int, data: bytes, at: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, at)
        view, at = view[written:], at + written
