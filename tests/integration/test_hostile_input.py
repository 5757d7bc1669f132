"""Whatever is sent, the answer is a problem with a stable code, and the server goes on."""

import asyncio
import gzip
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from server.routes import endpoints
from tests.server_process import RunningClinic, clinic_settings, running_clinic

CREDENTIALS = {"login": "dr.garcia", "password": "consilium-demo"}


async def assert_problem(response: aiohttp.ClientResponse, status: int, code: str) -> dict[str, object]:
    raw = await response.text()
    assert response.status == status, raw
    assert response.content_type == "application/problem+json", raw
    problem = json.loads(raw)
    assert problem["code"] == code
    assert problem["status"] == status
    assert problem["request_id"] == response.headers["X-Request-Id"]
    assert "Traceback" not in raw
    assert isinstance(problem, dict)
    return problem


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid"),
        (b"{", "invalid"),
        (b'{"login": "a", "password": NaN}', "invalid"),
        (b'{"login": "a", "password": Infinity}', "invalid"),
        (b'{"login": "\\ud800", "password": "b"}', "invalid"),
        (b'{"login": "\xff\xfe", "password": "b"}', "invalid"),
        (b'{"login": 1, "password": "b"}', "invalid"),
        (b'{"login": "a", "password": "b", "role": "administrator"}', "invalid"),
        (b'{"login": "a"}', "invalid"),
        (b'{"login": ' + b"[" * 50_000, "invalid"),
        (b'{"login": "' + b"a" * 1000 + b'", "password": "b"}', "invalid"),
    ],
)
async def test_malformed_json_is_refused(clinic: RunningClinic, body: bytes, code: str) -> None:
    async with clinic.stranger().response(
        "POST", "/session", data=body, headers={"Content-Type": "application/json"}
    ) as response:
        await assert_problem(response, 400, code)


async def test_the_wrong_field_is_named(clinic: RunningClinic) -> None:
    async with clinic.stranger().response("POST", "/session", {"login": "a", "password": 5}) as response:
        problem = await assert_problem(response, 400, "invalid")
    assert "`password`" in str(problem["detail"])


async def test_what_does_not_call_itself_json_is_refused(clinic: RunningClinic) -> None:
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        async with clinic.stranger().response(
            "POST", "/session", data=json.dumps(CREDENTIALS).encode(), headers={"Content-Type": content_type}
        ) as response:
            await assert_problem(response, 415, "unsupported_media_type")


async def test_a_body_beyond_the_limit_is_refused_whether_announced_or_not(clinic: RunningClinic) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * 4096

    for data in (b" " * 100_000, endless()):
        async with clinic.stranger().http.post(
            f"{clinic.url}/api/v1/session", data=data, headers={"Content-Type": "application/json"}
        ) as response:
            await assert_problem(response, 413, "too_large")


async def test_unknown_and_repeated_query_parameters_are_refused(clinic: RunningClinic) -> None:
    admin = await clinic.sign_in("admin")
    for query in ("?cursor=1&surprise=1", "?limit=1&limit=2", "?limit=many", "?limit=0", "?limit=100000", "?cursor=-1"):
        async with admin.response("GET", f"/audit{query}") as response:
            await assert_problem(response, 400, "invalid")


@pytest.mark.parametrize(
    "path", ["/nope", "/consultations/../../etc/passwd", "/%00", "/consultations/%2e%2e", "/session/x"]
)
async def test_an_unknown_path_is_a_problem_too(clinic: RunningClinic, path: str) -> None:
    async with clinic.stranger().response("GET", path) as response:
        assert response.status in {401, 404}
        assert response.content_type == "application/problem+json"


async def test_an_unknown_method_is_a_problem_too(clinic: RunningClinic) -> None:
    async with clinic.stranger().response("PUT", "/session") as response:
        assert response.status in {404, 405}
        assert response.content_type == "application/problem+json"


async def test_nobody_gets_anything_without_signing_in(clinic: RunningClinic) -> None:
    stranger = clinic.stranger()
    for endpoint in endpoints():
        if endpoint.roles is None:
            continue
        path = endpoint.path.removeprefix("/api/v1").replace("{", "").replace("}", "")
        async with stranger.response(endpoint.method, path, {} if endpoint.body else None) as response:
            await assert_problem(response, 401, "sign_in_required")


