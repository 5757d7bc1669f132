"""Makes one file of each finished recording, one after the other, in a process beside the server.

The rows of the recordings say what is still to be done, so a restart takes up where the last process stopped.
"""

import asyncio
import os
import sys
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec
import structlog

from care.ports import Store
from care.recording import Recording, RecordingState, Segment, Spoken
from care.recording_time import Spans
from kernel.clock import monotonic_s
from kernel.ids import ConsultationId, ParticipantId, RoomId
from records.blobs import BlobStore
from records.deliveries import Deliveries
from records.manifest_signing import ManifestSigner
from records.recorded_media import RecordedMedia, composed_blob
from records.segments import SegmentSink
from rooms.events import Source
from rooms.ports import EventLog
from server.background import Background, undisturbed
from server.composition_job import Answer, Done, Failed, Job, Progress, SegmentFile, Track

WORKER: Final = (sys.executable, "-m", "server.compose_worker")

_ATTEMPTS: Final = 2
_STALLED_S: Final = 300.0  # without a word for so long a worker is given up
_EXIT_S: Final = 5.0  # between a worker's last word and its end
_TELL_S: Final = 1.0  # progress is stored no more often
_ROOT: Final = Path(__file__).parent.parent
_HANDED_ON: Final = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR")  # nothing of the settings' environment

_CRASHED: Final = Failed("crashed")

_log = structlog.get_logger("server.composition")


