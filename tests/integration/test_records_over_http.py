"""The patient's record, notes, files and the archive over real HTTP."""

import asyncio
import io
from typing import Any

import aiohttp
import pytest

from care.attachment import FILE_LIMIT_BYTES
from tests.server_process import Browser, RunningClinic

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR" + bytes(60)


async def consultation_of(browser: Browser, *, status: str = "planned", patient: str = "Margaret Thompson") -> str:
    _, answer = await browser.get("/consultations")
    return next(
        str(item["id"])
        for item in answer["consultations"]
        if (item["status"], item["patient"]["name"]) == (status, patient)
    )


async def patient_of(browser: Browser, name: str) -> str:
    _, answer = await browser.get("/patients", q=name)
    (found,) = answer["patients"]
    return str(found["id"])


async def test_a_doctor_finds_their_own_patients_and_reads_the_history(clinic: RunningClinic) -> None:
    doctor = await clinic.sign_in("dr.garcia")
    status, answer = await doctor.get("/patients")
    assert (status, [patient["name"] for patient in answer["patients"]]) == (
        200,
        ["Aarav Patel", "Margaret Thompson", "王芳"],
    )
    patient = await patient_of(doctor, "thomp")
    visit = await consultation_of(doctor)
    status, page = await doctor.get(f"/patients/{patient}/history", consultation=visit)
    assert status == 200
    assert page["patient"]["record_number"] == "MR-000101"
    assert page["conditions"][0]["text"] == "Fracture of the left wrist"
    assert {line["criticality"] for line in page["allergies"]} == {"high", "low"}
    assert page["observations"][0]["at"] < page["observations"][-1]["at"]
    now, recorded, latest, first = page["consultations"]
    assert (now["id"], now["note"], latest["note"]["assessment"][:13]) == (visit, None, "Good response")
    assert (recorded["recording_state"], latest["recording_state"]) == ("ready", None)
    assert first["note"]["addenda"][0]["text"].startswith("Patient telephoned")


async def test_others_find_no_history_and_the_refusal_is_noted(clinic: RunningClinic) -> None:
    patient = await patient_of(await clinic.sign_in("dr.garcia"), "Thompson")
    for login in ("dr.chen", "custodian", "admin"):
        status, problem = await (await clinic.sign_in(login)).get(f"/patients/{patient}/history")
        assert (status, problem["code"]) == (404, "not_found")
    own = await clinic.sign_in("patient")
    assert (await own.get(f"/patients/{patient}/history"))[0] == 200
    by_link = await clinic.open_link(clinic.demonstration.links[0])
    assert (await by_link.get(f"/patients/{patient}/history"))[0] == 404
    async with clinic.services.store.read() as work:
        noted = [line.entry for line in await work.audit.page(object_id=patient)]
    assert [(entry.action, entry.outcome.value) for entry in noted] == [
        ("history.read", "refused"),
        ("history.read", "allowed"),
        ("history.read", "refused"),
    ]


async def test_a_patient_sees_signed_notes_only(clinic: RunningClinic) -> None:
    doctor, patient = await clinic.sign_in("dr.garcia"), await clinic.sign_in("patient")
    visit = await consultation_of(doctor)
    await doctor.put(f"/consultations/{visit}/note", {"version": 0, "plan": "rest"})
    assert (await patient.get(f"/consultations/{visit}/note"))[0] == 404
    await doctor.post(f"/consultations/{visit}/note/sign", {"version": 1})
    status, note = await patient.get(f"/consultations/{visit}/note")
    assert (status, note["plan"], note["signed_by_name"]) == (200, "rest", "Elena García")


async def test_a_note_is_saved_as_typed_then_signed_then_amended(clinic: RunningClinic) -> None:
    doctor = await clinic.sign_in("dr.garcia")
    path = f"/consultations/{await consultation_of(doctor)}/note"
    assert (await doctor.get(path))[1]["version"] == 0
    assert (await doctor.post(f"{path}/sign", {"version": 0}))[1]["code"] == "note.empty"
    status, note = await doctor.put(path, {"version": 0, "subjective": "胸闷", "plan": "rest"})
    assert (status, note["version"], note["subjective"]) == (200, 1, "胸闷")
    assert (await doctor.put(path, {"version": 0, "plan": "other tab"}))[1]["code"] == "conflict"
    assert (await doctor.post(f"{path}/addenda", {"text": "early"}))[1]["code"] == "note.unsigned"
    assert (await doctor.post(f"{path}/sign", {"version": 1}))[1]["signed_by_name"] == "Elena García"
    assert (await doctor.put(path, {"version": 1, "plan": "after"}))[1]["code"] == "note.signed"
    status, note = await doctor.post(f"{path}/addenda", {"text": "Laboratory came."})
    assert (status, [item["text"] for item in note["addenda"]], note["plan"]) == (201, ["Laboratory came."], "rest")


