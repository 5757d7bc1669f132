"""A whole visit through a server in its own process; then everything it wrote is searched for what nobody may read.

Readable are names, histories and the calendar (see SECURITY.md). Whatever was said, typed, sent, shown or proved with
is not: neither in the database nor in any file nor in what the server printed.
"""

import asyncio
import base64
import json
import sqlite3
import tomllib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
from aiohttp import web
from yarl import URL

from tests.integration.test_hostile_sockets import socket_of
from tests.lean_visit import LeanVisit, Participant, lean_visit
from tests.server_process import ROOT, RunningClinic, ServerProcess, server_process

SAID: Final = {
    "chat of the patient": "I coughed up a purple giraffe",
    "chat of the doctor": "Please weigh the purple giraffe daily",
    "chat in Chinese": "紫色的长颈鹿咳嗽了三天",
    "chat of the guest": "Translating the giraffe now",
    "file's content": "weights of the giraffe: 812 kg",
    "file's name": "giraffe-weights-of-march",
    "note": "Subjective giraffe, well hydrated",
    "addendum": "Addendum about its neck",
    "sound": "the giraffe speaks in opus",
    "picture": "the giraffe seen in vp8",
}
MISTYPED: Final = {
    "password": "my-secret-giraffe-password",
    "login": "giraffe.in.the.login",
    "query": "giraffe-in-a-query",
    "event": "giraffe-in-an-event",
    "frame": "giraffe-in-a-frame",
    "sdp": "giraffe-in-an-sdp",
    "path": "giraffe-in-a-path",
    "header": "giraffe-in-a-header",
}
KEY_FRAME: Final = b"\x10" + b"\x10\x02\x00\x9d\x01\x2a\x80\x02\xe0\x01"  # VP8's descriptor, tag, start code and size
OPUS: Final = b"\x78"  # one frame of 20 ms
CONTAINERS: Final = (b"V_VP8", b"A_OPUS", b"OpusHead", b"\x42\x82\x84webm", b"matroska")
EBML: Final = b"\x1a\x45\xdf\xa3"


async def told(doctor: Participant, patient: Participant, guest: Participant) -> None:
    said = [
        (patient, "chat of the patient"),
        (doctor, "chat of the doctor"),
        (patient, "chat in Chinese"),
        (guest, "chat of the guest"),
    ]
    for number, (who, what) in enumerate(said):
        sent = await who.does("chat_send", id=f"message-{number}", body={"scheme": "server", "text": SAID[what]})
        assert sent["ok"], sent


async def a_file(patient: Participant, consultation: str) -> None:
    path = f"/consultations/{consultation}/attachments"
    name = {"name": SAID["file's name"] + ".txt"}
    content = SAID["file's content"].encode()
    async with patient.http.response("POST", path, data=content, query=name) as response:
        assert response.status == 201, await response.text()
        file = (await response.json())["id"]
    body = {"scheme": "server", "text": ""}
    assert (await patient.does("chat_send", id="message-with-file", body=body, attachments=[file]))["ok"]


async def a_note(doctor: Participant, consultation: str) -> None:
    path = f"/consultations/{consultation}/note"
    status, note = await doctor.http.put(path, {"version": 0, "subjective": SAID["note"]})
    assert status == 200, note
    assert (await doctor.http.post(f"{path}/sign", {"version": note["version"]}))[0] == 200
    assert (await doctor.http.post(f"{path}/addenda", {"text": SAID["addendum"]}))[0] == 201


async def a_recording(visit: LeanVisit) -> None:
    await visit.connects()
    await visit.everybody_agrees()
    started = await visit.doctor.does("recording_start")
    assert started["ok"], started
    assert visit.patient.seat
    segments = visit.clinic.data / "blobs" / "segments" / visit.consultation
    for _ in range(200):
        visit.patient.seat.send_picture(KEY_FRAME + SAID["picture"].encode() * 20)
        visit.patient.seat.send_sound(OPUS + SAID["sound"].encode())
        await asyncio.sleep(0.02)
        if [path for path in segments.glob("*-camera-*") if path.stat().st_size > 5000]:
            return
    raise AssertionError("nothing was recorded")


