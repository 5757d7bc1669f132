"""What `rooms.ports.EventLog` promises, of the log that keeps it on disk."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError

from care.consultation import Status
from care.recording import RecordingState
from identity.principal import Role
from kernel.errors import Conflict, Overloaded
from kernel.ids import AttachmentId, ConnectionId, ConsultationId, MessageId, ParticipantId, RecordingId, RoomId
from records.data_key import SealBroken
from records.event_log import SqlEventLog
from records.facts import decoded, encoded
from records.tables import consultations, recordings, room_events
from rooms.events import (
    KINDS,
    Attachment,
    Body,
    ConsentRecorded,
    Decision,
    Fact,
    MessagePosted,
    ParticipantAdmitted,
    ParticipantArrived,
    ParticipantConnected,
    ParticipantHeld,
    ReadinessReported,
    RecordingStarted,
    RecordingStopped,
    RoomEvent,
    RoomOpened,
    StopReason,
    VisitFinished,
)
from rooms.ports import EventLog
from tests.fakes import FakeEventLog
from tests.small_clinic import HAN, NOON, OTHER_VISIT, ROOM, ROSE, VISIT, SmallClinic, consultation
from tests.waiting import until

CLINICIAN = ParticipantId(HAN.id)
PATIENT = ParticipantId(ROSE.id)
RECORDING = RecordingId("rec_visit")


def message(number: int = 1, text_: str = "Since Monday, doctor.") -> MessagePosted:
    return MessagePosted(PATIENT, MessageId(f"message-{number}"), Body("server", text=text_))


def events(*facts: Fact, first: int = 1) -> list[RoomEvent]:
    return [RoomEvent(first + i, NOON + timedelta(seconds=first + i), fact) for i, fact in enumerate(facts)]


OPENED = RoomOpened(CLINICIAN, "Han Mei")


@pytest.fixture
def log(records: SmallClinic) -> SqlEventLog:
    return SqlEventLog(records.database, records.sealer)


@pytest.fixture(params=["database", "fake"])
def any_log(request: pytest.FixtureRequest, log: SqlEventLog) -> EventLog:
    """The log that keeps its promises on disk, and the one that other tests use in its place."""
    return log if request.param == "database" else FakeEventLog()


async def test_what_was_appended_is_read_in_order(any_log: EventLog) -> None:
    stored = events(
        OPENED,
        ParticipantArrived(PATIENT, Role.PATIENT, "Rose", "en"),
        ParticipantConnected(PATIENT, ConnectionId("cnx_1")),
        MessagePosted(
            PATIENT,
            MessageId("message-1"),
            Body("server", text="看看这张照片 🙂"),
            (Attachment(AttachmentId("att_1"), "rash.png", "image/png", 12_000),),
        ),
    )
    await any_log.append(ROOM, stored[:3])
    await any_log.append(ROOM, stored[3:])
    assert await any_log.read(ROOM) == stored
    assert await any_log.read(ROOM, since=2) == stored[2:]
    assert await any_log.read(ROOM, since=4) == []
    assert await any_log.read(RoomId(OTHER_VISIT)) == []


async def test_a_long_log_is_read_in_parts(log: SqlEventLog) -> None:
    stored = events(OPENED, *(message(number) for number in range(5)))
    await log.append(ROOM, stored)
    assert await log.read(ROOM, since=1, limit=2) == stored[1:3]


async def test_a_long_log_is_read_whole_and_a_change_in_it_is_noticed_all_the_same(
    records: SmallClinic, log: SqlEventLog
) -> None:
    appended = events(OPENED, *(message(number) for number in range(400)))
    await log.append(ROOM, appended)
    assert await log.read(ROOM) == appended
    async with records.database.write() as connection:
        await connection.execute(update(room_events).where(room_events.c.seq == 300).values(kind="message_read"))
    with pytest.raises(SealBroken):
        await log.read(ROOM)


async def test_appending_nothing_changes_nothing(log: SqlEventLog) -> None:
    await log.append(ROOM, [])
    assert await log.read(ROOM) == []


@pytest.mark.parametrize("first", [0, 2, 3])
async def test_the_first_event_must_have_seq_1(any_log: EventLog, first: int) -> None:
    with pytest.raises(Conflict):
        await any_log.append(ROOM, events(OPENED, first=first))
    assert await any_log.read(ROOM) == []


async def test_of_two_who_append_the_same_seq_one_is_told_of_a_conflict(any_log: EventLog) -> None:
    await any_log.append(ROOM, events(OPENED))
    results = await asyncio.gather(
        *(any_log.append(ROOM, events(message(number), first=2)) for number in (1, 2)), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "NoneType"]
    assert len(await any_log.read(ROOM)) == 2


async def test_a_gap_a_repetition_and_disorder_are_conflicts_that_store_nothing(log: SqlEventLog) -> None:
    await log.append(ROOM, events(OPENED))
    for wrong in (
        events(message(), first=1),
        events(message(), first=3),
        [*events(message(1), first=2), *events(message(2), first=4)],
        [*events(message(1), first=3), *events(message(2), first=2)],
    ):
        with pytest.raises(Conflict):
            await log.append(ROOM, wrong)
    assert len(await log.read(ROOM)) == 1
    await log.append(ROOM, events(message(), first=2))


async def test_another_log_that_wrote_meanwhile_is_a_conflict_and_is_learned_of(records: SmallClinic) -> None:
    ours, theirs = (SqlEventLog(records.database, records.sealer) for _ in range(2))
    await ours.append(ROOM, events(OPENED))
    await theirs.append(ROOM, events(message(1), first=2))
    with pytest.raises(Conflict):
        await ours.append(ROOM, events(message(2), first=2))
    await ours.append(ROOM, events(message(2), first=3))
    assert [event.seq for event in await theirs.read(ROOM)] == [1, 2, 3]


async def test_the_table_itself_refuses_a_gap(records: SmallClinic, log: SqlEventLog) -> None:
    await log.append(ROOM, events(OPENED))

    async def insert(seq: int, previous: int | None) -> None:
        row = {"room": ROOM, "seq": seq, "previous": previous, "at": NOON, "kind": "x", "sealed": b""}
        async with records.database.write() as connection:
            await connection.execute(room_events.insert(), row)

    for seq, previous in ((3, 2), (3, 1), (2, None), (0, None), (1, None)):
        with pytest.raises(IntegrityError):
            await insert(seq, previous)


async def test_many_rooms_at_once_share_transactions_and_keep_their_order(records: SmallClinic) -> None:
    rooms = [RoomId(f"con_{number}") for number in range(40)]
    async with records.store.write() as work:
        for room in rooms:
            await work.consultations.add(consultation(ConsultationId(room)))
    log = SqlEventLog(records.database, records.sealer)

    async def visit(room: RoomId) -> None:
        await log.append(room, events(OPENED))
        for seq in range(2, 12):
            await log.append(room, events(message(seq), first=seq))

    await asyncio.gather(*(visit(room) for room in rooms))
    for room in rooms:
        assert [event.seq for event in await log.read(room)] == list(range(1, 12))


async def test_one_bad_append_does_not_take_others_along(log: SqlEventLog) -> None:
    results = await asyncio.gather(
        log.append(ROOM, events(OPENED)),
        log.append(RoomId("con_nobody_knows"), events(OPENED)),
        log.append(RoomId(OTHER_VISIT), events(OPENED, first=5)),
        log.append(ROOM, events(message(), first=2)),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [type(None), Conflict, Conflict, type(None)]
    assert len(await log.read(ROOM)) == 2


async def test_a_full_queue_refuses_early(records: SmallClinic) -> None:
    log = SqlEventLog(records.database, records.sealer, queue_limit=3)
    async with records.database.write():  # nobody else can commit meanwhile
        first = asyncio.create_task(log.append(ROOM, events(OPENED)))
        await until(lambda: log._committer and not log._waiting)  # it is being committed
        waiting = [asyncio.create_task(log.append(ROOM, events(message(n), first=n))) for n in (2, 3, 4)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await log.append(ROOM, events(message(5), first=5))
    await asyncio.gather(first, *waiting)
    assert len(await log.read(ROOM)) == 4


async def test_a_caller_that_gave_up_before_the_commit_stores_nothing(records: SmallClinic) -> None:
    log = SqlEventLog(records.database, records.sealer)
    async with records.database.write():
        first = asyncio.create_task(log.append(ROOM, events(OPENED)))
        await until(lambda: log._committer and not log._waiting)  # it is being committed
        given_up = asyncio.create_task(log.append(ROOM, events(message(), first=2)))
        await asyncio.sleep(0)
        given_up.cancel()
    await first
    await log.close()
    assert len(await log.read(ROOM)) == 1
    await log.append(ROOM, events(message(2), first=2))


async def test_a_failed_commit_is_told_to_everybody_who_waited_and_forgotten(records: SmallClinic) -> None:
    log = SqlEventLog(records.database, records.sealer)
    await log.append(ROOM, events(OPENED))
    async with records.database.write() as connection:
        await connection.execute(text("ALTER TABLE room_events RENAME TO elsewhere"))
    results = await asyncio.gather(
        log.append(ROOM, events(message(), first=2)),
        log.append(RoomId(OTHER_VISIT), events(OPENED)),
        return_exceptions=True,
    )
    assert all(isinstance(result, Exception) for result in results)
    async with records.database.write() as connection:
        await connection.execute(text("ALTER TABLE elsewhere RENAME TO room_events"))
    await log.append(ROOM, events(message(), first=2))
    await log.append(RoomId(OTHER_VISIT), events(OPENED))


async def test_the_calendar_follows_the_room(records: SmallClinic, log: SqlEventLog) -> None:
    async def status() -> Status:
        async with records.store.read() as work:
            return (await work.consultations.get(VISIT)).status

    await log.append(ROOM, events(OPENED))
    assert await status() is Status.PLANNED
    await log.append(ROOM, events(ParticipantArrived(PATIENT, Role.PATIENT, "Rose", "en"), first=2))
    assert await status() is Status.ARRIVED
    await log.append(ROOM, events(ParticipantAdmitted(PATIENT, CLINICIAN), first=3))
    assert await status() is Status.IN_PROGRESS
    await log.append(ROOM, events(ParticipantHeld(PATIENT, CLINICIAN), first=4))
    assert await status() is Status.ON_HOLD
    await log.append(ROOM, events(ParticipantAdmitted(PATIENT, CLINICIAN), VisitFinished(CLINICIAN), first=5))
    async with records.store.read() as work:
        visit = await work.consultations.get(VISIT)
    assert visit.status is Status.FINISHED
    assert visit.started_at == NOON + timedelta(seconds=3)
    assert visit.finished_at == NOON + timedelta(seconds=6)


async def test_a_recording_is_listed_when_it_starts_and_again_when_resumed(
    records: SmallClinic, log: SqlEventLog
) -> None:
    async def recording() -> tuple[object, ...]:
        async with records.database.read() as connection:
            (row,) = await connection.execute(select(recordings))
            return (row.id, row.state, row.started_at, row.stopped_at)

    await log.append(ROOM, events(OPENED, RecordingStarted(RECORDING, CLINICIAN)))
    start = NOON + timedelta(seconds=2)
    assert await recording() == (RECORDING, RecordingState.RECORDING, start, None)
    await log.append(ROOM, events(RecordingStopped(RECORDING, CLINICIAN, StopReason.ASKED), first=3))
    assert await recording() == (RECORDING, RecordingState.RECORDING, start, NOON + timedelta(seconds=3))
    await log.append(ROOM, events(RecordingStarted(RECORDING, CLINICIAN), first=4))
    assert await recording() == (RECORDING, RecordingState.RECORDING, start, None)


async def test_facts_about_people_and_consent_are_in_the_access_log_and_words_are_not(
    records: SmallClinic, log: SqlEventLog
) -> None:
    consent = ConsentRecorded(PATIENT, Decision.GIVEN, "2026-01", "en", "I agree to be recorded.")
    await log.append(
        ROOM,
        events(
            OPENED,
            ParticipantArrived(PATIENT, Role.PATIENT, "Rose", "en"),
            ParticipantAdmitted(PATIENT, CLINICIAN),
            consent,
            message(text_="my chest hurts"),
            RecordingStarted(RECORDING, CLINICIAN),
            RecordingStopped(RECORDING, None, StopReason.STORAGE_FAILED),
        ),
    )
    async with records.store.read() as work:
        entries = [chained.entry for chained in reversed(await work.audit.page())]
        assert (await work.audit.verify()).broken_at is None
    assert [(entry.actor, entry.role, entry.action, entry.detail) for entry in entries] == [
        (PATIENT, "patient", "room.enter", ""),
        (CLINICIAN, "clinician", "participant.admit", PATIENT),
        (PATIENT, "patient", "consent.record", "given 2026-01 en"),
        (CLINICIAN, "clinician", "recording.start", RECORDING),
        ("system", "", "recording.stop", f"{RECORDING} storage_failed"),
    ]
    assert {entry.object_id for entry in entries} == {VISIT}
    assert entries[2].at == NOON + timedelta(seconds=4)


async def test_a_refused_append_leaves_calendar_and_access_log_alone(records: SmallClinic, log: SqlEventLog) -> None:
    with pytest.raises(Conflict):
        await log.append(ROOM, events(VisitFinished(CLINICIAN), first=9))
    async with records.store.read() as work:
        assert (await work.consultations.get(VISIT)).status is Status.PLANNED
        assert await work.audit.page() == []


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "participant_held"},
        {"at": NOON},
        {"sealed": b"\0" * 60},
        {"sealed": b""},
    ],
)
async def test_an_event_changed_behind_our_back_is_noticed(
    records: SmallClinic, log: SqlEventLog, change: dict[str, object]
) -> None:
    await log.append(ROOM, events(OPENED, ParticipantAdmitted(PATIENT, CLINICIAN)))
    async with records.database.write() as connection:
        await connection.execute(update(room_events).where(room_events.c.seq == 2).values(change))
    with pytest.raises(SealBroken):
        await log.read(ROOM)


async def test_two_events_that_changed_places_are_noticed(records: SmallClinic, log: SqlEventLog) -> None:
    await log.append(ROOM, events(OPENED, message(1), message(2)))
    async with records.database.write() as connection:
        rows = list(await connection.execute(select(room_events).where(room_events.c.seq > 1)))
        for row, other in zip(rows, reversed(rows), strict=True):
            await connection.execute(
                update(room_events).where(room_events.c.seq == row.seq).values(sealed=other.sealed, at=other.at)
            )
    with pytest.raises(SealBroken):
        await log.read(ROOM)


async def test_no_row_of_a_cancelled_consultation_is_revived_by_an_arrival(
    records: SmallClinic, log: SqlEventLog
) -> None:
    async with records.database.write() as connection:
        await connection.execute(update(consultations).values(status=Status.CANCELLED))
    await log.append(ROOM, events(OPENED, ParticipantArrived(PATIENT, Role.PATIENT, "Rose", "en")))
    async with records.store.read() as work:
        assert (await work.consultations.get(VISIT)).status is Status.CANCELLED


def test_a_fact_written_before_a_field_existed_is_still_read() -> None:
    fact = decoded("message_posted", b'{"author":"pat_1","client_message_id":"m","body":{"scheme":"server"},"new":1}')
    assert fact == MessagePosted(ParticipantId("pat_1"), MessageId("m"), Body("server"))


def test_kinds_are_the_facts_names_in_snake_case() -> None:
    readiness = ReadinessReported(PATIENT, *["ok"] * 3, None)  # type: ignore[list-item]
    assert KINDS[type(readiness)] == "readiness_reported"
    assert decoded(KINDS[type(OPENED)], encoded(OPENED)) == OPENED
