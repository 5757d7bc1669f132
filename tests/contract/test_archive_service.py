"""The archive as custodians and doctors use it, on a real database."""

from dataclasses import replace
from datetime import timedelta

import pytest

from care.archive import PAGE, ArchiveService
from care.consultation import Status
from care.gaps import gaps_of
from care.note import Sections, VisitNote, revised, signed
from care.ports import ArchiveFilter
from care.recording import Segment
from care.recording_time import Spans
from identity.principal import Principal
from kernel.errors import Invalid, NotFound
from kernel.ids import ConsultationId, ParticipantId, RecordingId
from records.event_log import SqlEventLog
from rooms.events import Fact, RecordingStarted, RecordingStopped, RoomEvent, Source, StopReason
from rooms.ports import SegmentGap
from rooms.quality_minutes import QualityMinute
from tests.small_clinic import (
    ADA,
    CATO,
    HAN,
    LI,
    NOON,
    OTHER_VISIT,
    ROSES_ACCOUNT,
    VISIT,
    WU,
    SmallClinic,
    consultation,
    signed_in,
)

CUSTODIAN, DOCTOR = signed_in(CATO), signed_in(HAN)
EVERYTHING = ArchiveFilter()


@pytest.fixture
def archive(records: SmallClinic) -> ArchiveService:
    return ArchiveService(records.store, SqlEventLog(records.database, records.sealer))


async def finished(records: SmallClinic, *visits: ConsultationId) -> None:
    async with records.store.write() as work:
        for found in await work.consultations.many(visits):
            await work.consultations.save(replace(found, status=Status.FINISHED, finished_at=NOON))


async def test_pages_follow_each_other_to_the_end(archive: ArchiveService, records: SmallClinic) -> None:
    many = [ConsultationId(f"con_{number:03}") for number in range(2 * PAGE + 1)]
    async with records.store.write() as work:
        for number, each in enumerate(many):
            at = NOON - timedelta(minutes=number // 3)
            await work.consultations.add(consultation(each, patient=LI, clinician=WU, scheduled_at=at))
    await finished(records, *many)
    seen: list[ConsultationId] = []
    sizes: list[int] = []
    cursor: str | None = None
    while True:
        page = await archive.search(CUSTODIAN, EVERYTHING, cursor=cursor)
        sizes.append(len(page.entries))
        seen += [entry.consultation.id for entry in page.entries]
        cursor = page.next
        if cursor is None:
            break
    assert sizes == [PAGE, PAGE, 1]
    assert sorted(seen) == many


@pytest.mark.parametrize("cursor", ["", "x", "%%%", "YWJj", "MjAyNi0xMS0yNVQxMjowMDowMA", "A" * 1000, "时间"])
async def test_a_cursor_that_is_none_of_ours_is_refused(archive: ArchiveService, cursor: str) -> None:
    with pytest.raises(Invalid):
        await archive.search(CUSTODIAN, EVERYTHING, cursor=cursor)


async def test_doctors_find_their_own_visits_and_never_others(archive: ArchiveService, records: SmallClinic) -> None:
    other = ConsultationId("con_other")
    await finished(records, VISIT, other)
    own = await archive.search(DOCTOR, EVERYTHING)
    assert [entry.consultation.id for entry in own.entries] == [VISIT]
    assert (await archive.search(DOCTOR, ArchiveFilter(clinician=WU.id))).entries == ()
    with pytest.raises(NotFound):
        await archive.record(DOCTOR, other)
    for nobody in (signed_in(ADA), signed_in(ROSES_ACCOUNT)):
        with pytest.raises(NotFound):
            await archive.search(nobody, EVERYTHING)
        with pytest.raises(NotFound):
            await archive.record(nobody, VISIT)


@pytest.mark.parametrize("who", [CUSTODIAN, DOCTOR])
async def test_the_record_shows_a_note_once_it_is_signed(
    archive: ArchiveService, records: SmallClinic, who: Principal
) -> None:
    draft = revised(VisitNote(VISIT), Sections(plan="rest"), version=0, at=NOON)
    async with records.store.write() as work:
        await work.notes.save(draft, previous=0)
    assert (await archive.record(who, VISIT)).note is None
    final = signed(draft, version=1, by=HAN.id, by_name=HAN.name, at=NOON)
    async with records.store.write() as work:
        await work.notes.save(final, previous=1)
    assert (await archive.record(who, VISIT)).note == final


async def test_a_visit_that_nobody_entered_has_an_empty_record(archive: ArchiveService) -> None:
    record = await archive.record(CUSTODIAN, VISIT)
    assert (record.transcript.participants, record.transcript.timeline, record.recording) == ((), (), None)


def test_gaps_lie_on_the_recordings_own_time_in_order() -> None:
    recording, patient = RecordingId("rec_1"), ParticipantId("pat_1")
    second = timedelta(seconds=1)
    moments: tuple[tuple[int, Fact], ...] = (
        (0, RecordingStarted(recording, patient)),
        (60, RecordingStopped(recording, patient, StopReason.ASKED)),
        (100, RecordingStarted(recording, patient)),
        (160, RecordingStopped(recording, patient, StopReason.ASKED)),
    )
    events = [RoomEvent(seq, NOON + at * second, fact) for seq, (at, fact) in enumerate(moments, start=1)]

    def segment(source: Source, start: int, *gaps: SegmentGap) -> Segment:
        return Segment(
            recording=recording,
            participant=patient,
            source=source,
            index=0,
            codec="vp8",
            container="video/webm",
            started_at=NOON + start * second,
            duration_ms=60_000,
            frames=1,
            size_bytes=1,
            sha256="00",
            blob="segments/con_1/x",
            closed=True,
            gaps=gaps,
        )

    segments = [
        segment(Source.CAMERA, 100, SegmentGap(2000, 500, "loss")),
        segment(Source.MICROPHONE, 0, SegmentGap(30_000, 40, "silent"), SegmentGap(1000, 20, "loss")),
    ]
    gaps = gaps_of(segments, Spans.of(events, segments))
    assert [(gap.source, gap.offset_ms, gap.duration_ms, gap.reason) for gap in gaps] == [
        (Source.MICROPHONE, 1000, 20, "loss"),
        (Source.MICROPHONE, 30_000, 40, "silent"),
        (Source.CAMERA, 62_000, 500, "loss"),
    ]


async def test_a_record_tells_how_everybodys_connection_was(archive: ArchiveService, records: SmallClinic) -> None:
    minutes = [
        QualityMinute(
            participant=ParticipantId(who),
            started_at=NOON + timedelta(minutes=number),
            score=5 - number,
            round_trip_ms=None if number else 40,
            loss_percent=0.5,
            jitter_ms=3.0,
            bitrate_up_kbps=800,
            bitrate_down_kbps=1200,
            talk_ms=20_000,
            freeze_ms=300,
            concealed_ms=0,
            frames_per_second=29.9,
            picture_height=720,
        )
        for number in range(2)
        for who in ("pat_rose", "usr_han")
    ]
    async with records.store.write() as work:
        await work.quality.add([(VISIT, minute) for minute in reversed(minutes)])
        await work.quality.add([])
    assert list((await archive.record(CUSTODIAN, VISIT)).quality) == minutes
    assert (await archive.record(CUSTODIAN, OTHER_VISIT)).quality == ()