async def test_the_wrong_role_sees_what_it_would_see_of_nothing(clinic: RunningClinic) -> None:
    for login in ("patient", "custodian", "dr.lin"):
        browser = await clinic.sign_in(login)
        for endpoint in endpoints():
            if endpoint.roles is None or browser.me["role"] in endpoint.roles:
                continue
            path = endpoint.path.removeprefix("/api/v1").replace("{", "").replace("}", "")
            async with browser.response(endpoint.method, path, {} if endpoint.body else None) as response:
                await assert_problem(response, 404, "not_found")


async def test_ids_of_every_shape_are_simply_not_found(clinic: RunningClinic) -> None:
    doctor = await clinic.sign_in("dr.garcia")
    for name in ("con_", "con_" + "a" * 26, "x" * 4000, "'; drop table members; --", "%F0%9F%92%89", "con_\u0000"):
        async with doctor.response("GET", f"/consultations/{name}") as response:
            await assert_problem(response, 404, "not_found")


async def test_a_stalled_body_is_cut_off(tmp_path: Path) -> None:
    settings = clinic_settings(tmp_path / "data", limits={"body_wait_s": 1})
    async with running_clinic(tmp_path / "data", settings=settings) as clinic:
        host, port = clinic.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"
        )
        async with asyncio.timeout(5):
            answer = await reader.readuntil(b"\r\n")
        writer.close()
        await writer.wait_closed()
    assert b"408" in answer


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
async def test_headers_that_never_end_are_cut_off(tmp_path: Path, sent: bytes) -> None:
    settings = clinic_settings(tmp_path / "data", limits={"header_wait_s": 1})
    async with running_clinic(tmp_path / "data", settings=settings) as clinic:
        host, port = clinic.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(sent)
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"NONSENSE\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_refused_and_disturbs_nobody(clinic: RunningClinic, raw: bytes) -> None:
    host, port = clinic.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(raw)
    async with asyncio.timeout(5):
        answer = await reader.readuntil(b"\r\n")
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.")
    assert b" 400 " in answer
    assert (await clinic.stranger().get("/meta"))[0] == 200


async def test_every_answer_carries_the_safe_headers(clinic: RunningClinic) -> None:
    http = clinic.stranger().http
    for path in ("/", "/api/v1/meta", "/api/v1/nope", "/static/app.js", "/static/absent.js", "/healthz", "/socket.io/"):
        async with http.get(clinic.url + path) as response:
            assert response.headers["X-Content-Type-Options"] == "nosniff", path
            assert response.headers["Referrer-Policy"] == "no-referrer"
            assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
            assert "aiohttp" not in response.headers.get("Server", "")


async def raw_answer(clinic: RunningClinic, request: bytes) -> bytes:
    """Send octets on a connection of their own; return what comes back until it is closed."""
    host, port = clinic.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def dripped(clinic: RunningClinic, head: bytes) -> bytes:
    """Send a head, then one octet after the other for as long as the server listens; return its answer."""
    host, port = clinic.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(head)

    async def drip() -> None:
        while True:
            await asyncio.sleep(0.2)
            writer.write(b" ")

    dripping = asyncio.create_task(drip())
    try:
        async with asyncio.timeout(5):
            return await reader.read(500)
    finally:
        dripping.cancel()
        writer.close()


async def test_what_comes_drop_by_drop_is_cut_off_as_what_stalls_is(tmp_path: Path) -> None:
    settings = clinic_settings(tmp_path / "data", limits={"body_wait_s": 1, "header_wait_s": 1})
    async with running_clinic(tmp_path / "data", settings=settings) as clinic:
        head = b"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        assert b" 408 " in await dripped(clinic, head + b"Content-Length: 50000\r\n\r\n")
        assert await dripped(clinic, head + b"X-Slow: ") == b""


async def test_a_body_in_an_encoding_is_refused_and_never_unpacked(clinic: RunningClinic) -> None:
    bomb = gzip.compress(b" " * 10_000_000)
    patient = await clinic.open_link(clinic.demonstration.links[0])
    files = f"/consultations/{patient.me['consultation']}/attachments"
    for path, encoding in (("/session", "gzip"), ("/session", "br"), (files, "gzip"), (files, "deflate, gzip")):
        headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
        async with patient.response("POST", path, data=bomb, headers=headers) as response:
            await assert_problem(response, 415, "unsupported_media_type")


