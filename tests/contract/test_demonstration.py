"""The demonstration clinic in a real database: made once, refreshed at every start."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from care.consultation import Status
from care.people import Member
from care.ports import ArchiveFilter, ConsultationFilter
from care.recording import RecordingState
from care.recording_time import Spans
from care.summary import ConsultationSummary, NoteState
from demonstration.clinic import Demonstration, NotADemonstration, seed
from demonstration.footage import Footage
from identity.opaque import digest_of
from identity.passwords import DEMONSTRATION_PASSWORD, matches
from identity.principal import Role
from kernel.ids import RoomId, UserId
from media.measure import measure
from records.blobs import BlobStore
from records.engine import Database
from records.event_log import SqlEventLog
from records.key_ring import KeyRing
from records.key_shares import KeyShares
from records.migrations import migrate
from records.recorded_media import RecordedMedia
from records.sealing import Sealer
from records.segments import SegmentSink
from records.unit_of_work import SqlStore
from rooms.events import MessagePosted
from rooms.room import Room

NOON = datetime(2026, 11, 25, 12, 3, 20, tzinfo=UTC)


class Trial:
    """An empty database and a clock that the test moves."""

    def __init__(self, database: Database, sealer: Sealer, blobs: BlobStore) -> None:
        self.now = NOON
        self.store = SqlStore(database, sealer, lambda: self.now)
        self.log = SqlEventLog(database, sealer)
        self.media = RecordedMedia(database, sealer, blobs)
        self.footage = Footage(SegmentSink(database, sealer, blobs, measure=measure), self.media)

    async def start(self) -> Demonstration:
        return await seed(self.store, self.log, self.footage)

    async def consultations(self) -> list[ConsultationSummary]:
        async with self.store.read() as work:
            return await work.consultations.summaries(ConsultationFilter(), limit=1000)


@pytest.fixture
async def trial(tmp_path: Path) -> AsyncIterator[Trial]:
    url = f"sqlite:///{tmp_path / 'consilium.db'}"
    migrate(url)
    database = Database(url)
    await database.open()
    sealer = Sealer(database, KeyRing.load_or_create(tmp_path / "keys.json"), KeyShares(tmp_path / "shares.db"))
    yield Trial(database, sealer, BlobStore(tmp_path / "blobs"))
    await database.close()


async def test_everybody_can_sign_in_with_the_published_password(trial: Trial) -> None:
    shown = await trial.start()
    assert len(shown.accounts) == 9
    hashes: set[str] = set()
    async with trial.store.read() as work:
        for account in shown.accounts:
            stored = await work.sessions.account_by_login(account.login)
            assert stored is not None
            assert (stored.role, stored.name, stored.active) == (account.role, account.name, True)
            hashes.add(stored.password_hash)
    assert all(matches(stored_hash, DEMONSTRATION_PASSWORD) for stored_hash in hashes)


async def test_the_links_open_consultations_that_begin_now(trial: Trial) -> None:
    shown = await trial.start()
    assert [(link.language, link.clinician_login) for link in shown.links] == [("en", "dr.garcia"), ("zh-CN", "dr.lin")]
    for link in shown.links:
        async with trial.store.read() as work:
            opened = await work.sessions.link(digest_of(link.secret), at=trial.now)
            assert opened is not None
            consultation = await work.consultations.get(opened.consultation)
        assert opened.is_open
        assert (opened.name, opened.role, opened.patient) == (link.patient_name, Role.PATIENT, consultation.patient)
        assert timedelta() <= trial.now - consultation.scheduled_at < timedelta(minutes=5)
        assert link.url("https://clinic.example/") == f"https://clinic.example/join#{link.secret}"


async def test_earlier_visits_are_finished_with_their_chat_notes_and_calendar(trial: Trial) -> None:
    await trial.start()
    finished = [item for item in await trial.consultations() if item.status is Status.FINISHED]
    assert len(finished) == 16
    assert sorted(item.note_state for item in finished) == [NoteState.DRAFT] + [NoteState.SIGNED] * 15
    for item in finished:
        events = await trial.log.read(RoomId(item.id))
        room = Room.replayed(RoomId(item.id), events)
        assert room.is_finished
        assert any(isinstance(event.fact, MessagePosted) for event in events)
        assert (item.started_at, item.finished_at) == (
            next(event.at for event in events if type(event.fact).__name__ == "ParticipantAdmitted"),
            events[-1].at,
        )
    async with trial.store.read() as work:
        notes = await work.notes.many([item.id for item in finished])
        hits = await work.archive.search(ArchiveFilter(words=("李秀英",)), after=None, limit=9)
        assert (await work.audit.verify()).broken_at is None
    assert len(notes) == 16
    assert sum(len(note.addenda) for note in notes.values()) == 1
    assert [hit.consultation.patient.name for hit in hits] == ["李秀英"]


async def test_one_earlier_visit_has_a_recording_that_is_whole(trial: Trial) -> None:
    await trial.start()
    (recorded,) = [item for item in await trial.consultations() if item.recording is not None]
    async with trial.store.read() as work:
        recording = await work.recordings.of(recorded.id)
        assert recording is not None
        segments = await work.recordings.segments(recording.id)
        assert await work.recordings.uncomposed() == []
    events = await trial.log.read(RoomId(recorded.id))
    (span,) = Spans.of(events, segments).spans
    assert (recording.state, recording.duration_ms, span.duration_ms) == (RecordingState.READY, 24_000, 24_000)
    assert sorted((segment.codec, segment.duration_ms, segment.closed) for segment in segments) == [
        ("opus", 24_000, True),
        ("opus", 24_000, True),
        ("vp8", 24_000, True),
        ("vp8", 24_000, True),
    ]
    with await trial.media.open(recording) as reader:
        assert hashlib.sha256(reader.readall()).hexdigest() == recording.sha256


async def test_a_second_start_adds_nothing_but_fresh_links(trial: Trial) -> None:
    first = await trial.start()
    before = await trial.consultations()
    trial.now += timedelta(minutes=30)
    second = await trial.start()
    assert await trial.consultations() == before
    assert second.accounts == first.accounts
    assert {link.secret for link in first.links}.isdisjoint(link.secret for link in second.links)


async def test_after_a_finished_visit_the_next_start_books_another(trial: Trial) -> None:
    shown = await trial.start()
    async with trial.store.read() as work:
        link = await work.sessions.link(digest_of(shown.links[0].secret), at=trial.now)
    assert link is not None
    async with trial.store.write() as work:
        done = await work.consultations.get(link.consultation)
        await work.consultations.save(
            replace(done, status=Status.FINISHED, started_at=trial.now, finished_at=trial.now)
        )
    again = await trial.start()
    async with trial.store.read() as work:
        fresh = await work.sessions.link(digest_of(again.links[0].secret), at=trial.now)
    assert fresh is not None
    assert fresh.consultation != link.consultation
    assert fresh.is_open


async def test_days_later_there_is_a_schedule_for_that_day_and_the_missed_one_is_cancelled(trial: Trial) -> None:
    await trial.start()
    planned = [item for item in await trial.consultations() if item.status is Status.PLANNED]
    trial.now += timedelta(days=3)
    await trial.start()
    today = [item for item in await trial.consultations() if item.status is Status.PLANNED]
    assert len(today) == len(planned) == 13
    assert all(abs(item.scheduled_at - trial.now) < timedelta(hours=12) for item in today)
    cancelled = [item.id for item in await trial.consultations() if item.status is Status.CANCELLED]
    assert sorted(cancelled) == sorted(item.id for item in planned)


async def test_a_start_that_was_interrupted_is_completed_by_the_next(trial: Trial) -> None:
    class Lost(Exception):
        pass

    class Failing(SqlEventLog):
        async def append(self, room: object, events: object) -> None:
            raise Lost

    with pytest.raises(Lost):
        await seed(trial.store, Failing.__new__(Failing), trial.footage)
    assert not [item for item in await trial.consultations() if item.status is Status.FINISHED]
    await trial.start()
    assert len([item for item in await trial.consultations() if item.status is Status.FINISHED]) == 16


async def test_a_real_clinic_gets_no_invented_people(trial: Trial) -> None:
    async with trial.store.write() as work:
        await work.people.add_member(Member(UserId("usr_1"), "chief", "Chief", Role.ADMINISTRATOR, "en"))
    with pytest.raises(NotADemonstration):
        await trial.start()
