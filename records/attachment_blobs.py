"""The contents of files sent within consultations, as encrypted blobs; disk work happens in threads."""

import asyncio
from collections.abc import AsyncGenerator

from kernel.ids import ConsultationId
from records.blobs import CHUNK_BYTES, BlobReader, BlobStore, BlobWriter
from records.engine import Database
from records.sealing import Sealer


class SqlAttachmentBlobs:
    """Implements `care.ports.AttachmentBlobs` over the blob store, with keys from the database."""

    def __init__(self, database: Database, sealer: Sealer, blobs: BlobStore) -> None:
        self._database = database
        self._sealer = sealer
        self._blobs = blobs

    async def create(self, consultation: ConsultationId, blob: str) -> "AttachmentFile":
        async with self._database.read() as connection:
            key = await self._sealer.key(connection, consultation)
        return AttachmentFile(await asyncio.to_thread(self._blobs.create, blob, key))

    async def read(self, consultation: ConsultationId, blob: str) -> AsyncGenerator[bytes, None]:
        async with self._database.read() as connection:
            key = await self._sealer.key(connection, consultation)
        reader: BlobReader = await asyncio.to_thread(self._blobs.open, blob, key)
        try:
            while chunk := await asyncio.to_thread(reader.read, CHUNK_BYTES):
                yield chunk
        finally:
            reader.close()

    async def delete(self, blob: str) -> None:
        await asyncio.to_thread(self._blobs.delete, blob)


class AttachmentFile:
    """Implements `care.ports.BlobFile`."""

    def __init__(self, writer: BlobWriter) -> None:
        self._writer = writer
        self._is_open = True

    async def write(self, chunk: bytes) -> None:
        await asyncio.to_thread(self._writer.write, chunk)

    async def close(self) -> str:
        digest = await asyncio.to_thread(self._writer.close)
        self._is_open = False
        return digest.sha256

    async def discard(self) -> None:
        if self._is_open:
            self._is_open = False
            await asyncio.to_thread(self._writer.discard)
