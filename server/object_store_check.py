"""Tries the object store that the settings name with a small file, and says what would go wrong."""

import asyncio
import secrets
import tempfile
from pathlib import Path
from typing import Final

from config.settings import Storage
from records.object_store import Failure, ObjectStore, StoreFailed
from records.sealed_digest import digest_of
from server.finding import Finding, Grade
from server.refusal import Refused
from server.storage import open_object_store

_PROBE_BYTES: Final = 64 * 1024
_ADVICE: Final = {
    Failure.UNREACHABLE: "is storage.endpoint right, and may this machine reach it?",
    Failure.REFUSED: "do bucket, region and keys belong together, and may these keys put, get, list and delete?",
    Failure.FULL: "raise its quota: until then recordings stay on this disk",
    Failure.ALTERED: "what it gives back is not what it was given: do not use it",
}


async def examine_object_store(storage: Storage) -> Finding:
    """Put, read back, list and delete one file of 64 KiB."""
    try:
        store = open_object_store(storage)
        if store is None:
            return Finding(Grade.FINE, "store", "recordings stay in the data directory")
        await asyncio.to_thread(_try, store)
    except Refused as refused:
        return Finding(Grade.FAILED, "store", str(refused))
    except StoreFailed as failed:
        return Finding(Grade.FAILED, "store", f"{storage.url}: {failed.failure}", _ADVICE[failed.failure])
    except OSError as error:
        return Finding(Grade.FAILED, "store", f"{storage.url}: {error.strerror or type(error).__name__}")
    return Finding(Grade.FINE, "store", f"{storage.url} takes files and gives them back")


def _try(store: ObjectStore) -> None:
    name = f"doctor/probe-{secrets.token_hex(8)}"
    with tempfile.TemporaryDirectory() as directory:
        probe = Path(directory) / "probe"
        probe.write_bytes(secrets.token_bytes(_PROBE_BYTES))
        try:
            store.put(name, probe)
            if store.digest(name) != digest_of(probe) or name.rpartition("/")[2] not in store.names("doctor"):
                raise StoreFailed(Failure.ALTERED)
        finally:
            store.delete(name)
