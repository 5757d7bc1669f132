"""Legal holds over HTTP: two custodians, every step in the access log, nobody else."""

from tests.server_process import Browser, RunningClinic

PASSWORD = "a good long password"


async def second_custodian(clinic: RunningClinic) -> Browser:
    admin = await clinic.sign_in("admin")
    account = {
        "login": "second",
        "name": "Second Custodian",
        "role": "custodian",
        "language": "en",
        "password": PASSWORD,
    }
    status, answer = await admin.post("/people", account)
    assert status == 201, answer
    return await clinic.sign_in("second", PASSWORD)


async def archived(custodian: Browser) -> str:
    _, page = await custodian.get("/archive")
    return str(page["entries"][0]["id"])


async def test_one_asks_and_another_confirms_for_setting_and_for_lifting(clinic: RunningClinic) -> None:
    first, second = await clinic.sign_in("custodian"), await second_custodian(clinic)
    visit = await archived(first)
    path = f"/archive/{visit}/holds"
    assert await first.get(path) == (200, {"holds": []})

    status, problem = await first.post(path, {"step": "ask", "reason": "  "})
    assert (status, problem["code"]) == (400, "invalid")
    status, asked = await first.post(path, {"step": "ask", "reason": "a lawsuit"})
    assert status == 200
    assert (asked["holds"][0]["state"], asked["holds"][0]["mine"]) == ("asked", True)
    status, problem = await first.post(path, {"step": "confirm"})
    assert (status, problem["code"]) == (409, "second_person_needed")
    assert (await second.post(path, {"step": "ask", "reason": "another lawsuit"}))[0] == 409
    assert (await second.post(path, {"step": "lift"}))[0] == 409

    assert (await second.get(path))[1]["holds"][0]["mine"] is False
    _, confirmed = await second.post(path, {"step": "confirm"})
    hold = confirmed["holds"][0]
    assert (hold["state"], hold["set_by"], hold["reason"]) == ("set", "Second Custodian", "a lawsuit")

    assert (await second.post(path, {"step": "ask_lift", "reason": "settled"}))[0] == 200
    assert (await second.post(path, {"step": "lift"}))[0] == 409
    _, lifted = await first.post(path, {"step": "lift"})
    assert (lifted["holds"][0]["state"], len(lifted["holds"])) == ("lifted", 1)
    _, again = await first.post(path, {"step": "ask", "reason": "an appeal"})
    assert [hold["state"] for hold in again["holds"]] == ["asked", "lifted"]
    _, withdrawn = await second.post(path, {"step": "withdraw"})
    assert [hold["state"] for hold in withdrawn["holds"]] == ["withdrawn", "lifted"]

    async with clinic.services.store.read() as work:
        entries = [chained.entry for chained in await work.audit.page(object_id=visit, limit=50)]
    noted = [entry.detail for entry in reversed(entries) if entry.action == "hold.change"]
    assert noted == ["ask a lawsuit", "confirm", "ask_lift settled", "lift", "ask an appeal", "withdraw"]


async def test_what_waits_for_a_second_person_is_counted_and_found(clinic: RunningClinic) -> None:
    first, second = await clinic.sign_in("custodian"), await second_custodian(clinic)
    visit = await archived(first)

    async def awaiting(custodian: Browser) -> tuple[int, list[str]]:
        _, count = await custodian.get("/holds")
        _, page = await custodian.get("/archive", hold="awaiting")
        return count["awaiting"], [entry["id"] for entry in page["entries"]]

    async def held() -> list[tuple[str, str]]:
        _, page = await first.get("/archive", hold="open")
        return [(entry["id"], entry["hold"]) for entry in page["entries"]]

    assert (await awaiting(second), await held()) == ((0, []), [])
    path = f"/archive/{visit}/holds"
    await first.post(path, {"step": "ask", "reason": "a lawsuit"})
    assert await awaiting(first) == (0, []), "one's own request waits for somebody else"
    assert await awaiting(second) == (1, [visit])
    assert await held() == [(visit, "asked")]
    await second.post(path, {"step": "confirm"})
    assert (await awaiting(second), await held()) == ((0, []), [(visit, "set")])
    await second.post(path, {"step": "ask_lift", "reason": "settled"})
    assert (await awaiting(first), await held()) == ((1, [visit]), [(visit, "lift_asked")])
    await first.post(path, {"step": "lift"})
    assert (await awaiting(first), await held()) == ((0, []), [])


async def test_holds_are_the_business_of_custodians(clinic: RunningClinic) -> None:
    custodian = await clinic.sign_in("custodian")
    visit = await archived(custodian)
    path = f"/archive/{visit}/holds"
    for login in ("dr.garcia", "admin"):
        other = await clinic.sign_in(login)
        assert (await other.get(path))[0] == 404
        assert (await other.get("/holds"))[0] == 404
        assert (await other.post(path, {"step": "ask", "reason": "a lawsuit"}))[0] == 404
    assert (await custodian.get(path))[1] == {"holds": []}
    assert (await custodian.post(path, {"step": "ask", "reason": "a lawsuit"}))[0] == 200
    doctor = await clinic.sign_in("dr.garcia")
    assert (await doctor.get("/archive", hold="open"))[0] == 404
    _, page = await doctor.get("/archive")
    assert {entry["hold"] for entry in page["entries"]} == {None}
    assert (await custodian.post("/archive/con_absent/holds", {"step": "ask", "reason": "a lawsuit"}))[0] == 404
    assert (await custodian.post(path, {"step": "burn"}))[0] == 400