async def mistakes(visit: LeanVisit) -> None:
    """Send everybody's mistakes and a stranger's attempts: refusals must not be written down with what they refuse."""
    clinic = visit.clinic
    stranger = clinic.stranger()
    await stranger.post("/session", {"login": MISTYPED["login"], "password": MISTYPED["password"]})
    await stranger.post("/session", {"login": "dr.garcia", "password": MISTYPED["password"]})
    await stranger.post("/session", {"login": MISTYPED["login"], "password": 5, MISTYPED["password"]: 1})
    await stranger.post("/session/invitation", {"secret": MISTYPED["password"]})
    await visit.doctor.http.request("GET", "/patients", query={"q": MISTYPED["query"]})
    await visit.doctor.http.request("GET", "/patients", query={MISTYPED["query"]: "1"})
    await visit.doctor.http.get(f"/patients/{MISTYPED['path']}")
    await stranger.request("GET", "/me", headers={"Authorization": f"Bearer {MISTYPED['header']}.a.b"})
    await visit.patient.does(MISTYPED["event"], x=MISTYPED["event"])
    await visit.patient.does("chat_send", id=MISTYPED["event"], body={"scheme": MISTYPED["event"], "text": 1})
    await visit.patient.does("media_answer", generation=1, sdp=f"v=0\r\n{MISTYPED['sdp']}")
    async with socket_of(clinic, None) as socket:
        await socket.send(f'40{{"token":"{MISTYPED["frame"]}"')
        await socket.close_code()
    async with socket_of(clinic, visit.patient.http.token) as socket:
        await socket.send(f'451-["{MISTYPED["frame"]}"]')
        await socket.close_code()


async def watched(clinic: RunningClinic, consultation: str, secrets: dict[str, str]) -> None:
    """Let the custodian wait for the film (of what nobody can decode), read, and watch another."""
    custodian = await clinic.sign_in("custodian")
    for _ in range(200):
        _, record = await custodian.get(f"/archive/{consultation}")
        if record["recording"]["state"] in {"ready", "failed"}:
            break
        await asyncio.sleep(0.1)
    _, page = await custodian.get("/archive")
    ready = next(one["id"] for one in page["entries"] if one["recording"] and one["recording"]["state"] == "ready")
    assert (await custodian.post(f"/archive/{ready}/viewing", {"reason": "asked by the patient"}))[0] == 200
    for cookie in custodian.http.cookie_jar:
        secrets[f"cookie {cookie.key}"] = cookie.value
    async with custodian.response("GET", f"/archive/{ready}/media", headers={"Range": "bytes=0-99"}) as response:
        assert response.status == 206
    secrets["custodian's token"] = custodian.token or ""


async def a_whole_visit(server: ServerProcess, data: Path) -> dict[str, str]:
    """Play the visit; return every secret that was used on the way."""
    clinic = RunningClinic(server.url, web.Application(), data)
    secrets: dict[str, str] = {}
    async with lean_visit(clinic, secret=server.join_links[0].partition("#")[2]) as visit:
        doctor, patient, consultation = visit.doctor, visit.patient, visit.consultation
        status, issued = await doctor.http.post(
            f"/consultations/{consultation}/invitations", {"relation": "interpreter", "name": "Iris"}
        )
        assert status == 201
        secrets["link"] = issued["link"].partition("#")[2]
        guest = Participant(await clinic.open_link(secrets["link"]))
        await guest.enters(clinic, consultation)
        assert (await doctor.does("participant_admit", participant=guest.id))["ok"]
        await told(doctor, patient, guest)
        await a_file(patient, consultation)
        await a_note(doctor, consultation)
        await guest.socket.close()
        assert (await doctor.does("participant_remove", participant=guest.id))["ok"]
        await a_recording(visit)
        await mistakes(visit)
        secrets["ICE password"] = patient.peer.credentials[1]
        for name, person in (("doctor", doctor), ("patient", patient), ("guest", guest)):
            secrets[f"{name}'s token"] = person.http.token or ""
        cookies = doctor.http.http.cookie_jar.filter_cookies(URL(f"{server.url}/api/v1/session"))
        secrets["refresh token"] = cookies["consilium_refresh"].value
        assert (await doctor.does("visit_finish"))["ok"]
    await watched(clinic, visit.consultation, secrets)
    await clinic.close_browsers()
    return secrets


