"""The words by which the archive is searched, with a full-text index on SQLite."""

import re
import unicodedata
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_INDEX_ON_SQLITE = (
    """
    CREATE VIRTUAL TABLE archive_index USING fts5(
        words, content='archive_words', content_rowid='place', tokenize="unicode61 remove_diacritics 0 tokenchars '_'")
    """,
    """
    CREATE TRIGGER archive_words_added AFTER INSERT ON archive_words BEGIN
        INSERT INTO archive_index (rowid, words) VALUES (new.place, new.words); END
    """,
    """
    CREATE TRIGGER archive_words_removed AFTER DELETE ON archive_words BEGIN
        INSERT INTO archive_index (archive_index, rowid, words) VALUES ('delete', old.place, old.words); END
    """,
)
_INDEX_ON_SERVER = (
    "CREATE INDEX ix_archive_words_terms ON archive_words USING gin (array_to_tsvector(string_to_array(words, ' ')))"
)
_DESCRIBED = """
    SELECT consultations.id, consultations.scheduled_at, consultations.patient, consultations.clinician,
           consultations.department, consultations.reason, patients.name, patients.record_number,
           members.name AS clinician_name, members.login, departments.name_en, departments.name_zh
    FROM consultations
    JOIN patients ON patients.id = consultations.patient
    JOIN members ON members.id = consultations.clinician
    JOIN departments ON departments.id = consultations.department
    ORDER BY consultations.scheduled_at
"""
_TERM = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]|[^\W\u3040-\u9fff]+")
_PLACES_A_SECOND = 2**30


def upgrade() -> None:
    op.create_table(
        "archive_words",
        sa.Column("place", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("consultation", sa.String(length=80), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["consultation"], ["consultations.id"], name=op.f("fk_archive_words_consultation")),
        sa.PrimaryKeyConstraint("place", name=op.f("pk_archive_words")),
        sa.UniqueConstraint("consultation", name=op.f("uq_archive_words_consultation")),
    )
    if op.get_bind().dialect.name == "sqlite":
        for statement in _INDEX_ON_SQLITE:
            op.execute(statement)
    else:
        op.execute(_INDEX_ON_SERVER)
    _write_what_is_there()


def _write_what_is_there() -> None:
    """Give every stored consultation its place and words."""
    newest = -1
    insert = sa.text("INSERT INTO archive_words (place, consultation, words) VALUES (:place, :consultation, :words)")
    for row in op.get_bind().execute(sa.text(_DESCRIBED)).all():
        newest = max(_first_place(row.scheduled_at), newest + 1)
        words = " ".join(term for text in row if isinstance(text, str) for term in _terms(text))
        op.get_bind().execute(insert, {"place": newest, "consultation": row.id, "words": words})


def _terms(text: str) -> list[str]:
    return _TERM.findall(unicodedata.normalize("NFKC", text).casefold())


def _first_place(at: Any) -> int:
    when = datetime.fromisoformat(at) if isinstance(at, str) else at
    return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()) * _PLACES_A_SECOND
