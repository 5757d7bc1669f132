"""Histories, notes and the archive's search on a real database."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest

from care.consultation import Status
from care.history import Allergy, Condition, HistoryEntry, Medication, Observation
from care.note import Addendum, Sections, VisitNote, amended, revised, signed
from care.ports import ArchiveFilter, ArchivePlace, Kept
from care.recording import RecordingState
from kernel.errors import Conflict
from kernel.ids import ConsultationId, DepartmentId, EntryId, ParticipantId, RecordingId
from records.event_log import SqlEventLog
from records.histories import OBSERVATIONS_LIMIT
from records.statements import Statement, StatementKind
from rooms.events import RecordingStarted, RoomEvent
from tests.small_clinic import CARDIOLOGY, HAN, LI, NOON, OTHER_VISIT, ROOM, ROSE, VISIT, WU, SmallClinic, consultation

WORDS = Sections("胸闷两天 chest tightness", "BP 150/90", "hypertension", "ramipril 5 mg")


def note(version: int = 1) -> VisitNote:
    draft = revised(VisitNote(VISIT), WORDS, version=0, at=NOON)
    return replace(draft, version=version)


async def test_a_history_comes_back_as_it_was_written_newest_first(records: SmallClinic) -> None:
    old = Condition(EntryId("ent_1"), "高血压", "I10", "active", date(2011, 2, 8), "stable")
    new = Condition(EntryId("ent_2"), "Gout", "M10.9", "remission", date(2023, 7, 1))
    undated = Condition(EntryId("ent_0"), "Asthma", "J45", "resolved", None)
    allergy = Allergy(EntryId("ent_3"), "青霉素", "皮疹", "high", None)
    medication = Medication(EntryId("ent_4"), "Ramipril 5 mg", "1 in the morning", "active", date(2020, 1, 1))
    first = Observation(EntryId("ent_5"), "8480-6", "收缩压", 151.5, "mm[Hg]", NOON - timedelta(days=2), 90, 140)
    second = replace(first, id=EntryId("ent_6"), at=NOON, low=None)
    async with records.store.write() as work:
        await work.histories.add(ROSE.id, [second, undated, old, new, allergy, medication, first])
    async with records.store.read() as work:
        history = await work.histories.of(ROSE.id)
        others = await work.histories.of(LI.id)
    assert history.conditions == (new, old, undated)
    assert (history.allergies, history.medications, history.observations) == (
        (allergy,),
        (medication,),
        (first, second),
    )
    assert not others.conditions
    assert not others.observations


async def test_of_a_long_series_the_newest_measurements_are_given(records: SmallClinic) -> None:
    series: list[HistoryEntry] = [
        Observation(EntryId(f"ent_{n}"), "8867-4", "Heart rate", n, "/min", NOON + timedelta(minutes=n))
        for n in range(OBSERVATIONS_LIMIT + 5)
    ]
    async with records.store.write() as work:
        await work.histories.add(ROSE.id, series)
    async with records.store.read() as work:
        values = [observation.value for observation in (await work.histories.of(ROSE.id)).observations]
    assert values == list(range(5, OBSERVATIONS_LIMIT + 5))


async def test_a_note_is_empty_before_the_first_save_and_whole_after_it(records: SmallClinic) -> None:
    async with records.store.write() as work:
        assert await work.notes.of(VISIT) == VisitNote(VISIT)
        await work.notes.save(note(), previous=0)
    async with records.store.read() as work:
        assert await work.notes.of(VISIT) == note()
        assert await work.notes.many([VISIT, OTHER_VISIT]) == {VISIT: note()}


async def test_of_two_saves_from_the_same_version_the_second_conflicts(records: SmallClinic) -> None:
    async with records.store.write() as work:
        await work.notes.save(note(), previous=0)
        await work.notes.save(note(2), previous=1)
    for again in (note(1), note(2)):
        with pytest.raises(Conflict):
            async with records.store.write() as work:
                await work.notes.save(again, previous=again.version - 1)


async def test_a_signed_note_keeps_its_words_and_takes_addenda_in_order(records: SmallClinic) -> None:
    final = signed(note(), version=1, by=HAN.id, by_name=HAN.name, at=NOON)
    for text in ("laboratory came", "补充：血钾正常"):
        final = amended(final, Addendum(HAN.id, HAN.name, NOON, text))
    async with records.store.write() as work:
        await work.notes.save(replace(final, addenda=()), previous=0)
        for position, addendum in enumerate(final.addenda, start=1):
            await work.notes.add_addendum(VISIT, position, addendum)
    async with records.store.read() as work:
        assert await work.notes.of(VISIT) == final
    with pytest.raises(Conflict):
        async with records.store.write() as work:
            await work.notes.save(note(2), previous=1)
    with pytest.raises(Conflict):
        async with records.store.write() as work:
            await work.notes.add_addendum(VISIT, 2, final.addenda[0])


async def test_nothing_of_a_note_is_readable_on_the_disk(
    records: SmallClinic, bytes_at_rest: Callable[[], bytes]
) -> None:
    async with records.store.write() as work:
        await work.notes.save(note(), previous=0)
        await work.notes.add_addendum(VISIT, 1, Addendum(HAN.id, HAN.name, NOON, "addendum words"))
    stored = bytes_at_rest()
    for words in (WORDS.subjective, "胸闷", WORDS.plan, "addendum words"):
        assert words.encode() not in stored


async def finish(records: SmallClinic, *visits: ConsultationId) -> None:
    async with records.store.write() as work:
        for found in await work.consultations.many(visits):
            await work.consultations.save(replace(found, status=Status.FINISHED, finished_at=NOON))


async def found(records: SmallClinic, *words: str) -> list[ConsultationId]:
    async with records.store.read() as work:
        hits = await work.archive.search(ArchiveFilter(words=words), after=None, limit=10)
    return [hit.consultation.id for hit in hits]


@pytest.mark.parametrize(
    ("words", "visits"),
    [
        ((), [OTHER_VISIT, VISIT]),
        (("李",), [OTHER_VISIT]),
        (("李雷", "wu"), [OTHER_VISIT]),
        (("李雷", "rose"), []),
        (("MILLER",), [VISIT]),
        (("han",), [VISIT]),
        (("心内科",), [OTHER_VISIT, VISIT]),
        (("cardio", "rose"), [VISIT]),
        (("MR-000001",), [OTHER_VISIT]),
        (("stairs",), [OTHER_VISIT, VISIT]),
        (("%",), []),
        (("_",), []),
        (("雷",), [OTHER_VISIT]),
        (("内科",), [OTHER_VISIT, VISIT]),
        (("科心",), []),
        (("tairs",), []),  # the middle of a word is no beginning
        (("stai",), [OTHER_VISIT, VISIT]),
        (("-", "rose", "/"), [VISIT]),
        (("Ｒｏｓｅ",), [VISIT]),
        (("MR-000",), [OTHER_VISIT, VISIT]),
        (('"rose" OR "li"',), []),
        (("rose*",), [VISIT]),
        (("'; DROP TABLE notes; --",), []),
    ],
)
async def test_the_archive_finds_visits_by_words_in_both_scripts(
    records: SmallClinic, words: tuple[str, ...], visits: list[ConsultationId]
) -> None:
    await finish(records, VISIT, OTHER_VISIT)
    assert await found(records, *words) == visits


async def test_a_doctor_is_found_by_the_new_name_after_a_change(records: SmallClinic) -> None:
    await finish(records, VISIT, OTHER_VISIT)
    async with records.store.write() as work:
        await work.people.save_member(replace(HAN, name="韩梅梅"))
    assert await found(records, "梅梅") == [VISIT]
    assert await found(records, "mei") == []


async def test_a_visit_that_was_moved_is_listed_at_its_new_time(records: SmallClinic) -> None:
    await finish(records, VISIT, OTHER_VISIT)
    async with records.store.write() as work:
        visit = await work.consultations.get(VISIT)
        await work.consultations.save(replace(visit, scheduled_at=NOON + timedelta(days=1), reason="Second opinion"))
    assert await found(records) == [VISIT, OTHER_VISIT]
    assert await found(records, "opinion") == [VISIT]
    assert await found(records, "chest") == [OTHER_VISIT]


async def test_many_visits_of_one_moment_are_all_listed(records: SmallClinic) -> None:
    many = [ConsultationId(f"con_same_{number:02}") for number in range(20)]
    async with records.store.write() as work:
        for each in many:
            await work.consultations.add(consultation(each, scheduled_at=NOON + timedelta(days=2)))
    await finish(records, *many)
    async with records.store.read() as work:
        hits = await work.archive.search(ArchiveFilter(words=("rose",)), after=None, limit=50)
        first, last = hits[9].consultation, hits[-1].consultation
        rest = await work.archive.search(
            ArchiveFilter(words=("rose",)), after=ArchivePlace(first.scheduled_at, first.id), limit=50
        )
    assert sorted(hit.consultation.id for hit in hits) == many
    assert rest == hits[10:]
    assert last.id == many[0], "of one moment the newest entry is listed first"


async def test_the_archive_filters_by_state_and_length_of_the_recording(records: SmallClinic) -> None:
    await finish(records, VISIT, OTHER_VISIT)
    log = SqlEventLog(records.database, records.sealer)
    await log.append(ROOM, [RoomEvent(1, NOON, RecordingStarted(RecordingId("rec_1"), ParticipantId(HAN.id)))])
    async with records.store.write() as work:
        recording = await work.recordings.of(VISIT)
        assert recording is not None
        await work.recordings.save(
            replace(recording, state=RecordingState.READY, duration_ms=600_000, blob="recordings/x", sha256="0" * 64)
        )
    for which, expected in (
        (ArchiveFilter(kept=Kept.READY), [VISIT]),
        (ArchiveFilter(kept=Kept.FAILED), []),
        (ArchiveFilter(longer_than=timedelta(minutes=10)), [VISIT]),
        (ArchiveFilter(longer_than=timedelta(minutes=11)), []),
        (ArchiveFilter(kept=Kept.READY, words=("li",)), []),
    ):
        async with records.store.read() as work:
            hits = await work.archive.search(which, after=None, limit=10)
        assert [hit.consultation.id for hit in hits] == expected, which


async def test_the_archive_tells_what_was_never_recorded_and_what_was_destroyed(records: SmallClinic) -> None:
    await finish(records, VISIT, OTHER_VISIT)
    log = SqlEventLog(records.database, records.sealer)
    await log.append(ROOM, [RoomEvent(1, NOON, RecordingStarted(RecordingId("rec_1"), ParticipantId(HAN.id)))])
    statement = Statement(StatementKind.DESTRUCTION, b"{}", bytes(64))

    async def kept() -> dict[Kept, list[ConsultationId]]:
        found = {}
        for which in (Kept.NONE, Kept.RECORDING, Kept.DESTROYED):
            async with records.store.read() as work:
                hits = await work.archive.search(ArchiveFilter(kept=which), after=None, limit=10)
            assert all(hit.is_destroyed is (which is Kept.DESTROYED) for hit in hits)
            found[which] = [hit.consultation.id for hit in hits]
        return found

    assert await kept() == {Kept.NONE: [OTHER_VISIT], Kept.RECORDING: [VISIT], Kept.DESTROYED: []}
    async with records.store.write() as work:
        await work.manifests.add_statement(VISIT, statement)
    assert await kept() == {Kept.NONE: [OTHER_VISIT], Kept.RECORDING: [], Kept.DESTROYED: [VISIT]}


async def test_the_archive_holds_only_visits_that_took_place(records: SmallClinic) -> None:
    assert await found(records) == []
    await finish(records, VISIT)
    assert await found(records) == [VISIT]


async def test_the_archive_filters_by_patient_doctor_and_time(records: SmallClinic) -> None:
    await finish(records, VISIT, OTHER_VISIT)
    hour = timedelta(hours=1)
    for which, expected in (
        (ArchiveFilter(patient=ROSE.id), [VISIT]),
        (ArchiveFilter(clinician=WU.id), [OTHER_VISIT]),
        (ArchiveFilter(patient=ROSE.id, clinician=WU.id), []),
        (ArchiveFilter(department=CARDIOLOGY.id, words=("rose",)), [VISIT]),
        (ArchiveFilter(department=DepartmentId("dep_other")), []),
        (ArchiveFilter(since=NOON + hour), [OTHER_VISIT]),
        (ArchiveFilter(until=NOON + hour), [VISIT]),
        (ArchiveFilter(since=NOON, until=NOON + 2 * hour), [OTHER_VISIT, VISIT]),
    ):
        async with records.store.read() as work:
            hits = await work.archive.search(which, after=None, limit=10)
        assert [hit.consultation.id for hit in hits] == expected


async def test_pages_of_the_archive_leave_nothing_out_and_show_nothing_twice(records: SmallClinic) -> None:
    many = [ConsultationId(f"con_{n:02}") for n in range(7)]
    async with records.store.write() as work:
        for n, each in enumerate(many):  # three moments, several visits at the same one
            await work.consultations.add(consultation(each, scheduled_at=NOON + timedelta(days=n % 3)))
    await finish(records, *many)
    seen: list[ConsultationId] = []
    after: ArchivePlace | None = None
    while True:
        async with records.store.read() as work:
            page = await work.archive.search(ArchiveFilter(), after=after, limit=2)
        if not page:
            break
        seen += [hit.consultation.id for hit in page]
        after = ArchivePlace(page[-1].consultation.scheduled_at, page[-1].consultation.id)
    assert sorted(seen) == many
    assert len(seen) == len(many)
