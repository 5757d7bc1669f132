"""The example configurations of reverse proxies, in front of a real server."""

import asyncio
import json
import re
import shutil
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from server.certificate import TrialCertificate, trial_certificate
from tests.server_process import ROOT, RunningClinic, clinic_settings, running_clinic


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def changed(example: Path, *changes: tuple[str, str]) -> str:
    """Return the example with every pattern replaced; each must be there."""
    text = example.read_text(encoding="utf-8")
    for pattern, here in changes:
        text, count = re.subn(pattern, lambda _, here=here: here, text)
        assert count, pattern
    return text


def nginx(behind: str, port: int, made: TrialCertificate, directory: Path) -> list[str]:
    site = changed(
        ROOT / "deploy" / "nginx" / "consilium.conf",
        (r"listen 80;", f"listen 127.0.0.1:{free_port()};"),
        (r"listen 443 ssl http2;", f"listen 127.0.0.1:{port} ssl http2;"),
        (r"listen \[::\]:[^;]*;", ""),
        (r"127\.0\.0\.1:8080", behind),
        (r"/etc/letsencrypt/\S+fullchain\.pem", str(made.certificate)),
        (r"/etc/letsencrypt/\S+privkey\.pem", str(made.key)),
        (r"visit\.clinic\.example", "localhost"),
    )
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "\n".join(f"{kind}_temp_path {directory}/{kind};" for kind in kinds)
    conf = directory / "nginx.conf"
    conf.write_text(
        f"daemon off;\npid {directory}/pid;\nevents {{}}\nhttp {{\n{temporary}\n{site}\n}}\n", encoding="utf-8"
    )
    return ["nginx", "-c", str(conf), "-e", "stderr"]


def caddy(behind: str, port: int, made: TrialCertificate, directory: Path) -> list[str]:
    conf = directory / "Caddyfile"
    text = changed(
        ROOT / "deploy" / "caddy" / "Caddyfile",
        (r"(?m)^\{$", "{\n\tadmin off\n\tauto_https disable_redirects\n\tskip_install_trust"),
        (r"visit\.clinic\.example \{", f"https://localhost:{port} {{\n\ttls {made.certificate} {made.key}"),
        (r"127\.0\.0\.1:8080", behind),
    )
    conf.write_text(text, encoding="utf-8")
    return ["caddy", "run", "--config", str(conf), "--adapter", "caddyfile"]


@asynccontextmanager
async def proxy(
    command: Callable[[str, int, TrialCertificate, Path], list[str]], clinic: RunningClinic, directory: Path
) -> AsyncIterator[tuple[str, ssl.SSLContext]]:
    """Run the proxy with this clinic behind it; yields its address and what trusts it."""
    made = trial_certificate(directory / "tls", addresses=[], now=datetime.now(UTC))  # noqa: TID251 - the proxy's clock
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *command(clinic.url.removeprefix("http://"), port, made, directory),
        env={"PATH": "/usr/sbin:/usr/bin:/bin", "HOME": str(directory)},
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(10):
            await until_listening(port)
        yield f"https://localhost:{port}", ssl.create_default_context(cafile=str(made.authority))
    finally:
        process.terminate()
        await process.wait()


async def until_listening(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            await writer.wait_closed()
            return


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(command, marks=pytest.mark.skipif(shutil.which(name) is None, reason=f"{name} is not installed"))
        for name, command in (("nginx", nginx), ("caddy", caddy))
    ],
)
async def test_behind_a_proxy_people_sign_in_upload_and_connect(
    tmp_path: Path, command: Callable[[str, int, TrialCertificate, Path], list[str]]
) -> None:
    settings = clinic_settings(tmp_path / "data", server={"trusted_proxies": ("127.0.0.1",)})
    async with (
        running_clinic(tmp_path / "data", settings=settings) as clinic,
        proxy(command, clinic, tmp_path) as (url, trust),
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as http,
    ):
        spoofed = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http"}
        credentials = {"login": "dr.garcia", "password": "consilium-demo"}
        async with http.post(f"{url}/api/v1/session", json=credentials, headers=spoofed) as response:
            assert response.status == 200
            assert "Secure" in response.headers["Set-Cookie"]
            assert "Strict-Transport-Security" in response.headers
            token = (await response.json())["access_token"]
        async with http.get(f"{url}/api/v1/meta", headers=spoofed) as response:
            assert (await response.json())["demo_join_link"].startswith("https://localhost")
        bearer = {"Authorization": f"Bearer {token}"}
        async with http.get(f"{url}/api/v1/consultations", headers=bearer) as response:
            consultation = (await response.json())["consultations"][-1]["id"]
        upload = f"{url}/api/v1/consultations/{consultation}/attachments?name=note.txt"
        async with http.post(upload, data="Größe\n".encode() * 100_000, headers=bearer) as response:
            assert response.status == 201, await response.text()
        async with http.get(f"{url}/metrics") as response:
            assert response.status == 200  # from this machine
        address = url.replace("https", "wss") + "/socket.io/?EIO=4&transport=websocket"
        origin = url if command is caddy else url.rsplit(":", 1)[0]  # nginx's $host is without the unusual port
        async with http.ws_connect(address, origin=origin) as connection:
            await connection.receive_str(timeout=5)
            await connection.send_str("40" + json.dumps({"token": token}))
            assert (await connection.receive_str(timeout=5)).startswith("40")
