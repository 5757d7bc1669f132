"""Composes a film again from the command line: one that failed, was lost, or was made by an older program."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from care.access import Action
from care.consultation import Status
from care.integrity import FaultKind
from care.recording import RecordingState
from config.settings import Settings
from identity.audit import SYSTEM, AuditEntry
from kernel.ids import ConsultationId
from media.measure import measure
from records.custodian_key_file import CustodianKey
from records.deliveries import Deliveries
from records.segments import SegmentSink
from server.archive_commands import OpenedArchive, opened_archive, told
from server.composition import Composition
from server.progress_bar import ProgressBar
from server.refusal import Refused

_OF_THE_FILM: Final = frozenset({FaultKind.FILM_UNSIGNED, FaultKind.FILM_MISSING, FaultKind.FILM_CHANGED})
_WORDS: Final = {
    "nothing_recorded": "nothing was recorded in it",
    "storage_full": "the disk is full",
    "storage_failed": "storage can't be read or written at the moment",
    "crashed": "the composer crashed; its output is above",
}


async def compose_again(settings: Settings, named: str, *, keys: Sequence[CustodianKey] = ()) -> int:
    """Compose the film of a finished visit again; what was recorded is compared with its manifest first.

    `keys` open a recording that is in custody, where it stays.
    """
    consultation = ConsultationId(named)
    async with opened_archive(settings) as archive:
        await _require_composable(archive, consultation)
        await archive.open_custody(consultation, keys)
        async with archive.store.write() as work:
            recording = await work.recordings.of(consultation)
            assert recording is not None, "it has just been looked at"
            begun = replace(recording, state=RecordingState.COMPOSING, progress=0, failure="")
            await work.recordings.save(begun)
            entry = AuditEntry(work.at, SYSTEM, "", Action.RECORDING_COMPOSE, "consultation", consultation)
            await work.audit.add_entries([entry])
        progress, shown = ProgressBar(100, "percent"), 0

        def on_progress(percent: int) -> None:
            nonlocal shown
            progress.advance(max(0, percent - shown))
            shown = max(shown, percent)

        await _composition(archive).compose(consultation, on_progress=on_progress)
        progress.end()
        async with archive.store.read() as work:
            composed = await work.recordings.of(consultation)
    assert composed is not None, "as above"
    if composed.state is not RecordingState.READY:
        raise Refused(f"not composed: {_WORDS.get(composed.failure, composed.failure)}")
    sys.stdout.write(f"{consultation}: {composed.duration_ms / 1000:.1f} s, {composed.size_bytes:,} bytes, signed\n")
    return 0


async def _require_composable(archive: OpenedArchive, consultation: ConsultationId) -> None:
    async with archive.store.read() as work:
        recording = await work.recordings.of(consultation)
        if recording is None:
            raise Refused(f"there is no recording of a consultation {consultation}")
        if (await work.consultations.get(consultation)).status is not Status.FINISHED:
            raise Refused("the visit is not over")
        if recording.state is RecordingState.COMPOSING:
            raise Refused("it is being composed, or will be when the server starts")
    verdict = await archive.signed.verifier.verify(consultation, await archive.signed.verifier.chain())
    if verdict.destroyed_at is not None:
        raise Refused("the recording was destroyed")
    if verdict.fault is not None and verdict.fault.kind not in _OF_THE_FILM:
        raise Refused(f"not composed: {told(verdict.fault)}")


def _composition(archive: OpenedArchive) -> Composition:
    return Composition(
        store=archive.store,
        log=archive.log,
        blobs=archive.blobs,
        media=archive.media,
        segments=SegmentSink(archive.database, archive.sealer, archive.blobs, measure=measure),
        signer=archive.signed.signer,
        deliveries=Deliveries(archive.database, archive.blobs),
    )
