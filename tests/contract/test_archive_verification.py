"""A signed archive, intact and spoiled in every way that somebody with the disk, the database or an old key could."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from care.integrity import Fault, FaultKind
from records.canonical_json import canonical
from records.signing_keys import SigningKeys
from records.statements import PREFIX, StatementKind, entry_for, note_key, signed
from tests.signed_archive import SAID, SEGMENTS, SignedArchive, sign, signed_archive
from tests.small_clinic import HAN, OTHER_VISIT, VISIT

FIRST = f"segments/{VISIT}/{HAN.id}-microphone-00000"
SECOND = f"segments/{VISIT}/{HAN.id}-microphone-00001"
FILM = f"recordings/{VISIT}"


@pytest.fixture
async def archive(tmp_path: Path, database_url: str) -> AsyncIterator[SignedArchive]:
    async with signed_archive(tmp_path, url=database_url) as made:
        yield made


async def rotate(archive: SignedArchive, keys: SigningKeys | None = None) -> None:
    """As the command does it."""
    async with archive.clinic.store.write() as work:
        keys = keys or archive.keys
        keys.rotate(at=work.at)
        await note_key(work.audit, keys, work.at)


class Spoilable:
    """An archive that is asked from outside of any loop; `stored` is what is signed, piece by piece."""

    def __init__(self, archive: SignedArchive, runner: asyncio.Runner) -> None:
        self._archive = archive
        self._runner = runner
        self._columns = {
            "media": ("manifests", "media", ""),
            "record": ("manifests", "sealed", ""),
            "statement": ("signed_statements", "text", " AND kind = 'manifest'"),
            "signature": ("signed_statements", "signature", " AND kind = 'manifest'"),
            "film statement": ("signed_statements", "text", " AND kind = 'film'"),
            "film signature": ("signed_statements", "signature", " AND kind = 'film'"),
        }
        self.stored: dict[str, bytes] = {name: self._column(*self._columns[name]) for name in self._columns}
        for blob in (FILM, *(f"segments/{VISIT}/{name}" for name in archive.blobs.names(f"segments/{VISIT}"))):
            self.stored[blob] = archive.file(blob).read_bytes()

    def fault_with(self, what: str, content: bytes) -> Fault | None:
        if what in self._columns:
            table, column, more = self._columns[what]
            self._archive.sql(
                f"UPDATE {table} SET {column} = :content WHERE consultation = '{VISIT}'{more}", content=content
            )
        else:
            self._archive.file(what).write_bytes(content)
        return self._runner.run(self._archive.verdict()).fault

    def _column(self, table: str, column: str, more: str) -> bytes:
        (content,) = self._archive.row(f"SELECT {column} FROM {table} WHERE consultation = '{VISIT}'{more}")
        assert isinstance(content, bytes)
        return content


@pytest.fixture
def spoilable(tmp_path: Path) -> Iterator[Spoilable]:
    with asyncio.Runner() as runner:
        made = signed_archive(tmp_path)
        yield Spoilable(runner.run(made.__aenter__()), runner)
        runner.run(made.__aexit__(None, None, None))


def flip(path: Path, at: int = -1) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


async def test_what_nobody_touched_is_sound(archive: SignedArchive) -> None:
    for visit in (VISIT, OTHER_VISIT):
        verdict = await archive.verdict(visit)
        assert (verdict.fault, verdict.segments) == (None, 2 * SEGMENTS)
        assert verdict.key == archive.keys.active.id
    assert await archive.verifier.playing_fault(await archive.recording()) is None


async def test_no_key_is_needed_to_check_and_no_word_is_readable(
    archive: SignedArchive, bytes_at_rest: Callable[[], bytes]
) -> None:
    archive.sql("DELETE FROM data_keys")
    archive.clinic.sealer._keys.clear()
    assert (await archive.verdict()).fault is None
    assert SAID.encode() not in bytes_at_rest()


def _swap(one: Path, other: Path) -> None:
    mine, theirs = one.read_bytes(), other.read_bytes()
    one.write_bytes(theirs)
    other.write_bytes(mine)


SPOILED_FILES: dict[str, tuple[Callable[[SignedArchive], object], FaultKind, str]] = {
    "a flipped bit": (lambda a: flip(a.file(SECOND)), FaultKind.SEGMENT_CHANGED, SECOND),
    "a cut tail": (lambda a: a.file(SECOND).write_bytes(b"CONSBLB1"), FaultKind.SEGMENT_CHANGED, SECOND),
    "two swapped": (lambda a: _swap(a.file(FIRST), a.file(SECOND)), FaultKind.SEGMENT_CHANGED, FIRST),
    "one dropped": (lambda a: a.file(SECOND).unlink(), FaultKind.SEGMENT_MISSING, SECOND),
    "a foreign one added": (
        lambda a: a.file(SECOND + "x").write_bytes(a.file(SECOND).read_bytes()),
        FaultKind.SEGMENT_FOREIGN,
        SECOND + "x",
    ),
    "another visit's": (
        lambda a: a.file(FIRST).write_bytes(next(a.file(f"segments/{OTHER_VISIT}").iterdir()).read_bytes()),
        FaultKind.SEGMENT_CHANGED,
        FIRST,
    ),
    "a row dropped": (
        lambda a: a.sql("DELETE FROM segments WHERE blob = :blob", blob=SECOND),
        FaultKind.SEGMENT_MISSING,
        SECOND,
    ),
    "a row added": (
        lambda a: a.sql(
            "INSERT INTO segments SELECT recording, participant, source, 77, codec, container, started_at, duration_ms,"
            " frames, size_bytes, sha256, 'segments/x', closed, gaps, previous_sha256, interrupted"
            " FROM segments WHERE blob = :blob",
            blob=SECOND,
        ),
        FaultKind.SEGMENT_FOREIGN,
        "segments/x",
    ),
    "a row that names other bytes": (
        lambda a: a.sql("UPDATE segments SET sha256 = 'ff' WHERE blob = :blob", blob=SECOND),
        FaultKind.SEGMENT_CHANGED,
        SECOND,
    ),
    "a flipped bit of the film": (lambda a: flip(a.file(FILM)), FaultKind.FILM_CHANGED, FILM),
    "the film dropped": (lambda a: a.file(FILM).unlink(), FaultKind.FILM_MISSING, FILM),
    "the film exchanged": (
        lambda a: a.file(FILM).write_bytes(a.file(f"recordings/{OTHER_VISIT}").read_bytes()),
        FaultKind.FILM_CHANGED,
        FILM,
    ),
    "the film's row changed": (
        lambda a: a.sql("UPDATE recordings SET duration_ms = 1 WHERE consultation = :visit", visit=VISIT),
        FaultKind.FILM_CHANGED,
        FILM,
    ),
}


@pytest.mark.parametrize("how", SPOILED_FILES)
async def test_a_spoiled_file_is_named(archive: SignedArchive, how: str) -> None:
    spoil, kind, file = SPOILED_FILES[how]
    spoil(archive)
    assert (await archive.verdict()).fault == Fault(kind, file)
    assert await archive.verifier.playing_fault(await archive.recording()) == Fault(kind, file)
    assert (await archive.verdict(OTHER_VISIT)).fault is None


def _edited(archive: SignedArchive) -> None:
    (media,) = archive.row(f"SELECT media FROM manifests WHERE consultation = '{VISIT}'")
    assert isinstance(media, bytes)
    document = json.loads(media)
    del document["segments"][1]
    archive.sql(
        "UPDATE manifests SET media = :media WHERE consultation = :visit", media=canonical(document), visit=VISIT
    )


def _restated(archive: SignedArchive, private: SigningKeys | None = None) -> None:
    """Change what the statement says; sign that anew when there is a key for it."""
    text, signature = archive.row(
        f"SELECT text, signature FROM signed_statements WHERE consultation = '{VISIT}' AND kind = 'manifest'"
    )
    assert isinstance(text, bytes)
    content = json.loads(text)
    content["signed_at"] = "2026-11-25T11:59:59.000000Z"
    if private is not None:
        content["key"] = private.active.id
        signature = private.sign(PREFIX + canonical(content))
    archive.sql(
        "UPDATE signed_statements SET text = :text, signature = :signature"
        " WHERE consultation = :visit AND kind = 'manifest'",
        text=canonical(content),
        signature=signature,
        visit=VISIT,
    )


def _words(archive: SignedArchive, kind: str) -> str:
    (detail,) = archive.row(f"SELECT detail FROM audit_entries WHERE object_id = '{VISIT}' AND detail LIKE '{kind} %'")
    return str(detail)


SPOILED_RECORDS: dict[str, tuple[Callable[[SignedArchive], object], FaultKind, str]] = {
    "an edited manifest": (_edited, FaultKind.MANIFEST, "manifest"),
    "an edited record": (
        lambda a: a.sql(
            "UPDATE manifests SET sealed = :zeros WHERE consultation = :visit", zeros=bytes(500), visit=VISIT
        ),
        FaultKind.MANIFEST,
        "manifest, record",
    ),
    "another visit's manifest": (
        lambda a: a.sql(
            "UPDATE manifests SET media = (SELECT media FROM manifests WHERE consultation = :other)"
            " WHERE consultation = :visit",
            other=OTHER_VISIT,
            visit=VISIT,
        ),
        FaultKind.MANIFEST,
        "manifest",
    ),
    "an edited statement": (_restated, FaultKind.SIGNATURE, "statement"),
    "no statement": (
        lambda a: a.sql("DELETE FROM signed_statements WHERE consultation = :visit", visit=VISIT),
        FaultKind.UNSIGNED,
        "statement",
    ),
    "another visit's statement": (
        lambda a: a.sql(
            "UPDATE signed_statements SET (text, signature) = (SELECT text, signature FROM signed_statements"
            " WHERE consultation = :other AND kind = 'manifest') WHERE consultation = :visit AND kind = 'manifest'",
            other=OTHER_VISIT,
            visit=VISIT,
        ),
        FaultKind.SIGNATURE,
        "statement",
    ),
    "no film statement": (
        lambda a: a.sql("DELETE FROM signed_statements WHERE kind = 'film' AND consultation = :visit", visit=VISIT),
        FaultKind.FILM_UNSIGNED,
        FILM,
    ),
    "the entry removed": (
        lambda a: a.sql("DELETE FROM audit_entries WHERE detail = :words", words=_words(a, "manifest")),
        FaultKind.AUDIT_MISSING,
        "access log, statement",
    ),
    "the film's entry removed": (
        lambda a: a.sql("DELETE FROM audit_entries WHERE detail = :words", words=_words(a, "film")),
        FaultKind.AUDIT_MISSING,
        "access log, film statement",
    ),
    "the entry's time changed": (
        lambda a: a.sql(
            "UPDATE audit_entries SET at = '2020-01-01' WHERE detail = :words", words=_words(a, "manifest")
        ),
        FaultKind.AUDIT_MISSING,
        "access log, statement",
    ),
    "an earlier row removed": (
        lambda a: a.sql("DELETE FROM audit_entries WHERE seq = 2"),
        FaultKind.AUDIT_BROKEN,
        "access log, entry 2",
    ),
}


@pytest.mark.parametrize("how", SPOILED_RECORDS)
async def test_a_spoiled_record_is_named(archive: SignedArchive, how: str) -> None:
    spoil, kind, file = SPOILED_RECORDS[how]
    spoil(archive)
    assert (await archive.verdict()).fault == Fault(kind, file)
    is_seen = kind is not FaultKind.AUDIT_BROKEN  # the log is not walked for a film
    playing_fault = await archive.verifier.playing_fault(await archive.recording())
    assert playing_fault == (Fault(kind, file) if is_seen else None)


async def test_a_stranger_s_key_is_refused_even_within_the_ring(archive: SignedArchive, tmp_path: Path) -> None:
    stranger = SigningKeys.load_or_create(tmp_path / "stranger.json", at=archive.clinic.now)
    _restated(archive, stranger)
    assert (await archive.verdict()).fault == Fault(FaultKind.KEY_UNKNOWN, "statement")


async def test_an_old_key_verifies_what_it_signed_and_nothing_later(archive: SignedArchive, tmp_path: Path) -> None:
    stolen = tmp_path / "stolen.json"
    stolen.write_bytes((tmp_path / "keys" / "archive.json").read_bytes())
    stolen.chmod(0o600)
    old = archive.keys.active.id
    archive.clinic.later(timedelta(days=30))
    await rotate(archive)
    assert (await archive.verdict()).key == old
    assert (await archive.verdict()).fault is None, "in its time it was the key"

    # Who stole the old key signs a film of their own, dated back, with an entry in the unbroken log.
    thief = SigningKeys.load_or_create(stolen, at=archive.clinic.now)
    async with archive.clinic.store.write() as work:
        content = {"consultation": VISIT, "signed_at": "2026-11-25T12:00:00.000000Z"}
        statement = signed(thief, StatementKind.FILM, content)
        await work.manifests.add_statement(VISIT, statement)
        await work.audit.add_entries([entry_for(statement, VISIT, at=work.at)])
    assert (await archive.verdict()).fault == Fault(FaultKind.KEY_RETIRED, "film statement")
    fault = await archive.verifier.playing_fault(await archive.recording())
    assert fault == Fault(FaultKind.KEY_RETIRED, "film statement")


async def test_the_private_half_of_an_old_key_is_gone(archive: SignedArchive, tmp_path: Path) -> None:
    before = json.loads((tmp_path / "keys" / "archive.json").read_text())["private"]
    await rotate(archive)
    assert before not in (tmp_path / "keys" / "archive.json").read_text()


async def test_a_running_server_signs_with_the_key_that_another_process_began(
    archive: SignedArchive, tmp_path: Path
) -> None:
    elsewhere = SigningKeys.load_or_create(tmp_path / "keys" / "archive.json", at=archive.clinic.now)
    await rotate(archive, elsewhere)
    archive.sql("DELETE FROM manifests WHERE consultation = :visit", visit=OTHER_VISIT)
    archive.sql("DELETE FROM signed_statements WHERE consultation = :visit", visit=OTHER_VISIT)
    await sign(archive, OTHER_VISIT)
    verdict = await archive.verdict(OTHER_VISIT)
    assert (verdict.fault, verdict.key) == (None, elsewhere.active.id)


async def test_the_last_entry_of_the_log_cut_off_is_found(archive: SignedArchive) -> None:
    archive.sql("DELETE FROM audit_entries WHERE seq = (SELECT max(seq) FROM audit_entries)")
    assert (await archive.verifier.chain()).broken_at is not None


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_single_byte_that_changes_is_found(spoilable: Spoilable, data: st.DataObject) -> None:
    what = data.draw(st.sampled_from(sorted(spoilable.stored)))
    content = spoilable.stored[what]
    at = data.draw(st.integers(0, len(content) - 1))
    by = data.draw(st.integers(1, 255))
    changed = content[:at] + bytes([content[at] ^ by]) + content[at + 1 :]
    assert spoilable.fault_with(what, changed) is not None
    assert spoilable.fault_with(what, content) is None
