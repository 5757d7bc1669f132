"""The half of each data key that backups of the records do not hold: destroying it destroys what the key sealed.

A data key is stored wrapped, and to unwrap it takes a key of the ring and the data key's own share, a random secret.
The shares lie in a small file of their own beside the key ring. So what is left after destruction, in the database, in
its backups and in those of the sealed files, opens nothing any more: only a copy of this file from before would.
"""

import os
import secrets
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

_SHARE_BYTES: Final = 32
_ID_BYTES: Final = 16
_BATCH: Final = 500
_WAIT_S: Final = 10.0


class KeySharesUnusable(Exception):
    """The file of the shares is readable by others, damaged, or not the one of this database."""


class KeyShares:
    """Secrets of 256 bits by id, in an SQLite file that only the owner can read. Everything blocks.

    Safe to share between threads and processes. What is deleted is overwritten in the file.
    """

    def __init__(self, path: Path) -> None:
        """Begin an empty file where there is none; `KeySharesUnusable` when it can't be trusted."""
        self._path = path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        if path.stat().st_mode & 0o077:
            raise KeySharesUnusable(f"{path} can be read by others; its mode must be 0600")
        try:
            with self._opened() as connection:
                connection.execute("CREATE TABLE IF NOT EXISTS shares (id TEXT PRIMARY KEY, secret BLOB NOT NULL)")
        except sqlite3.DatabaseError as error:
            raise KeySharesUnusable(f"{path} is damaged") from error

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    def is_empty(self) -> bool:
        """Whether there is no share at all."""
        with self._opened() as connection:
            return connection.execute("SELECT 1 FROM shares LIMIT 1").fetchone() is None

    def fresh(self) -> tuple[str, bytes]:
        """Return the id and the secret of a new share, durable on return."""
        share, secret = secrets.token_hex(_ID_BYTES), secrets.token_bytes(_SHARE_BYTES)
        with self._opened() as connection:
            connection.execute("INSERT INTO shares VALUES (?, ?)", (share, secret))
        return share, secret

    def of(self, shares: Collection[str]) -> dict[str, bytes]:
        """Return the secrets of those shares that are there."""
        found: dict[str, bytes] = {}
        with self._opened() as connection:
            for some in _batches(shares):
                query = f"SELECT id, secret FROM shares WHERE id IN ({_marks(some)})"  # noqa: S608 - marks alone
                found.update(connection.execute(query, some).fetchall())
        return found

    def destroy(self, shares: Collection[str]) -> None:
        """Remove them for ever, those that are there; durable on return."""
        with self._opened() as connection:
            for some in _batches(shares):
                connection.execute(f"DELETE FROM shares WHERE id IN ({_marks(some)})", some)  # noqa: S608 - as above

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=_WAIT_S)) as connection, connection:
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA synchronous = FULL")
            yield connection


def _batches(shares: Collection[str]) -> Iterator[list[str]]:
    ordered = list(shares)
    for first in range(0, len(ordered), _BATCH):
        yield ordered[first : first + _BATCH]


def _marks(some: Collection[str]) -> str:
    return ", ".join("?" * len(some))
