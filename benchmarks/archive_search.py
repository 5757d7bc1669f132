"""The archive's search over a million visits: what a custodian waits for a page, by what they ask.

The floor is the same page without any condition. A control looks for a word that is in no visit. Run as
`python -m benchmarks.archive_search [--visits N] [--database sqlite|postgresql] [--json]`.
"""

import argparse
import asyncio
import random
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import Any, Final

from sqlalchemy import Connection, Table, insert

from benchmarks.report import report
from care.consultation import Consultation, Status
from care.people import Department, Member, Patient, Sex
from care.ports import ArchiveFilter, Kept
from care.recording import Recording, RecordingState
from identity.principal import Role
from kernel.ids import ConsultationId, DepartmentId, PatientId, RecordingId, UserId
from records.archive import SqlArchive
from records.archive_words import first_place, words_of
from records.engine import Database
from records.migrations import migrate
from records.tables import archive_words, consultations, departments, members, patients, recordings
from tests.postgres_server import postgres_programs, postgres_server

LAST: Final = datetime(2026, 11, 25, 12, tzinfo=UTC)
VISITS: Final = 1_000_000
PATIENTS_FOR_A_VISIT: Final = 5
DOCTORS: Final = 2_000
BATCH: Final = 20_000
ROUNDS: Final = 40
PAGE: Final = 51
SURNAMES: Final = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗"
GIVEN: Final = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华"
WESTERN: Final = ("Rose Miller", "John Carter", "Alice Brown", "Omar Khan", "Eva Novak", "Hugo Silva")
REASONS: Final = (
    "Chest tightness after stairs",
    "Follow-up of blood pressure",
    "咳嗽发热三天",
    "Rash on both hands",
    "复诊，血糖控制",
    "Headache since Monday",
)
DEPARTMENTS: Final = (
    ("Cardiology", "心内科"),
    ("Dermatology", "皮肤科"),
    ("General practice", "全科"),
    ("Neurology", "神经内科"),
)
# What is asked, and the filters for it. Every kind has the same weight in `search_p95_ms`.
QUESTIONS: Final = {
    "newest": ArchiveFilter(),
    "common_surname": ArchiveFilter(words=("王",)),
    "full_name": ArchiveFilter(words=("王伟",)),
    "western_name": ArchiveFilter(words=("rose", "miller")),
    "beginning_of_a_word": ArchiveFilter(words=("tight",)),
    "name_and_reason": ArchiveFilter(words=("李娜", "咳嗽")),
    "record_number": ArchiveFilter(words=("MR-0000077",)),
    "department": ArchiveFilter(department=DepartmentId("dep_1")),
    "doctor": ArchiveFilter(clinician=UserId("usr_77")),
    "doctor_and_word": ArchiveFilter(clinician=UserId("usr_77"), words=("follow",)),
    "patient": ArchiveFilter(patient=PatientId("pat_4711")),
    "a_week": ArchiveFilter(since=LAST - timedelta(days=707), until=LAST - timedelta(days=700)),
    "failed_recording": ArchiveFilter(kept=Kept.FAILED),
    "long_recording_and_word": ArchiveFilter(longer_than=timedelta(minutes=50), words=("headache",)),
}
NOWHERE: Final = ArchiveFilter(words=("zzyzx",))


