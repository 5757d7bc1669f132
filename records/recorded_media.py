"""The composed films of recordings: encrypted files, with the keys that open them."""

import asyncio
from dataclasses import replace
from typing import Final

from care.recording import Recording, RecordingState
from kernel.errors import NotFound
from kernel.ids import ConsultationId
from kernel.threads import Threads
from records.blobs import BlobDigest, BlobReader, BlobStore, SealedBytes
from records.data_key import DataKey
from records.engine import Database
from records.sealing import Purpose, Sealer

_READERS: Final = 8  # pieces of films that are read at the same time


class RecordedMedia:
    """The encrypted files of recordings, with their keys."""

    def __init__(self, database: Database, sealer: Sealer, blobs: BlobStore) -> None:
        self._database = database
        self._sealer = sealer
        self._blobs = blobs
        self._threads = Threads("recorded-media", _READERS)

    async def key(self, consultation: ConsultationId) -> DataKey:
        """Return the key of the consultation's media, to be handed to nobody but a process that works for us."""
        async with self._database.read() as connection:
            return await self._sealer.key(connection, consultation, Purpose.MEDIA)

    async def record_key(self, consultation: ConsultationId) -> DataKey:
        """Return the key of everything else, its attachments for one."""
        async with self._database.read() as connection:
            return await self._sealer.key(connection, consultation)

    async def open(self, recording: Recording) -> BlobReader:
        """Return the composed file, for `read` and to be closed; `NotFound` while there is none.

        `StoreFailed` when it is in the object store and that fails.
        """
        if recording.state is not RecordingState.READY:
            raise NotFound
        key = await self.key(recording.consultation)
        try:
            return await self._threads.run(self._blobs.open, recording.blob, key)
        except FileNotFoundError:
            raise NotFound from None

    async def open_sealed(self, recording: Recording) -> SealedBytes:
        """Return the composed file as it is stored, for `read_sealed` and to be closed; errors as `open`."""
        try:
            return await self._threads.run(self._blobs.open_sealed, recording.blob)
        except FileNotFoundError:
            raise NotFound from None

    async def read_sealed(self, sealed: SealedBytes, at: int, length: int) -> bytes:
        """Return at most `length` bytes from `at` on."""
        return await self._threads.run(sealed.pread, length, at)

    async def read(self, reader: BlobReader, length: int) -> bytes:
        """Return the next bytes, at most `length`; OSError as `open`."""
        return await self._threads.run(reader.read, length)

    async def keep(self, recording: Recording, content: bytes, *, duration_ms: int) -> Recording:
        """Store `content`, encrypted, as the composed file; return the recording as one that is ready to be played."""
        key = await self.key(recording.consultation)
        blob = composed_blob(recording.consultation)
        digest = await asyncio.to_thread(self._stored, blob, key, content)
        return replace(
            recording,
            state=RecordingState.READY,
            duration_ms=duration_ms,
            size_bytes=digest.size_bytes,
            sha256=digest.sha256,
            blob=blob,
            progress=100,
            failure="",
        )

    def _stored(self, blob: str, key: DataKey, content: bytes) -> BlobDigest:
        self._blobs.delete(blob)  # what an earlier attempt left
        writer = self._blobs.create(blob, key)
        try:
            writer.write(content)
            return writer.close()
        except BaseException:
            writer.discard()
            raise


def composed_blob(consultation: ConsultationId) -> str:
    """Return the id under which a consultation's composed file is kept."""
    return f"recordings/{consultation}"
