"""The server as an operator meets it: started, stopped and started again, with files that only the owner can read."""

import asyncio
import json
import os
import re
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from aiohttp import WSMsgType

from tests.server_process import ROOT, Browser, run_command, server_process

PASSWORD = "correct horse battery"


def fetched(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=5) as response:
        return bytes(response.read())


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_a_demonstration_starts_says_who_can_sign_in_and_stops_with_0(data: Path) -> None:
    with server_process(data) as server:
        assert "dr.garcia" in server.output
        assert "consilium-demo" in server.output
        assert server.join_links[0].startswith(server.url + "/join#")
        assert b'"ready"' in fetched(server.url + "/readyz")
        assert server.stop() == 0
    assert "stopped" in server.output


async def test_whoever_is_connected_is_told_before_it_stops(data: Path) -> None:
    with server_process(data) as server:
        async with Browser(server.url) as browser:
            _, answer = await browser.post("/session", {"login": "dr.garcia", "password": "consilium-demo"})
            address = server.url.replace("http", "ws", 1) + "/socket.io/?EIO=4&transport=websocket"
            async with browser.http.ws_connect(address, origin=server.url) as socket:
                await socket.receive_str(timeout=5)
                await socket.send_str("40" + json.dumps({"token": answer["access_token"]}))
                assert (await socket.receive_str(timeout=5)).startswith("40")
                began = time.monotonic()
                os.kill(server.pid, signal.SIGTERM)
                heard = [message.data async for message in socket if message.type is WSMsgType.TEXT]
        assert '42["server_draining",{}]' in heard
        assert await asyncio.to_thread(server.stop) == 0
        assert time.monotonic() - began < 8


def test_an_interrupt_stops_it_as_well(data: Path) -> None:
    with server_process(data) as server:
        assert server.stop(signal.SIGINT) == 0


def test_a_second_start_reuses_the_data_and_is_quick(data: Path) -> None:
    with server_process(data):
        pass
    keys = {path: path.read_bytes() for path in (data / "keys").iterdir()}
    began = time.monotonic()
    with server_process(data) as server:
        took = time.monotonic() - began
        assert {path: path.read_bytes() for path in (data / "keys").iterdir()} == keys
        assert server.join_links
    with sqlite3.connect(data / "consilium.db") as database:
        assert database.execute("select count(*) from members where login = 'dr.garcia'").fetchone() == (1,)
    database.close()
    assert took < 10  # under 3 on a machine that does nothing else


def test_secrets_are_the_owners_alone_and_never_printed(data: Path) -> None:
    with server_process(data, environ={"CONSILIUM_LOG__LEVEL": "debug"}) as server:
        fetched(server.url + "/api/v1/meta")
        server.stop()
    assert data.stat().st_mode & 0o777 == 0o700
    secrets = []
    for path in (data / "keys").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600, path
        secrets += re.findall(r'"k\d+": "([^"]+)"', path.read_text(errors="replace"))
    assert len(secrets) == 2
    assert not any(secret in server.output for secret in secrets)


def test_a_port_in_use_is_said_in_one_line(data: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = run_command("demo", "--port", str(taken.getsockname()[1]), "--media-port", "0", data=data)
    assert result.returncode == 1
    assert "in use" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_unknown_setting_is_refused_before_anything_starts(data: Path) -> None:
    result = run_command("serve", data=data, environ={"CONSILIUM_SERVER__PROT": "1"})
    assert result.returncode == 2
    assert "did you mean CONSILIUM_SERVER__PORT?" in result.stderr
    assert not data.exists()


def test_a_data_directory_that_cannot_be_made_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    result = run_command("migrate", data=tmp_path / "file" / "data")
    assert result.returncode == 1
    assert "can't be made" in result.stderr
    assert "Traceback" not in result.stderr


def test_help_names_every_command() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "server", "--help"], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True
    )
    for command in ("serve", "demo", "migrate", "init", "create-user", "doctor", "rotate-keys", "audit", "archive"):
        assert command in result.stdout


def test_a_real_installation_begins_with_its_first_administrator(data: Path) -> None:
    begun = run_command("init", "--login", "root", "--name", "Ada King", "--stdin", data=data, stdin=PASSWORD + "\n")
    assert begun.returncode == 0, begun.stderr
    again = run_command("init", "--login", "two", "--name", "Second", "--stdin", data=data, stdin=PASSWORD + "\n")
    assert again.returncode == 1
    assert "create-user" in again.stderr
    with server_process(data, command="serve") as server:
        meta = fetched(server.url + "/api/v1/meta")
        assert b'"demonstration":false' in meta
        assert b"demo_accounts" not in meta
        assert b"demo_join_link" not in meta
        assert "consilium-demo" not in server.output
    for output in (begun.stdout + begun.stderr, server.output):
        assert PASSWORD not in output


def test_a_weak_password_is_refused(data: Path) -> None:
    for password in ("short", "consilium-demo", ""):
        result = run_command("init", "--login", "root", "--name", "Ada", "--stdin", data=data, stdin=password + "\n")
        assert result.returncode == 1, password
        assert "Traceback" not in result.stderr


