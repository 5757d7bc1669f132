"""Signing in, staying signed in and signing out over real HTTP."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from server.routes.session import REFRESH_COOKIE
from tests.server_process import Browser, RunningClinic, clinic_settings, running_clinic

GUARD = {"X-Consilium": "1"}


async def refresh(browser: Browser, *, cookie: str | None = None) -> tuple[int, dict[str, object]]:
    headers = dict(GUARD)
    if cookie is not None:
        browser.http.cookie_jar.clear()
        headers["Cookie"] = f"{REFRESH_COOKIE}={cookie}"
    return await browser.request("POST", "/session/refresh", headers=headers)


def cookie_of(browser: Browser) -> str:
    (cookie,) = (cookie for cookie in browser.http.cookie_jar if cookie.key == REFRESH_COOKIE)
    return cookie.value


async def test_a_doctor_signs_in_and_is_known(clinic: RunningClinic) -> None:
    doctor = await clinic.sign_in("dr.garcia")
    status, me = await doctor.get("/me")
    assert status == 200
    assert me == doctor.me
    assert me["role"] == "clinician"
    assert me["title"]


async def test_a_wrong_password_and_an_unknown_name_are_refused_in_the_same_words(clinic: RunningClinic) -> None:
    stranger = clinic.stranger()
    wrong = await stranger.post("/session", {"login": "dr.garcia", "password": "not-the-password"})
    unknown = await stranger.post("/session", {"login": "dr.nobody", "password": "not-the-password"})
    assert wrong[0] == unknown[0] == 401
    assert wrong[1]["code"] == unknown[1]["code"] == "sign_in.refused"
    assert wrong[1]["title"] == unknown[1]["title"]


async def test_the_refresh_cookie_is_for_this_path_and_not_for_scripts(clinic: RunningClinic) -> None:
    async with clinic.stranger().response(
        "POST", "/session", {"login": "dr.garcia", "password": "consilium-demo"}
    ) as response:
        cookie = response.headers["Set-Cookie"]
    for attribute in ("HttpOnly", "SameSite=Strict", "Path=/api/v1/session"):
        assert attribute in cookie
    assert "Secure" not in cookie  # loopback without TLS


async def test_behind_a_trusted_proxy_that_speaks_tls_the_cookie_is_secure(tmp_path: Path) -> None:
    settings = clinic_settings(tmp_path / "data", server={"trusted_proxies": ("127.0.0.1",)})
    async with running_clinic(tmp_path / "data", settings=settings) as clinic:
        headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "visit.clinic.example"}
        async with clinic.stranger().response(
            "POST", "/session", {"login": "dr.garcia", "password": "consilium-demo"}, headers=headers
        ) as response:
            assert "Secure" in response.headers["Set-Cookie"]
            assert "Strict-Transport-Security" in response.headers
        _, meta = await clinic.stranger().request("GET", "/meta", headers=headers)
        assert meta["demo_join_link"].startswith("https://visit.clinic.example/join#")


async def test_a_stranger_who_claims_to_be_a_proxy_is_not_believed(clinic: RunningClinic) -> None:
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}
    _, meta = await clinic.stranger().request("GET", "/meta", headers=headers)
    assert meta["demo_join_link"].startswith(clinic.url)


async def test_refreshing_gives_a_new_token_and_a_new_cookie(clinic: RunningClinic) -> None:
    doctor = await clinic.sign_in("dr.garcia")
    before = cookie_of(doctor)
    status, answer = await refresh(doctor)
    assert status == 200
    assert answer["me"] == doctor.me
    assert cookie_of(doctor) != before


async def test_refreshing_needs_the_header_that_no_foreign_page_can_send(clinic: RunningClinic) -> None:
    doctor = await clinic.sign_in("dr.garcia")
    for method, path in (("POST", "/session/refresh"), ("DELETE", "/session")):
        status, answer = await doctor.request(method, path)
        assert (status, answer["code"]) == (400, "invalid")
    assert (await refresh(doctor))[0] == 200  # nothing was exchanged or ended


async def test_a_copied_refresh_token_ends_the_whole_session(tmp_path: Path) -> None:
    clock = [datetime.now(UTC)]  # noqa: TID251 - a start; the test moves it
    async with running_clinic(tmp_path / "data", now=lambda: clock[0]) as clinic:
        doctor = await clinic.sign_in("dr.garcia")
        stolen = cookie_of(doctor)
        assert (await refresh(doctor))[0] == 200
        clock[0] += timedelta(minutes=5)
        assert (await refresh(clinic.stranger(), cookie=stolen))[0] == 401
        status, answer = await refresh(doctor)
        assert (status, answer["code"]) == (401, "sign_in_required")


async def test_two_tabs_may_refresh_in_the_same_moment(clinic: RunningClinic) -> None:
    doctor = await clinic.sign_in("dr.garcia")
    cookie = cookie_of(doctor)
    answers = await asyncio.gather(*(refresh(clinic.stranger(), cookie=cookie) for _ in range(2)))
    assert [status for status, _ in answers] == [200, 200]


async def test_after_signing_out_nothing_can_be_refreshed(clinic: RunningClinic) -> None:
    doctor = await clinic.sign_in("dr.garcia")
    cookie = cookie_of(doctor)
    status, _ = await doctor.request("DELETE", "/session", headers=GUARD)
    assert status == 204
    assert (await refresh(doctor, cookie=cookie))[0] == 401


async def test_a_link_opens_exactly_its_consultation(clinic: RunningClinic) -> None:
    patient = await clinic.open_link(clinic.demonstration.links[0])
    assert patient.me["role"] == "patient"
    assert patient.me["consultation"].startswith("con_")
    status, answer = await patient.get("/people")
    assert (status, answer["code"]) == (404, "not_found")


async def test_an_unknown_link_is_refused_in_one_sentence(clinic: RunningClinic) -> None:
    status, answer = await clinic.stranger().post("/session/invitation", {"secret": "x" * 43})
    assert (status, answer["code"]) == (404, "invitation.closed")


async def test_a_forged_token_is_nobody(clinic: RunningClinic) -> None:
    doctor = await clinic.sign_in("dr.garcia")
    assert doctor.token is not None
    for token in ("x", doctor.token[:-2] + "aa", doctor.token + "." + "a" * 9000):
        stranger = clinic.stranger()
        stranger.token = token[:8000]
        status, answer = await stranger.get("/me")
        assert (status, answer["code"]) == (401, "sign_in_required")


async def test_the_access_token_ends_after_ten_minutes(tmp_path: Path) -> None:
    clock = [datetime.now(UTC)]  # noqa: TID251 - a start; the test moves it
    async with running_clinic(tmp_path / "data", now=lambda: clock[0]) as clinic:
        doctor = await clinic.sign_in("dr.garcia")
        clock[0] += timedelta(minutes=11)
        assert (await doctor.get("/me"))[0] == 401
