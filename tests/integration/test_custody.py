"""Recordings in custody over HTTP: keys of custodians, requests, parts, and what each of them can and cannot do."""

import asyncio
import base64
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from records import hpke
from records.blobs import BlobStore
from records.custodian_key_file import CustodianKey, fresh_key, key_file
from records.data_key import DataKey
from records.secret_sharing import joined
from tests.server_process import Browser, RunningClinic, clinic_settings, run_command, running_clinic

PASSWORD: Final = "a good long password"
PASSPHRASE: Final = "seven purple kettles"
REASON: Final = "a complaint of the patient"


def text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


@dataclass
class Custodian:
    """One who has a key file in their hands."""

    browser: Browser
    key: CustodianKey = field(default_factory=fresh_key)

    async def give(self, visit: str, release: dict[str, Any]) -> tuple[int, Any]:
        """Open one's part and seal it to the browser that asked, as the page does."""
        _, custody = await self.browser.get(f"/archive/{visit}/releases")
        own = custody["own_part"]
        part = hpke.open_with(
            self.key.private, base64.b64decode(own["sealed"]), context=f"custody/{visit}/{self.key.fingerprint}"
        )
        context = f"release/{release['id']}/{self.key.fingerprint}"
        sealed = hpke.seal_to(base64.b64decode(release["public_key"]), part, context=context)
        return await self.browser.post(f"/archive/{visit}/releases/{release['id']}/part", {"part": text(sealed)})


async def custodians(clinic: RunningClinic, count: int) -> list[Custodian]:
    """Return that many, each with a key in force."""
    admin = await clinic.sign_in("admin")
    found = [Custodian(await clinic.sign_in("custodian"))]
    for number in range(2, count + 1):
        account = {"login": f"custodian{number}", "name": f"Custodian {number}", "role": "custodian"}
        status, answer = await admin.post("/people", {**account, "language": "en", "password": PASSWORD})
        assert status == 201, answer
        found.append(Custodian(await clinic.sign_in(f"custodian{number}", PASSWORD)))
    for custodian in found:
        status, answer = await custodian.browser.post("/custodian-keys", {"public_key": text(custodian.key.public)})
        assert status == 200, answer
    for custodian, other in zip(found, [*found[1:], found[0]], strict=True):
        path = f"/custodian-keys/{custodian.key.fingerprint}"
        status, answer = await other.browser.post(path, {"step": "confirm"})
        assert status == 200, answer
    return found


async def given(browser: Browser) -> str:
    """Return the demonstration's recorded visit once it is in custody."""
    _, page = await browser.request("GET", "/archive", query={"recording": "ready"})
    visit = str(page["entries"][0]["id"])
    async with asyncio.timeout(5):
        while (await browser.get(f"/archive/{visit}/releases"))[1]["quorum"] is None:  # noqa: ASYNC110 - as a page asks
            await asyncio.sleep(0.01)
    return visit


@dataclass
class Asking:
    """A browser that asks, with the key pair of its request."""

    browser: Browser
    visit: str
    private: X25519PrivateKey = field(default_factory=X25519PrivateKey.generate)

    async def ask(self) -> dict[str, Any]:
        public = text(self.private.public_key().public_bytes_raw())
        status, custody = await self.browser.post(
            f"/archive/{self.visit}/releases", {"reason": REASON, "public_key": public}
        )
        assert status == 200, custody
        release: dict[str, Any] = next(each for each in custody["releases"] if each["yours"])
        return release

    async def open(self, release: dict[str, Any]) -> tuple[int, Any]:
        return await self.browser.post(f"/archive/{self.visit}/releases/{release['id']}/viewing")

    async def film(self, release: dict[str, Any], viewing: dict[str, Any], directory: Path) -> bytes:
        """Open the film as the page does: parts, secret, key, frames."""
        parts = [
            hpke.open_with(
                self.private,
                base64.b64decode(part["sealed"]),
                context=f"release/{release['id']}/{part['custodian_key']}",
            )
            for part in viewing["parts"]
        ]
        secret = joined(parts, quorum=viewing["quorum"])
        share, context = base64.b64decode(viewing["share"]), viewing["context"]
        wrapping = DataKey(HKDF(SHA256(), 32, salt=share, info=context.encode()).derive(secret))
        key = DataKey(wrapping.open(base64.b64decode(viewing["wrapped"]), context=context))
        sealed = directory / viewing["blob"]
        sealed.parent.mkdir(parents=True)
        async with self.browser.response("GET", viewing["media_url"].removeprefix("/api/v1")) as answer:
            assert answer.status == 200
            sealed.write_bytes(await answer.read())
        with BlobStore(directory).open(viewing["blob"], key) as reader:
            return reader.readall()


@pytest.fixture
async def careful(tmp_path: Path) -> Any:
    """A clinic where it takes two custodians."""
    async with running_clinic(tmp_path, settings=clinic_settings(tmp_path, custody={"quorum": 2})) as clinic:
        yield clinic


