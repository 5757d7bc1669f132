"""Files of secrets: whole or absent after any crash, and for their owner's eyes alone."""

import json
import os
import secrets
from pathlib import Path


def write_private(path: Path, value: object, *, exclusive: bool) -> None:
    """Make the file at `path` hold `value` as JSON, whole or not at all, durable on return.

    With `exclusive` a file that is there already is left alone: FileExistsError.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            json.dump(value, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        if exclusive:
            os.link(temporary, path)
        else:
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
