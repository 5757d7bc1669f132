"""What the server does by itself goes on, whatever happens to a part of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from care.recording import Recording
from kernel.ids import ConsultationId
from records.blobs import BlobStore
from server.background import Background, undisturbed
from server.composition import Composition
from tests.fakes import FakeEventLog


async def fails() -> None:
    raise ConnectionError("the database is away")


async def succeeds() -> None:
    pass


async def test_a_failure_is_in_the_log_and_ends_nothing() -> None:
    with capture_logs() as logs:
        assert not await undisturbed(fails(), "round_failed", consultation="con_1")
        assert await undisturbed(succeeds(), "round_failed")
    assert [(line["event"], line["consultation"]) for line in logs] == [("round_failed", "con_1")]


async def test_who_is_asked_to_stop_stops() -> None:
    began = asyncio.Event()

    async def waits() -> None:
        began.set()
        await asyncio.Event().wait()

    async def rounds() -> None:
        await undisturbed(waits(), "round_failed")
        pytest.fail("it went on")

    background = Background("rounds")
    background.start(rounds())
    await began.wait()
    await background.close()
    await background.close()


class AbsentStore:
    """A database that answers the first question and is away afterwards; remembers how often it was tried."""

    def __init__(self) -> None:
        self.tried = 0
        self.given_up = asyncio.Event()
        self.recordings = self.manifests = self

    async def uncomposed(self) -> list[ConsultationId]:
        return [ConsultationId("con_1"), ConsultationId("con_2")]

    async def unsigned(self) -> list[ConsultationId]:
        return []

    async def of(self, consultation: ConsultationId) -> Recording | None:
        raise ConnectionError(consultation)

    @asynccontextmanager
    async def read(self) -> AsyncIterator["AbsentStore"]:
        yield self

    @asynccontextmanager
    async def write(self) -> AsyncIterator["AbsentStore"]:
        self.tried += 1
        if self.tried == 2:  # giving up, for each of the two
            self.given_up.set()
        raise ConnectionError("the database is away")
        yield self


async def test_a_store_that_is_away_does_not_end_the_composing(tmp_path) -> None:
    store = AbsentStore()
    composition = Composition(
        store=store,
        log=FakeEventLog(),
        blobs=BlobStore(tmp_path),
        media=None,
        segments=None,
        signer=None,
        deliveries=None,
    )
    with capture_logs() as logs:
        await composition.start()
        await asyncio.wait_for(store.given_up.wait(), 5)
        await composition.close()
    assert [line["event"] for line in logs].count("composition_failed") == 2
