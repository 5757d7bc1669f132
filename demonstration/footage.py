"""The recording of the one visit that was recorded: drawn people, kept where recorder and composer keep theirs."""

import asyncio
import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from care.ports import Store
from care.recording import Recording, Spoken
from kernel.ids import ConsultationId, ParticipantId, RecordingId, RoomId
from rooms.events import Source
from rooms.ports import RecordingSink, SegmentSpec
from rooms.tracks import TrackRef

LENGTH: Final = timedelta(seconds=24)

_FILES: Final = Path(__file__).parent / "data" / "recording"  # made by tools/demonstration_recording.py
_KINDS: Final = {  # source: codec, container, frames
    Source.MICROPHONE: ("opus", "audio/webm", 1200),
    Source.CAMERA: ("vp8", "video/webm", 360),
}


class ComposedFiles(Protocol):
    """Where composed recordings are kept. Implemented by `records/recorded_media.py`."""

    async def keep(self, recording: Recording, content: bytes, *, duration_ms: int) -> Recording:
        """Store `content`, encrypted, and return the recording as one that is ready to be played."""


@dataclass(frozen=True, slots=True)
class Footage:
    """Puts the drawn recording into a clinic."""

    sink: RecordingSink
    files: ComposedFiles

    async def show(
        self,
        store: Store,
        consultation: ConsultationId,
        *,
        recording: RecordingId,
        at: datetime,
        clinician: ParticipantId,
        patient: ParticipantId,
    ) -> None:
        """Store the segments of a recording that began `at`, and its composition.

        Interrupted, it leaves what a crash of the server would leave: the composer takes it up from there.
        """
        for name, participant in (("patient", patient), ("clinician", clinician)):
            for source in _KINDS:
                spec = _spec(RoomId(consultation), recording, TrackRef(participant, source), at)
                await asyncio.to_thread(self._write, spec, f"{name}-{source.value}.webm")
        content = await asyncio.to_thread((_FILES / "composed.webm").read_bytes)
        async with store.read() as work:
            begun = await work.recordings.of(consultation)
        assert begun is not None, "the room's events began it"
        ready = await self.files.keep(begun, content, duration_ms=LENGTH // timedelta(milliseconds=1))
        people = {"patient": patient, "clinician": clinician}
        spoken = await asyncio.to_thread(_spoken)
        speech = tuple(Spoken(people[who], begins, ends) for who, begins, ends in spoken)
        async with store.write() as work:
            await work.recordings.save(replace(ready, speech=speech))

    def _write(self, spec: SegmentSpec, name: str) -> None:
        segment = self.sink.open(spec)
        segment.write((_FILES / name).read_bytes())
        _, _, frames = _KINDS[spec.track.source]
        segment.close(duration_ms=LENGTH // timedelta(milliseconds=1), frames=frames, gaps=())


def _spoken() -> list[tuple[str, int, int]]:
    stretches: list[tuple[str, int, int]] = json.loads((_FILES / "speech.json").read_text())
    return stretches


def _spec(room: RoomId, recording: RecordingId, track: TrackRef, at: datetime) -> SegmentSpec:
    codec, container, _ = _KINDS[track.source]
    return SegmentSpec(
        room=room, recording=recording, track=track, index=0, codec=codec, container=container, started_at=at
    )
