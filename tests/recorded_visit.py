"""A recorded and finished visit in a running clinic, made without browsers: what comes after is the test's."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from care.ports import ConsultationFilter
from care.recording import Recording, RecordingState
from kernel.ids import ConsultationId, ParticipantId, RecordingId, RoomId
from rooms.events import (
    Fact,
    RecordingStarted,
    RecordingStopped,
    RoomEvent,
    RoomOpened,
    Source,
    StopReason,
    VisitFinished,
)
from rooms.tracks import TrackRef
from server.composition import WORKER, Composition
from tests.server_process import RunningClinic
from tests.synthetic_rtp import EPOCH_NS, Person

BEGIN = datetime.fromtimestamp(EPOCH_NS / 1e9, UTC)
RECORDING = RecordingId("rec_a")
SECONDS = 3


class Visit:
    """A recorded and finished visit of dr.garcia in a running clinic, not composed yet."""

    def __init__(self, clinic: RunningClinic, consultation: ConsultationId, doctor: ParticipantId) -> None:
        self.clinic = clinic
        self.consultation = consultation
        self.doctor = doctor

    async def recording(self) -> Recording:
        async with self.clinic.services.store.read() as work:
            recording = await work.recordings.of(self.consultation)
        assert recording is not None
        return recording

    async def until(self, reached: Callable[[Recording], bool]) -> Recording:
        for _ in range(1200):
            recording = await self.recording()
            if reached(recording):
                return recording
            await asyncio.sleep(0.05)
        raise AssertionError(f"still {recording}")

    def composition(self, *worker: str) -> Composition:
        """Return another background job on the same records."""
        services = self.clinic.services
        return Composition(
            store=services.store,
            log=services.event_log,
            blobs=services.blobs,
            media=services.recorded_media,
            segments=services.segments,
            signer=services.signer,
            deliveries=services.deliveries,
            worker=worker or WORKER,
        )


async def recorded_visit(clinic: RunningClinic) -> Visit:
    """Let dr.garcia and nobody else be recorded for `SECONDS`, and finish."""
    services = clinic.services
    async with services.store.read() as work:
        account = await work.sessions.account_by_login("dr.garcia")
        member = await work.people.member(account.id)
        planned = await work.consultations.find(ConsultationFilter(clinician=member.id), limit=1, newest_first=True)
    consultation, doctor = planned[0].id, ParticipantId(member.id)
    room = RoomId(consultation)
    assert await services.event_log.read(room) == []
    await happen(clinic, room, 1, RoomOpened(doctor, member.name), RecordingStarted(RECORDING, doctor))
    person = Person((90, 190, 90), 440, seed=1)
    for source in (Source.CAMERA, Source.MICROPHONE):
        tap = services.recorder.open(room, RECORDING, TrackRef(doctor, source), person.ask_key_frame)
        setattr(person, source.value, tap)
    person.live(SECONDS * 1000)
    await services.recorder.close_recording(room, RECORDING)
    await happen(
        clinic,
        room,
        3,
        RecordingStopped(RECORDING, doctor, StopReason.FINISHED),
        VisitFinished(doctor),
        at=BEGIN + timedelta(seconds=SECONDS),
    )
    return Visit(clinic, consultation, doctor)


async def happen(clinic: RunningClinic, room: RoomId, seq: int, *facts: Fact, at: datetime = BEGIN) -> None:
    """Write into a visit's log, as its room would."""
    events = [RoomEvent(number, at, fact) for number, fact in enumerate(facts, start=seq)]
    await clinic.services.event_log.append(room, events)


def is_ready(recording: Recording) -> bool:
    """Whether there is a film."""
    return recording.state is RecordingState.READY