async def test_nobody_else_writes_or_reads_the_note_of_a_running_visit(clinic: RunningClinic) -> None:
    doctor = await clinic.sign_in("dr.garcia")
    path = f"/consultations/{await consultation_of(doctor)}/note"
    await doctor.put(path, {"version": 0, "plan": "rest"})
    for login in ("dr.lin", "patient", "custodian", "admin"):
        other = await clinic.sign_in(login)
        assert (await other.get(path))[0] == 404
        assert (await other.put(path, {"version": 1, "plan": "mine"}))[0] == 404


async def test_a_treating_doctor_adds_to_the_history(clinic: RunningClinic) -> None:
    doctor = await clinic.sign_in("dr.garcia")
    base = f"/patients/{await patient_of(doctor, 'Thompson')}"
    for kind, body in (
        ("conditions", {"text": "Vitamin D deficiency", "code": "E55.9", "onset": "2026-11-01"}),
        ("allergies", {"substance": "Latex", "criticality": "low"}),
        ("medications", {"text": "Colecalciferol 1000 IU", "dosage": "1 a day", "since": "2026-11-01"}),
        ("observations", {"text": "Heart rate", "code": "8867-4", "value": 72, "unit": "/min"}),
    ):
        status, entry = await doctor.post(f"{base}/{kind}", body)
        assert status == 201
        page = (await doctor.get(f"{base}/history"))[1]
        assert entry["id"] in [line["id"] for line in page[kind]]
        assert (await (await clinic.sign_in("dr.chen")).post(f"{base}/{kind}", body))[0] == 404


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("conditions", {"text": ""}),
        ("conditions", {"text": "x", "clinical_status": "cured"}),
        ("conditions", {"text": "x", "surprise": 1}),
        ("medications", {"text": "x", "since": "2026-02-02", "until": "2026-01-01"}),
        ("observations", {"text": "x", "value": "high"}),
        ("observations", {"text": "x", "value": 1e300}),
        ("observations", {"text": "x", "value": 1, "low": 9, "high": 1}),
        ("observations", {"text": "x", "value": 1, "at": "2026-01-01T00:00:00"}),
    ],
)
async def test_entries_that_make_no_sense_are_refused(clinic: RunningClinic, kind: str, body: dict[str, Any]) -> None:
    doctor = await clinic.sign_in("dr.garcia")
    status, problem = await doctor.post(f"/patients/{await patient_of(doctor, 'Thompson')}/{kind}", body)
    assert (status, problem["code"]) == (400, "invalid")


async def test_a_file_is_stored_by_its_content_and_comes_back_as_a_download(clinic: RunningClinic) -> None:
    patient = await clinic.open_link(clinic.demonstration.links[0])
    path = f"/consultations/{await consultation_of(patient)}/attachments"
    status, file = await patient.request(
        "POST", path, data=PNG, headers={"Content-Type": "text/html"}, query={"name": '../皮疹 ".html'}
    )
    assert (status, file["name"], file["content_type"], file["size_bytes"]) == (
        201,
        "皮疹 _.html.png",
        "image/png",
        len(PNG),
    )
    async with patient.response("GET", f"{path}/{file['id']}") as response:
        assert await response.read() == PNG
        headers = response.headers
    assert headers["Content-Type"] == "image/png"
    assert headers["Content-Disposition"].startswith('attachment; filename="__ _.html.png"; ')
    assert headers["Content-Disposition"].endswith("filename*=UTF-8''%E7%9A%AE%E7%96%B9%20_.html.png")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in headers["Content-Security-Policy"]
    assert "no-store" in headers["Cache-Control"]


async def test_pages_and_programs_are_refused_as_files(clinic: RunningClinic) -> None:
    patient = await clinic.open_link(clinic.demonstration.links[0])
    path = f"/consultations/{await consultation_of(patient)}/attachments"
    for content in (b"<html><script>alert(1)</script>", b"<svg onload='alert(1)'/>", b"MZ\x90\x00", b""):
        status, problem = await patient.request("POST", path, data=content)
        assert (status, problem["code"]) == (415, "attachment.refused")


