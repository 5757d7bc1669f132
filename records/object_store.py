"""Sealed files in an object store: S3 or what speaks like it, or a directory on another disk.

Only whole sealed files come here, so what is stored says nothing to who reads it without the keys. Everything blocks;
call it from a thread. Every failure is an OSError: FileNotFoundError for what is absent, `StoreFailed` for the rest.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError, PermissionDeniedError, UnauthenticatedError
from obstore.store import LocalStore, S3Store

from records.sealed_digest import SealedDigest

if TYPE_CHECKING:
    from obstore.store import S3Config  # it does not exist at run time

_READ_BYTES: Final = 4 * 1024 * 1024
_PART_BYTES: Final = 5 * 1024 * 1024  # the least that S3 takes
_PARTS_AT_ONCE: Final = 2
_ABSENT: Final = (NotFoundError, FileNotFoundError)  # the library raises now the one, now the other
_FULL: Final = ("quotaexceeded", "insufficientstorage", "storagefull", "no space left", "507 ")


class Failure(StrEnum):
    """Why the store did not do what it was asked."""

    UNREACHABLE = "unreachable"
    REFUSED = "refused"  # it does not know us, or we may not
    FULL = "full"
    ALTERED = "altered"  # what it gave back is not what it was given


class StoreFailed(OSError):
    """The store did not do what it was asked. Its own words may name paths and keys: they are not repeated."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"the object store failed: {failure}")
        self.failure: Final = failure


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """Where a store is and who we are there. Without a key the environment's own is used (AWS_ACCESS_KEY_ID, …)."""

    url: str  # "s3://bucket/prefix" or "file:///directory"
    endpoint: str = ""
    region: str = "us-east-1"
    key_id: str = ""
    secret: str = field(default="", repr=False)
    timeout: timedelta = timedelta(minutes=1)  # for one request: a part of 5 MiB, or less
    retries: int = 1  # what still fails then is tried again by who asked


class ObjectStore:
    """One bucket, or a part of it. Safe to share between threads."""

    def __init__(self, address: StoreAddress) -> None:
        """Reach for nothing yet. ValueError when the address makes no sense."""
        self._store = _opened(address)

    def put(self, name: str, file: Path) -> None:
        """Store the content of `file` whole, over what was there; FileNotFoundError when there is no such file."""
        with file.open("rb") as content, _failures():
            try:
                obstore.put(
                    self._store,
                    name,
                    content,
                    use_multipart=file.stat().st_size > _PART_BYTES,
                    chunk_size=_PART_BYTES,
                    max_concurrency=_PARTS_AT_ONCE,
                )
            except _ABSENT:  # the bucket
                raise StoreFailed(Failure.REFUSED) from None

    def size(self, name: str) -> int:
        """Return how many bytes it has."""
        with _failures():
            return obstore.head(self._store, name)["size"]

    def read(self, name: str, *, start: int, length: int) -> bytes:
        """Return that many bytes; fewer only at the end."""
        if length <= 0:
            return b""
        with _failures():
            return bytes(obstore.get_range(self._store, name, start=start, length=length))

    def digest(self, name: str) -> SealedDigest:
        """Read all of it back and say what it is."""
        digest, size = hashlib.sha256(), 0
        for piece in self._pieces(name):
            digest.update(piece)
            size += len(piece)
        return SealedDigest(size, digest.hexdigest())

    def fetch(self, name: str, file: Path) -> None:
        """Write all of it into a new `file`, durable on return."""
        descriptor = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as output:
            for piece in self._pieces(name):
                output.write(piece)
            output.flush()
            os.fsync(output.fileno())

    def delete(self, name: str) -> None:
        """Remove it, or do nothing when there is none."""
        with _failures(), suppress(*_ABSENT):
            obstore.delete(self._store, name)

    def names(self, folder: str) -> list[str]:
        """Return the names of what is directly below `folder`."""
        with _failures():
            return [
                PurePosixPath(each["path"]).name for each in obstore.list_with_delimiter(self._store, folder)["objects"]
            ]

    def _pieces(self, name: str) -> Iterator[bytes]:
        size = self.size(name)
        for start in range(0, size, _READ_BYTES):
            yield self.read(name, start=start, length=min(_READ_BYTES, size - start))


def _opened(address: StoreAddress) -> S3Store | LocalStore:
    parts = urlsplit(address.url)
    if parts.scheme == "file":
        return LocalStore(Path(unquote(parts.path)), mkdir=True)
    if parts.scheme != "s3" or not parts.netloc:
        raise ValueError("not the address of a store")
    own: S3Config = {}
    if address.endpoint:
        own["endpoint"] = address.endpoint
    if address.key_id:
        own["access_key_id"], own["secret_access_key"] = address.key_id, address.secret
    return S3Store(
        parts.netloc,
        prefix=parts.path.strip("/") or None,
        region=address.region,
        config=own,
        client_options={
            "allow_http": address.endpoint.startswith("http://"),
            "timeout": address.timeout,
            "connect_timeout": min(address.timeout, timedelta(seconds=10)),
        },
        retry_config={"max_retries": address.retries, "retry_timeout": address.timeout},
    )


@contextmanager
def _failures() -> Iterator[None]:
    """Tell the library's errors in our words."""
    try:
        yield
    except _ABSENT:
        raise FileNotFoundError("not in the object store") from None
    except (PermissionDeniedError, UnauthenticatedError) as error:
        raise StoreFailed(_failure_of(error, Failure.REFUSED)) from None
    except BaseError as error:
        raise StoreFailed(_failure_of(error, Failure.UNREACHABLE)) from None


def _failure_of(error: Exception, otherwise: Failure) -> Failure:
    words = str(error).lower()
    return Failure.FULL if any(word in words for word in _FULL) else otherwise
