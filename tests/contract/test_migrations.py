"""The database's shape: the steps together make what the tables say, and cost nothing when they are done."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

import records.migrations
from records.migrations import HEAD, NewerDatabase, current, migrate
from records.tables import metadata
from tests.small_clinic import small_clinic


def url(directory: Path) -> str:
    return f"sqlite:///{directory / 'consilium.db'}"


def shape(path: Path) -> dict[str, list[str]]:
    """Every table and index as the database itself describes it, whatever the order of columns and constraints."""
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    connection.close()
    return {name: parts(" ".join(sql.split())) for name, sql in rows if name != "schema_version"}


def parts(sql: str) -> list[str]:
    """Cut a CREATE statement at its parentheses and at the commas within the outermost ones."""
    depth, found = 0, [""]
    for letter in sql:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if (letter, depth) in {(",", 1), ("(", 1), (")", 0)}:
            found.append("")
        else:
            found[-1] += letter
    return sorted(part.strip() for part in found)


def is_a_table_of_ours(name: str | None, kind: str, _parents: object) -> bool:
    """Leave out SQLite's own tables of the full-text index; `shape` compares them."""
    return kind != "table" or name is None or not name.startswith("archive_index")


def test_the_steps_make_exactly_the_tables(tmp_path: Path) -> None:
    migrate(url(tmp_path))
    engine = create_engine(f"sqlite:///{tmp_path / 'direct.db'}")
    metadata.create_all(engine)
    engine.dispose()
    assert shape(tmp_path / "consilium.db") == shape(tmp_path / "direct.db")
    engine = create_engine(url(tmp_path))
    with engine.connect() as connection:
        options = {"version_table": "schema_version", "include_name": is_a_table_of_ours}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []
    engine.dispose()


def test_the_newest_step_is_the_one_named() -> None:
    script = ScriptDirectory(str(Path(records.migrations.__file__).parent))
    assert script.get_heads() == [HEAD]


def test_a_second_start_finds_it_done_at_once(tmp_path: Path) -> None:
    assert current(url(tmp_path)) is None
    assert migrate(url(tmp_path)) is True
    assert current(url(tmp_path)) == HEAD
    began = perf_counter()
    assert migrate(url(tmp_path)) is False
    assert perf_counter() - began < 0.25


async def test_only_the_owner_reads_the_files(tmp_path: Path) -> None:
    async with small_clinic(tmp_path) as clinic:
        files = list(clinic.directory.glob("consilium.db*"))
        assert len(files) == 3, "the database, its log and the log's index"
        assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_looking_makes_no_file(tmp_path: Path) -> None:
    assert current(url(tmp_path)) is None
    assert list(tmp_path.iterdir()) == []


def test_two_processes_that_start_together_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        changed = list(threads.map(lambda _: migrate(url(tmp_path)), range(4)))
    assert sorted(changed) == [False, False, False, True]


def test_a_database_from_the_future_is_left_alone(tmp_path: Path) -> None:
    migrate(url(tmp_path))
    connection = sqlite3.connect(tmp_path / "consilium.db")
    connection.execute("UPDATE schema_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    with pytest.raises(NewerDatabase):
        migrate(url(tmp_path))
    assert current(url(tmp_path)) == "9999"


def test_visits_from_before_the_archives_words_are_found_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records.migrations, "HEAD", "0002")
    migrate(url(tmp_path))
    connection = sqlite3.connect(tmp_path / "consilium.db")
    connection.executescript("""
        INSERT INTO departments VALUES ('dep_1', 'Cardiology', '心内科');
        INSERT INTO patients VALUES ('pat_1', '李雷', '1980-03-01', 'male', 'zh-CN', 'MR-1', '');
        INSERT INTO members (id, login, name, role, language, active)
            VALUES ('usr_1', 'dr.han', 'Han Mei', 'clinician', 'en', 1);
        INSERT INTO consultations (id, patient, clinician, department, scheduled_at, planned_minutes, reason, status)
            VALUES ('con_1', 'pat_1', 'usr_1', 'dep_1', '2026-11-25 12:00:00.000000', 20, 'Cough', 'planned'),
                   ('con_2', 'pat_1', 'usr_1', 'dep_1', '2026-11-25 12:00:00.000000', 20, 'Rash', 'planned');
    """)
    connection.close()
    monkeypatch.undo()
    assert migrate(url(tmp_path)) is True
    connection = sqlite3.connect(tmp_path / "consilium.db")
    places = connection.execute("SELECT consultation, place >> 30 FROM archive_words ORDER BY place").fetchall()
    hits = connection.execute("SELECT rowid >> 30 FROM archive_index WHERE archive_index MATCH '\"雷\" AND cough'")
    noon = int(datetime(2026, 11, 25, 12, tzinfo=UTC).timestamp())
    assert places == [("con_1", noon), ("con_2", noon)]
    assert hits.fetchall() == [(noon,)]
    connection.close()


async def test_the_keys_of_earlier_visits_are_taken_over(tmp_path: Path) -> None:
    """What was recorded before media had a key of its own is sealed with the record's key."""
    async with small_clinic(tmp_path):
        pass
    connection = sqlite3.connect(tmp_path / "consilium.db")
    connection.executescript("""
        ALTER TABLE recordings DROP COLUMN speech; DROP TABLE data_keys; DROP TABLE holds; DROP TABLE destruction_items;
        DROP TABLE destructions; DROP TABLE release_parts; DROP TABLE releases; DROP TABLE custody_parts;
        DROP TABLE custodian_keys; DROP TABLE retired_shares; UPDATE schema_version SET version_num = '0005';
        CREATE TABLE consultation_keys (consultation TEXT PRIMARY KEY, key_ring_id TEXT, wrapped BLOB);
        INSERT INTO consultation_keys VALUES ('con_visit', 'k1', x'01'), ('con_other', 'k2', x'02');
        INSERT INTO recordings
            (id, consultation, state, started_at, duration_ms, size_bytes, sha256, blob, progress, failure)
        VALUES ('rec_1', 'con_visit', 'recording', '2026-11-25', 0, 0, '', '', 0, '');
    """)
    connection.close()
    assert migrate(url(tmp_path)) is True
    connection = sqlite3.connect(tmp_path / "consilium.db")
    columns = "consultation, purpose, key_ring_id, share, wrapped"
    rows = connection.execute(f"SELECT {columns} FROM data_keys ORDER BY consultation, purpose").fetchall()
    connection.close()
    assert rows == [
        ("con_other", "record", "k2", None, b"\x02"),
        ("con_visit", "media", "k1", None, b"\x01"),
        ("con_visit", "record", "k1", None, b"\x01"),
    ]
