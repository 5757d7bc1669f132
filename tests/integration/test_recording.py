"""From packets to the composed file, with everything real but the network: what was shown and said is in it."""

import asyncio
import io
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from care.consultation import Consultation
from care.people import Department, Member, Patient, Sex
from care.recording import Recording, Segment
from identity.principal import Role
from kernel.ids import ConsultationId, DepartmentId, ParticipantId, PatientId, RecordingId, RoomId, UserId
from media.composer import SegmentSource, TrackSource, compose
from media.measure import measure
from media.recorder import Recorder
from records.blobs import BlobStore
from records.engine import Database
from records.event_log import SqlEventLog
from records.key_ring import KeyRing
from records.key_shares import KeyShares
from records.migrations import migrate
from records.sealing import Purpose, Sealer
from records.segments import SegmentSink
from records.unit_of_work import SqlStore
from rooms.events import RecordingStarted, RoomEvent, RoomOpened, Source
from rooms.ports import SegmentGap, SegmentSpec
from rooms.tracks import TrackRef
from tests.synthetic_rtp import EPOCH_NS, Decoded, Person, decode

CONSULTATION = ConsultationId("con_a")
ROOM = RoomId(CONSULTATION)
RECORDING = RecordingId("rec_a")
DOCTOR = ParticipantId("usr_doctor")
PATIENT = ParticipantId("pat_patient")
GUEST = ParticipantId("gst_interpreter")
BLUE, GREEN, RED = (90, 190, 90), (120, 70, 80), (80, 100, 200)
BEGIN = datetime.fromtimestamp(EPOCH_NS / 1e9, UTC)


@dataclass
class Archive:
    """One consultation with a started recording in a real database, and where its segments go."""

    database: Database
    sealer: Sealer
    store: SqlStore
    blobs: BlobStore
    sink: SegmentSink
    speech: tuple[tuple[str, int, int], ...] = ()  # in the film that was composed last

    async def segments(self) -> list[Segment]:
        async with self.store.read() as work:
            return await work.recordings.segments(RECORDING)

    async def recording(self) -> Recording:
        async with self.store.read() as work:
            recording = await work.recordings.of(CONSULTATION)
        assert recording is not None
        return recording

    async def composed(self, *spans: tuple[float, float]) -> Decoded:
        """Compose what was recorded; `spans` in milliseconds from the beginning."""
        async with self.database.read() as connection:
            key = await self.sealer.key(connection, CONSULTATION, Purpose.MEDIA)
        tracks: dict[tuple[str, Source], list[SegmentSource]] = {}
        for segment in await self.segments():
            assert segment.closed

            def opened(blob: str = segment.blob) -> io.RawIOBase:
                return self.blobs.open(blob, key, unfinished=True)

            source = SegmentSource(opened, segment.started_at, segment.duration_ms)
            tracks.setdefault((segment.participant, segment.source), []).append(source)
        sources = [TrackSource(who, what, segments) for (who, what), segments in sorted(tracks.items())]
        times = [tuple(BEGIN + timedelta(milliseconds=at) for at in span) for span in spans]
        output = self.blobs.create_patchable("recordings/con_a", key)
        told: list[int] = []
        result = await asyncio.to_thread(compose, sources, times, output, progress=told.append)
        digest = output.finish()
        assert told == sorted(told)
        assert told[-1] == 100
        assert result.damaged_segments == 0
        self.speech = result.speech
        with self.blobs.open("recordings/con_a", key) as reader:
            assert reader.size == digest.size_bytes
            decoded = await asyncio.to_thread(decode, reader)
        assert decoded.duration_ms == pytest.approx(result.duration_ms, abs=60)
        return decoded


@asynccontextmanager
async def archive_in(path: Path) -> AsyncIterator[Archive]:
    url = f"sqlite:///{path / 'records.db'}"
    await asyncio.to_thread(migrate, url)
    database = Database(url)
    await database.open()
    sealer = Sealer(database, KeyRing.load_or_create(path / "ring.json"), KeyShares(path / "shares.db"))
    store = SqlStore(database, sealer, lambda: BEGIN)
    blobs = BlobStore(path / "blobs")
    try:
        yield Archive(database, sealer, store, blobs, SegmentSink(database, sealer, blobs, measure=measure))
    finally:
        await database.close()


