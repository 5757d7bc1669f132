"""A recording whose time is over, from the list of what is due to what a custodian sees afterwards."""

import asyncio
import json
import sqlite3
from contextlib import closing

from kernel.ids import RoomId
from tests.recorded_visit import is_ready, recorded_visit
from tests.server_process import Browser, RunningClinic, run_command

LONG_AGO = "2019-03-01 09:00:00.000000"


def ended_long_ago(clinic: RunningClinic, visit: str) -> None:
    with closing(sqlite3.connect(clinic.data / "consilium.db")) as connection, connection:
        connection.execute("UPDATE consultations SET finished_at = ? WHERE id = ?", (LONG_AGO, visit))


async def command(clinic: RunningClinic, *arguments: str) -> tuple[int, str, str]:
    done = await asyncio.to_thread(run_command, "archive", *arguments, data=clinic.data)
    return done.returncode, done.stdout, done.stderr


async def recorded(custodian: Browser) -> list[str]:
    _, page = await custodian.request("GET", "/archive", query={"recording": "ready"})
    return [entry["id"] for entry in page["entries"]]


async def test_what_is_due_is_shown_held_destroyed_and_proven(clinic: RunningClinic) -> None:
    custodian = await clinic.sign_in("custodian")
    other = await recorded_visit(clinic)
    clinic.services.composition.finished(RoomId(other.consultation))
    await other.until(is_ready)
    held = other.consultation
    (visit,) = {*await recorded(custodian)} - {held}
    assert (await custodian.get("/retention/due"))[1] == {"years": 3, "due": [], "more": False}
    assert (await command(clinic, "destroy-due"))[:2] == (
        0,
        "0 recordings destroyed. Copies of keys/shares.db from before still open them: delete those.\n",
    )
    for each in (visit, held):
        ended_long_ago(clinic, each)
    assert (await custodian.post(f"/archive/{held}/holds", {"step": "ask", "reason": "a lawsuit"}))[0] == 200

    _, shown = await custodian.get("/retention/due")
    assert {(one["id"], one["held"], one["due_at"][:10]) for one in shown["due"]} == {
        (visit, False, "2022-03-01"),
        (held, True, "2022-03-01"),
    }
    code, output, _ = await command(clinic, "due", "--json")
    assert code == 0
    assert {(told["consultation"], told["held"]) for told in map(json.loads, output.splitlines())} == {
        (visit, False),
        (held, True),
    }
    _, output, _ = await command(clinic, "due", "--at", "2022-02-28")
    assert output == "0 due at 2022-02-28 (3 years), 0 more under hold.\n"
    assert (await command(clinic, "due", "--at", "soon"))[0] == 2
    code, _, complaint = await command(clinic, "destroy-due")
    assert (code, "nothing destroyed: there is nobody to ask" in complaint) == (1, True)
    assert (await custodian.post(f"/archive/{visit}/viewing", {"reason": "a complaint"}))[0] == 200

    code, output, complaint = await command(clinic, "destroy-due", "--yes")
    assert (code, output.partition(".")[0], complaint) == (0, "1 recordings destroyed", "")
    status, problem = await custodian.post(f"/archive/{visit}/viewing", {"reason": "a complaint"})
    assert (status, problem["code"]) == (410, "recording_destroyed")
    assert (await custodian.get(f"/archive/{visit}/media"))[0] == 410
    assert (await custodian.get(f"/archive/{visit}/package.zip"))[0] == 410
    _, record = await custodian.get(f"/archive/{visit}")
    assert record["integrity"]["destroyed_at"]
    assert record["messages"], "what was written stays"
    _, checked = await custodian.post(f"/archive/{visit}/check")
    assert checked["check"]["fault"] is None
    code, output, _ = await command(clinic, "verify", visit)
    assert (code, "its manifest is sound" in output) == (0, True)
    assert (await custodian.post(f"/archive/{held}/viewing", {"reason": "a complaint"}))[0] == 200


async def test_what_is_due_is_the_business_of_custodians(clinic: RunningClinic) -> None:
    for login in ("dr.garcia", "admin"):
        assert (await (await clinic.sign_in(login)).get("/retention/due"))[0] == 404
    custodian = await clinic.sign_in("custodian")
    for at in ("0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z", "2026-01-01T00:00:00"):
        status, _ = await custodian.request("GET", "/retention/due", query={"at": at})
        assert status in {200, 400}