def forms(text: str) -> Iterator[bytes]:
    """Yield how a text may stand in a file without being hidden."""
    yield text.encode()
    yield text.encode("utf-16-le")
    yield json.dumps(text)[1:-1].encode()
    yield base64.b64encode(text.encode())[: len(text) // 3 * 4]
    yield text.encode().hex().encode()


def written(data: Path) -> dict[str, bytes]:
    return {str(path.relative_to(data)): path.read_bytes() for path in data.rglob("*") if path.is_file()}


def invented() -> Iterator[str]:
    """Yield what is said and noted in the demonstration's earlier visits."""
    for path in (ROOT / "demonstration" / "data" / "patients").glob("*.toml"):
        for visit in tomllib.loads(path.read_text(encoding="utf-8")).get("visits", []):
            yield from (text for _, text in visit.get("chat", []))
            yield from (visit.get(part, "") for part in ("subjective", "objective", "assessment", "plan", "addendum"))


def keys_of(path: Path) -> Iterator[bytes]:
    """Yield the keys of a key ring's file, as they are and as they may be written."""

    def strings(value: object) -> Iterator[str]:
        if isinstance(value, dict):
            for inner in value.values():
                yield from strings(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from strings(inner)
        elif isinstance(value, str) and len(value) > 20:
            yield value

    for text in strings(json.loads(path.read_text())):
        raw = base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4))
        yield text.encode()
        yield raw
        yield raw.hex().encode()
        yield base64.b64encode(raw).rstrip(b"=")
        yield base64.urlsafe_b64encode(raw).rstrip(b"=")


@pytest.mark.timeout(90)
async def test_what_was_said_sent_shown_and_proved_with_is_readable_nowhere(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with server_process(data) as server:
        secrets = await a_whole_visit(server, data)
        running = written(data)  # with the database's log of what is not yet in its place
        assert server.stop() == 0
        printed = server.output.encode()
    stopped = written(data)
    everything = {f"running/{name}": content for name, content in running.items()}
    everything |= {f"stopped/{name}": content for name, content in stopped.items()}
    everything["printed"] = printed

    assert any(b"Margaret Thompson" in content for name, content in everything.items() if "consilium.db" in name)
    demonstration = [text for text in invented() if len(text) > 12]
    assert len(demonstration) > 50
    hidden = {**SAID, **MISTYPED, **secrets, **{f"demonstration {n}": text for n, text in enumerate(demonstration)}}
    for what, text in hidden.items():
        for form in forms(text):
            found = [name for name, content in everything.items() if form in content]
            assert not found, f"{what} stands in {found}"

    keys = [key for name in ("records", "tokens") for key in keys_of(data / "keys" / f"{name}.json")]
    assert len(keys) >= 4
    with closing(sqlite3.connect(data / "keys" / "shares.db")) as connection:
        shares = [secret for (secret,) in connection.execute("SELECT secret FROM shares")]
    assert shares
    keys += [form for raw in shares for form in (raw, raw.hex().encode(), base64.b64encode(raw).rstrip(b"="))]
    assert not any(key in printed for key in keys)
    for name, content in everything.items():
        if "/keys/" not in name:
            assert not any(key in content for key in keys), name
    media = {name: content for name, content in everything.items() if "/blobs/" in name}
    assert sum("/segments/" in name and "-camera-" in name for name in media) >= 2 * 3  # two invented, the new one
    for name, content in media.items():
        assert EBML not in content[:256], name
        assert not any(mark in content for mark in CONTAINERS), name
    after_start = printed.partition(b"Stop with Ctrl+C.")[2]
    for personal in (b"Margaret", b"Thompson", b"Iris", b"127.0.0.1", b"Traceback"):
        assert personal not in after_start, after_start.decode()
