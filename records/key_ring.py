"""The secrets of an installation, in files that only their owner can read."""

import base64
import json
import re
import secrets
from pathlib import Path
from typing import Final

from records.private_file import write_private

_SECRET_BYTES: Final = 32
_KEY_ID: Final = re.compile(r"k[1-9][0-9]{0,8}")


class KeyRingUnusable(Exception):
    """The key ring's file is readable by others, damaged, or lacks a key that is needed."""


class KeyRing:
    """Secrets of 256 bits by id, one of them active, in a JSON file that only the owner can read.

    The active key protects what is new; the others remain to open what is old, until `forget`.
    """

    def __init__(self, path: Path, *, active: str, keys: dict[str, bytes]) -> None:
        self._path = path
        self._active = active
        self._keys = keys

    @classmethod
    def load_or_create(cls, path: Path) -> "KeyRing":
        """Read the ring at `path`; make one with a single fresh key where there is none."""
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            ring = cls(path, active="k1", keys={"k1": secrets.token_bytes(_SECRET_BYTES)})
            try:
                ring._write(exclusive=True)
            except FileExistsError:
                pass  # another process was first; its ring is the ring
            else:
                return ring
        active, keys = _stored(path)
        return cls(path, active=active, keys=keys)

    @property
    def active(self) -> str:
        """The id of the key for what is new."""
        return self._active

    @property
    def ids(self) -> tuple[str, ...]:
        """Every key's id, oldest first."""
        return tuple(sorted(self._keys, key=lambda key_id: int(key_id[1:])))

    def key(self, key_id: str) -> bytes:
        """Return the secret called `key_id`."""
        try:
            return self._keys[key_id]
        except KeyError:
            raise KeyRingUnusable(f"{self._path} has no key {key_id}") from None

    def refresh(self) -> None:
        """Learn what another process changed in the file."""
        self._active, self._keys = _stored(self._path)

    def rotate(self) -> str:
        """Add a fresh key, make it the active one, and return its id once it is durable."""
        newest = int(self.ids[-1][1:])
        fresh = f"k{newest + 1}"
        changed = KeyRing(self._path, active=fresh, keys={**self._keys, fresh: secrets.token_bytes(_SECRET_BYTES)})
        changed._write(exclusive=False)
        self._active, self._keys = changed._active, changed._keys
        return fresh

    def forget(self, key_id: str) -> None:
        """Destroy an old key. What is still wrapped by it can never be opened again."""
        if key_id == self._active:
            raise ValueError("the active key can't be forgotten")
        changed = KeyRing(self._path, active=self._active, keys={k: v for k, v in self._keys.items() if k != key_id})
        changed._write(exclusive=False)
        self._keys = changed._keys

    def _write(self, *, exclusive: bool) -> None:
        """Make the file equal to this ring, whole or not at all, durable on return."""
        text = {"active": self._active, "keys": {k: base64.b64encode(v).decode() for k, v in self._keys.items()}}
        write_private(self._path, text, exclusive=exclusive)


def _stored(path: Path) -> tuple[str, dict[str, bytes]]:
    """Return the active key's id and all keys of the ring in a file."""
    if path.stat().st_mode & 0o077:
        raise KeyRingUnusable(f"{path} can be read by others; its mode must be 0600")
    try:
        stored = json.loads(path.read_text())
        keys = {str(key_id): base64.b64decode(text, validate=True) for key_id, text in stored["keys"].items()}
        active = str(stored["active"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise KeyRingUnusable(f"{path} is damaged") from error
    sound = all(_KEY_ID.fullmatch(key_id) and len(key) == _SECRET_BYTES for key_id, key in keys.items())
    if active not in keys or not sound:
        raise KeyRingUnusable(f"{path} is damaged")
    return active, keys