class Composition:
    """The background job of a node. All methods are for the event loop."""

    def __init__(
        self,
        *,
        store: Store,
        log: EventLog,
        blobs: BlobStore,
        media: RecordedMedia,
        segments: SegmentSink,
        signer: ManifestSigner,
        deliveries: Deliveries,
        on_composed: Callable[[], None] = lambda: None,
        worker: Sequence[str] = WORKER,
    ) -> None:
        self._store = store
        self._log = log
        self._blobs = blobs
        self._media = media
        self._segments = segments
        self._signer = signer
        self._deliveries = deliveries
        self._on_composed = on_composed
        self._worker = worker
        self._waiting: deque[ConsultationId] = deque()
        self._is_wanted = asyncio.Event()
        self._background = Background("composition")

    async def start(self) -> None:
        """Begin, with what an earlier process left undone. Before any room is live."""
        async with self._store.read() as work:
            undone = [*await work.recordings.uncomposed(), *await work.manifests.unsigned()]
        self._waiting.extend(dict.fromkeys(undone))
        self._is_wanted.set()
        self._background.start(self._run())

    def finished(self, room: RoomId) -> None:
        """Take up the recording of a finished visit, if it has one; all of its segments are closed."""
        self.take_up(ConsultationId(room))

    def take_up(self, consultation: ConsultationId) -> None:
        """Compose the consultation's recording when its turn comes."""
        if consultation not in self._waiting:
            self._waiting.append(consultation)
            self._is_wanted.set()

    async def close(self) -> None:
        """Stop. A composition under way is begun again by the next `start`."""
        await self._background.close()

    async def _run(self) -> None:
        while True:
            await self._is_wanted.wait()
            if not self._waiting:
                self._is_wanted.clear()
                continue
            consultation = self._waiting.popleft()
            if not await undisturbed(self.compose(consultation), "composition_failed", consultation=consultation):
                # When even this can't be stored, the row still says what is to be done, and the next start does it.
                await undisturbed(self._fail(consultation, "internal"), "failure_not_stored", consultation=consultation)

    async def compose(
        self, consultation: ConsultationId, *, on_progress: Callable[[int], None] = lambda _percent: None
    ) -> None:
        """Compose a recording that is not composed yet, and sign its film; the row says what became of it."""
        recording = await self._closed(consultation)
        if recording is None or recording.state in {RecordingState.READY, RecordingState.FAILED}:
            return
        recording = await self._begun(recording)
        answer: Answer = Failed("nothing_recorded")
        try:
            job = await self._job(recording)
        except OSError:
            job, answer = None, Failed("storage_failed")
        if job is not None:
            for _ in range(_ATTEMPTS):
                answer = await self._work(job, recording, on_progress)
                if answer != _CRASHED:
                    break
        if isinstance(answer, Done):
            await self._signer.keep_film(
                replace(
                    recording,
                    state=RecordingState.READY,
                    duration_ms=answer.duration_ms,
                    size_bytes=answer.size_bytes,
                    sha256=answer.sha256,
                    blob=composed_blob(recording.consultation),
                    progress=100,
                    speech=tuple(Spoken(ParticipantId(who), begins, ends) for who, begins, ends in answer.speech),
                )
            )
            _log.info("composed", consultation=consultation, damaged_segments=answer.damaged_segments)
            self._on_composed()
        elif isinstance(answer, Failed):
            await self._fail(consultation, answer.cause)

    async def _closed(self, consultation: ConsultationId) -> Recording | None:
        """Return the recording with all its segments closed and signed; None when there is none."""
        async with self._store.read() as work:
            recording = await work.recordings.of(consultation)
        if recording is not None:
            await self._segments.adopt(recording=recording.id)
            await self._signer.sign_manifest(recording)
            if recording.state is RecordingState.READY:
                await self._signer.sign_film(recording)
        return recording

    async def _begun(self, recording: Recording) -> Recording:
        async with self._store.write() as work:
            stopped_at = recording.stopped_at or work.at
            begun = replace(recording, state=RecordingState.COMPOSING, stopped_at=stopped_at, progress=0, failure="")
            await work.recordings.save(begun)
        return begun

    async def _job(self, recording: Recording) -> Job | None:
        """Say what is to be composed; None when that is nothing."""
        async with self._store.read() as work:
            segments = [segment for segment in await work.recordings.segments(recording.id) if segment.frames]
        events = await self._log.read(RoomId(recording.consultation))
        spans = [
            (span.started_at, span.stopped_at or recording.stopped_at) for span in Spans.of(events, segments).spans
        ]
        closed = [(began, ended) for began, ended in spans if ended is not None and ended > began]
        if not closed or not segments:
            return None
        await self._deliveries.stage([segment.blob for segment in segments])
        key = await self._media.key(recording.consultation)
        return Job(
            root=str(self._blobs.root.absolute()),
            key=key.raw,
            output=composed_blob(recording.consultation),
            tracks=_tracks(segments),
            spans=closed,
        )

    async def _work(self, job: Job, recording: Recording, on_progress: Callable[[int], None]) -> Answer:
        """Let a process do the job; returns its last word."""
        process = await asyncio.create_subprocess_exec(
            *self._worker,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=_ROOT,
            env={name: os.environ[name] for name in _HANDED_ON if name in os.environ},
        )
        assert process.stdin is not None, "asked for"
        assert process.stdout is not None, "asked for"
        try:
            with suppress(ConnectionError):
                process.stdin.write(msgspec.json.encode(job) + b"\n")
                await process.stdin.drain()
            answer = await self._listen(process.stdout, recording, on_progress)
            with suppress(TimeoutError):
                async with asyncio.timeout(_EXIT_S):
                    await process.wait()
            return answer
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
            await process.wait()

    async def _listen(
        self, answers: asyncio.StreamReader, recording: Recording, on_progress: Callable[[int], None]
    ) -> Answer:
        told_s = monotonic_s()
        while True:
            try:
                async with asyncio.timeout(_STALLED_S):
                    line = await answers.readline()
                answer: Answer = msgspec.json.decode(line, type=Answer)
            except (TimeoutError, ValueError):  # silent, or ended in the middle of a word
                return _CRASHED
            if not isinstance(answer, Progress):
                return answer
            percent = min(99, max(0, answer.percent))
            on_progress(percent)
            if monotonic_s() - told_s >= _TELL_S:
                told_s = monotonic_s()
                await self._save(replace(recording, progress=percent))

    async def _save(self, recording: Recording) -> None:
        async with self._store.write() as work:
            await work.recordings.save(recording)

    async def _fail(self, consultation: ConsultationId, cause: str) -> None:
        _log.warning("not_composed", consultation=consultation, cause=cause)
        async with self._store.write() as work:
            recording = await work.recordings.of(consultation)
            if recording is not None and recording.state is not RecordingState.READY:
                await work.recordings.save(replace(recording, state=RecordingState.FAILED, failure=cause))


def _tracks(segments: Sequence[Segment]) -> list[Track]:
    """Return the segments by track, people in the order in which they first were recorded."""
    order: dict[tuple[str, Source], list[SegmentFile]] = {}
    for segment in segments:
        file = SegmentFile(segment.blob, segment.size_bytes, segment.started_at, segment.duration_ms)
        order.setdefault((segment.participant, segment.source), []).append(file)
    return [Track(participant, source, files) for (participant, source), files in order.items()]
