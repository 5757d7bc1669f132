"""What the loader accepts, what it refuses, and the words it refuses with."""

import tomllib
from pathlib import Path

import msgspec
import pytest

from config import loader
from config.loader import SettingsRefused
from config.settings import Settings

DEFAULT_TOML = Path(__file__).parents[3] / "config" / "default.toml"


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "settings.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_documented_defaults_are_the_defaults() -> None:
    documented = tomllib.loads(DEFAULT_TOML.read_text(encoding="utf-8"))
    assert msgspec.convert(documented, Settings) == Settings()
    assert {section: set(keys) for section, keys in documented.items()} == {
        section: set(keys) for section, keys in msgspec.to_builtins(Settings()).items()
    }


def test_without_file_and_environment_everything_is_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert loader.load({"PATH": "/bin", "CONSILIUM_PORT": "tcp://10.0.0.1:80"}) == Settings()


def test_a_file_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    settings = loader.load(
        {}, file=written(tmp_path, '[server]\nport = 9000\n[media]\nannounced_addresses = ["10.0.0.7"]')
    )
    assert settings.server.port == 9000
    assert settings.media.announced_addresses == ("10.0.0.7",)
    assert settings.limits == Settings().limits


def test_the_file_in_the_working_directory_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "consilium.toml").write_text("[server]\nport = 9001", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert loader.load({}).server.port == 9001


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, "[server]\nport = 9000")
    environ = {
        "CONSILIUM_SETTINGS": str(file),
        "CONSILIUM_SERVER__PORT": "9100",
        "CONSILIUM_DEMONSTRATION__ENABLED": "true",
        "CONSILIUM_TURN__URLS": "turn:a.example:3478, turns:a.example:443",
        "CONSILIUM_TURN__SECRET": "s3cret",
    }
    settings = loader.load(environ)
    assert settings.server.port == 9100
    assert settings.demonstration.enabled is True
    assert settings.turn.urls == ("turn:a.example:3478", "turns:a.example:443")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[server]\nprot = 1", "server.prot: there is no such setting; did you mean server.port?"),
        ("[sever]\nport = 1", "sever.port: there is no such setting; did you mean server.port?"),
        ("elephants = 1", "elephants: there is no such setting"),
        ("server = 1", "server: must be a table, [server]"),
        ("[server]\nport = 'many'", "server.port: expected `int`, got `str`"),
        ("[server]\nport = 70000", "server.port: expected `int` <= 65535"),
        ("[server]\ntls = 'perhaps'", "server.tls: not one of the possible values"),
        ("[server]\ntls_key = 'k.pem'", "server.tls_certificate and server.tls_key: set both or neither"),
        ("[server]\nbase_url = 'clinic.example'", "server.base_url: must look like https://visit.clinic.example"),
        ("[server]\ntrusted_proxies = ['proxy']", "server.trusted_proxies: must be addresses or networks"),
        ("[turn]\nurls = ['turn:a']", "turn.secret: needed when turn.urls is set"),
        ("[turn]\nurls = ['http://a']\nsecret = 'x'", "turn.urls: must look like turn:"),
        ("[clinic]\ntime_zone = 'Mars/Olympus'", "clinic.time_zone: must be an IANA name"),
        ("[clinic]\nlanguages = ['tlh']", "clinic.languages: must be"),
        ("[media]\nannounced_addresses = ['here']", "media.announced_addresses: must be IP addresses"),
        ("[limits]\nseats = 1", "limits.seats: expected `int` >= 2"),
        ("[retention]\nrecordings_years = 20", "retention.recordings_years"),
        ('[retention]\njurisdiction = "own"', "'own' needs both"),
        ('[retention]\njurisdiction = "XX"', "retention.jurisdiction"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(SettingsRefused) as refused:
        loader.load({}, file=written(tmp_path, text))
    assert complaint in str(refused.value)


def test_an_unknown_variable_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(SettingsRefused, match=r"CONSILIUM_SERVER__PRT: .* did you mean CONSILIUM_SERVER__PORT"):
        loader.load({"CONSILIUM_SERVER__PRT": "1"})


def test_a_refusal_never_repeats_a_secret() -> None:
    with pytest.raises(SettingsRefused) as refused:
        loader.load({"CONSILIUM_TURN__SECRET": "hunter2", "CONSILIUM_TURN__LIFETIME_S": "hunter2"})
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("content", [b"[server", b"\xff\xfe", b"port = 1\nport = 2"])
def test_an_unreadable_file_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "broken.toml"
    file.write_bytes(content)
    with pytest.raises(SettingsRefused, match=r"broken\.toml"):
        loader.load({}, file=file)


def test_a_named_file_that_is_absent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match="no such settings file"):
        loader.load({}, file=tmp_path / "absent.toml")


def test_printing_the_settings_shows_no_secret() -> None:
    settings = loader.load({"CONSILIUM_TURN__SECRET": "hunter2"})
    assert "hunter2" not in repr(settings)


def test_values_from_the_command_line_are_checked_too() -> None:
    assert loader.with_values(Settings(), server={"port": 0}).server.port == 0
    with pytest.raises(SettingsRefused):
        loader.with_values(Settings(), server={"tls_key": "only-one.pem"})


def test_the_jurisdiction_says_how_long_unless_years_are_set(tmp_path: Path) -> None:
    rule = loader.load({}).retention.rule
    assert (rule.recordings_years, rule.records_years, bool(rule.basis)) == (3, 15, True)
    file = tmp_path / "own.toml"
    file.write_text('[retention]\njurisdiction = "own"\nrecordings_years = 2\nrecords_years = 30\n')
    rule = loader.load({}, file=file).retention.rule
    assert (rule.recordings_years, rule.records_years, rule.basis) == (2, 30, "")
    assert loader.load({"CONSILIUM_RETENTION__RECORDS_YEARS": "20"}).retention.rule.records_years == 20