async def test_bytes_that_are_no_text_in_a_header_are_no_hindrance(clinic: RunningClinic) -> None:
    custodian = await clinic.sign_in("custodian")
    _, page = await custodian.get("/archive")
    recorded = next(one["id"] for one in page["entries"] if one["recording"])
    head = f"GET /api/v1/archive/{recorded}/media HTTP/1.1\r\nHost: x\r\nConnection: close\r\n".encode()
    bearer = f"Authorization: Bearer {custodian.token}\r\n".encode()
    ranges = {
        b"bytes=0-9": b"206",
        b"bytes=-0": b"416",
        b"bytes=999999999999999999-": b"416",
        b"\xff\xfe": b"200",
        b"bytes=\xff-": b"200",
        b"bytes=0-0,2-3,-1": b"200",
        b"bytes=9-2": b"200",
        b"bytes=" + b"9" * 4000 + b"-": b"200",
        b"lines=1-2": b"200",
    }
    for wanted, status in ranges.items():
        answer = await raw_answer(clinic, head + bearer + b"Range: " + wanted + b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 " + status), wanted
    for odd in (b"Authorization: Bearer \xff.\xff.\xff\r\n", b"Cookie: consilium_viewing=\xff\xfe\r\n"):
        assert (await raw_answer(clinic, head + odd + b"\r\n")).startswith(b"HTTP/1.1 401")
    refresh = b"POST /api/v1/session/refresh HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Consilium: 1\r\n"
    odd_refresh = refresh + b"Cookie: consilium_refresh=\xff\xfe\r\n\r\n"
    assert (await raw_answer(clinic, odd_refresh)).startswith(b"HTTP/1.1 401")


async def test_one_kind_of_proof_is_good_for_nothing_else(clinic: RunningClinic) -> None:
    custodian = await clinic.sign_in("custodian")
    _, page = await custodian.get("/archive")
    recorded = next(one["id"] for one in page["entries"] if one["recording"])
    assert (await custodian.post(f"/archive/{recorded}/viewing", {"reason": "a test"}))[0] == 200
    cookies = {cookie.key: cookie.value for cookie in custodian.http.cookie_jar}
    proofs = {
        "viewing": cookies["consilium_viewing"],
        "refresh": cookies["consilium_refresh"],
        "access": custodian.token,
    }
    swapped = [
        ("/me", {"Authorization": f"Bearer {proofs['viewing']}"}),
        ("/me", {"Authorization": f"Bearer {proofs['refresh']}"}),
        (f"/archive/{recorded}", {"Cookie": f"consilium_viewing={proofs['viewing']}"}),
        (f"/archive/{recorded}/media", {"Cookie": f"consilium_viewing={proofs['access']}"}),
        (f"/archive/{page['entries'][-1]['id']}/media", {"Cookie": f"consilium_viewing={proofs['viewing']}"}),
    ]
    for path, headers in swapped:
        async with clinic.stranger().response("GET", path, headers=headers) as response:
            await assert_problem(response, 401, "sign_in_required")
    for cookie in (proofs["access"], proofs["viewing"]):
        headers = {"Cookie": f"consilium_refresh={cookie}", "X-Consilium": "1"}
        async with clinic.stranger().response("POST", "/session/refresh", headers=headers) as response:
            await assert_problem(response, 401, "sign_in_required")


async def test_strangers_fill_no_log_and_are_counted(clinic: RunningClinic, caplog: pytest.LogCaptureFixture) -> None:
    bodies = b"Host: x\r\nContent-Type: application/json\r\n"
    for request in (
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"POST /api/v1/session HTTP/1.1\r\n" + bodies + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{ \r\nZZ\r\n",
    ):
        assert b" 400 " in await raw_answer(clinic, request)
    for _ in range(3):  # gone before the answer, and before their own end
        _, writer = await asyncio.open_connection(*clinic.url.removeprefix("http://").split(":"))
        writer.write(b"POST /api/v1/session HTTP/1.1\r\n" + bodies + b"Content-Length: 60000\r\n\r\n{")
        await writer.drain()
        writer.transport.abort()
    await asyncio.sleep(0.1)
    assert [record.getMessage() for record in caplog.records if record.levelname in {"WARNING", "ERROR"}] == []
    async with clinic.stranger().http.get(f"{clinic.url}/metrics") as response:
        figures = await response.text()
    counted = re.search(r'consilium_connection_trouble_total{kind="malformed"} (\d+)', figures)
    assert counted is not None
    assert int(counted[1]) >= 4
    assert 'kind="failed"' not in figures
