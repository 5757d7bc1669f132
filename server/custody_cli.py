"""The command line's part about custodians' keys: `python -m server custody …`."""

# ruff: noqa: PLC0415 - as in `cli`: each command imports only what it needs
from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from server.command_run import complain, on_loop
from server.key_files import add_key_files, key_files, passphrase

if TYPE_CHECKING:
    from config.settings import Settings


def add_commands(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add `custody` with its commands to those of the command line."""
    custody = commands.add_parser("custody", help="custodians' keys, which open recordings").add_subparsers(
        metavar="COMMAND", required=True
    )

    def add(name: str, run: Any, about: str) -> argparse.ArgumentParser:
        command: argparse.ArgumentParser = custody.add_parser(name, parents=[shared], help=about, description=about)
        command.set_defaults(command=run)
        return command

    make = add(
        "make-key", _make_key, "make a custodian's key file; better on the custodian's machine than on the server"
    )
    make.add_argument(
        "--owner", required=True, metavar="NAME", help="stands in the file, so that people know whose it is"
    )
    make.add_argument("--to", required=True, metavar="FILE", help="a file that does not exist yet")
    make.add_argument("--stdin", action="store_true", help="read the passphrase from standard input")
    propose = add("propose", _propose, "propose the key in a file for a custodian's account")
    propose.add_argument("file", metavar="FILE")
    propose.add_argument("--login", required=True, help="the custodian's sign-in name")
    for name, run, about in (
        ("confirm", _confirm, "put a proposed key into force, in a clinic that has no second custodian"),
        ("retire", _retire, "seal nothing more to a key; it still opens what was sealed to it"),
    ):
        add(name, run, about).add_argument("fingerprint", metavar="FINGERPRINT", help="or how it begins")
    keys = add("keys", _keys, "list the custodians' keys, and how many recordings are in custody")
    keys.add_argument("--json", action="store_true")
    reseal = add("reseal", _reseal, "seal every recording in custody anew, to the keys that are in force now")
    add_key_files(reseal, "--custodian-key")


def _make_key(options: argparse.Namespace, _settings: Settings) -> int:
    from records.custodian_key_file import PASSPHRASE_LEAST
    from server.custody_commands import make_key

    question = f"Passphrase (at least {PASSPHRASE_LEAST} characters): "
    words = passphrase(question, from_stdin=options.stdin)
    if not options.stdin and words != passphrase("The same again: ", from_stdin=False):
        return complain("the two are not the same", code=2)
    return make_key(Path(options.to), owner=options.owner, passphrase=words)


def _propose(options: argparse.Namespace, settings: Settings) -> int:
    from server.custody_commands import propose

    return on_loop(propose(settings, Path(options.file), login=options.login))


def _confirm(options: argparse.Namespace, settings: Settings) -> int:
    from server.custody_commands import confirm

    return on_loop(confirm(settings, options.fingerprint))


def _retire(options: argparse.Namespace, settings: Settings) -> int:
    from server.custody_commands import retire

    return on_loop(retire(settings, options.fingerprint))


def _keys(options: argparse.Namespace, settings: Settings) -> int:
    from server.custody_commands import show_keys

    return on_loop(show_keys(settings, as_json=options.json))


def _reseal(options: argparse.Namespace, settings: Settings) -> int:
    from server.custody_commands import reseal

    keys = key_files(options.custodian_key, from_stdin=options.stdin)
    return on_loop(reseal(settings, keys))
