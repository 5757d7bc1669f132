"""A disk that runs full while a visit is recorded: the call goes on, and nobody believes in a recording."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.people import WAIT_MS, Api, Visit
from tests.e2e.pictures import DOCTOR, PATIENT
from tests.server_process import ServerProcess, server_process

MARGIN = 2 << 30  # others use this disk, too


@pytest.fixture
def ballast(tmp_path: Path) -> Path:
    return tmp_path / "ballast"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    reserve_mb = (shutil.disk_usage(tmp_path).free - MARGIN) >> 20
    with server_process(tmp_path / "data", environ={"CONSILIUM_STORAGE__RESERVE_MB": str(reserve_mb)}) as running:
        yield running


def fill(ballast: Path) -> None:
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, 2 * MARGIN)


def test_when_the_disk_is_full_the_call_goes_on_and_both_see_that_it_is_not_recorded(
    visit: Visit, ballast: Path
) -> None:
    patient, doctor = visit.begun(phone=True)
    doctor.starts_recording()
    patient.sees("recording-banner")
    administrator = Api.sign_in(visit.api.context, "admin")

    fill(ballast)
    for person in (patient, doctor):
        person.sees("not-recording")
        person.sees_no("recording-banner")
    expect(doctor.at("record")).to_have_attribute("aria-pressed", "false", timeout=WAIT_MS)
    doctor.sees_picture_of(visit.patient_id, PATIENT)
    patient.hears(visit.doctor_id, DOCTOR)
    assert administrator.get("/health")["enough_space"] is False
    patient.page.reload()
    patient.sees("not-recording")

    ballast.unlink()
    doctor.press("record")
    patient.sees("recording-banner")
    patient.sees_no("not-recording")
    doctor.finishes_the_visit()
    reasons = [
        event["reason"]
        for event in Api.sign_in(visit.api.context, "custodian").get(f"/archive/{visit.id}")["timeline"]
        if event["kind"] == "recording_stopped"
    ]
    assert reasons == ["storage_failed", "finished"]
    visit.no_troubles()
