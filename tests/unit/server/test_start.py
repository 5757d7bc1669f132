"""How the server chooses its protocol and what it calls itself."""

import tomllib
from pathlib import Path

import pytest

from config.loader import with_values
from config.settings import Settings
from demonstration.clinic import Demonstration, DemonstrationAccount, JoinLink
from identity.principal import Role
from server.addresses import in_url, is_loopback, local_addresses
from server.greeting import greeting
from server.refusal import Refused
from server.start import base_urls, tls_of
from server.version import VERSION


def settings(data: Path, **server: object) -> Settings:
    return with_values(Settings(), server=server, data={"directory": str(data)})


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
    ],
)
def test_loopback_is_what_only_this_machine_reaches(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_this_machine_has_addresses_without_duplicates() -> None:
    found = local_addresses()
    assert len(found) == len(set(found))
    assert not any(address.startswith(("169.254.", "fe80:")) for address in found)


def test_an_ipv6_address_stands_in_brackets() -> None:
    assert in_url("::1") == "[::1]"
    assert in_url("10.0.0.1") == "10.0.0.1"


@pytest.mark.parametrize(
    ("server", "secure"),
    [
        ({}, False),
        ({"tls": "on"}, True),
        ({"host": "0.0.0.0"}, True),
        ({"host": "0.0.0.0", "tls": "off"}, False),
        ({"host": "0.0.0.0", "trusted_proxies": ("10.0.0.1",)}, False),
        ({"host": "0.0.0.0", "trusted_proxies": ("10.0.0.1",), "tls": "on"}, True),
        ({"host": "192.0.2.7"}, True),
    ],
)
def test_it_speaks_tls_where_browsers_ask_for_it(tmp_path: Path, server: dict[str, object], secure: bool) -> None:
    context, trial = tls_of(settings(tmp_path, **server))
    assert (context is not None) is secure
    assert (trial is not None) is secure


def test_a_certificate_of_the_settings_is_used_and_no_trial_one_made(tmp_path: Path) -> None:
    _, trial = tls_of(settings(tmp_path / "a", tls="on"))
    assert trial is not None
    given = settings(tmp_path / "b", tls_certificate=str(trial.certificate), tls_key=str(trial.key))
    context, made = tls_of(given)
    assert context is not None
    assert made is None
    assert not (tmp_path / "b").exists()


def test_a_certificate_that_is_absent_is_a_refusal_in_words(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="TLS can't be set up"):
        tls_of(settings(tmp_path, tls_certificate="absent.pem", tls_key="absent.pem"))


def test_links_begin_with_what_the_settings_say(tmp_path: Path) -> None:
    named = settings(tmp_path, base_url="https://visit.clinic.example/")
    assert base_urls(named, port=8080, secure=False) == ["https://visit.clinic.example"]


def test_the_usual_port_is_left_out(tmp_path: Path) -> None:
    assert base_urls(settings(tmp_path, host="192.0.2.7"), port=443, secure=True) == ["https://192.0.2.7"]
    assert base_urls(settings(tmp_path), port=8080, secure=False) == ["http://127.0.0.1:8080"]


def test_on_every_address_the_one_for_others_comes_first(tmp_path: Path) -> None:
    urls = base_urls(settings(tmp_path, host="0.0.0.0"), port=8080, secure=True)
    assert urls[-1] == "https://127.0.0.1:8080"
    assert len(urls) == len(set(urls))


def test_the_greeting_of_a_demonstration_names_people_and_links(tmp_path: Path) -> None:
    shown = Demonstration(
        accounts=(DemonstrationAccount("dr.x", "published", "Dr X", Role.CLINICIAN, "Physician"),),
        links=(JoinLink("Pat", "dr.x", "en", "s3cret"),),
    )
    text = greeting(settings(tmp_path), urls=["http://127.0.0.1:8080"], trial=None, demonstration=shown)
    for part in ("http://127.0.0.1:8080/join#s3cret", "dr.x", "Dr X (Physician)", "published", "Pat", "DEMONSTRATION"):
        assert part in text


def test_a_real_clinic_is_greeted_without_any_of_that(tmp_path: Path) -> None:
    text = greeting(settings(tmp_path), urls=["http://127.0.0.1:8080"], trial=None, demonstration=None)
    assert "DEMONSTRATION" not in text
    assert "join#" not in text


def test_the_version_is_the_projects() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["version"] == VERSION
