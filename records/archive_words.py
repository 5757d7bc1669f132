"""The words by which an archived visit is found, and the order in which visits are listed.

One row for each consultation: its place in time, and every word about it as `terms` cuts them. On SQLite a full-text
index (FTS5) follows the rows by triggers; its row ids are the places, so that the newest hits of any search are read
off the index and never sorted. On PostgreSQL an inverted index (GIN) finds the rows that hold every term; which of them
hold the terms as a phrase is then looked up in their words, and the places are sorted.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    CTE,
    DDL,
    BigInteger,
    ColumnElement,
    Select,
    cast,
    column,
    delete,
    event,
    false,
    func,
    insert,
    literal_column,
    or_,
    select,
    table,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from kernel.ids import ConsultationId
from records.engine import Connection
from records.tables import archive_words, consultations, departments, members, patients

PLACES_A_SECOND: Final = 2**30
_BATCH: Final = 500
# A letter of a script that is written without spaces is a term of its own; neighbours are found as phrases.
_TERM: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]|[^\W\u3040-\u9fff]+")

_words: Final = archive_words.c.words

# Made together with the table. The index keeps no copy of the words.
_INDEX_ON_SQLITE: Final = (
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
# Our own terms, whatever PostgreSQL's parsers think of them; the index and the questions name the same expression.
_TERMS_ON_SERVER: Final = "array_to_tsvector(string_to_array(words, ' '))"
_INDEX_ON_SERVER: Final = f"CREATE INDEX ix_archive_words_terms ON archive_words USING gin ({_TERMS_ON_SERVER})"
event.listen(archive_words, "after_create", DDL(_INDEX_ON_SERVER).execute_if(dialect="postgresql"))  # type: ignore[no-untyped-call]
for _statement in _INDEX_ON_SQLITE:
    event.listen(archive_words, "after_create", DDL(_statement).execute_if(dialect="sqlite"))  # type: ignore[no-untyped-call]


def terms(text: str) -> list[str]:
    """Return the terms of a text in order: words without case and accents of width, Chinese letter by letter."""
    return _TERM.findall(unicodedata.normalize("NFKC", text).casefold())


def first_place(at: datetime) -> int:
    """Return the smallest place that a visit scheduled in this second or later can have."""
    return int(at.timestamp()) * PLACES_A_SECOND


def last_place(at: datetime) -> int:
    """Return the largest place that a visit scheduled in this second or earlier can have."""
    return first_place(at) + PLACES_A_SECOND - 1


def places_of(words: Collection[str], ids: Collection[str], *, is_embedded: bool) -> Select[tuple[int]]:
    """Select `place` from the rows that hold every one of `ids`, and in which every word begins a term, or is a phrase
    whose last term so begins. Signs beside words count for nothing; signs alone are found nowhere.

    Narrow it by `archive_words` and order it by place: it is never sorted for that.
    """
    phrases = [phrase for phrase in (" ".join(terms(word)) for word in words) if phrase]
    whole = [term for of in ids for term in terms(of)]
    if words and not phrases:
        return select(archive_words.c.place).where(false())
    if (phrases or whole) and is_embedded:
        index = table("archive_index", column("rowid", BigInteger))
        # Phrases hold no quotation marks. CROSS JOIN tells SQLite to walk the index and look the rows up, not reverse.
        asked = [*(f'"{term}"' for term in whole), *(f'"{phrase}" *' for phrase in phrases)]
        match = literal_column("archive_index").op("MATCH")(" AND ".join(asked))
        return (
            select(index.c.rowid.label("place"))
            .select_from(index.join(archive_words, archive_words.c.place == index.c.rowid))
            .where(match)
        )
    if phrases or whole:
        hits = _hits_on_server(phrases, whole)
        return select(hits.c.place).select_from(hits.join(archive_words, archive_words.c.place == hits.c.place))
    return select(archive_words.c.place)


def _hits_on_server(phrases: Collection[str], whole: Collection[str]) -> CTE:
    """Select the places of the rows that match, on PostgreSQL.

    Materialized: it would else walk the rows from the newest on, in the hope of enough hits, and so through all of them
    when there are few.
    """
    asked = [f"'{term}'" for term in whole]
    for phrase in phrases:
        *before, last = phrase.split()
        asked += [*(f"'{term}'" for term in before), f"'{last}':*"]
    match = literal_column(_TERMS_ON_SERVER).op("@@")(cast(" & ".join(asked), TSQUERY))
    in_order = [
        or_(_words.startswith(phrase, autoescape=True), _words.contains(f" {phrase}", autoescape=True))
        for phrase in phrases
        if " " in phrase
    ]
    return select(archive_words.c.place).where(match, *in_order).cte("hits").prefix_with("MATERIALIZED")


async def write_words(connection: Connection, *which: ColumnElement[bool]) -> None:
    """Write the rows of the consultations that meet `which` anew, from what is stored now."""
    rows = (await connection.execute(_described().where(*which).order_by(consultations.c.scheduled_at))).all()
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        ids = [row.id for row in batch]
        await connection.execute(delete(archive_words).where(archive_words.c.consultation.in_(ids)))
        for row in batch:
            await _write(connection, row)


async def _write(connection: Connection, row: Any) -> None:
    first = first_place(row.scheduled_at)
    taken = select(func.max(archive_words.c.place)).where(
        archive_words.c.place >= first, archive_words.c.place < first + PLACES_A_SECOND
    )
    newest = await connection.scalar(taken)
    place = first if newest is None else newest + 1
    words = words_of(row)
    await connection.execute(insert(archive_words).values(place=place, consultation=row.id, words=words))


def words_of(row: Iterable[object]) -> str:
    """Return the terms of a consultation with `reason` and the names and ids of everybody in it."""
    return " ".join(term for text in row if isinstance(text, str) for term in terms(text))


def _described() -> Any:
    return (
        select(
            consultations.c.id,
            consultations.c.scheduled_at,
            consultations.c.patient,
            consultations.c.clinician,
            consultations.c.department,
            consultations.c.reason,
            patients.c.name,
            patients.c.record_number,
            members.c.name.label("clinician_name"),
            members.c.login,
            departments.c.name_en,
            departments.c.name_zh,
        )
        .join_from(consultations, patients, consultations.c.patient == patients.c.id)
        .join(members, consultations.c.clinician == members.c.id)
        .join(departments, consultations.c.department == departments.c.id)
    )


async def place_of(connection: Connection, consultation: ConsultationId) -> int | None:
    """Return where a consultation is listed; None when it is not known."""
    place: int | None = await connection.scalar(
        select(archive_words.c.place).where(archive_words.c.consultation == consultation)
    )
    return place