async def test_a_file_past_the_limit_is_refused_before_it_has_arrived(clinic: RunningClinic) -> None:
    patient = await clinic.open_link(clinic.demonstration.links[0])
    path = f"{clinic.url}/api/v1/consultations/{await consultation_of(patient)}/attachments"

    async def endless() -> Any:
        while True:
            yield b"words " * 10_000

    headers = {"Authorization": f"Bearer {patient.token}"}
    try:
        async with patient.http.post(path, data=endless(), headers=headers) as response:
            assert response.status == 413
    except aiohttp.ClientError:
        pass  # the server hung up while we were still sending
    async with patient.http.post(path, data=io.BytesIO(b"x" * (FILE_LIMIT_BYTES + 1)), headers=headers) as response:
        assert response.status == 413
    assert not [path for path in (clinic.data / "blobs" / "attachments").rglob("*") if path.is_file()]


async def test_an_upload_that_breaks_off_leaves_nothing(clinic: RunningClinic) -> None:
    patient = await clinic.open_link(clinic.demonstration.links[0])
    visit = await consultation_of(patient)
    host, port = clinic.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"POST /api/v1/consultations/{visit}/attachments HTTP/1.1\r\nHost: {host}\r\n"
        f"Authorization: Bearer {patient.token}\r\nContent-Length: 1000000\r\n\r\n".encode()
        + b"words " * 40_000
    )
    await writer.drain()
    store = clinic.services.store

    async def pending() -> int:
        async with store.read() as work:
            return len(await work.attachments.pending())

    async with asyncio.timeout(5):
        while not await pending():  # noqa: ASYNC110 - the server is watched from outside
            await asyncio.sleep(0.01)
        writer.close()
        while await pending():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert not [path for path in (clinic.data / "blobs" / "attachments").rglob("*") if path.is_file()]


async def test_the_custodian_finds_visits_in_chinese_and_english(clinic: RunningClinic) -> None:
    custodian = await clinic.sign_in("custodian")
    for words, names in (
        ("李秀英", {"李秀英"}),
        ("thompson garcia", {"Margaret Thompson"}),
        ("皮肤科", {"刘洋", "Emma Novak"}),
        ("dermatology novak", {"Emma Novak"}),
        ("O'Connor", {"James O'Connor"}),
        ("nobody", set()),
    ):
        status, page = await custodian.get("/archive", q=words)
        assert (status, {entry["patient"]["name"] for entry in page["entries"]}) == (200, names)
    status, page = await custodian.get("/archive")
    assert (len(page["entries"]), page["next"]) == (16, None)
    assert page["entries"] == sorted(page["entries"], key=lambda entry: entry["scheduled_at"], reverse=True)


async def test_the_archive_refuses_what_it_does_not_understand(clinic: RunningClinic) -> None:
    custodian = await clinic.sign_in("custodian")
    for query in ({"cursor": "nonsense"}, {"from": "yesterday"}, {"from": "2026-01-01T00:00:00"}, {"sort": "name"}):
        status, problem = await custodian.get("/archive", **query)
        assert (status, problem["code"]) == (400, "invalid")
    status, page = await custodian.get(
        "/archive", **{"from": "2020-01-01T00:00:00Z", "to": "2020-02-01T00:00:00+08:00"}
    )
    assert (status, page["entries"]) == (200, [])


async def test_a_doctor_finds_their_own_visits_and_others_none(clinic: RunningClinic) -> None:
    doctor = await clinic.sign_in("dr.garcia")
    _, page = await doctor.get("/archive")
    assert {entry["clinician"]["name"] for entry in page["entries"]} == {"Elena García"}
    other = (await (await clinic.sign_in("dr.lin")).get("/archive"))[1]["entries"][0]
    assert (await doctor.get("/archive", clinician=other["clinician"]["id"]))[1]["entries"] == []
    assert (await doctor.get(f"/archive/{other['id']}"))[0] == 404
    for login in ("admin", "patient"):
        assert (await (await clinic.sign_in(login)).get("/archive"))[0] == 404


async def test_the_record_of_a_visit_has_people_events_chat_consents_and_the_note(clinic: RunningClinic) -> None:
    custodian = await clinic.sign_in("custodian")
    (entry,) = (await custodian.get("/archive", q="李秀英"))[1]["entries"]
    status, record = await custodian.get(f"/archive/{entry['id']}")
    assert status == 200
    assert record["consultation"]["id"] == entry["id"]
    assert [person["role"] for person in record["participants"]] == ["patient", "guest", "clinician"]
    assert record["timeline"][0]["kind"] == "room_opened"
    assert record["timeline"][-1]["kind"] == "visit_finished"
    assert record["messages"][0]["text"] == "李阿姨您好，请让女儿帮忙把手机对准脚踝。"
    assert {consent["decision"] for consent in record["consents"]} == {"given"}
    assert "录音录像" in record["consents"][0]["text"]
    assert record["note"]["signed_by_name"] == "林静怡"
    assert record["recording"] is None