async def furnish(archive: Archive) -> None:
    department = DepartmentId("dep_a")
    async with archive.store.write() as work:
        await work.people.add_department(Department(department, "Cardiology", "心内科"))
        await work.people.add_patient(
            Patient(PatientId("pat_patient"), "Ann", BEGIN.date(), Sex.FEMALE, "en", "MR-000001")
        )
        await work.people.add_member(
            Member(UserId("usr_doctor"), "dr.a", "Dr A", Role.CLINICIAN, "en", department=department)
        )
        await work.consultations.add(
            Consultation(CONSULTATION, PatientId("pat_patient"), UserId("usr_doctor"), department, BEGIN, 15, "a cough")
        )
    log = SqlEventLog(archive.database, archive.sealer)
    facts = [RoomOpened(DOCTOR, "Dr A"), RecordingStarted(RECORDING, DOCTOR)]
    await log.append(ROOM, [RoomEvent(seq, BEGIN, fact) for seq, fact in enumerate(facts, start=1)])


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    async with archive_in(tmp_path) as archive:
        await furnish(archive)
        yield archive


def listen(recorder: Recorder, who: ParticipantId, person: Person) -> None:
    for source in (Source.CAMERA, Source.MICROPHONE):
        tap = recorder.open(ROOM, RECORDING, TrackRef(who, source), person.ask_key_frame)
        setattr(person, source.value, tap)


async def live(recorder: Recorder, people: list[Person], from_ms: int, to_ms: int) -> None:
    """Let time pass in steps small enough for a wish for a key frame to be heard."""
    for until_ms in range(from_ms + 200, to_ms + 1, 200):
        for person in people:
            person.live(until_ms)
        await recorder._caught_up()


def distances(one: list[float], other: list[float]) -> list[float]:
    """Return how far each of `one` is from the nearest of `other`."""
    return [min(abs(at - there) for there in other) for at in one]


async def test_a_consultation_is_composed_with_both_pictures_and_both_voices(archive: Archive) -> None:
    recorder = Recorder(archive.sink, rotate_ms=3000)
    doctor = Person(BLUE, 440, seed=1, clock_s=-3600, drift=4e-5)
    patient = Person(
        GREEN,
        880,
        seed=2,
        loss=lambda ms: 0.05 if 2000 < ms < 6000 else 0.0,
        size=lambda ms: (640, 360) if ms < 5000 else (320, 180),
    )
    listen(recorder, DOCTOR, doctor)
    listen(recorder, PATIENT, patient)
    await live(recorder, [doctor, patient], 0, 10_000)
    await recorder.close_recording(ROOM, RECORDING)
    await recorder.shut_down()
    assert patient.lost > 0

    segments = await archive.segments()
    assert len(segments) >= 10
    assert all(segment.closed and segment.frames and segment.sha256 for segment in segments)
    assert {gap.reason for segment in segments for gap in segment.gaps} == {"loss"}
    assert not any(segment.gaps for segment in segments if segment.participant == DOCTOR)
    assert not any(segment.interrupted for segment in segments)
    for who, source in {(segment.participant, segment.source) for segment in segments}:
        track = [segment for segment in segments if (segment.participant, segment.source) == (who, source)]
        assert [segment.previous_sha256 for segment in track] == ["", *(segment.sha256 for segment in track[:-1])]
    everything = b"".join(path.read_bytes() for path in (archive.blobs._root).rglob("*") if path.is_file())
    assert b"webm" not in everything
    assert b"OpusHead" not in everything

    film = await archive.composed((0, 10_000))
    assert film.duration_ms == pytest.approx(10_000, abs=60)
    assert film.colour(4500, 0.75, 0.6) == pytest.approx(BLUE, abs=12)
    for at in (1500, 9500):  # in either size
        assert film.colour(at, 0.25, 0.6) == pytest.approx(GREEN, abs=12)
    for hz, other in ((440, 660), (880, 1100)):
        assert film.loudness(hz, 7150, 7950) > 0.07
        assert film.loudness(other, 7150, 7950) < 0.01

    beeps = film.beeps_ms()
    assert len(beeps) >= 8
    for left in (0.25, 0.75):
        flashes = film.flashes_ms(left, 0.6)
        assert len(flashes) >= 7
        assert max(distances(flashes, beeps)) <= 60
        assert max(at % 1000 for at in flashes) <= 100  # server's time, not their own


async def test_of_three_whoever_speaks_is_large(archive: Archive) -> None:
    recorder = Recorder(archive.sink)
    doctor = Person(BLUE, 440, seed=1, voice=lambda ms: 0.1 if ms < 4000 else 0.0)
    patient = Person(GREEN, 880, seed=2, voice=lambda ms: 0.1 if 4000 <= ms < 8000 else 0.0)
    interpreter = Person(RED, 660, seed=3, voice=lambda _ms: 0.0)
    people = {DOCTOR: doctor, PATIENT: patient, GUEST: interpreter}
    for who, person in people.items():
        listen(recorder, who, person)
    await live(recorder, list(people.values()), 0, 9000)
    await recorder.close_recording(ROOM, RECORDING)
    await recorder.shut_down()
    film = await archive.composed((0, 9000))
    assert [who for who, _, _ in archive.speech] == [DOCTOR, PATIENT]
    for (_, begins, ends), (began, ended) in zip(archive.speech, ((0, 4000), (4000, 8000)), strict=True):
        assert begins == pytest.approx(began, abs=800)  # a cough is no speech: it takes a moment
        assert ends == pytest.approx(ended, abs=3000)  # a breath is no end
    for at, colour in ((3500, BLUE), (7500, GREEN), (8500, GREEN)):
        assert film.colour(at, 0.375, 0.5) == pytest.approx(colour, abs=12)
    beside = [film.colour(7500, 0.875, top) for top in (0.125, 0.375)]
    for colour in (BLUE, RED):
        assert any(place == pytest.approx(colour, abs=12) for place in beside)


