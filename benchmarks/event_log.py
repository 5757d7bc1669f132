"""The event log on SQLite: what an acknowledged chat message costs alone, and when many rooms share a transaction.

The floor is the same number of rows written by bare `sqlite3` with a transaction for each, equally durable.
Run as `python -m benchmarks.event_log [--json]`.
"""

import argparse
import asyncio
import sqlite3
import tempfile
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter, process_time
from typing import Final

import uvloop

from benchmarks.report import report
from care.consultation import Consultation
from care.people import Department, Member, Patient, Sex
from identity.principal import Role
from kernel.ids import ConsultationId, DepartmentId, MessageId, ParticipantId, PatientId, RoomId, UserId
from records.engine import Database
from records.event_log import SqlEventLog
from records.key_ring import KeyRing
from records.key_shares import KeyShares
from records.migrations import migrate
from records.sealing import Sealer
from records.unit_of_work import SqlStore
from rooms.events import Body, MessagePosted, RoomEvent, RoomOpened

NOON: Final = datetime(2026, 11, 25, 12, tzinfo=UTC)
ROOMS: Final = 200
MESSAGES: Final = 40  # in each room
ALONE: Final = 400
RUNS: Final = 3

DEPARTMENT: Final = Department(DepartmentId("dep_1"), "Cardiology", "心内科")
PATIENT: Final = Patient(PatientId("pat_1"), "Rose", date(1991, 7, 9), Sex.FEMALE, "en", "MR-1")
DOCTOR: Final = Member(UserId("usr_1"), "dr.han", "Han", Role.CLINICIAN, "en", department=DEPARTMENT.id)


def message(seq: int) -> RoomEvent:
    body = Body("server", text="Since Monday, and worse when I climb stairs.")
    return RoomEvent(seq, NOON, MessagePosted(ParticipantId(PATIENT.id), MessageId(f"message-{seq:08}"), body))


async def measured(directory: Path) -> dict[str, float]:
    """Return the figures of one run on a fresh database."""
    url = f"sqlite:///{directory / 'consilium.db'}"
    await asyncio.to_thread(migrate, url)
    database = Database(url)
    await database.open()
    secret = directory / "keys"
    sealer = Sealer(database, KeyRing.load_or_create(secret / "records.json"), KeyShares(secret / "shares.db"))
    rooms = [RoomId(f"con_{number}") for number in range(ROOMS)]
    async with SqlStore(database, sealer, lambda: NOON).write() as work:
        await work.people.add_department(DEPARTMENT)
        await work.people.add_patient(PATIENT)
        await work.people.add_member(DOCTOR)
        for room in rooms:
            visit = Consultation(
                ConsultationId(room), PATIENT.id, DOCTOR.id, DEPARTMENT.id, NOON, planned_minutes=20, reason="-"
            )
            await work.consultations.add(visit)
    log = SqlEventLog(database, sealer)
    opened = RoomEvent(1, NOON, RoomOpened(ParticipantId(DOCTOR.id), DOCTOR.name))
    await asyncio.gather(*(log.append(room, [opened]) for room in rooms))
    figures = {**await _alone(log, rooms[0]), **await _busy(log, rooms)}
    began = perf_counter()
    stored = await log.read(rooms[0])
    figures["read_us_per_event"] = (perf_counter() - began) / len(stored) * 1e6
    await database.close()
    figures.update(await asyncio.to_thread(_floor, directory / "floor.db"))
    figures["busy_over_one_by_one"] = figures["busy_events_per_s"] / figures["floor_events_per_s"]
    return figures


async def _alone(log: SqlEventLog, room: RoomId) -> dict[str, float]:
    began, began_cpu = perf_counter(), process_time()
    for seq in range(2, 2 + ALONE):
        await log.append(room, [message(seq)])
    elapsed, cpu = perf_counter() - began, process_time() - began_cpu
    return {"alone_ms": elapsed / ALONE * 1e3, "alone_cpu_us": cpu / ALONE * 1e6}


async def _busy(log: SqlEventLog, rooms: Sequence[RoomId]) -> dict[str, float]:
    waits: list[float] = []

    async def talk(room: RoomId, first: int) -> None:
        for seq in range(first, first + MESSAGES):
            began = perf_counter()
            await log.append(room, [message(seq)])
            waits.append(perf_counter() - began)

    began, began_cpu = perf_counter(), process_time()
    await asyncio.gather(*(talk(room, 2 + ALONE if room == rooms[0] else 2) for room in rooms))
    elapsed, cpu = perf_counter() - began, process_time() - began_cpu
    return {
        "busy_events_per_s": len(waits) / elapsed,
        "busy_cpu_us": cpu / len(waits) * 1e6,
        "busy_p50_ms": median(waits) * 1e3,
        "busy_p99_ms": quantiles(waits, n=100)[98] * 1e3,
    }


def _floor(path: Path) -> dict[str, float]:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE e (room TEXT, seq INTEGER, sealed BLOB, PRIMARY KEY (room, seq)) WITHOUT ROWID")
    began, began_cpu = perf_counter(), process_time()
    for seq in range(ALONE):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO e VALUES ('con_0', ?, ?)", (seq, bytes(200)))
        connection.execute("COMMIT")
    elapsed, cpu = perf_counter() - began, process_time() - began_cpu
    connection.close()
    return {"floor_events_per_s": ALONE / elapsed, "floor_cpu_us": cpu / ALONE * 1e6}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--json", action="store_true", help="only the report")
    arguments.add_argument("--directory", type=Path, help="where to write: the disk that is measured")
    options = arguments.parse_args()
    runs = []
    for number in range(RUNS):
        with tempfile.TemporaryDirectory(dir=options.directory) as directory:
            runs.append(uvloop.run(measured(Path(directory))))
        if not options.json:
            print(f"run {number + 1}: " + ", ".join(f"{name} {value:.1f}" for name, value in runs[-1].items()))
    report("event_log", {name: median(run[name] for run in runs) for name in runs[0]}, runs)


if __name__ == "__main__":
    main()
