"""What a sealed file is, as it is stored: told without any key."""

import hashlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SealedDigest:
    """Size and SHA-256 (hex) of a sealed file."""

    size_bytes: int
    sha256: str


def digest_of(file: Path) -> SealedDigest:
    """Read a sealed file on this disk. FileNotFoundError when there is none."""
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256")
        return SealedDigest(content.tell(), digest.hexdigest())
