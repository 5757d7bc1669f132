"""What an operator does to the archive from the command line, whether the server runs or not."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from care.access import Action
from care.integrity import Fault, FaultKind, Verdict
from config import logging
from config.settings import Settings
from identity.audit import SYSTEM, AuditEntry
from kernel.clock import utc_now
from kernel.ids import ConsultationId
from records.blobs import BlobStore
from records.canonical_json import instant
from records.custodian_key_file import CustodianKey
from records.custody import Custody, TooFewKeys
from records.engine import Database
from records.event_log import SqlEventLog
from records.package import key_view
from records.recorded_media import RecordedMedia
from records.sealing import Sealer
from records.statements import note_key
from records.unit_of_work import SqlStore
from server.progress_bar import ProgressBar
from server.refusal import Refused
from server.storage import (
    SignedArchive,
    archive_keys,
    make_data_directory,
    open_blobs,
    open_database,
    open_sealer,
    open_signed_archive,
    open_signing_keys,
)

_PAGE: Final = 200

_WORDS: Final = {
    FaultKind.UNSIGNED: "there is no signed manifest",
    FaultKind.SIGNATURE: "the signed statement was altered",
    FaultKind.KEY_UNKNOWN: "signed by a key that is none of this installation's",
    FaultKind.KEY_RETIRED: "signed by a key outside of its time",
    FaultKind.MANIFEST: "the manifest was altered",
    FaultKind.AUDIT_MISSING: "the access log does not have what was signed",
    FaultKind.AUDIT_BROKEN: "the access log was altered",
    FaultKind.SEGMENT_MISSING: "a segment is missing",
    FaultKind.SEGMENT_CHANGED: "a segment was altered",
    FaultKind.SEGMENT_FOREIGN: "a segment is there that was never signed",
    FaultKind.CHAIN: "a segment does not follow from the one before it",
    FaultKind.FILM_UNSIGNED: "the film was never signed",
    FaultKind.FILM_MISSING: "the film is missing",
    FaultKind.FILM_CHANGED: "the film was altered",
    FaultKind.STORAGE: "storage can't be read at the moment",
}


@dataclass(frozen=True, slots=True)
class OpenedArchive:
    """What holds the archive, opened without serving anybody."""

    database: Database
    sealer: Sealer
    store: SqlStore
    log: SqlEventLog
    blobs: BlobStore
    media: RecordedMedia
    custody: Custody
    signed: SignedArchive

    async def open_custody(self, consultation: ConsultationId, keys: Sequence[CustodianKey]) -> None:
        """Open a recording that is in custody, for this process; nothing happens to others. `Refused` says why not."""
        async with self.store.read() as work:
            quorum = await work.custody.quorum_of(consultation)
        if quorum is None:
            return
        if not keys:
            raise Refused(
                f"the recording is in custody: give {quorum} of the custodians' key files, --custodian-key FILE"
            )
        try:
            await self.custody.open(consultation, keys)
        except TooFewKeys as error:
            raise Refused(str(error)) from error


async def verify(settings: Settings, consultations: Sequence[str], *, as_json: bool) -> int:
    """Check the named consultations, or all when none is named; 1 when anything is wrong."""
    async with opened_archive(settings) as archive:
        named = [ConsultationId(each) for each in consultations]
        verifier = archive.signed.verifier
        progress = ProgressBar(await _total(archive, named), "segments")
        chain = await verifier.chain()
        checked = faulty = 0
        async for consultation in _wanted(archive, named):
            verdict = await archive.signed.verifier.verify(
                consultation, chain, on_segment=lambda _size: progress.advance()
            )
            await verifier.note(verdict, actor=SYSTEM, role="", action=Action.ARCHIVE_VERIFY)
            checked += 1
            faulty += verdict.fault is not None
            if as_json or verdict.fault is not None or named:
                _say(json.dumps(_as_json(verdict)) if as_json else _as_words(verdict))
        progress.end()
    if chain.broken_at is not None:
        sys.stderr.write(f"The access log is BROKEN: entry {chain.broken_at} does not follow from the one before.\n")
    if not as_json:
        _say(f"{checked} checked, {faulty} with a fault.")
    return 1 if faulty or chain.broken_at is not None else 0


def show_keys(settings: Settings, *, as_json: bool) -> int:
    """Show the public keys: to be published by the clinic, so that nobody has to trust this machine about them."""
    make_data_directory(settings)
    keys = open_signing_keys(archive_keys(settings), at=utc_now())
    shown = [key_view(key) for key in keys.all]
    if as_json:
        _say(json.dumps({"keys": shown}, indent=1))
    else:
        for key in shown:
            until = f"until {key['ended']}" if key["ended"] else "in use"
            _say(f"{key['id']}  from {key['began']}  {until}\n  ed25519 {key['public']}")
    return 0


async def rotate_key(settings: Settings) -> int:
    """Begin a fresh signing key. Safe while the server runs: it reads the keys again before it signs."""
    async with opened_archive(settings) as archive, archive.store.write() as work:
        await work.audit.take_turn()
        archive.signed.keys.refresh()
        await note_key(work.audit, archive.signed.keys, work.at)  # of the one that ends, if it never signed
        fresh = archive.signed.keys.rotate(at=work.at)
        await note_key(work.audit, archive.signed.keys, work.at)
    _say(f"Key {fresh.id} signs from now on. Publish it: python -m server archive keys")
    return 0


async def export(
    settings: Settings, consultation: str, path: Path, *, reason: str, keys: Sequence[CustodianKey] = ()
) -> int:
    """Write everything that is kept of a recorded visit, in clear, into one new ZIP file; 1 when anything is wrong.

    `keys` open a recording that is in custody.
    """
    async with opened_archive(settings) as archive:
        wanted = ConsultationId(consultation)
        await archive.open_custody(wanted, keys)
        verifier = archive.signed.verifier
        progress = ProgressBar(await _total(archive, [wanted]), "segments checked")
        chain = await verifier.chain()
        verdict = await verifier.verify(wanted, chain, on_segment=lambda _size: progress.advance())
        await verifier.note(verdict, actor=SYSTEM, role="", action=Action.ARCHIVE_VERIFY)
        progress.end()
        if verdict.fault is not None:
            raise Refused(f"not exported: {told(verdict.fault)}")
        if verdict.destroyed_at is not None:
            raise Refused(f"not exported: the recording was destroyed {instant(verdict.destroyed_at)}")
        await _hand_out(archive, wanted, path, reason)
    _say(f"{path}: unpack it and run `python3 verify.py`. It holds a patient's data in clear.")
    return 0


async def _hand_out(archive: OpenedArchive, consultation: ConsultationId, path: Path, reason: str) -> None:
    """Write a package to `path`, readable by its owner only; nothing is left behind when that fails."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Refused(f"can't write {path}: {error.strerror}") from error
    try:
        async with archive.store.write() as work:
            entry = AuditEntry(work.at, SYSTEM, "", Action.ARCHIVE_EXPORT, "consultation", consultation, detail=reason)
            await work.audit.add_entries([entry])
        with os.fdopen(file, "wb") as sink:
            await archive.signed.packager.write(consultation, sink, at=utc_now())
    except BaseException:
        await asyncio.to_thread(path.unlink, missing_ok=True)
        raise


