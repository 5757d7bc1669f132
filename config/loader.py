"""Reads settings from a TOML file and the environment; whatever it does not know, it refuses."""

import difflib
import ipaddress
import re
import tomllib
import zoneinfo
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Final, get_type_hints
from urllib.parse import urlsplit

import msgspec

from config.settings import Settings
from config.turn_url import read_turn_url

_PREFIX: Final = "CONSILIUM_"
_FILE_VARIABLE: Final = "CONSILIUM_SETTINGS"
_DEFAULT_FILE: Final = Path("consilium.toml")


class SettingsRefused(Exception):
    """The settings can't be used; the message tells the operator which key and why. It holds no value."""


def load(environ: Mapping[str, str], *, file: Path | None = None) -> Settings:
    """Return the settings: defaults, then the file, then the environment.

    The file is `file`, else what CONSILIUM_SETTINGS names, else `consilium.toml` in the working directory where there
    is one. Raises SettingsRefused.
    """
    named = file or (Path(environ[_FILE_VARIABLE]) if environ.get(_FILE_VARIABLE) else None)
    tables = _read(named) if named is not None else _read(_DEFAULT_FILE) if _DEFAULT_FILE.is_file() else {}
    _refuse_unknown(tables)
    for variable, value in environ.items():
        # Only names with a double underscore are ours: Kubernetes sets CONSILIUM_PORT and the like for its own reasons.
        if variable.startswith(_PREFIX) and "__" in variable:
            section, _, key = variable.removeprefix(_PREFIX).lower().partition("__")
            _refuse_unknown({section: {key: value}}, said=variable)
            tables.setdefault(section, {})[key] = _split(section, key, value)
    return _checked(_convert(tables))


def with_values(settings: Settings, **sections: Mapping[str, object]) -> Settings:
    """Return `settings` with some values replaced, for example `server={"port": 0}`; from the command line."""
    changed = {name: replace(getattr(settings, name), **values) for name, values in sections.items()}
    return _checked(replace(settings, **changed))


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsRefused(f"{file}: there is no such settings file") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsRefused(f"{file}: {error}") from None


def _sections() -> dict[str, type]:
    return {name: kind for name, kind in get_type_hints(Settings).items() if isinstance(kind, type)}


def _keys() -> list[str]:
    return [f"{section}.{key.name}" for section, kind in _sections().items() for key in fields(kind)]


def _refuse_unknown(tables: Mapping[str, Any], *, said: str = "") -> None:
    known = _keys()
    sections = _sections()
    for section, table in tables.items():
        if section in sections and not isinstance(table, Mapping):
            raise SettingsRefused(f"{section}: must be a table, [{section}]")
        for key in table if isinstance(table, Mapping) else [""]:
            name = f"{section}.{key}".rstrip(".")
            if name in known:
                continue
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"; did you mean {_as_variable(near[0]) if said else near[0]}?" if near else ""
            raise SettingsRefused(f"{said or name}: there is no such setting{hint}")


def _as_variable(name: str) -> str:
    return _PREFIX + name.replace(".", "__").upper()


def _split(section: str, key: str, value: str) -> object:
    hint = get_type_hints(_sections()[section])[key]
    if getattr(hint, "__origin__", None) is tuple:
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _convert(tables: Mapping[str, Any]) -> Settings:
    try:
        return msgspec.convert(tables, Settings, strict=False)
    except msgspec.ValidationError as error:
        # msgspec's words name the type and the path, and the value only for a choice ("Invalid enum value …").
        reason, _, path = str(error).partition(" - at ")
        name = path.strip("`").removeprefix("$.")
        reason = re.sub(r"^Invalid enum value .*", "not one of the possible values", reason)
        raise SettingsRefused(f"{name}: {reason[:1].lower()}{reason[1:]}") from None


def _checked(settings: Settings) -> Settings:
    """Refuse what each key allows but together makes no sense."""
    server, turn, clinic = settings.server, settings.turn, settings.clinic
    rules = (
        (
            bool(server.tls_certificate) == bool(server.tls_key),
            "server.tls_certificate and server.tls_key: set both or neither",
        ),
        (_is_origin(server.base_url), "server.base_url: must look like https://visit.clinic.example"),
        (
            all(map(_is_network, server.trusted_proxies)),
            "server.trusted_proxies: must be addresses or networks, like 10.0.0.0/8",
        ),
        (
            all(_is_network(address) and "/" not in address for address in settings.media.announced_addresses),
            "media.announced_addresses: must be IP addresses",
        ),
        (
            not settings.storage.url or settings.storage.url.startswith(("s3://", "file:///")),
            "storage.url: must look like s3://bucket/prefix or file:///mnt/archive",
        ),
        (
            bool(settings.storage.access_key_id) == bool(settings.storage.secret_access_key),
            "storage.access_key_id and storage.secret_access_key: set both or neither",
        ),
        (
            0 < settings.retention.rule.recordings_years <= settings.retention.rule.records_years,
            "retention.recordings_years: 1 or more, up to retention.records_years (set it, too); 'own' needs both",
        ),
        (not turn.urls or bool(turn.secret), "turn.secret: needed when turn.urls is set"),
        (
            not (complaint := _turn_url_complaint(turn.urls)),
            f"turn.urls: {complaint}",
        ),
        (_is_time_zone(clinic.time_zone), "clinic.time_zone: must be an IANA name, like Asia/Shanghai"),
        (
            bool(clinic.languages) and set(clinic.languages) <= {"en", "zh-CN"},
            'clinic.languages: must be "en", "zh-CN" or both',
        ),
    )
    for kept, complaint in rules:
        if not kept:
            raise SettingsRefused(complaint)
    return settings


def _turn_url_complaint(urls: Iterable[str]) -> str:
    for url in urls:
        try:
            read_turn_url(url)
        except ValueError as error:
            return str(error)
    return ""


def _is_origin(base_url: str) -> bool:
    parts = urlsplit(base_url)
    return not base_url or (
        parts.scheme in {"http", "https"} and bool(parts.netloc) and parts.path in {"", "/"} and not parts.query
    )


def _is_network(value: str) -> bool:
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        return False
    return True


def _is_time_zone(name: str) -> bool:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