async def test_two_of_three_release_a_recording_to_the_browser_that_asked(
    careful: RunningClinic, tmp_path: Path
) -> None:
    first, second, third = await custodians(careful, 3)
    visit = await given(first.browser)
    _, custody = await first.browser.get(f"/archive/{visit}/releases")
    assert (custody["quorum"], len(custody["holders"])) == (2, 3)
    for refused in (
        await first.browser.post(f"/archive/{visit}/viewing", {"reason": REASON}),
        await first.browser.get(f"/archive/{visit}/media"),
        await first.browser.get(f"/archive/{visit}/package.zip"),
    ):
        assert (refused[0], refused[1]["code"]) == (409, "recording_in_custody")
    assert (await first.browser.get(f"/archive/{visit}/sealed-media"))[0] == 404

    asking = Asking(first.browser, visit)
    release = await asking.ask()
    assert (await asking.open(release))[0] == 409
    _, waiting = await third.browser.get("/releases/waiting")
    assert [(one["reason"], one["consultation"]["id"]) for one in waiting["waiting"]] == [(REASON, visit)]
    assert (await first.give(visit, release))[0] == 200
    assert (await first.give(visit, release))[0] == 409, "one part is one part"
    assert (await asking.open(release))[0] == 409, "it takes two"
    status, answer = await third.give(visit, release)
    assert status == 200
    assert (answer["releases"][0]["state"], answer["releases"][0]["given_by"]) == (
        "granted",
        [first.browser.me["name"], "Custodian 3"],
    )
    assert (await third.browser.get("/releases/waiting"))[1] == {"waiting": []}

    status, viewing = await asking.open(release)
    assert status == 200
    film = await asking.film(release, viewing, tmp_path / "browser")
    assert film[:4] == b"\x1a\x45\xdf\xa3"
    assert len(film) == viewing["size_bytes"]
    asked = {"Range": "bytes=0-7"}
    async with first.browser.response("GET", f"/archive/{visit}/sealed-media", headers=asked) as part:
        assert (part.status, await part.read()) == (206, b"CONSBLB1")
    assert (await second.browser.get(f"/archive/{visit}/sealed-media"))[0] == 404, "released to somebody else"

    async with careful.services.store.read() as work:
        entries = [chained.entry for chained in await work.audit.page(object_id=visit, limit=50)]
    noted = [
        (entry.action, entry.detail.rpartition(" (rls_")[0])
        for entry in reversed(entries)
        if entry.action.startswith(("release.", "recording.view"))
    ]
    assert [each for each in noted if each[1]] == [
        ("release.ask", f"ask {REASON}"),
        ("release.answer", "give 1 of 2"),
        ("release.answer", "give 2 of 2"),
        ("recording.view", REASON),
    ]


async def test_a_doctor_asks_and_a_custodian_declines_or_takes_back(clinic: RunningClinic) -> None:
    custodian, _ = await custodians(clinic, 2)
    visit = await given(custodian.browser)
    _, record = await custodian.browser.get(f"/archive/{visit}")
    doctor = await doctor_of(clinic, record["consultation"]["clinician"]["id"])
    asking = Asking(doctor, visit)
    release = await asking.ask()
    _, custody = await doctor.get(f"/archive/{visit}/releases")
    assert custody["own_part"] is None
    path = f"/archive/{visit}/releases/{release['id']}"
    assert (await doctor.post(f"{path}/part", {"part": text(bytes(81))}))[0] == 404
    status, answer = await custodian.browser.post(f"{path}/decline", {"reason": "ask the patient first"})
    assert (status, answer["releases"][0]["state"]) == (200, "declined")
    assert (await custodian.give(visit, release))[0] == 409

    again = await asking.ask()
    assert (await custodian.give(visit, again))[0] == 200
    assert (await asking.open(again))[0] == 200
    async with doctor.response("GET", f"/archive/{visit}/sealed-media") as sealed:
        assert sealed.status == 200
    await custodian.browser.post(f"/archive/{visit}/releases/{again['id']}/decline", {"reason": "a mistake"})
    assert (await asking.open(again))[0] == 409
    assert (await doctor.get(f"/archive/{visit}/sealed-media"))[0] == 404

    third = await asking.ask()
    assert (await doctor.post(f"/archive/{visit}/releases/{third['id']}/withdraw"))[0] == 200
    assert (await doctor.post(f"/archive/{visit}/releases/{third['id']}/withdraw"))[0] == 409


async def doctor_of(clinic: RunningClinic, clinician: str) -> Browser:
    async with clinic.services.store.read() as work:
        login = (await work.people.member(clinician)).login  # type: ignore[arg-type]
    return await clinic.sign_in(login)


