"""A finished visit's recording, from the background job to a player that asks for parts of it."""

import asyncio
import hashlib
import io
import json
import sys
import zipfile
from pathlib import Path

import aiohttp
import pytest

from care.ports import ConsultationFilter
from care.recording import RecordingState
from kernel.ids import ParticipantId, RoomId
from records.package import ArchivePackager
from records.package_check import check
from rooms.events import RecordingStarted, RoomOpened, VisitFinished
from tests.recorded_visit import RECORDING, SECONDS, Visit, happen, is_ready, recorded_visit
from tests.server_process import RunningClinic, run_command
from tests.synthetic_rtp import decode
from tests.waiting import until


@pytest.fixture
async def visit(clinic: RunningClinic) -> Visit:
    return await recorded_visit(clinic)


async def test_a_finished_visit_is_composed_and_played_by_parts(visit: Visit, tmp_path: Path) -> None:
    clinic, consultation = visit.clinic, visit.consultation
    custodian = await clinic.sign_in("custodian")
    assert (await custodian.post(f"/archive/{consultation}/viewing", {"reason": "a complaint"}))[0] == 404
    clinic.services.composition.finished(RoomId(consultation))
    recording = await visit.until(is_ready)
    assert recording.duration_ms == pytest.approx(SECONDS * 1000, abs=50)
    assert recording.progress == 100

    media = f"/archive/{consultation}/media"
    status, viewing = await custodian.post(f"/archive/{consultation}/viewing", {"reason": "a complaint"})
    assert (status, viewing["media_url"]) == (200, f"/api/v1{media}")
    custodian.token = None  # a player has the cookie only
    async with custodian.response("GET", media) as response:
        assert response.status == 200
        assert response.headers["Accept-Ranges"] == "bytes"
        assert response.content_type == "video/webm"
        whole = await response.read()
    assert (len(whole), hashlib.sha256(whole).hexdigest()) == (recording.size_bytes, recording.sha256)
    film = await asyncio.to_thread(decode, io.BytesIO(whole))
    assert film.colour(2500, 0.5, 0.6) == pytest.approx((90, 190, 90), abs=12)
    assert film.loudness(440, 1150, 1950) > 0.07

    async with custodian.response("GET", media, headers={"Range": "bytes=1000-1999"}) as response:
        assert response.status == 206
        assert response.headers["Content-Range"] == f"bytes 1000-1999/{len(whole)}"
        assert await response.read() == whole[1000:2000]
        etag = response.headers["ETag"]
    async with custodian.response("GET", media, headers={"Range": "bytes=-10", "If-Range": etag}) as response:
        assert await response.read() == whole[-10:]
    async with custodian.response("GET", media, headers={"Range": "bytes=-10", "If-Range": '"old"'}) as response:
        assert response.status == 200
    async with custodian.response("GET", media, headers={"Range": f"bytes={len(whole)}-"}) as response:
        assert response.status == 416
        assert response.headers["Content-Range"] == f"bytes */{len(whole)}"
    async with custodian.response("GET", media, query={"download": "1"}) as response:
        assert response.headers["Content-Disposition"].startswith("attachment")

    stored = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
    assert whole[40:200] not in stored


async def test_only_who_may_watch_watches(visit: Visit) -> None:
    clinic, consultation = visit.clinic, visit.consultation
    clinic.services.composition.finished(RoomId(consultation))
    await visit.until(is_ready)
    path = f"/archive/{consultation}/media"
    assert (await clinic.stranger().get(path))[0] == 401
    for link in clinic.demonstration.links:
        assert (await (await clinic.open_link(link)).get(path))[0] == 404
    assert (await (await clinic.sign_in("admin")).get(path))[0] == 404
    doctor = await clinic.sign_in("dr.garcia")
    async with doctor.response("GET", path, headers={"Range": "bytes=0-9"}) as response:
        assert response.status == 206
    async with clinic.services.store.read() as work:
        entries = [chained.entry for chained in await work.audit.page(object_id=consultation, limit=50)]
    assert any(seen.action == "recording.view" and "media.webm" in seen.detail for seen in entries)
    assert any(seen.action == "recording.view" and seen.outcome == "refused" for seen in entries)