@asynccontextmanager
async def opened_archive(settings: Settings) -> AsyncIterator[OpenedArchive]:
    """Open what holds the archive, without serving anybody. Only what goes wrong is logged."""
    logging.configure(replace(settings.log, level="warning"))
    async with AsyncExitStack() as stack:
        database = await open_database(settings, stack)
        sealer = await open_sealer(settings, database)
        store, log = SqlStore(database, sealer, utc_now), SqlEventLog(database, sealer)
        blobs = open_blobs(settings)
        media = RecordedMedia(database, sealer, blobs)
        signed = open_signed_archive(settings, store, log, blobs, media, at=utc_now())
        custody = Custody(database, sealer, quorum=settings.custody.quorum)
        yield OpenedArchive(database, sealer, store, log, blobs, media, custody, signed)


async def _total(archive: OpenedArchive, named: Sequence[ConsultationId]) -> int:
    async with archive.store.read() as work:
        for consultation in named:
            if await work.recordings.of(consultation) is None:
                raise Refused(f"there is no recording of a consultation {consultation}")
        if named:
            return sum([await work.manifests.count_segments(consultation) for consultation in named])
        return await work.manifests.count_segments()


async def _wanted(archive: OpenedArchive, named: Sequence[ConsultationId]) -> AsyncIterator[ConsultationId]:
    """Yield the named ones, or all page by page."""
    for consultation in named:
        yield consultation
    after = ""
    while not named:
        async with archive.store.read() as work:
            page = await work.manifests.closed(after=after, limit=_PAGE)
        for consultation in page:
            yield consultation
        if len(page) < _PAGE:
            return
        after = page[-1]


def _as_words(verdict: Verdict) -> str:
    if verdict.destroyed_at is not None and verdict.fault is None:
        return f"{verdict.consultation}: destroyed {instant(verdict.destroyed_at)}, its manifest is sound"
    if verdict.fault is None:
        signed = "" if verdict.signed_at is None else f", signed {instant(verdict.signed_at)} by {verdict.key}"
        return f"{verdict.consultation}: sound, {verdict.segments} segments{signed}"
    return f"{verdict.consultation}: FAULT, {told(verdict.fault)}"


def _as_json(verdict: Verdict) -> dict[str, object]:
    fault = verdict.fault
    return {
        "consultation": verdict.consultation,
        "sound": fault is None,
        "fault": None if fault is None else {"kind": fault.kind, "file": fault.file},
        "segments": verdict.segments,
        "size_bytes": verdict.size_bytes,
        "key": verdict.key,
        "signed_at": None if verdict.signed_at is None else instant(verdict.signed_at),
        "destroyed_at": None if verdict.destroyed_at is None else instant(verdict.destroyed_at),
    }


def told(fault: Fault) -> str:
    """Say what is wrong, and where."""
    return f"{_WORDS[fault.kind]}: {fault.file}"


def _say(words: str) -> None:
    sys.stdout.write(words + "\n")