async def test_transcripts_are_downloads_that_run_nothing(clinic: RunningClinic) -> None:
    custodian = await clinic.sign_in("custodian")
    (entry,) = (await custodian.get("/archive", q="李秀英"))[1]["entries"]
    path = f"/archive/{entry['id']}/transcript"
    async with custodian.response("GET", f"{path}.json") as response:
        transcript = await response.json()
        assert response.headers["Content-Disposition"].startswith("attachment; ")
    assert len(transcript["messages"]) == 7
    async with custodian.response("GET", f"{path}.html", query={"zone": "Asia/Shanghai"}) as response:
        page = await response.text()
        assert response.content_type == "text/html"
        assert response.headers["Content-Disposition"].startswith("attachment; ")
        assert "sandbox" in response.headers["Content-Security-Policy"]
    assert "问诊记录" in page
    assert "UTC+08:00" in page
    assert (await custodian.get(f"{path}.html", zone="Nowhere/Land"))[0] == 400
    assert (await clinic.stranger().get(f"{path}.json"))[0] == 401
    assert (await (await clinic.sign_in("dr.chen")).get(f"{path}.json"))[0] == 404


async def test_a_reason_opens_the_recording_for_the_browser_that_gave_it(clinic: RunningClinic) -> None:
    custodian = await clinic.sign_in("custodian")
    (entry,) = (await custodian.get("/archive", q="thompson laboratory"))[1]["entries"]
    assert entry["recording"]["state"] == "ready"
    status, record = await custodian.get(f"/archive/{entry['id']}")
    recording = record["recording"]
    assert (status, recording["duration_ms"], len(recording["segments"]), recording["gaps"]) == (200, 24_000, 4, [])
    assert [span["offset_ms"] for span in recording["spans"]] == [0]
    assert {segment["offset_ms"] for segment in recording["segments"]} == {0}
    assert [message["offset_ms"] for message in record["messages"]] == [4800, 9600, 14_400, 19_200]
    status, viewing = await custodian.post(f"/archive/{entry['id']}/viewing", {"reason": "Quality review"})
    assert (status, viewing["media_url"]) == (200, f"/api/v1/archive/{entry['id']}/media")
    token, custodian.token = custodian.token, None  # as a video element: cookies only
    async with custodian.response("GET", f"/archive/{entry['id']}/media", headers={"Range": "bytes=0-3"}) as response:
        assert (response.status, await response.read()) == (206, b"\x1a\x45\xdf\xa3")
    async with custodian.response("GET", f"/archive/{entry['id']}/transcript.html") as response:
        assert response.status == 200
    other = (await (await clinic.sign_in("custodian")).get("/archive", q="李秀英"))[1]["entries"][0]["id"]
    assert (await custodian.get(f"/archive/{other}/media"))[0] == 401
    assert (await clinic.stranger().get(f"/archive/{entry['id']}/media"))[0] == 401
    custodian.token = token
    async with clinic.services.store.read() as work:
        noted = [line.entry for line in await work.audit.page(object_id=entry["id"], limit=10)]
    assert ("recording.view", "Quality review") in [(item.action, item.detail) for item in noted]


async def test_there_is_nothing_to_watch_where_nothing_was_recorded(clinic: RunningClinic) -> None:
    custodian = await clinic.sign_in("custodian")
    (entry,) = (await custodian.get("/archive", q="李秀英"))[1]["entries"]
    status, problem = await custodian.post(f"/archive/{entry['id']}/viewing", {"reason": "Quality review"})
    assert (status, problem["code"]) == (404, "not_found")
    assert (await custodian.post(f"/archive/{entry['id']}/viewing", {"reason": ""}))[0] == 400


async def test_every_reading_of_a_patients_data_is_in_the_access_log(clinic: RunningClinic) -> None:
    custodian = await clinic.sign_in("custodian")
    (entry,) = (await custodian.get("/archive", q="李秀英"))[1]["entries"]
    await custodian.get(f"/archive/{entry['id']}")
    async with custodian.response("GET", f"/archive/{entry['id']}/transcript.html") as response:
        assert response.status == 200
    await custodian.get(f"/consultations/{entry['id']}/note")
    async with clinic.services.store.read() as work:
        noted = [line.entry for line in await work.audit.page(object_id=entry["id"], limit=3)]
    assert [(item.action, item.detail, item.role) for item in noted] == [
        ("note.read", "", "custodian"),
        ("archive.read", "transcript.html", "custodian"),
        ("archive.read", "", "custodian"),
    ]
