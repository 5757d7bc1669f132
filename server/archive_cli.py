"""The command line's part about the archive: `python -m server archive …`."""

# ruff: noqa: PLC0415 - as in `cli`: each command imports only what it needs
from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from server.command_run import complain, on_loop
from server.key_files import add_key_files, key_files

if TYPE_CHECKING:
    from config.settings import Settings


def add_commands(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add `archive` with its commands to those of the command line."""
    archive = commands.add_parser("archive", help="recordings: check, hand out, compose").add_subparsers(
        metavar="COMMAND", required=True
    )

    def add(name: str, run: Any, about: str) -> argparse.ArgumentParser:
        command: argparse.ArgumentParser = archive.add_parser(name, parents=[shared], help=about, description=about)
        command.set_defaults(command=run)
        return command

    verify = add("verify", _verify, "check recordings against what was signed; 1 when anything is wrong")
    verify.add_argument("consultations", nargs="*", metavar="CONSULTATION")
    verify.add_argument("--all", action="store_true", help="every recording of a finished visit")
    verify.add_argument("--json", action="store_true", help="one JSON object for each consultation, one a line")
    export = add("export", _export, "write one package (ZIP) for a court or a regulator, with what checks it")
    export.add_argument("consultation", metavar="CONSULTATION")
    export.add_argument("--to", required=True, metavar="FILE", help="a file that does not exist yet")
    export.add_argument("--reason", required=True, help="stands in the access log")
    compose = add("compose", _compose, "compose a film again from what was recorded, and sign it")
    compose.add_argument("consultation", metavar="CONSULTATION")
    for opening in (export, compose):
        add_key_files(opening, "--custodian-key")
    due = add("due", _due, "list recordings that have been kept for as long as they must be; nothing is changed")
    due.add_argument("--records", action="store_true", help="whole records (messages, notes, files) instead")
    due.add_argument("--at", metavar="DATE", help="as of this day (2030-12-31) instead of now")
    due.add_argument("--json", action="store_true", help="one JSON object for each, one a line")
    destroy = add("destroy", _destroy, "confirm what a custodian proposed to destroy, and do it; alone: list proposals")
    destroy.add_argument("proposal", nargs="?", metavar="PROPOSAL")
    destroy.add_argument("--yes", action="store_true", help="without asking")
    keys = add("keys", _keys, "show the public keys that verify the archive")
    keys.add_argument("--json", action="store_true")
    add("rotate-key", _rotate_key, "begin to sign with a fresh key; the private half of the one before is destroyed")


def _verify(options: argparse.Namespace, settings: Settings) -> int:
    from server.archive_commands import verify

    if bool(options.consultations) is options.all:
        return complain("name consultations, or give --all", code=2)
    return on_loop(verify(settings, options.consultations, as_json=options.json))


def _export(options: argparse.Namespace, settings: Settings) -> int:
    from pathlib import Path

    from server.archive_commands import export

    keys = key_files(options.custodian_key, from_stdin=options.stdin)
    return on_loop(export(settings, options.consultation, Path(options.to), reason=options.reason, keys=keys))


def _compose(options: argparse.Namespace, settings: Settings) -> int:
    from server.compose_command import compose_again

    keys = key_files(options.custodian_key, from_stdin=options.stdin)
    return on_loop(compose_again(settings, options.consultation, keys=keys))


def _due(options: argparse.Namespace, settings: Settings) -> int:
    from datetime import UTC, date, datetime, time

    from care.retention import RetentionClass
    from kernel.clock import utc_now
    from server.retention_commands import show_due

    try:
        at = datetime.combine(date.fromisoformat(options.at), time.max, UTC) if options.at else utc_now()
    except ValueError:
        return complain("--at: must be a day, for example 2030-12-31", code=2)
    kind = RetentionClass.RECORDS if options.records else RetentionClass.RECORDINGS
    return on_loop(show_due(settings, kind, at=at, as_json=options.json))


def _destroy(options: argparse.Namespace, settings: Settings) -> int:
    from server.retention_commands import destroy, show_proposals

    if options.proposal is None:
        return on_loop(show_proposals(settings))
    return on_loop(destroy(settings, options.proposal, asks=not options.yes))


def _keys(options: argparse.Namespace, settings: Settings) -> int:
    from server.archive_commands import show_keys

    return show_keys(settings, as_json=options.json)


def _rotate_key(_options: argparse.Namespace, settings: Settings) -> int:
    from server.archive_commands import rotate_key

    return on_loop(rotate_key(settings))
