"""The browser app's files, and what machines may ask: over real HTTP."""

import json
import re

from server.app import NODE
from server.lifecycle import Phase
from tests.server_process import RunningClinic


async def test_every_path_of_the_app_gets_its_page(clinic: RunningClinic) -> None:
    http = clinic.stranger().http
    for path in ("/", "/dashboard", "/visit/con_x", "/archive/con_x", "/join"):
        async with http.get(clinic.url + path) as response:
            assert response.status == 200
            assert response.content_type == "text/html"
            assert response.headers["Cache-Control"] == "no-cache"
            policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "require-trusted-types-for 'script'" in policy


async def test_a_path_of_the_api_never_gets_a_page(clinic: RunningClinic) -> None:
    http = clinic.stranger().http
    for path in ("/api", "/api/", "/api/v2/meta", "/static/", "/static/absent.js", "/static/vendor"):
        async with http.get(clinic.url + path) as response:
            assert response.status == 404
            assert response.content_type == "application/problem+json"


async def test_what_the_page_refers_to_is_cached_for_ever(clinic: RunningClinic) -> None:
    http = clinic.stranger().http
    async with http.get(clinic.url + "/") as response:
        page = await response.text()
    (app,) = re.findall(r'<script type="module" src="([^"]+)"', page)
    assert app.startswith("/static/~")
    async with http.get(clinic.url + app) as response:
        assert response.status == 200
        assert "immutable" in response.headers["Cache-Control"]
        assert response.content_type == "text/javascript"
    async with http.get(clinic.url + "/static/~000000000000/app.js") as response:
        assert response.headers["Cache-Control"] == "no-cache"  # of another version: shown, but not kept


async def test_everything_that_the_page_preloads_is_there(clinic: RunningClinic) -> None:
    http = clinic.stranger().http
    async with http.get(clinic.url + "/") as response:
        page = await response.text()
    for path in re.findall(r'(?:href|src)="(/static/[^"]+)"', page):
        async with http.get(clinic.url + path) as response:
            assert response.status == 200, path


async def test_an_unchanged_file_is_not_sent_again(clinic: RunningClinic) -> None:
    http = clinic.stranger().http
    async with http.get(clinic.url + "/static/app.js") as response:
        etag = response.headers["ETag"]
    async with http.get(clinic.url + "/static/app.js", headers={"If-None-Match": f'"other", W/{etag}'}) as response:
        assert response.status == 304
        assert await response.read() == b""


async def test_text_is_compressed_for_who_can_read_it(clinic: RunningClinic) -> None:
    http = clinic.stranger().http
    async with http.get(clinic.url + "/static/app.js", headers={"Accept-Encoding": "gzip"}) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        compressed = await response.text()
    async with http.get(clinic.url + "/static/app.js", headers={"Accept-Encoding": "identity"}) as response:
        assert "Content-Encoding" not in response.headers
        assert await response.text() == compressed


async def test_search_engines_are_sent_away(clinic: RunningClinic) -> None:
    async with clinic.stranger().http.get(clinic.url + "/robots.txt") as response:
        assert "Disallow: /" in await response.text()


async def test_it_is_ready_until_it_drains(clinic: RunningClinic) -> None:
    http = clinic.stranger().http
    async with http.get(clinic.url + "/readyz") as response:
        assert response.status == 200
        assert (await response.json())["checks"] == {"accepting": True, "database": True, "media": True}
    node = clinic.app[NODE]
    node.lifecycle.begin_draining()
    assert node.lifecycle.phase is Phase.DRAINING
    async with http.get(clinic.url + "/readyz") as response:
        assert response.status == 503
    async with http.get(clinic.url + "/healthz") as response:
        assert response.status == 200


async def test_figures_name_routes_and_nobody(clinic: RunningClinic) -> None:
    doctor = await clinic.sign_in("dr.garcia")
    _, listed = await doctor.get("/consultations")
    consultation = listed["consultations"][0]["id"]
    await doctor.get(f"/consultations/{consultation}")
    async with clinic.stranger().http.request("PURGE", clinic.url + "/healthz") as response:
        assert response.status == 405
    async with clinic.stranger().http.get(clinic.url + "/metrics") as response:
        assert response.headers["Content-Type"].startswith("text/plain")
        figures = await response.text()
    assert 'route="/api/v1/consultations/{consultation}",status="200"} 1.0' in figures
    for name in ("consilium_media_rooms", "consilium_signaling_sockets", "consilium_recorder_tracks"):
        assert f"\n{name} " in figures
    assert not re.search(r"(con|pat|usr|ses|inv|req)_[2-9a-z]{8,}", figures)
    assert "García" not in figures
    assert "PURGE" not in figures, "anybody could fill the memory with methods"
    assert 'method="other",route="unknown",status="405"' in figures


async def test_the_documentation_is_served(clinic: RunningClinic) -> None:
    async with clinic.stranger().http.get(clinic.url + "/api/openapi.json") as response:
        document = json.loads(await response.text())
    assert document["openapi"] == "3.1.0"
    assert "/api/v1/consultations" in document["paths"]


async def test_what_the_server_is_says_nothing_about_anybody_but_the_invented(clinic: RunningClinic) -> None:
    status, meta = await clinic.stranger().get("/meta")
    assert status == 200
    assert meta["demonstration"] is True
    assert {account["login"] for account in meta["demo_accounts"]} >= {"dr.garcia", "admin", "custodian", "patient"}
    assert set(meta["consent"]["texts"]) == {"en", "zh-CN"}
    assert meta["limits"]["attachment_bytes"] > 0


async def test_an_administrator_sees_how_the_node_is(clinic: RunningClinic) -> None:
    admin = await clinic.sign_in("admin")
    status, health = await admin.get("/health")
    assert status == 200
    assert health["database"]
    assert health["media"]
    assert health["free_bytes"] > 0
