"""Watching a recording, checking it, handing it out, and having it composed again, on behalf of somebody."""

from dataclasses import replace

from care.access import Action
from care.integrity import Fault, FaultKind, Integrity, Verdict
from care.ports import IntegrityChecker, Store, UnitOfWork
from care.reach import changing, note_reading, reach_consultation, reading
from care.recording import Recording, RecordingState
from identity.audit import Outcome
from identity.principal import Principal
from kernel.errors import AppError, Conflict, NotFound
from kernel.ids import ConsultationId


class RecordingAltered(AppError):
    """What is stored is not what was signed. `detail` is the kind of the fault."""

    code = "recording_altered"
    message = "This recording is not what was signed when the visit ended. It is not played; an operator must check it."
    status = 409


class RecordingDestroyed(AppError):
    """There was a recording, and its time was over."""

    code = "recording_destroyed"
    message = "This recording was kept for as long as it must be, and destroyed. What was written is still here."
    status = 410


class RecordingInCustody(AppError):
    """Custodians hold what opens it."""

    code = "recording_in_custody"
    message = "This recording is in the custodians' hands. Ask them to release it."
    status = 409


class StorageAway(AppError):
    """What is stored can't be read at the moment."""

    code = "storage_away"
    message = "The storage of the recordings does not answer. Please try again in a moment."
    status = 503


class RecordingService:
    """Asks the policy and writes the access log; the media itself is elsewhere."""

    def __init__(self, store: Store, checker: IntegrityChecker) -> None:
        self._store = store
        self._checker = checker

    async def open_viewing(self, principal: Principal, consultation: ConsultationId, *, reason: str) -> None:
        """Note why the principal is about to watch the recording; `NotFound` when there is none to watch.

        `RecordingAltered` when it is not what was signed, `StorageAway` when that can't be told at the moment,
        `RecordingInCustody` when it must be released first.
        """
        async with reading(self._store, principal) as work:
            recording = await watchable(work, principal, consultation)
            await _require_open(work, consultation)
        await self.require_unaltered(principal, recording)
        async with changing(self._store, principal) as work:
            await watchable(work, principal, consultation)
            await work.audit.add(
                principal, Action.RECORDING_VIEW, object_type="consultation", object_id=consultation, detail=reason
            )

    async def watch(self, principal: Principal, consultation: ConsultationId, *, part: str = "") -> Recording:
        """Return the composed recording; `NotFound` while there is none, and the errors of `open_viewing`.

        `part` is what the access log says of it; without, the log says why already (`open_viewing`).
        """
        async with reading(self._store, principal) as work:
            recording = await watchable(work, principal, consultation)
            await _require_open(work, consultation)
        await self.require_unaltered(principal, recording)
        if part:
            await note_reading(self._store, principal, Action.RECORDING_VIEW, "consultation", consultation, detail=part)
        return recording

    async def check(self, principal: Principal, consultation: ConsultationId) -> Integrity:
        """Compare all that is stored of a recorded visit with what was signed; `NotFound` when it was not recorded."""
        async with reading(self._store, principal) as work:
            await reach_consultation(work, principal, consultation, Action.ARCHIVE_VERIFY)
            if await work.recordings.of(consultation) is None:
                raise NotFound
        verdict = await self._checker.check(consultation)
        await self._note(principal, verdict, Action.ARCHIVE_VERIFY, Outcome.ALLOWED)
        async with self._store.read() as work:
            return await work.manifests.integrity(consultation)

    async def hand_out(self, principal: Principal, consultation: ConsultationId) -> None:
        """Note that everything that is kept of a recorded visit is about to leave the clinic.

        Everything is compared with what was signed first: `RecordingAltered`, `StorageAway`, and `NotFound` when it was
        not recorded. `RecordingInCustody` when only custodians' key files open it.
        """
        async with reading(self._store, principal) as work:
            await reach_consultation(work, principal, consultation, Action.ARCHIVE_EXPORT)
            if await work.recordings.of(consultation) is None:
                raise NotFound
            await _require_kept(work, consultation)
            await _require_open(work, consultation)
        verdict = await self._checker.check(consultation)
        await self._note(principal, verdict, Action.ARCHIVE_VERIFY, Outcome.ALLOWED)
        _require_sound(verdict.fault)
        await note_reading(self._store, principal, Action.ARCHIVE_EXPORT, "consultation", consultation)

    async def compose_again(self, principal: Principal, consultation: ConsultationId) -> Recording:
        """Let a failed composition begin anew; `Conflict` when it has not failed."""
        async with changing(self._store, principal) as work:
            await reach_consultation(work, principal, consultation, Action.RECORDING_COMPOSE)
            recording = await work.recordings.of(consultation)
            if recording is None:
                raise NotFound
            if recording.state is not RecordingState.FAILED:
                raise Conflict
            await _require_kept(work, consultation)
            await _require_open(work, consultation)
            recording = replace(recording, state=RecordingState.COMPOSING, progress=0, failure="")
            await work.recordings.save(recording)
            await work.audit.add(
                principal, Action.RECORDING_COMPOSE, object_type="consultation", object_id=consultation
            )
        return recording

    async def require_unaltered(self, principal: Principal, recording: Recording) -> None:
        """Compare all that is stored with what was signed; what is found to be wrong stands in the access log."""
        fault = await self._checker.playing_fault(recording)
        if fault is None:
            return
        verdict = Verdict(consultation=recording.consultation, fault=fault, segments=0, size_bytes=0)
        await self._note(principal, verdict, Action.RECORDING_VIEW, Outcome.REFUSED)
        _require_sound(fault)

    async def _note(self, principal: Principal, verdict: Verdict, action: Action, outcome: Outcome) -> None:
        actor, role = principal.participant, principal.role
        await self._checker.note(verdict, actor=actor, role=role, action=action, outcome=outcome)


def _require_sound(fault: Fault | None) -> None:
    if fault is not None:
        raise StorageAway if fault.kind is FaultKind.STORAGE else RecordingAltered(fault.kind)


async def watchable(work: UnitOfWork, principal: Principal, consultation: ConsultationId) -> Recording:
    """Return a recording that can be watched; `NotFound`, `RecordingDestroyed`."""
    await reach_consultation(work, principal, consultation, Action.RECORDING_VIEW)
    recording = await work.recordings.of(consultation)
    if recording is None or recording.state is not RecordingState.READY:
        raise NotFound
    await _require_kept(work, consultation)
    return recording


async def _require_kept(work: UnitOfWork, consultation: ConsultationId) -> None:
    if (await work.manifests.integrity(consultation)).destroyed_at is not None:
        raise RecordingDestroyed


async def _require_open(work: UnitOfWork, consultation: ConsultationId) -> None:
    if await work.custody.quorum_of(consultation) is not None:
        raise RecordingInCustody