def filled(connection: Connection, visits: int) -> None:
    """Write everybody and `visits` visits, six minutes apart, four of five of them recorded."""
    chance = random.Random(1)
    rooms = [Department(DepartmentId(f"dep_{i}"), *names) for i, names in enumerate(DEPARTMENTS)]
    doctors = [
        Member(UserId(f"usr_{i}"), f"dr.{i}", somebody(chance), Role.CLINICIAN, "zh-CN", department=rooms[i % 4].id)
        for i in range(DOCTORS)
    ]
    people = [
        Patient(PatientId(f"pat_{i}"), somebody(chance), date(1980, 1, 1), Sex.UNKNOWN, "zh-CN", f"MR-{i:07}")
        for i in range(max(1, visits // PATIENTS_FOR_A_VISIT))
    ]
    for kind, objects in ((departments, rooms), (patients, people), (members, doctors)):
        write(connection, kind, (asdict(one) for one in objects))
    for start in range(0, visits, BATCH):
        batch = [visit(number, visits, chance, people, doctors) for number in range(start, min(start + BATCH, visits))]
        write(connection, consultations, (asdict(one) for one in batch))
        write(connection, recordings, (asdict(recording(one, chance)) for one in batch if chance.random() < 0.8))
        write(connection, archive_words, indexed(batch, people, doctors, rooms))


def write(connection: Connection, kind: Table, rows: Iterator[dict[str, Any]]) -> None:
    connection.execute(insert(kind), list(rows))


def somebody(chance: random.Random) -> str:
    if chance.random() < 0.2:
        return chance.choice(WESTERN)
    return chance.choice(SURNAMES) + "".join(chance.choices(GIVEN, k=chance.choice((1, 2))))


def visit(
    number: int, visits: int, chance: random.Random, people: Sequence[Patient], doctors: Sequence[Member]
) -> Consultation:
    at = LAST - timedelta(minutes=6) * (visits - number)
    doctor = chance.choice(doctors)
    assert doctor.department is not None
    return Consultation(
        id=ConsultationId(f"con_{number}"),
        patient=chance.choice(people).id,
        clinician=doctor.id,
        department=doctor.department,
        scheduled_at=at,
        planned_minutes=20,
        reason=chance.choice(REASONS),
        status=Status.FINISHED,
        started_at=at,
        finished_at=at + timedelta(minutes=20),
    )


def recording(of: Consultation, chance: random.Random) -> Recording:
    state = RecordingState.FAILED if chance.random() < 0.001 else RecordingState.READY
    return Recording(
        id=RecordingId(f"rec_{of.id}"),
        consultation=of.id,
        state=state,
        started_at=of.scheduled_at,
        duration_ms=chance.randrange(60_000, 3_600_000),
        sha256="0" * 64,
        blob=f"recordings/{of.id}",
    )


def indexed(
    batch: Sequence[Consultation], people: Sequence[Patient], doctors: Sequence[Member], rooms: Sequence[Department]
) -> Iterator[dict[str, Any]]:
    """Yield the rows of words, as `records.archive_words.write_words` writes them one by one."""
    for one in batch:
        patient, doctor = people[int(one.patient[4:])], doctors[int(one.clinician[4:])]
        names = (patient.name, patient.record_number, doctor.name, doctor.login)
        room = rooms[int(one.department[4:])]
        texts = (one.id, one.patient, one.clinician, one.department, one.reason, *names, room.name_en, room.name_zh)
        yield {"place": first_place(one.scheduled_at), "consultation": one.id, "words": words_of(texts)}


@contextmanager
def fresh_database(kind: str) -> Iterator[str]:
    """Lend the address of an empty database."""
    if kind == "postgresql":
        programs = postgres_programs()
        if programs is None:
            raise SystemExit("There is no PostgreSQL here: apt-get install postgresql")
        with postgres_server(programs) as server:
            yield server.new_database()
    else:
        with tempfile.TemporaryDirectory() as directory:
            yield f"sqlite:///{Path(directory) / 'consilium.db'}"


@asynccontextmanager
async def archive(visits: int, url: str) -> AsyncIterator[SqlArchive]:
    """Lend the archive of a fresh database with so many visits."""
    await asyncio.to_thread(migrate, url)
    database = Database(url)
    await database.open()
    try:
        async with database.write() as connection:
            await connection.run(lambda raw: filled(raw, visits))
            if not connection.is_embedded:  # what PostgreSQL does by itself, in a while
                await connection.run(lambda raw: raw.exec_driver_sql("ANALYZE"))
        async with database.read() as connection:
            yield SqlArchive(connection)
    finally:
        await database.close()


async def milliseconds(archive: SqlArchive, which: ArchiveFilter) -> float:
    began = perf_counter()
    await archive.search(which, after=None, limit=PAGE)
    return (perf_counter() - began) * 1000


async def measured(visits: int, url: str) -> dict[str, float]:
    """Return the figures: p95 over all kinds of questions, the median of each, the floor's and the control's."""
    taken: dict[str, list[float]] = {kind: [] for kind in (*QUESTIONS, "nowhere")}
    async with archive(visits, url) as lent:
        for _ in range(ROUNDS):
            for kind, which in QUESTIONS.items():
                taken[kind].append(await milliseconds(lent, which))
            taken["nowhere"].append(await milliseconds(lent, NOWHERE))
    everything = [one for kind, values in taken.items() if kind != "nowhere" for one in values]
    medians = {f"{kind}_ms": median(values) for kind, values in taken.items()}
    p95 = quantiles(everything, n=20)[-1]
    return {"visits": visits, "search_p95_ms": p95, "p95_over_newest": p95 / medians["newest_ms"], **medians}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visits", type=int, default=VISITS)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--json", action="store_true", help="kept for one way of calling; the report is always JSON")
    arguments = parser.parse_args()
    with fresh_database(arguments.database) as url:
        figures = asyncio.run(measured(arguments.visits, url))
    report(f"archive_search_{arguments.database}", figures, runs=ROUNDS)


if __name__ == "__main__":
    main()
