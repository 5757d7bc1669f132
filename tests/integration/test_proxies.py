"""The example configurations of reverse proxies, in front of a real server."""

import asyncio
import json
import re
import shutil
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from server.certificate import trial_certificate
from tests.server_process import ROOT, RunningClinic, clinic_settings, running_clinic

pytestmark = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def nginx(clinic: RunningClinic, directory: Path) -> AsyncIterator[tuple[str, ssl.SSLContext]]:
    """Run deploy/nginx/consilium.conf with this clinic behind it; yields the address and what trusts it."""
    made = trial_certificate(directory / "tls", addresses=[], now=datetime.now(UTC))  # noqa: TID251 - nginx's clock
    port = free_port()
    conf = (ROOT / "deploy" / "nginx" / "consilium.conf").read_text(encoding="utf-8")
    for example, here in (
        (r"listen 80;", f"listen 127.0.0.1:{free_port()};"),
        (r"listen 443 ssl http2;", f"listen 127.0.0.1:{port} ssl http2;"),
        (r"listen \[::\]:[^;]*;", ""),
        (r"127\.0\.0\.1:8080", clinic.url.removeprefix("http://")),
        (r"/etc/letsencrypt/\S+fullchain\.pem", str(made.certificate)),
        (r"/etc/letsencrypt/\S+privkey\.pem", str(made.key)),
        (r"visit\.clinic\.example", "localhost"),
    ):
        conf, count = re.subn(example, here, conf)
        assert count, example
    temporary = "".join(
        f"{kind}_temp_path {directory}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (directory / "nginx.conf").write_text(
        f"daemon off; pid {directory}/pid; error_log stderr; events {{}}
http {{ {temporary}
{conf} }}",
        encoding="utf-8",
    )
    process = await asyncio.create_subprocess_exec(
        "nginx", "-c", str(directory / "nginx.conf"), "-e", "stderr", stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(10):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    assert process.returncode is None, await process.stderr.read() if process.stderr else ""
                    await asyncio.sleep(0.05)
                else:
                    break
        writer.close()
        await writer.wait_closed()
        yield f"https://localhost:{port}", ssl.create_default_context(cafile=str(made.authority))
    finally:
        process.terminate()
        await process.communicate()


async def test_behind_nginx_people_sign_in_upload_and_connect(tmp_path: Path) -> None:
    settings = clinic_settings(tmp_path / "data", server={"trusted_proxies": ("127.0.0.1",)})
    async with (
        running_clinic(tmp_path / "data", settings=settings) as clinic,
        nginx(clinic, tmp_path) as (url, trust),
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
        text = "Größe\n".encode() * 100_000
        upload = f"{url}/api/v1/consultations/{consultation}/attachments?name=note.txt"
        async with http.post(upload, data=text, headers=bearer) as response:
            assert response.status == 201, await response.text()
        address = url.replace("https", "wss") + "/socket.io/?EIO=4&transport=websocket"
        async with http.ws_connect(address, origin=url.rsplit(":", 1)[0]) as connection:
            await connection.receive_str(timeout=5)
            await connection.send_str("40" + json.dumps({"token": token}))
            assert (await connection.receive_str(timeout=5)).startswith("40")