async def test_a_key_comes_into_force_and_is_retired_by_two(clinic: RunningClinic) -> None:
    first, second = await custodians(clinic, 2)
    own, path = fresh_key(), "/custodian-keys"
    assert (await first.browser.post(path, {"public_key": text(bytes(32))}))[0] == 400
    assert (await first.browser.post(path, {"public_key": text(bytes(31))}))[0] == 400
    assert (await first.browser.post(path, {"public_key": text(first.key.public)}))[0] == 409
    assert (await first.browser.post(path, {"public_key": text(own.public)}))[0] == 200
    one = f"{path}/{own.fingerprint}"
    status, problem = await first.browser.post(one, {"step": "confirm"})
    assert (status, problem["code"]) == (409, "second_person_needed")
    status, found = await second.browser.post(one, {"step": "confirm"})
    states = {key["id"]: key["state"] for key in found["keys"]}
    assert (states[own.fingerprint], states[first.key.fingerprint]) == ("in_force", "retired"), "nobody counts twice"
    assert found["receiving"] == 2

    assert (await second.browser.post(one, {"step": "ask_retire"}))[0] == 200
    assert (await second.browser.post(one, {"step": "retire"}))[1]["code"] == "second_person_needed"
    assert (await first.browser.post(one, {"step": "withdraw"}))[0] == 200
    assert (await second.browser.post(one, {"step": "retire"}))[0] == 409
    await first.browser.post(one, {"step": "ask_retire"})
    _, found = await second.browser.post(one, {"step": "retire"})
    assert found["receiving"] == 1
    assert (await first.browser.post(f"{path}/{'0' * 64}", {"step": "confirm"}))[0] == 404
    assert (await (await clinic.sign_in("admin")).get(path))[0] == 404


async def test_an_operator_makes_keys_exports_and_seals_anew(clinic: RunningClinic, tmp_path: Path) -> None:
    custodian = await clinic.sign_in("custodian")
    file = tmp_path / "cato.json"

    async def command(*arguments: str, stdin: str = "") -> tuple[int, str, str]:
        done = await asyncio.to_thread(run_command, *arguments, data=clinic.data, stdin=stdin)
        return done.returncode, done.stdout, done.stderr

    made = await command(
        "custody", "make-key", "--owner", "Cato", "--to", str(file), "--stdin", stdin=PASSPHRASE + "\n"
    )
    assert made[0] == 0, made
    assert file.stat().st_mode & 0o777 == 0o600
    assert (await command("custody", "make-key", "--owner", "C", "--to", str(file), "--stdin", stdin=PASSPHRASE))[
        0
    ] == 1
    short = await command("custody", "make-key", "--owner", "C", "--to", f"{file}2", "--stdin", stdin="short")
    assert (short[0], "14 characters" in short[2]) == (1, True)
    assert (await command("custody", "propose", str(file), "--login", "admin"))[0] == 1
    assert (await command("custody", "propose", str(file), "--login", "custodian"))[0] == 0
    fingerprint = made[1].split("fingerprint ")[1].strip()
    code, output, complaint = await command("custody", "confirm", fingerprint[:16])
    assert (code, output) == (0, "In force: 1 keys, of which it takes 1.\n"), complaint
    clinic.services.hand_over.take_up()
    visit = await given(custodian)
    code, output, _ = await command("custody", "keys", "--json")
    assert json.loads(output)["recordings"] >= 1

    export = ("archive", "export", visit, "--reason", "a court", "--stdin", "--to")
    refused = await command(*export, str(tmp_path / "none.zip"))
    assert (refused[0], "in custody" in refused[2]) == (1, True)
    wrong = await command(*export, str(tmp_path / "none.zip"), "--custodian-key", str(file), stdin="wrong\n")
    assert (wrong[0], "passphrase is wrong" in wrong[2]) == (2, True)
    other = tmp_path / "other.json"
    other.write_bytes(key_file(fresh_key(), owner="X", passphrase=PASSPHRASE, iterations=10))
    stranger = await command(*export, str(tmp_path / "none.zip"), "--custodian-key", str(other), stdin=PASSPHRASE)
    assert (stranger[0], "0 of these fit" in stranger[2]) == (1, True)
    assert not (tmp_path / "none.zip").exists()
    good = await command(*export, str(tmp_path / "court.zip"), "--custodian-key", str(file), stdin=PASSPHRASE)
    assert good[0] == 0, good
    assert b"film.webm" in (tmp_path / "court.zip").read_bytes()

    composed = ("archive", "compose", visit, "--stdin")
    assert (await command(*composed))[0] == 1
    code, output, complaint = await command(*composed, "--custodian-key", str(file), stdin=PASSPHRASE)
    assert code == 0, complaint
    assert (await custodian.get(f"/archive/{visit}/releases"))[1]["quorum"] == 1, "it stays in custody"

    sealed = await command("custody", "reseal", "--custodian-key", str(file), "--stdin", stdin=PASSPHRASE)
    assert (sealed[0], sealed[1].endswith("0 left as they were.\n")) == (0, True), sealed
    failed = await command("custody", "reseal", "--custodian-key", str(other), "--stdin", stdin=PASSPHRASE)
    assert failed[0] == 1
    assert (await command("custody", "retire", fingerprint))[0] == 0
    assert (await command("custody", "retire", fingerprint))[0] == 1