async def test_a_pause_is_cut_out(archive: Archive) -> None:
    recorder = Recorder(archive.sink)
    doctor = Person(BLUE, 440, seed=3)
    listen(recorder, DOCTOR, doctor)
    await live(recorder, [doctor], 0, 3000)
    await recorder.close_recording(ROOM, RECORDING)
    doctor.camera = doctor.microphone = None
    await live(recorder, [doctor], 3000, 6000)
    listen(recorder, DOCTOR, doctor)
    await live(recorder, [doctor], 6000, 8000)
    await recorder.close_recording(ROOM, RECORDING)
    await recorder.shut_down()

    indices = [segment.index for segment in await archive.segments() if segment.source is Source.CAMERA]
    assert indices == [0, 1]
    film = await archive.composed((0, 3000), (6000, 8000))
    assert film.duration_ms == pytest.approx(5000, abs=60)
    assert max(distances(film.flashes_ms(0.5, 0.6), film.beeps_ms())) <= 60
    assert film.colour(2500, 0.5, 0.6) == pytest.approx(BLUE, abs=12)
    assert film.colour(4500, 0.5, 0.6) == pytest.approx(BLUE, abs=12)


async def test_somebody_without_a_picture_is_shown_as_a_figure_and_heard(archive: Archive) -> None:
    recorder = Recorder(archive.sink)
    doctor, patient = Person(BLUE, 440, seed=4), Person(GREEN, 880, seed=5)
    listen(recorder, DOCTOR, doctor)
    patient.microphone = recorder.open(ROOM, RECORDING, TrackRef(PATIENT, Source.MICROPHONE), lambda: None)
    await live(recorder, [doctor, patient], 0, 3000)
    await recorder.close_recording(ROOM, RECORDING)
    await recorder.shut_down()
    film = await archive.composed((0, 3000))
    assert film.colour(2500, 0.25, 0.4) == pytest.approx((92, 132, 124), abs=12)
    assert film.colour(2500, 0.75, 0.6) == pytest.approx(BLUE, abs=12)
    assert film.loudness(880, 2150, 2950) > 0.07


