"""The command line: what `python -m server` can do. Each command imports only what it needs."""

# ruff: noqa: PLC0415 - `--help` must not wait for libraries that only `serve` needs
from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from server import archive_cli, custody_cli
from server.command_run import complain, on_loop

if TYPE_CHECKING:
    from config.settings import Settings
    from server.installation import NewAccount

_PASSWORD_VARIABLE: Final = "CONSILIUM_PASSWORD"  # noqa: S105 - the variable's name
_ROLES: Final = ("clinician", "custodian", "administrator", "patient")

_DESCRIPTION: Final = """\
Consilium: video consultations for a clinic.

  a first look        python -m server demo
  a real clinic       python -m server init      (makes the first administrator)
                      python -m server doctor    (checks the machine)
                      python -m server serve
"""
_SETTINGS_HELP: Final = """\
Settings come from consilium.toml in the working directory (or --settings FILE, or CONSILIUM_SETTINGS) and from
CONSILIUM_SECTION__KEY variables, which win. config/default.toml explains every one.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code: 0 done, 1 failed, 2 asked or set up wrongly."""
    from config.loader import SettingsRefused

    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        settings = _settings(options)
        command: Callable[[argparse.Namespace, Settings], int] = options.command
        return command(options, settings)
    except SettingsRefused as refused:
        return complain(str(refused), code=2)
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m server",
        description=_DESCRIPTION,
        epilog=_SETTINGS_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--settings", type=Path, metavar="FILE", help="TOML file with the settings")
    shared.add_argument("--data", metavar="DIRECTORY", help="data directory (data.directory)")
    listening = argparse.ArgumentParser(add_help=False)
    listening.add_argument("--host", help="address to listen on (server.host); 0.0.0.0 for other machines, with TLS")
    listening.add_argument("--port", type=int, help="TCP port (server.port)")
    listening.add_argument(
        "--media-port", type=int, metavar="PORT", help="UDP port for sound and pictures (media.port)"
    )
    account = argparse.ArgumentParser(add_help=False)
    account.add_argument("--login", help="the name to sign in with")
    account.add_argument("--name", help="the person's name, as others see it")
    account.add_argument("--language", choices=("en", "zh-CN"), default="en")
    account.add_argument(
        "--stdin", action="store_true", help=f"read the password from standard input (or set {_PASSWORD_VARIABLE})"
    )

    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(
        name: str, run: Callable[..., int], about: str, *parents: argparse.ArgumentParser
    ) -> argparse.ArgumentParser:
        command = commands.add_parser(name, parents=[shared, *parents], help=about, description=about)
        command.set_defaults(command=run)
        return command

    add("serve", _serve, "run the server", listening)
    add("demo", _demo, "run a demonstration clinic of invented people, made on first use", listening)
    add("migrate", _migrate, "bring the database to this version's shape")
    add("init", _init, "begin a real installation: database, keys, and the first administrator", account)
    create = add("create-user", _create_user, "open an account", account)
    create.add_argument("--role", choices=_ROLES, required=True)
    create.add_argument("--title", default="", help="for example 'Attending physician, cardiology'")
    create.add_argument("--department", help="id, or English or Chinese name, of the department")
    create.add_argument("--record-number", help="whose record a patient's account opens, for example MR-000123")
    add("doctor", _doctor, "check the machine: ports, database, storage, keys, TURN, clock", listening)
    rotate = add("rotate-keys", _rotate_keys, "begin to use a fresh key; what is stored is wrapped anew")
    rotate.add_argument("--tokens", action="store_true", help="the secret that signs access tokens instead")
    archive_cli.add_commands(commands, shared)
    custody_cli.add_commands(commands, shared)
    audit = commands.add_parser("audit", help="the access log").add_subparsers(metavar="COMMAND", required=True)
    verify = audit.add_parser("verify", parents=[shared], help="check that nothing in it was changed")
    verify.set_defaults(command=_verify_audit)
    return parser


def _settings(options: argparse.Namespace) -> Settings:
    from config import loader

    settings = loader.load(os.environ, file=options.settings)
    given = vars(options)
    server = {key: given[key] for key in ("host", "port") if given.get(key) is not None}
    media = {"port": options.media_port} if given.get("media_port") is not None else {}
    data = {"directory": options.data} if options.data else {}
    for port in (server.get("port"), media.get("port")):
        if port is not None and not 0 <= port <= 65535:
            raise loader.SettingsRefused("a port is a number from 0 to 65535")
    return loader.with_values(settings, server=server, media=media, data=data)


def _serve(_options: argparse.Namespace, settings: Settings) -> int:
    from server.start import serve

    return on_loop(serve(settings))


def _demo(_options: argparse.Namespace, settings: Settings) -> int:
    from config import loader
    from server.start import serve

    return on_loop(serve(loader.with_values(settings, demonstration={"enabled": True})))


def _migrate(_options: argparse.Namespace, settings: Settings) -> int:
    from server.installation import migrate

    return on_loop(migrate(settings))


def _init(options: argparse.Namespace, settings: Settings) -> int:
    from server.installation import create_first_administrator

    return on_loop(create_first_administrator(settings, _account(options, role="administrator")))


def _create_user(options: argparse.Namespace, settings: Settings) -> int:
    from server.installation import create_user

    account = _account(
        options,
        role=options.role,
        title=options.title,
        department=options.department,
        record_number=options.record_number,
    )
    return on_loop(create_user(settings, account))


def _account(options: argparse.Namespace, *, role: str, **more: Any) -> NewAccount:
    from identity.principal import Role
    from server.installation import NewAccount

    return NewAccount(
        login=_asked(options.login, "Sign-in name"),
        name=_asked(options.name, "Name"),
        language=options.language,
        role=Role(role),
        password=_password(options),
        **more,
    )


def _doctor(_options: argparse.Namespace, settings: Settings) -> int:
    from server.doctor_check import examine

    return on_loop(examine(settings))


def _rotate_keys(options: argparse.Namespace, settings: Settings) -> int:
    from server.installation import rotate_record_keys, rotate_token_keys

    return on_loop(rotate_token_keys(settings) if options.tokens else rotate_record_keys(settings))


def _verify_audit(_options: argparse.Namespace, settings: Settings) -> int:
    from server.installation import verify_audit

    return on_loop(verify_audit(settings))


def _asked(given: str | None, question: str) -> str:
    if given:
        return given
    if not sys.stdin.isatty():
        raise SystemExit(complain(f"{question}: give --login and --name where nobody can be asked", code=2))
    return input(f"{question}: ").strip()


def _password(options: argparse.Namespace) -> str:
    """Return the password from the environment, standard input or a prompt; arguments can be read by others."""
    if password := os.environ.get(_PASSWORD_VARIABLE):
        return password
    if options.stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise SystemExit(complain(f"no password: use --stdin, set {_PASSWORD_VARIABLE}, or ask in a terminal", code=2))
    password = getpass.getpass("Password (at least 12 characters): ")
    if password != getpass.getpass("The same again: "):
        raise SystemExit(complain("the two are not the same", code=2))
    return password