async def test_a_custodian_checks_and_what_was_altered_is_not_played(visit: Visit) -> None:
    clinic, consultation = visit.clinic, visit.consultation
    custodian = await clinic.sign_in("custodian")
    check, reason = f"/archive/{consultation}/check", {"reason": "a complaint"}
    assert (await (await clinic.sign_in("dr.garcia")).post(check))[0] == 404
    clinic.services.composition.finished(RoomId(consultation))
    recording = await visit.until(is_ready)
    before = (await custodian.get(f"/archive/{consultation}"))[1]["integrity"]
    assert (before["check"], len(before["root"])) == (None, 64)
    status, sound = await custodian.post(check)
    assert (status, sound["check"]["fault"], sound["check"]["segments"]) == (200, None, 2)

    film = clinic.services.blobs.root / recording.blob
    content = bytearray(film.read_bytes())
    content[len(content) // 2] ^= 1
    film.write_bytes(content)
    assert (await custodian.post(check))[1]["check"] | {"at": ""} == {
        "at": "",
        "fault": "film_changed",
        "file": recording.blob,
        "segments": 2,
    }
    status, problem = await custodian.post(f"/archive/{consultation}/viewing", reason)
    assert (status, problem["code"], problem["detail"]) == (409, "recording_altered", "film_changed")
    assert (await custodian.get(f"/archive/{consultation}/media"))[0] == 409
    async with clinic.services.store.read() as work:
        entries = [chained.entry for chained in await work.audit.page(object_id=consultation, limit=50)]
    refused = [seen.detail for seen in entries if seen.action == "recording.view" and seen.outcome == "refused"]
    assert refused == [f"film_changed {recording.blob}"] * 2
    assert (await custodian.get(f"/archive/{consultation}"))[1]["integrity"]["check"]["fault"] == "film_changed"

    content[len(content) // 2] ^= 1
    film.write_bytes(content)
    assert (await custodian.post(f"/archive/{consultation}/viewing", reason))[0] == 200


async def test_a_package_is_taken_from_the_page_and_by_command_and_both_prove_themselves(
    visit: Visit, tmp_path: Path
) -> None:
    clinic, consultation = visit.clinic, visit.consultation
    custodian, doctor = await clinic.sign_in("custodian"), await clinic.sign_in("dr.garcia")
    clinic.services.composition.finished(RoomId(consultation))
    recording = await visit.until(is_ready)
    path = f"/archive/{consultation}/package.zip"
    assert (await doctor.get(path))[0] == 404
    assert (await custodian.post(f"/archive/{consultation}/viewing", {"reason": "a court asks"}))[0] == 200
    custodian.token = None  # a download has the cookie only
    async with custodian.response("GET", path) as response:
        assert (response.status, response.content_type) == (200, "application/zip")
        page = io.BytesIO(await response.read())
    file = tmp_path / "package.zip"
    arguments = ("archive", "export", consultation, "--to", str(file), "--reason", "a court asks")
    done = await asyncio.to_thread(run_command, *arguments, data=clinic.data)
    assert (done.returncode, done.stderr) == (0, "")
    assert file.stat().st_mode & 0o077 == 0
    again = await asyncio.to_thread(run_command, *arguments, data=clinic.data)
    assert (again.returncode, "File exists" in again.stderr) == (1, True)
    shown = await asyncio.to_thread(run_command, "archive", "keys", "--json", data=clinic.data)
    keys = [key["public"] for key in json.loads(shown.stdout)["keys"]]
    for number, package in enumerate((page, file)):
        with zipfile.ZipFile(package) as content:
            content.extractall(tmp_path / str(number))
        folder = tmp_path / str(number) / f"consilium-{consultation}"
        assert check(folder, keys)[-1].startswith("handed out")
        assert hashlib.sha256((folder / "film.webm").read_bytes()).hexdigest() == recording.sha256
    async with clinic.services.store.read() as work:
        entries = [chained.entry for chained in await work.audit.page(object_id=consultation, limit=50)]
    taken = [(seen.role, seen.outcome) for seen in entries if seen.action == "archive.export"]
    assert taken == [("", "allowed"), ("custodian", "allowed"), ("clinician", "refused")]

    (clinic.services.blobs.root / recording.blob).unlink()
    checked = await asyncio.to_thread(run_command, "archive", "verify", "--all", "--json", data=clinic.data)
    assert checked.returncode == 1
    faults = {told["consultation"]: told["fault"] for told in map(json.loads, checked.stdout.splitlines())}
    assert faults.pop(consultation) == {"kind": "film_missing", "file": recording.blob}
    assert set(faults.values()) == {None}
    refused = await asyncio.to_thread(run_command, *arguments, data=clinic.data)
    assert (refused.returncode, "the film is missing" in refused.stderr) == (1, True)


async def test_a_download_that_fails_on_its_way_breaks_off_at_once(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*_arguments: object, **_options: object) -> None:
        await asyncio.to_thread(int)  # the head of the answer is on its way meanwhile
        raise RuntimeError("a defect")

    visit.clinic.services.composition.finished(RoomId(visit.consultation))
    await visit.until(is_ready)
    monkeypatch.setattr(ArchivePackager, "write", failing)
    custodian = await visit.clinic.sign_in("custodian")
    async with asyncio.timeout(10):
        with pytest.raises(aiohttp.ClientError):
            await custodian.get(f"/archive/{visit.consultation}/package.zip")


async def test_a_worker_that_crashes_is_told_and_tried_again_by_hand(visit: Visit) -> None:
    failing = visit.composition("false")
    await failing.start()
    failed = await visit.until(lambda recording: recording.state is RecordingState.FAILED)
    await failing.close()
    assert failed.failure == "crashed"

    custodian = await visit.clinic.sign_in("custodian")
    status, view = await custodian.post(f"/archive/{visit.consultation}/compose")
    assert (status, view["state"]) == (202, "composing")
    await visit.until(is_ready)
    assert (await custodian.post(f"/archive/{visit.consultation}/compose"))[0] == 409


async def test_a_film_that_was_lost_is_composed_again_by_command(visit: Visit) -> None:
    clinic, consultation = visit.clinic, visit.consultation

    async def command(*arguments: str) -> tuple[int, str, str]:
        done = await asyncio.to_thread(run_command, "archive", *arguments, data=clinic.data)
        return done.returncode, done.stdout, done.stderr

    clinic.services.composition.finished(RoomId(consultation))
    before = await visit.until(is_ready)
    (clinic.services.blobs.root / before.blob).unlink()
    assert (await command("verify", consultation))[0] == 1
    code, output, complaint = await command("compose", consultation)
    assert (code, output.startswith(f"{consultation}: 3."), complaint) == (0, True, "")
    assert (await command("verify", consultation))[0] == 0
    recording = await visit.recording()
    with await clinic.services.recorded_media.open(recording) as film:
        decoded = await asyncio.to_thread(decode, film)
    assert decoded.colour(2500, 0.5, 0.6) == pytest.approx((90, 190, 90), abs=12)

    (segment, *_) = clinic.services.blobs.names(f"segments/{consultation}")
    (clinic.services.blobs.root / "segments" / consultation / segment).unlink()
    code, _, complaint = await command("compose", consultation)
    assert (code, f"a segment is missing: segments/{consultation}/{segment}" in complaint) == (1, True)
    code, _, complaint = await command("compose", "con_absent")
    assert (code, "there is no recording" in complaint) == (1, True)
    assert is_ready(await visit.recording()), "what could not be composed is as it was"


async def test_a_composition_is_taken_up_again_after_a_restart(visit: Visit, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    stopped = visit.composition("sh", "-c", f"touch {begun}; exec sleep 600")
    await stopped.start()
    await until(begun.exists)
    async with asyncio.timeout(5):
        await stopped.close()
    assert (await visit.recording()).state is RecordingState.COMPOSING

    again = visit.composition()
    await again.start()
    await visit.until(is_ready)
    await again.close()


async def test_progress_is_seen_in_the_record(visit: Visit) -> None:
    slow = visit.composition(
        sys.executable,
        "-c",
        "import time\nfor n in (10, 40, 70):\n"
        """ print('{"type":"progress","percent":%d}' % n, flush=True); time.sleep(.8)""",
    )
    await slow.start()
    seen = await visit.until(lambda recording: recording.progress > 0)
    assert seen.progress in {40, 70}
    await slow.close()


async def test_segments_that_somebody_cut_off_are_blank_in_a_file_of_full_length(visit: Visit) -> None:
    blobs = visit.clinic.services.blobs
    for name in blobs.names(f"segments/{visit.consultation}"):
        path = blobs.root / "segments" / visit.consultation / name
        path.write_bytes(path.read_bytes()[:-40])
    visit.clinic.services.composition.finished(RoomId(visit.consultation))
    composed = await visit.until(is_ready)
    assert composed.duration_ms == pytest.approx(SECONDS * 1000, abs=50)


async def test_a_recording_without_anything_in_it_says_so(clinic: RunningClinic) -> None:
    async with clinic.services.store.read() as work:
        account = await work.sessions.account_by_login("dr.lin")
        member = await work.people.member(account.id)
        planned = await work.consultations.find(ConsultationFilter(clinician=member.id), limit=1, newest_first=True)
    doctor, room = ParticipantId(member.id), RoomId(planned[0].id)
    facts = (RoomOpened(doctor, member.name), RecordingStarted(RECORDING, doctor), VisitFinished(doctor))
    await happen(clinic, room, 1, *facts)
    clinic.services.composition.finished(room)
    visit = Visit(clinic, planned[0].id, doctor)
    failed = await visit.until(lambda recording: recording.state is RecordingState.FAILED)
    assert failed.failure == "nothing_recorded"
    custodian = await clinic.sign_in("custodian")  # what was written can be handed out nevertheless
    async with custodian.response("GET", f"/archive/{visit.consultation}/package.zip") as response:
        assert response.status == 200
        with zipfile.ZipFile(io.BytesIO(await response.read())) as content:
            assert f"consilium-{visit.consultation}/transcript.html" in content.namelist()
