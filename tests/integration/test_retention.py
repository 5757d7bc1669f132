"""A recording whose time is over, from the list of what is due to what a custodian sees afterwards."""

import asyncio
import json
import sqlite3
from contextlib import closing

from kernel.ids import RoomId
from tests.integration.test_holds import second_custodian
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


async def test_what_is_due_is_shown_held_proposed_confirmed_destroyed_and_proven(clinic: RunningClinic) -> None:
    custodian, second = await clinic.sign_in("custodian"), await second_custodian(clinic)
    other = await recorded_visit(clinic)
    clinic.services.composition.finished(RoomId(other.consultation))
    await other.until(is_ready)
    held = other.consultation
    (visit,) = {*await recorded(custodian)} - {held}
    _, due = await custodian.get("/retention/due")
    assert (due["due"], due["years"], due["jurisdiction"]) == ([], 3, "CN")
    assert (await custodian.get("/retention/due", kind="records"))[1]["years"] == 15
    status, problem = await custodian.post("/retention/destructions", {"kind": "recordings"})
    assert (status, problem["code"]) == (409, "conflict")
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
    assert output == "0 recordings due at 2022-02-28 (3 years), 0 more under hold.\n"
    _, output, _ = await command(clinic, "due", "--at", "2034-03-02", "--records")
    assert output.splitlines()[-1] == "1 records due at 2034-03-02 (15 years), 1 more under hold."
    assert (await command(clinic, "due", "--at", "soon"))[0] == 2
    assert (await custodian.post(f"/archive/{visit}/viewing", {"reason": "a complaint"}))[0] == 200

    status, proposed = await custodian.post("/retention/destructions", {"kind": "recordings"})
    assert status == 201
    (destruction,) = proposed["destructions"]
    assert (destruction["waiting"], destruction["yours"], destruction["state"]) == (1, True, "proposed")
    path = f"/retention/destructions/{destruction['id']}"
    _, listed = await second.get(path)
    assert [(one["id"], one["outcome"]) for one in listed["visits"]] == [(visit, "waiting")]
    assert (await custodian.post(f"{path}/confirm"))[1]["code"] == "second_person_needed"
    assert (await second.post(f"{path}/confirm"))[0] == 200
    async with asyncio.timeout(10):
        while (await second.get("/retention/destructions"))[1]["destructions"][0]["state"] != "done":  # noqa: ASYNC110 - as a page asks
            await asyncio.sleep(0.01)

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


async def test_an_operator_is_the_second_person_where_there_is_one_custodian(clinic: RunningClinic) -> None:
    custodian = await clinic.sign_in("custodian")
    (visit,) = await recorded(custodian)
    with closing(sqlite3.connect(clinic.data / "consilium.db")) as connection, connection:
        connection.execute("UPDATE consultations SET finished_at = '2001-03-01 09:00:00' WHERE id = ?", (visit,))
    assert (await command(clinic, "destroy"))[1].startswith("Nothing is proposed.")
    _, proposed = await custodian.post("/retention/destructions", {"kind": "records"})
    named = proposed["destructions"][0]["id"]
    assert named in (await command(clinic, "destroy"))[1]
    assert (await command(clinic, "destroy", "dst_nothing", "--yes"))[0] == 1
    code, _, complaint = await command(clinic, "destroy", named)
    assert (code, "there is nobody to ask" in complaint) == (1, True)
    code, output, complaint = await command(clinic, "destroy", named, "--yes")
    assert (code, output.splitlines()[0], complaint) == (
        0,
        "1 records destroyed, 0 kept (under hold by now, or not due).",
        "",
    )
    assert (await command(clinic, "destroy", named, "--yes"))[0] == 1
    _, record = await custodian.get(f"/archive/{visit}")
    assert (record["messages"], record["note"], record["consultation"]["reason"]) == ([], None, "")
    assert record["destroyed_at"]
    for part in ("transcript.json", "package.zip", "releases"):
        assert (await custodian.get(f"/archive/{visit}/{part}"))[0] in {200, 410}
    code, output, _ = await command(clinic, "verify", visit)
    assert (code, "its manifest is sound" in output) == (0, True)
    code, _, complaint = await command(clinic, "export", visit, "--to", str(clinic.data / "x.zip"), "--reason", "x")
    assert (code, "was destroyed" in complaint, complaint.count("\n")) == (1, True, 1)
    patient = record["consultation"]["patient"]["id"]
    async with clinic.services.store.read() as work:
        login = (await work.people.member(record["consultation"]["clinician"]["id"])).login
    doctor = await clinic.sign_in(login)
    status, chart = await doctor.get(f"/patients/{patient}/history")
    assert (status, [one["note"] for one in chart["consultations"] if one["id"] == visit]) == (200, [None])


async def test_what_is_due_is_the_business_of_custodians(clinic: RunningClinic) -> None:
    for login in ("dr.garcia", "admin"):
        assert (await (await clinic.sign_in(login)).get("/retention/due"))[0] == 404
    custodian = await clinic.sign_in("custodian")
    for at in ("0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z", "2026-01-01T00:00:00"):
        status, _ = await custodian.request("GET", "/retention/due", query={"at": at})
        assert status in {200, 400}
