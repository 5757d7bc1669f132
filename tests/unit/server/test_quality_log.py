"""Minutes of quality are written once a minute, and none is lost when the store was away for a while."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

from care.ports import Store
from kernel.ids import ConsultationId
from rooms.ports import ConnectionQuality
from rooms.quality_minutes import QualityMinute, QualityMinutes
from server.quality_log import QualityLog
from tests.builders import NOON, PATIENT, ROOM
from tests.fakes import Clock
from tests.waiting import until


class StoredMinutes:
    """Stands for the store: what was committed, or an error as long as it is `away`."""

    def __init__(self) -> None:
        self.away = False
        self.attempts = 0
        self.minutes: list[tuple[ConsultationId, QualityMinute]] = []

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Any]:
        self.attempts += 1
        if self.away:
            raise OSError("the store is away")
        yield SimpleNamespace(quality=self)

    async def add(self, minutes: list[tuple[ConsultationId, QualityMinute]]) -> None:
        self.minutes += minutes


async def test_a_visits_last_minutes_are_written_when_it_ends() -> None:
    minutes, store = QualityMinutes(), StoredMinutes()
    log = QualityLog(minutes, cast("Store", store), Clock(NOON))
    log.start()
    minutes.measured(ROOM, {PATIENT: ConnectionQuality(5, 40, 0.0, 3.0, 800, 1200)}, now=NOON)
    log.finished(ROOM)
    await until(lambda: len(store.minutes) == 1)
    await log.close()


async def test_what_could_not_be_written_is_written_in_the_next_round_and_the_rest_at_the_end() -> None:
    minutes, clock, store = QualityMinutes(), Clock(NOON), StoredMinutes()
    log = QualityLog(minutes, cast("Store", store), clock, every_s=0.01)
    store.away = True
    minutes.measured(ROOM, {PATIENT: ConnectionQuality(5, 40, 0.0, 3.0, 800, 1200)}, now=clock())
    log.start()
    clock.advance(minutes=1)
    await until(lambda: store.attempts >= 2)
    assert store.minutes == []
    store.away = False
    await until(lambda: len(store.minutes) == 1)
    minutes.measured(ROOM, {PATIENT: ConnectionQuality(4, 40, 0.0, 3.0, 800, 1200)}, now=clock())
    await log.close()
    assert [minute.score for _, minute in store.minutes] == [5, 4]
