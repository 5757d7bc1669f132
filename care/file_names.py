"""File names that people can read and no system can misunderstand."""

import unicodedata
from typing import Final

from care.content_type import EXTENSIONS

NAME_LIMIT_CHARACTERS: Final = 120

_FORBIDDEN: Final = frozenset('<>:"|?*')
_INVISIBLE: Final = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")  # with them "gpj.exe" can be made to read "exe.jpg"


def safe_name(name: str, content_type: str) -> str:
    """Return `name` without folders, control and direction marks, short, and with an ending that fits the type."""
    name = unicodedata.normalize("NFC", name.encode("utf-8", "ignore").decode())
    name = name.replace("\\", "/").rsplit("/", 1)[-1]
    name = "".join(
        "_" if letter in _FORBIDDEN else letter for letter in name if unicodedata.category(letter) not in _INVISIBLE
    )
    name = " ".join(name.split()).rstrip(". ")
    endings = EXTENSIONS[content_type]
    ending = next((ending for ending in endings if name.lower().endswith(ending)), None)
    if ending is None:
        ending, stem = endings[0], name
    else:
        stem, ending = name[: -len(ending)], name[-len(ending) :]
    return (stem[: NAME_LIMIT_CHARACTERS - len(ending)].strip(". ") or "file") + ending