def test_accounts_are_opened_from_the_command_line(data: Path) -> None:
    environ = {"CONSILIUM_PASSWORD": PASSWORD}
    assert run_command("init", "--login", "root", "--name", "Ada", data=data, environ=environ).returncode == 0
    custodian = ("create-user", "--role", "custodian", "--login", "files", "--name", "Wen")
    assert run_command(*custodian, data=data, environ=environ).returncode == 0
    taken = run_command(*custodian, data=data, environ=environ)
    assert taken.returncode == 1
    assert "already" in taken.stderr
    doctor = run_command(
        "create-user", "--role", "clinician", "--login", "doc", "--name", "Doc", data=data, environ=environ
    )
    assert "--department" in doctor.stderr


def test_a_demonstration_and_a_real_clinic_never_share_data(tmp_path: Path) -> None:
    with server_process(tmp_path / "demo"):
        pass
    served = run_command("serve", "--port", "0", "--media-port", "0", data=tmp_path / "demo")
    assert served.returncode == 1
    assert "holds a demonstration" in served.stderr
    run_command("init", "--login", "root", "--name", "Ada", "--stdin", data=tmp_path / "real", stdin=PASSWORD + "\n")
    shown = run_command("demo", "--port", "0", "--media-port", "0", data=tmp_path / "real")
    assert shown.returncode == 1
    assert "real clinic" in shown.stderr


def test_the_access_log_is_verified_and_a_change_is_found(data: Path) -> None:
    run_command("init", "--login", "root", "--name", "Ada", "--stdin", data=data, stdin=PASSWORD + "\n")
    sound = run_command("audit", "verify", data=data)
    assert (sound.returncode, "unbroken" in sound.stdout) == (0, True), sound
    database = sqlite3.connect(data / "consilium.db")
    with database:
        database.execute("update audit_entries set actor = 'usr_somebody'")
    database.close()
    broken = run_command("audit", "verify", data=data)
    assert (broken.returncode, "BROKEN" in broken.stdout) == (1, True), broken


def test_keys_are_rotated_and_everything_still_opens(data: Path) -> None:
    with server_process(data):
        pass
    for options in ((), ("--tokens",)):
        rotated = run_command("rotate-keys", *options, data=data)
        assert rotated.returncode == 0, rotated.stderr
        assert "k2" in rotated.stdout
    with server_process(data) as server:
        assert b'"ready"' in fetched(server.url + "/readyz")
    assert "k1" in (data / "keys" / "records.json").read_text()


def test_a_key_file_that_others_can_read_is_refused(data: Path) -> None:
    run_command("init", "--login", "root", "--name", "Ada", "--stdin", data=data, stdin=PASSWORD + "\n")
    (data / "keys" / "records.json").chmod(0o644)
    result = run_command("serve", "--port", "0", "--media-port", "0", data=data)
    assert result.returncode == 1
    assert "0600" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_doctor_finds_a_sound_machine_sound_and_open_keys_bad(data: Path) -> None:
    with server_process(data):
        pass
    ports = ("--port", "0", "--media-port", "0")
    sound = run_command("doctor", *ports, data=data)
    assert sound.returncode == 0, sound.stdout
    (data / "keys" / "tokens.json").chmod(0o640)
    bad = run_command("doctor", *ports, data=data)
    assert bad.returncode == 1
    assert "chmod 600" in bad.stdout


def test_the_doctor_finds_a_turn_server_that_does_not_answer(data: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        environ = {
            "CONSILIUM_TURN__URLS": f"turn:127.0.0.1:{silent.getsockname()[1]}",
            "CONSILIUM_TURN__SECRET": "hunter2hunter2",
        }
        result = run_command("doctor", "--port", "0", "--media-port", "0", data=data, environ=environ)
    assert result.returncode == 1
    assert "gives no relay" in result.stdout
    assert "hunter2" not in result.stdout + result.stderr


def test_on_an_address_that_others_reach_it_speaks_tls_with_a_trial_certificate(data: Path) -> None:
    options = ("--host", "0.0.0.0", "--port", "0", "--media-port", "0")
    with server_process(data, options=options) as server:
        assert "https://" in server.output
        assert "trial-authority.crt" in server.output
        fingerprint = re.search(r"(?:[0-9A-F]{2}:){31}[0-9A-F]{2}", server.output)
        assert fingerprint
        port = server.url.rsplit(":", 1)[1]
        context = ssl.create_default_context(cafile=str(data / "tls" / "authority.pem"))
        with urllib.request.urlopen(f"https://127.0.0.1:{port}/readyz", timeout=5, context=context) as response:
            assert response.status == 200
            assert "Strict-Transport-Security" in response.headers
    assert data.stat().st_mode & 0o777 == 0o700
    assert (data / "tls" / "server-key.pem").stat().st_mode & 0o777 == 0o600