async def test_storage_that_fails_ends_the_recording_and_says_so(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(archive.sink)
    failures: list[tuple[str, str, str]] = []
    recorder.observe(lambda *failure: failures.append(failure))
    doctor = Person(BLUE, 440, seed=6)
    listen(recorder, DOCTOR, doctor)
    await live(recorder, [doctor], 0, 1000)

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("records.blobs._write_all", full)
    await live(recorder, [doctor], 1000, 3000)
    monkeypatch.undo()
    assert failures == [(ROOM, RECORDING, "storage_full")]
    await recorder.close_recording(ROOM, RECORDING)
    await archive.sink.adopt(recording=RECORDING)
    assert all(segment.closed for segment in await archive.segments())

    listen(recorder, DOCTOR, doctor)  # there is room again
    await live(recorder, [doctor], 3000, 5000)
    await recorder.close_recording(ROOM, RECORDING)
    await recorder.shut_down()
    assert sum(segment.duration_ms for segment in await archive.segments()) > 3500


async def test_a_recording_ends_before_the_disk_is_full_and_loses_nothing_that_came(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = [2 << 30]
    monkeypatch.setattr(BlobStore, "free_bytes", lambda _blobs: free[0])
    sink = SegmentSink(archive.database, archive.sealer, archive.blobs, measure=measure, reserve_bytes=1 << 30)
    recorder = Recorder(sink)
    failures: list[str] = []
    recorder.observe(lambda _room, _recording, reason: failures.append(reason))
    doctor = Person(BLUE, 440, seed=6)
    listen(recorder, DOCTOR, doctor)
    await live(recorder, [doctor], 0, 2000)
    free[0] = 1 << 29
    await live(recorder, [doctor], 2000, 5000)
    assert failures == ["storage_full"]
    await recorder.close_recording(ROOM, RECORDING)
    await recorder.shut_down()
    segments = await archive.segments()
    assert all(segment.closed and not segment.interrupted for segment in segments), "what is kept free closes them"
    assert min(segment.duration_ms for segment in segments) >= 1900


async def test_an_interrupted_segment_whose_key_is_away_is_kept_until_it_is_back(
    archive: Archive, tmp_path: Path
) -> None:
    recorder = Recorder(archive.sink)
    doctor = Person(BLUE, 440, seed=6)
    listen(recorder, DOCTOR, doctor)
    await live(recorder, [doctor], 0, 2000)
    shares = tmp_path / "shares.db"
    kept = shares.read_bytes()
    shares.unlink()

    def restarted() -> SegmentSink:
        sealer = Sealer(
            archive.database, KeyRing.load_or_create(tmp_path / "ring.json"), KeyShares(tmp_path / "shares.db")
        )
        return SegmentSink(archive.database, sealer, archive.blobs, measure=measure)

    await restarted().adopt()
    assert [segment.closed for segment in await archive.segments()] == [False, False]
    shares.write_bytes(kept)
    await restarted().adopt()
    assert [(segment.closed, segment.interrupted) for segment in await archive.segments()] == [(True, True)] * 2
    await recorder.shut_down()


async def test_a_recorder_that_is_behind_drops_packets_and_says_so(archive: Archive) -> None:
    recorder = Recorder(archive.sink, queue_limit=30)
    doctor = Person(BLUE, 440, seed=7)
    listen(recorder, DOCTOR, doctor)
    await live(recorder, [doctor], 0, 1000)
    doctor.live(3000)  # two seconds in one moment
    await live(recorder, [doctor], 3000, 5000)
    await recorder.close_recording(ROOM, RECORDING)
    assert recorder.overruns > 50
    reasons = {gap.reason for segment in await archive.segments() for gap in segment.gaps}
    assert reasons == {"overrun"}
    await recorder.shut_down()


async def test_a_row_without_a_blob_is_no_hindrance(archive: Archive) -> None:
    spec = SegmentSpec(ROOM, RECORDING, TrackRef(DOCTOR, Source.CAMERA), 0, "vp8", "video/webm", BEGIN)
    await archive.sink._begin(spec, "segments/con_a/usr_doctor-camera-00000")  # and then the process stopped
    restarted = SegmentSink(archive.database, archive.sealer, archive.blobs, measure=measure)
    assert await asyncio.to_thread(restarted.next_index, ROOM, RECORDING, spec.track) == 1
    writer = await asyncio.to_thread(restarted.open, replace(spec, index=1))
    await asyncio.to_thread(writer.write, b"media")
    await asyncio.to_thread(lambda: writer.close(duration_ms=20, frames=1, gaps=[SegmentGap(0, 5, "loss")]))
    (segment,) = await archive.segments()
    assert (segment.closed, segment.size_bytes, segment.gaps) == (True, 5, (SegmentGap(0, 5, "loss"),))
    assert (segment.index, segment.previous_sha256, segment.interrupted) == (1, "", False)


async def test_a_segment_of_no_recording_is_refused_as_failing_storage(archive: Archive) -> None:
    track = TrackRef(DOCTOR, Source.CAMERA)
    spec = SegmentSpec(ROOM, RecordingId("rec_unknown"), track, 7, "vp8", "video/webm", BEGIN)
    with pytest.raises(OSError, match="manifest"):
        await asyncio.to_thread(archive.sink.open, spec)


def _record_until_killed(path: Path, ready: Callable[[], None]) -> None:
    async def record() -> None:
        async with archive_in(path) as archive:
            await furnish(archive)
            recorder = Recorder(archive.sink)
            doctor = Person(BLUE, 440, seed=8)
            listen(recorder, DOCTOR, doctor)
            await live(recorder, [doctor], 0, 6000)
            ready()
            await asyncio.sleep(60)

    asyncio.run(record())


async def test_killing_the_process_leaves_segments_that_can_be_read(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=_record_until_killed, args=(tmp_path, ready.set))
    process.start()
    assert await asyncio.to_thread(ready.wait, 60)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    await asyncio.to_thread(process.join)

    async with archive_in(tmp_path) as archive:
        assert [segment.closed for segment in await archive.segments()] == [False, False]
        assert await archive.sink.adopt(recording=RECORDING) == 2
        segments = await archive.segments()
        assert all(segment.closed and segment.duration_ms > 4500 and segment.sha256 for segment in segments)
        assert all(segment.interrupted for segment in segments)
        track = TrackRef(DOCTOR, Source.CAMERA)
        assert await asyncio.to_thread(archive.sink.next_index, ROOM, RECORDING, track) == 1
        film = await archive.composed((0, 5000))
        assert film.colour(3500, 0.5, 0.6) == pytest.approx(BLUE, abs=12)
        assert film.loudness(440, 4150, 4900) > 0.07
