"""Watching a recording, and having it composed again, on behalf of somebody."""

from dataclasses import replace

from care.access import Action
from care.ports import Store, UnitOfWork
from care.reach import changing, note_reading, reach_consultation, reading
from care.recording import Recording, RecordingState
from identity.principal import Principal
from kernel.errors import Conflict, NotFound
from kernel.ids import ConsultationId


class RecordingService:
    """Asks the policy and writes the access log; the media itself is elsewhere."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def open_viewing(self, principal: Principal, consultation: ConsultationId, *, reason: str) -> None:
        """Note why the principal is about to watch the recording; `NotFound` when there is none to watch."""
        async with changing(self._store, principal) as work:
            await _watchable(work, principal, consultation)
            await work.audit.add(
                principal, Action.RECORDING_VIEW, object_type="consultation", object_id=consultation, detail=reason
            )

    async def watch(self, principal: Principal, consultation: ConsultationId, *, part: str = "") -> Recording:
        """Return the composed recording; `NotFound` while there is none.

        `part` is what the access log says of it; without, the log says why already (`open_viewing`).
        """
        async with reading(self._store, principal) as work:
            recording = await _watchable(work, principal, consultation)
        if part:
            await note_reading(self._store, principal, Action.RECORDING_VIEW, "consultation", consultation, detail=part)
        return recording

    async def compose_again(self, principal: Principal, consultation: ConsultationId) -> Recording:
        """Let a failed composition begin anew; `Conflict` when it has not failed."""
        async with changing(self._store, principal) as work:
            await reach_consultation(work, principal, consultation, Action.RECORDING_COMPOSE)
            recording = await work.recordings.of(consultation)
            if recording is None:
                raise NotFound
            if recording.state is not RecordingState.FAILED:
                raise Conflict
            recording = replace(recording, state=RecordingState.COMPOSING, progress=0, failure="")
            await work.recordings.save(recording)
            await work.audit.add(
                principal, Action.RECORDING_COMPOSE, object_type="consultation", object_id=consultation
            )
        return recording


async def _watchable(work: UnitOfWork, principal: Principal, consultation: ConsultationId) -> Recording:
    await reach_consultation(work, principal, consultation, Action.RECORDING_VIEW)
    recording = await work.recordings.of(consultation)
    if recording is None or recording.state is not RecordingState.READY:
        raise NotFound
    return recording
