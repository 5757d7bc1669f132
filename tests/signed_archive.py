"""A small clinic with two recorded, finished and signed visits, whose files and rows a test may spoil.

async with signed_archive(tmp_path) as archive:
    verdict = await archive.verdict()        # of VISIT
    archive.file("segments/con_visit/…")     # the path of a stored file
    archive.sql("DELETE FROM …")             # past everything that protects the rows
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from care.consent_texts import CURRENT, text_for
from care.integrity import Verdict
from care.recording import Recording, Segment
from identity.principal import Role
from kernel.ids import ConnectionId, ConsultationId, MessageId, ParticipantId, RecordingId, RoomId
from records.blobs import BlobStore
from records.event_log import SqlEventLog
from records.manifest_signing import ManifestSigner
from records.object_store import ObjectStore
from records.recorded_media import RecordedMedia
from records.segments import SegmentSink
from records.signing_keys import SigningKeys
from records.verification import ArchiveVerifier
from rooms.events import (
    Body,
    ConsentRecorded,
    Decision,
    Fact,
    MessagePosted,
    ParticipantArrived,
    ParticipantConnected,
    RecordingStarted,
    RecordingStopped,
    RoomEvent,
    RoomOpened,
    Source,
    StopReason,
    VisitFinished,
)
from rooms.ports import SegmentGap, SegmentSpec
from rooms.tracks import TrackRef
from tests.small_clinic import HAN, LI, NOON, OTHER_VISIT, ROSE, VISIT, WU, SmallClinic, small_clinic

SAID = "The rash came back, and it itches."
SEGMENT_S = 10
SEGMENTS = 3  # of each track
FILM = b"a film " * 20_000


@dataclass(slots=True)
class SignedArchive:
    clinic: SmallClinic
    log: SqlEventLog
    blobs: BlobStore
    keys: SigningKeys
    media: RecordedMedia
    signer: ManifestSigner
    verifier: ArchiveVerifier

    def file(self, blob: str) -> Path:
        return self.blobs.root / blob

    def sql(self, statement: str, **values: object) -> None:
        self.clinic.sql(statement, **values)

    def row(self, query: str) -> tuple[object, ...]:
        return tuple(self.clinic.sql(query)[0])

    async def verdict(self, consultation: ConsultationId = VISIT) -> Verdict:
        return await self.verifier.verify(consultation, await self.verifier.chain())

    async def recording(self, consultation: ConsultationId = VISIT) -> Recording:
        async with self.clinic.store.read() as work:
            recording = await work.recordings.of(consultation)
        assert recording is not None
        return recording

    async def segments(self, consultation: ConsultationId = VISIT) -> list[Segment]:
        recording = await self.recording(consultation)
        async with self.clinic.store.read() as work:
            return await work.recordings.segments(recording.id)


@asynccontextmanager
async def signed_archive(
    directory: Path, remote: ObjectStore | None = None, *, url: str = ""
) -> AsyncIterator[SignedArchive]:
    async with small_clinic(directory, url) as clinic:
        blobs = BlobStore(directory / "blobs", remote)
        log = SqlEventLog(clinic.database, clinic.sealer)
        keys = SigningKeys.load_or_create(directory / "keys" / "archive.json", at=NOON)
        archive = SignedArchive(
            clinic,
            log,
            blobs,
            keys,
            RecordedMedia(clinic.database, clinic.sealer, blobs),
            ManifestSigner(clinic.store, log, blobs, keys),
            ArchiveVerifier(clinic.store, blobs, keys),
        )
        sink = SegmentSink(clinic.database, clinic.sealer, blobs, measure=lambda _file: (0, 0))
        for consultation, doctor, patient in ((VISIT, HAN.id, ROSE), (OTHER_VISIT, WU.id, LI)):
            seats = ParticipantId(doctor), ParticipantId(patient.id)
            await log.append(RoomId(consultation), _events(consultation, *seats, patient.name))
            await asyncio.to_thread(_record, sink, consultation, seats)
            await sign(archive, consultation)
        yield archive


async def sign(archive: SignedArchive, consultation: ConsultationId) -> None:
    """Sign the manifest, and a film that is stored with it."""
    await archive.signer.sign_manifest(await archive.recording(consultation))
    film = await archive.media.keep(await archive.recording(consultation), FILM, duration_ms=30_000)
    await archive.signer.keep_film(film)


def recording_of(consultation: ConsultationId) -> RecordingId:
    return RecordingId(f"rec_{consultation}")


def _events(
    consultation: ConsultationId, doctor: ParticipantId, patient: ParticipantId, patient_name: str
) -> list[RoomEvent]:
    recording, wording = recording_of(consultation), text_for(CURRENT, "en")
    facts: tuple[Fact, ...] = (
        RoomOpened(doctor, "Dr. Han"),
        ParticipantArrived(doctor, Role.CLINICIAN, "Dr. Han", "en"),
        ParticipantArrived(patient, Role.PATIENT, patient_name, "en"),
        ParticipantConnected(patient, ConnectionId("cnx_1")),
        ConsentRecorded(patient, Decision.GIVEN, CURRENT, "en", wording),
        ConsentRecorded(doctor, Decision.GIVEN, CURRENT, "en", wording),
        RecordingStarted(recording, doctor),
        MessagePosted(patient, MessageId("message-1"), Body("server", text=SAID)),
        RecordingStopped(recording, doctor, StopReason.FINISHED),
        VisitFinished(doctor),
    )
    length = timedelta(seconds=SEGMENT_S * SEGMENTS)
    return [
        RoomEvent(seq, NOON + (length if seq >= len(facts) - 1 else timedelta()), fact)
        for seq, fact in enumerate(facts, start=1)
    ]


def _record(sink: SegmentSink, consultation: ConsultationId, seats: tuple[ParticipantId, ParticipantId]) -> None:
    spec = SegmentSpec(
        room=RoomId(consultation),
        recording=recording_of(consultation),
        track=TrackRef(seats[0], Source.MICROPHONE),
        index=0,
        codec="opus",
        container="audio/webm",
        started_at=NOON,
    )
    for seat in seats:
        for number in range(SEGMENTS):
            segment = sink.open(
                replace(
                    spec,
                    track=TrackRef(seat, Source.MICROPHONE),
                    index=number,
                    started_at=NOON + timedelta(seconds=number * SEGMENT_S),
                )
            )
            segment.write(f"sound {number} of {seat} ".encode() * 50)
            gaps = [SegmentGap(1000, 40, "loss")] if number == 1 else []
            segment.close(duration_ms=SEGMENT_S * 1000, frames=500, gaps=gaps)
