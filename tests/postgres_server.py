"""A real PostgreSQL on a free port of loopback, with passwords, in a directory that is removed afterwards.

    with postgres_server() as server:
        url = server.new_database()                        # empty
        url = server.new_database(template="migrated")     # a copy, in a few milliseconds
        server.sql("SELECT …")                             # as the administrator
        server.files_of(url)                               # every byte it keeps of a database
        server.restart()

Nothing is flushed to the disk: what is tested is our program, not whether PostgreSQL survives a power cut. Debian's
package `postgresql` brings it; where it is absent, the tests that need it are skipped, and say so.
"""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final

import psycopg
from sqlalchemy import make_url

PASSWORD: Final = "a/secret@of:the-tests"  # with signs that an address has to escape
_SETTINGS: Final = (
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=60",
    "fsync=off",
    "full_page_writes=off",
)


def postgres_programs() -> Path | None:
    """Return the directory of the newest PostgreSQL's programs, None without one."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/postgres"),
        key=lambda path: int(path.parent.parent.name) if path.parent.parent.name.isdigit() else 0,
    )
    on_path = shutil.which("postgres")
    return found[-1].parent if found else Path(on_path).resolve().parent if on_path else None


class PostgresServer:
    """Runs from `start` to `stop`; an own directory for each."""

    def __init__(self, programs: Path, directory: Path) -> None:
        self._programs = programs
        self._directory = directory
        self._port = _free_port()
        self._numbers = count(1)
        self._user = _unprivileged()

    def initialize(self) -> None:
        words = self._directory / "password"
        words.write_text(PASSWORD)
        if self._user is not None:
            for path in (self._directory, words):
                os.chown(path, self._user.pw_uid, self._user.pw_gid)
        # An order of words unlike SQLite's, as most clinics' servers have it: nothing may depend on it.
        locale = ("--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US")
        self._run("initdb", f"--pwfile={words}", "--username=consilium", "--auth=scram-sha-256", *locale, "--no-sync")

    def start(self) -> None:
        options = " ".join(f"-c {setting}" for setting in (*_SETTINGS, f"port={self._port}"))
        self._run("pg_ctl", "start", "--wait", "--silent", f"--log={self._directory / 'log'}", f"--options={options}")

    def stop(self) -> None:
        """End it as a crash would."""
        self._run("pg_ctl", "stop", "--wait", "--silent", "--mode=immediate")

    def restart(self) -> None:
        self.stop()
        self.start()

    def url(self, database: str = "postgres") -> str:
        address = make_url(f"postgresql://127.0.0.1:{self._port}/{database}")
        return address.set(username="consilium", password=PASSWORD).render_as_string(hide_password=False)

    def new_database(self, *, template: str = "template0") -> str:
        """Return the address of a fresh database, a copy of `template`."""
        name = f"clinic_{next(self._numbers)}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return self.url(name)

    def drop(self, url: str) -> None:
        self.sql(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")

    def sql(self, statement: str, *, database: str = "postgres") -> Sequence[tuple[Any, ...]]:
        """Run a statement outside of any transaction."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            found = connection.execute(statement)
            return found.fetchall() if found.description else []

    def files_of(self, url: str) -> bytes:
        """Return everything that is on the disk of a database, and the log of all changes."""
        name = make_url(url).database
        self.sql("CHECKPOINT")
        [(number,)] = self.sql(f"SELECT oid FROM pg_database WHERE datname = '{name}'")
        folders = (self._data / "base" / str(number), self._data / "pg_wal")
        return b"".join(path.read_bytes() for folder in folders for path in folder.iterdir() if path.is_file())

    @property
    def _data(self) -> Path:
        return self._directory / "data"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), "-D", str(self._data), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, **self._as_user())
        assert done.returncode == 0, done.stdout + done.stderr

    def _as_user(self) -> dict[str, Any]:
        if self._user is None:
            return {"cwd": self._directory}
        return {"cwd": self._directory, "user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _unprivileged() -> pwd.struct_passwd | None:
    """Return whom PostgreSQL shall run as, None for whoever runs the tests: root is what it refuses."""
    if os.geteuid() != 0:
        return None
    known = {user.pw_name: user for user in pwd.getpwall()}
    return known.get("postgres") or known["nobody"]


@contextmanager
def postgres_server(programs: Path) -> Iterator[PostgresServer]:
    with tempfile.TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as directory:
        server = PostgresServer(programs, Path(directory))
        server.initialize()
        server.start()
        try:
            yield server
        finally:
            server.stop()
