"""Who saw what of a visit, as custodians read it."""

from care.access_history import ACCESSES
from tests.server_process import RunningClinic


async def test_custodians_read_who_saw_a_visit_with_names_reasons_and_refusals(clinic: RunningClinic) -> None:
    custodian, doctor = await clinic.sign_in("custodian"), await clinic.sign_in("dr.lin")
    _, page = await custodian.request("GET", "/archive", query={"recording": "ready"})
    visit = page["entries"][0]["id"]
    path = f"/archive/{visit}/accesses"
    assert (await doctor.get(f"/archive/{visit}"))[0] == 404
    assert (await custodian.post(f"/archive/{visit}/viewing", {"reason": "asked by a court"}))[0] == 200

    status, shown = await custodian.get(path)
    assert (status, shown["next"]) == (200, None)
    viewed, refused = shown["entries"][:2]
    assert (viewed["action"], viewed["name"], viewed["detail"]) == (
        "recording.view",
        custodian.me["name"],
        "asked by a court",
    )
    assert (refused["action"], refused["name"], refused["outcome"]) == ("archive.read", doctor.me["name"], "refused")
    people = {(entry["role"], entry["name"]) for entry in shown["entries"]}
    assert {("clinician", "Elena García"), ("patient", "Margaret Thompson"), ("", "")} <= people
    assert "archive.accesses" not in {entry["action"] for entry in shown["entries"]}
    assert (await custodian.get(path))[1]["entries"][0]["action"] == "archive.accesses", "looking is noted as well"


async def test_they_come_in_pages_and_to_nobody_else(clinic: RunningClinic) -> None:
    custodian = await clinic.sign_in("custodian")
    visit = (await custodian.get("/archive"))[1]["entries"][0]["id"]
    path = f"/archive/{visit}/accesses"
    for login in ("dr.garcia", "admin"):
        assert (await (await clinic.sign_in(login)).get(path))[0] == 404
    assert (await custodian.get("/archive/con_absent/accesses"))[0] == 404
    for _ in range(ACCESSES):
        await custodian.get(path)
    _, first = await custodian.get(path)
    assert len(first["entries"]) == ACCESSES
    _, second = await custodian.get(path, cursor=str(first["next"]))
    seqs = [entry["seq"] for entry in (*first["entries"], *second["entries"])]
    assert seqs == sorted(set(seqs), reverse=True)
