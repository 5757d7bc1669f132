"""A clinic whose recordings are kept in an object store: composed, played, checked and handed out from there."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kernel.ids import RoomId
from tests.recorded_visit import Visit, is_ready, recorded_visit
from tests.s3_server import BUCKET, S3Server, Trouble
from tests.server_process import RunningClinic, clinic_settings, run_command, running_clinic
from tests.waiting import until

SECRET = "wJalrXUtnFEMI"


@pytest.fixture
async def visit(s3: S3Server, tmp_path: Path) -> AsyncIterator[Visit]:
    storage = {
        "url": f"s3://{BUCKET}/clinic",
        "endpoint": s3.endpoint,
        "access_key_id": "AKID",
        "secret_access_key": SECRET,
    }
    data = tmp_path / "data"
    async with running_clinic(data, settings=clinic_settings(data, storage=storage)) as clinic:
        yield await recorded_visit(clinic)


def kept_here(clinic: RunningClinic) -> list[Path]:
    root = clinic.services.blobs.root
    return [path for kind in ("segments", "recordings") for path in (root / kind).rglob("*") if path.is_file()]


async def test_what_is_recorded_leaves_the_machine_and_is_played_from_the_store(visit: Visit, s3: S3Server) -> None:
    clinic, consultation = visit.clinic, visit.consultation
    clinic.services.composition.finished(RoomId(consultation))
    recording = await visit.until(is_ready)
    assert recording.blob.startswith("recordings/")
    await until(lambda: not kept_here(clinic), seconds=60)

    custodian = await clinic.sign_in("custodian")
    status, checked = await custodian.post(f"/archive/{consultation}/check")
    assert (status, checked["check"]["fault"]) == (200, None)
    reason = {"reason": "a complaint"}
    media = f"/archive/{consultation}/media"
    assert (await custodian.post(f"/archive/{consultation}/viewing", reason))[0] == 200
    async with custodian.response("GET", media) as response:
        whole = await response.read()
    assert hashlib.sha256(whole).hexdigest() == recording.sha256
    async with custodian.response("GET", media, headers={"Range": "bytes=1000-1999"}) as response:
        assert await response.read() == whole[1000:2000]

    environ = {
        "CONSILIUM_STORAGE__URL": f"s3://{BUCKET}/clinic",
        "CONSILIUM_STORAGE__ENDPOINT": s3.endpoint,
        "CONSILIUM_STORAGE__ACCESS_KEY_ID": "AKID",
        "CONSILIUM_STORAGE__SECRET_ACCESS_KEY": SECRET,
    }
    verified = await asyncio.to_thread(
        run_command, "archive", "verify", consultation, data=clinic.data, environ=environ
    )
    assert (verified.returncode, "sound, 2 segments" in verified.stdout) == (0, True)
    assert SECRET not in verified.stdout + verified.stderr


async def test_a_store_that_is_away_is_said_and_the_film_is_there_when_it_is_back(visit: Visit, s3: S3Server) -> None:
    clinic, consultation = visit.clinic, visit.consultation
    s3.trouble = Trouble.AWAY
    clinic.services.composition.finished(RoomId(consultation))
    await visit.until(is_ready)
    administrator = await clinic.sign_in("admin")
    await until(lambda: clinic.services.delivery.is_failing, seconds=60)
    _, health = await administrator.get("/health")
    assert (health["undelivered"], health["delivery_failure"]) == (len(kept_here(clinic)), "unreachable")
    s3.trouble = Trouble.NONE
    await until(lambda: not kept_here(clinic), seconds=120)
    _, health = await administrator.get("/health")
    assert (health["undelivered"], health["delivery_failure"]) == (0, "")

    s3.trouble = Trouble.AWAY
    custodian = await clinic.sign_in("custodian")
    status, problem = await custodian.post(f"/archive/{consultation}/viewing", {"reason": "a complaint"})
    assert (status, problem["code"]) == (503, "storage_away")
    s3.trouble = Trouble.NONE
    assert (await custodian.post(f"/archive/{consultation}/viewing", {"reason": "a complaint"}))[0] == 200
    s3.trouble = Trouble.AWAY  # the film was just found sound, and is not read again for a while
    status, problem = await custodian.get(f"/archive/{consultation}/media")
    assert (status, problem["code"]) == (503, "storage_away")
