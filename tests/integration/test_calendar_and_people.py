"""Planning, inviting and managing people over real HTTP, by those who may and not by others."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.server_process import Browser, RunningClinic

PASSWORD = "a long enough phrase"


async def planned(doctor: Browser, **changes: Any) -> tuple[int, Any]:
    _, patients = await doctor.get("/patients", q="")
    body = {
        "patient": patients["patients"][0]["id"],
        "clinician": doctor.me["subject"],
        "scheduled_at": "2030-03-01T09:30:00+08:00",
        "planned_minutes": 20,
        "reason": "Follow-up of blood pressure",
    }
    return await doctor.post("/consultations", {**body, **changes})


async def test_a_doctor_plans_finds_and_cancels_a_consultation(clinic: RunningClinic) -> None:
    doctor = await clinic.sign_in("dr.garcia")
    status, consultation = await planned(doctor)
    assert status == 201, consultation
    assert consultation["scheduled_at"] == "2030-03-01T01:30:00Z"
    assert consultation["status"] == "planned"
    _, that_day = await doctor.get("/consultations", day="2030-03-01", zone="Asia/Shanghai")
    assert [one["id"] for one in that_day["consultations"]] == [consultation["id"]]
    _, day_before = await doctor.get("/consultations", day="2030-02-28", zone="Asia/Shanghai")
    assert day_before["consultations"] == []
    status, cancelled = await doctor.post(f"/consultations/{consultation['id']}/cancel")
    assert (status, cancelled["status"]) == (200, "cancelled")


async def test_what_makes_no_consultation_is_refused_by_field(clinic: RunningClinic) -> None:
    doctor = await clinic.sign_in("dr.garcia")
    for field, value in (
        ("scheduled_at", "2030-03-01T09:30:00"),  # no zone
        ("scheduled_at", "tomorrow"),
        ("planned_minutes", 0),
        ("planned_minutes", 1e9),
        ("reason", ""),
        ("reason", "x" * 3000),
        ("surprise", 1),
    ):
        status, problem = await planned(doctor, **{field: value})
        assert (status, problem["code"]) == (400, "invalid"), field
        assert field in problem["detail"]
    for query in (
        {"day": "2030-02-30"},
        {"day": "2030-03-01", "zone": "Mars/Olympus"},
        {"day": "2030-03-01", "zone": "../x"},
    ):
        status, problem = await doctor.get("/consultations", **query)
        assert (status, problem["code"]) == (400, "invalid"), query


async def test_a_doctor_plans_for_nobody_else(clinic: RunningClinic) -> None:
    doctor, other = await clinic.sign_in("dr.garcia"), await clinic.sign_in("dr.lin")
    status, problem = await planned(doctor, clinician=other.me["subject"])
    assert (status, problem["code"]) == (404, "not_found")


async def test_a_consultation_is_absent_for_those_whom_it_does_not_concern(clinic: RunningClinic) -> None:
    doctor = await clinic.sign_in("dr.garcia")
    _, consultation = await planned(doctor)
    stranger = await clinic.open_link(clinic.demonstration.links[1])
    for browser in (stranger, await clinic.sign_in("dr.sun")):
        seen = await browser.get(f"/consultations/{consultation['id']}")
        absent = await browser.get("/consultations/con_absent")
        assert seen[0] == absent[0] == 404
        assert {**seen[1], "request_id": ""} == {**absent[1], "request_id": ""}
        assert (await browser.get(f"/consultations/{consultation['id']}/seat"))[0] == 404


async def test_a_link_is_made_shown_once_opened_and_revoked(clinic: RunningClinic) -> None:
    doctor = await clinic.sign_in("dr.garcia")
    _, consultation = await planned(doctor)
    path = f"/consultations/{consultation['id']}/invitations"
    assert (await doctor.post(path, {"relation": "boss", "name": "Wei", "language": "zh-CN"}))[0] == 400
    status, issued = await doctor.post(path, {"relation": "interpreter", "name": "Wei", "language": "zh-CN"})
    assert status == 201, issued
    assert issued["link"].startswith(clinic.url + "/join#")
    secret = issued["link"].partition("#")[2]
    guest = await clinic.open_link(secret)
    assert guest.me["role"] == "guest"
    assert guest.me["name"] == "Wei"
    status, seat = await guest.get(f"/consultations/{consultation['id']}/seat")
    assert (status, seat) == (
        200,
        {
            "role": "guest",
            "name": "Wei",
            "clinician": {"name": consultation["clinician"]["name"]},
            "department": {key: consultation["department"][key] for key in ("name_en", "name_zh")},
            "scheduled_at": consultation["scheduled_at"],
        },
    )
    assert (await guest.get(f"/consultations/{consultation['id']}"))[0] == 404, "no more than that is for guests"
    _, listed = await doctor.get(path)
    assert [one["id"] for one in listed["invitations"]] == [issued["invitation"]["id"]]
    assert secret not in str(listed)
    status, revoked = await doctor.delete(f"{path}/{issued['invitation']['id']}")
    assert (status, revoked["open"]) == (200, False)
    assert (await guest.get(f"/consultations/{consultation['id']}/seat"))[0] == 404
    status, problem = await clinic.stranger().post("/session/invitation", {"secret": secret})
    assert (status, problem["code"]) == (404, "invitation.closed")


async def test_an_account_is_opened_used_and_closed(clinic: RunningClinic) -> None:
    admin = await clinic.sign_in("admin")
    _, departments = await admin.get("/departments")
    new = {
        "login": "dr.new",
        "password": PASSWORD,
        "name": "Noor Haddad",
        "role": "clinician",
        "language": "en",
        "title": "Cardiologist",
        "department": departments["departments"][0]["id"],
    }
    status, member = await admin.post("/people", new)
    assert status == 201, member
    assert "password" not in str(member)
    doctor = await clinic.sign_in("dr.new", PASSWORD)
    assert (await admin.post("/people", new))[0] == 409
    status, closed = await admin.patch(f"/people/{member['id']}", {"active": False})
    assert (status, closed["active"], closed["name"]) == (200, False, "Noor Haddad")
    status, _ = await doctor.request("POST", "/session/refresh", headers={"X-Consilium": "1"})
    assert status == 401
    status, _ = await clinic.stranger().post("/session", {"login": "dr.new", "password": PASSWORD})
    assert status == 401


async def test_an_administrator_does_not_lock_themselves_out(clinic: RunningClinic) -> None:
    admin = await clinic.sign_in("admin")
    status, problem = await admin.patch(f"/people/{admin.me['subject']}", {"active": False})
    assert (status, problem["code"]) == (400, "invalid")


async def test_a_patient_begins_a_record_and_gets_an_account(clinic: RunningClinic) -> None:
    admin = await clinic.sign_in("admin")
    record = {"name": "Jo", "birth_date": "1990-05-01", "sex": "female", "language": "en", "record_number": "MR-900001"}
    status, patient = await admin.post("/patients", record)
    assert status == 201, patient
    assert (await admin.post("/patients", record))[0] == 409
    account = {"login": "jo", "password": PASSWORD, "name": "Jo", "role": "patient", "language": "en"}
    assert (await admin.post("/people", account))[0] == 400  # whose record?
    assert (await admin.post("/people", {**account, "patient": patient["id"]}))[0] == 201
    jo = await clinic.sign_in("jo", PASSWORD)
    assert jo.me["patient"] == patient["id"]


async def test_a_weak_password_and_a_strange_name_are_refused(clinic: RunningClinic) -> None:
    admin = await clinic.sign_in("admin")
    good = {"login": "x.y", "password": PASSWORD, "name": "X", "role": "custodian", "language": "en"}
    for field, value, code in (
        ("password", "short", "password.refused"),
        ("name", "line\nbreak", "invalid"),
        ("name", "", "invalid"),
        ("login", "two words", "invalid"),
        ("role", "guest", "invalid"),
        ("role", "emperor", "invalid"),
        ("language", "tlh", "invalid"),
        ("department", "dep_absent", "not_found"),
    ):
        status, problem = await admin.post("/people", {**good, field: value})
        assert problem["code"] == code, (field, status, problem)


async def test_the_access_log_says_who_did_what_but_not_what_it_says(clinic: RunningClinic) -> None:
    doctor = await clinic.sign_in("dr.garcia")
    _, consultation = await planned(doctor, reason="a very private reason")
    admin = await clinic.sign_in("admin")
    status, page = await admin.get("/audit", limit="5")
    assert status == 200
    assert len(page["entries"]) == 5
    assert [entry["seq"] for entry in page["entries"]] == list(range(page["next"] + 4, page["next"] - 1, -1))
    _, about = await admin.get("/audit", object=consultation["id"])
    assert about["entries"][0]["action"] == "consultation.create"
    assert about["entries"][0]["actor"] == doctor.me["participant"]
    assert "private" not in str(about)
    _, older = await admin.get("/audit", cursor=str(page["next"]), limit="5")
    assert older["entries"][0]["seq"] == page["next"] - 1


async def test_times_are_utc_with_a_z(clinic: RunningClinic) -> None:
    doctor = await clinic.sign_in("dr.garcia")
    _, listed = await doctor.get("/consultations")
    for consultation in listed["consultations"]:
        assert consultation["scheduled_at"].endswith("Z")
        assert datetime.fromisoformat(consultation["scheduled_at"]) - datetime.now(UTC) < timedelta(days=400)  # noqa: TID251
