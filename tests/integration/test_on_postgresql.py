"""The whole server on PostgreSQL: a visit, a kill in the middle of it, and everything is there."""

import signal
from pathlib import Path

import pytest
from aiohttp import web

from tests.lean_visit import lean_visit
from tests.postgres_server import PASSWORD, PostgresServer
from tests.server_process import RunningClinic, run_command, server_process

SAID = "The pain moves to my left arm 疼痛放射到左臂"
SECTIONS = {"subjective": SAID, "objective": "", "assessment": "angina?", "plan": ""}


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    """The address of an empty database: the server brings it to its shape."""
    return postgres.new_database()


async def test_a_visit_survives_the_kill_of_its_server(url: str, postgres: PostgresServer, tmp_path: Path) -> None:
    data, environ = tmp_path / "data", {"CONSILIUM_DATABASE__URL": url}
    with server_process(data, environ=environ) as server:
        clinic = RunningClinic(server.url, web.Application(), data)
        async with lean_visit(clinic, secret=server.join_links[0].partition("#")[2]) as visit:
            body = {"scheme": "server", "text": SAID}
            assert (await visit.patient.does("chat_send", id="message-1", body=body))["ok"]
            status, answer = await visit.doctor.http.put(
                f"/consultations/{visit.consultation}/note", {"version": 0, **SECTIONS}
            )
            assert status == 200, answer
            server.stop(signal.SIGKILL)
        await clinic.close_browsers()
        said = server.output
    assert not list(data.glob("*.db*")), "nothing is in an embedded database"
    assert SAID.encode() not in postgres.files_of(url)

    with server_process(data, environ=environ) as server:
        clinic = RunningClinic(server.url, web.Application(), data)
        custodian = await clinic.sign_in("custodian")
        _, record = await custodian.get(f"/archive/{visit.consultation}")
        assert [message["text"] for message in record["messages"]] == [SAID]
        _, found = await custodian.request("GET", "/archive", query={"q": "Thompson"})
        assert visit.consultation in {entry["id"] for entry in found["entries"]}
        doctor = await clinic.sign_in("dr.garcia")
        _, note = await doctor.get(f"/consultations/{visit.consultation}/note")
        assert (note["subjective"], note["version"]) == (SAID, 1)
        await clinic.close_browsers()
        assert server.stop() == 0
        said += server.output
    for words in (PASSWORD, SAID):
        assert words not in said
    assert run_command("audit", "verify", data=data, environ=environ).returncode == 0
    checked = run_command("archive", "verify", "--all", data=data, environ=environ)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    examined = run_command("doctor", "--port", "0", "--media-port", "0", data=data, environ=environ)
    assert "answers and has this version's shape" in examined.stdout
    assert PASSWORD not in examined.stdout + examined.stderr


def test_a_database_that_can_not_be_used_is_said_without_the_password(postgres: PostgresServer, tmp_path: Path) -> None:
    for url in (postgres.url().replace("/postgres", "/absent"), "mysql://somewhere/clinic"):
        for command in (("doctor", "--port", "0", "--media-port", "0"), ("migrate",)):
            done = run_command(*command, data=tmp_path / "data", environ={"CONSILIUM_DATABASE__URL": url})
            words = done.stdout + done.stderr
            assert done.returncode != 0
            assert "database" in words
            assert "Traceback" not in words
            assert PASSWORD not in words
