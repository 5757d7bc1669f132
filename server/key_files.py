"""Custodians' key files on the command line: which ones, and their passphrases."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from server.command_run import complain

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from records.custodian_key_file import CustodianKey


def add_key_files(command: argparse.ArgumentParser, option: str) -> None:
    """Let a command take key files, each with its passphrase."""
    command.add_argument(
        option, action="append", default=[], metavar="FILE", help="a custodian's key file; several by repeating it"
    )
    command.add_argument("--stdin", action="store_true", help="read passphrases from standard input, one a line")


def key_files(paths: Sequence[str], *, from_stdin: bool) -> list[CustodianKey]:
    """Return the keys in files, asking for their passphrases; the command ends when one does not open."""
    from records.custodian_key_file import FILE_LIMIT_BYTES, KeyFileUnusable, opened  # noqa: PLC0415 - as in `cli`

    keys = []
    for path in paths:
        try:
            with Path(path).open("rb") as file:
                content = file.read(FILE_LIMIT_BYTES + 1)
            keys.append(opened(content, passphrase(f"Passphrase of {path}: ", from_stdin=from_stdin)))
        except (KeyFileUnusable, OSError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise SystemExit(complain(f"{path}: {why}", code=2)) from None
    return keys


def passphrase(question: str, *, from_stdin: bool) -> str:
    """Return one passphrase, from standard input or a prompt; arguments can be read by others."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise SystemExit(complain("no passphrase: use --stdin, or ask in a terminal", code=2))
    return getpass.getpass(question)
