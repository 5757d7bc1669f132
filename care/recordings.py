"""Watching a recording, and having it composed again, on behalf of somebody."""

from dataclasses import replace

from care.access import Action
from care.ports import Store
from care.reach import changing, reach_consultation, reading
from care.recording import Recording, RecordingState
from identity.principal import Principal
from kernel.errors import Conflict, NotFound
from kernel.ids import ConsultationId


class RecordingService:
    """Asks the policy and writes the access log; the media itself is elsewhere."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def watch(self, principal: Principal, consultation: ConsultationId, *, part: str = "") -> Recording:
        """Return the composed recording; `NotFound` while there is none.

        `part` is what the access log says of it; without, the log says why already (`ArchiveService.open_viewing`).
        """
        async with reading(self._store, principal) as work:
            await reach_consultation(work, principal, consultation, Action.RECORDING_VIEW)
            recording = await work.recordings.of(consultation)
        if recording is None or recording.state is not RecordingState.READY:
            raise NotFound
        if part:
            async with self._store.write() as work:
                await work.audit.add(
                    principal, Action.RECORDING_VIEW, object_type="consultation", object_id=consultation, detail=part
                )
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
