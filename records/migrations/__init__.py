"""The database's shape, brought from any earlier version to this one.

Each step is a file in `versions/`, written by hand; `HEAD` names the newest. A test proves that the steps together
make exactly what `records/tables.py` says.
"""

from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, inspect, text

from records.engine import database_url, embedded_engine, is_embedded, server_engine, unusable_database

HEAD: Final = "0012"
_DIRECTORY: Final = Path(__file__).parent
_VERSION_TABLE: Final = "schema_version"
_WAIT_S: Final = 600  # for another process that migrates


class NewerDatabase(Exception):
    """The database was brought to a shape that this program does not know yet."""


def migrate(url: str) -> bool:
    """Bring the database at `url` to `HEAD`, all steps or none; returns whether anything changed.

    Blocks. Safe when several processes start at once: one migrates, the others wait and find it done. Raises
    `NewerDatabase` and `records.engine.DatabaseUnusable`.
    """
    engine = _writing(database_url(url))
    try:
        with unusable_database(), engine.connect() as connection:
            pass
        with engine.begin() as connection:
            before = _version(connection)
            if before == HEAD:
                return False
            _upgrade(connection)
            return True
    finally:
        engine.dispose()


def current(url: str) -> str | None:
    """Return the database's version, None when it is empty. Blocks."""
    parsed = database_url(url)
    if not is_embedded(parsed):
        engine = server_engine(parsed, is_reader=True)
    elif Path(parsed.database or "").exists():
        engine = embedded_engine(parsed, begin="BEGIN", pragmas=())
    else:
        return None
    try:
        with engine.connect() as connection:
            return _version(connection)
    finally:
        engine.dispose()


def _writing(url: URL) -> Engine:
    if not is_embedded(url):
        return server_engine(url, wait_s=_WAIT_S)
    Path(url.database or "").touch(mode=0o600)  # the files beside it take its mode
    return embedded_engine(url, begin="BEGIN IMMEDIATE")


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_VERSION_TABLE):
        return None
    version: str | None = connection.scalar(text(f"SELECT version_num FROM {_VERSION_TABLE}"))  # noqa: S608 - a constant
    return version


def _upgrade(connection: Connection) -> None:
    # Only a start that has something to migrate pays for importing alembic.
    from alembic.config import Config  # noqa: PLC0415
    from alembic.runtime.environment import EnvironmentContext  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    script = ScriptDirectory(str(_DIRECTORY))

    def steps(revision: Any, _context: Any) -> Any:
        return script._upgrade_revs(HEAD, revision)  # noqa: SLF001 - what alembic.command.upgrade itself calls

    with EnvironmentContext(Config(), script, fn=steps, destination_rev=HEAD) as environment:
        environment.configure(connection=connection, version_table=_VERSION_TABLE, transactional_ddl=True)
        try:
            environment.run_migrations()
        except CommandError as error:
            raise NewerDatabase(str(error)) from error
