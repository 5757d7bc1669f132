"""Which Consilium this is; the same as in `pyproject.toml`, as a test asserts."""

from typing import Final

VERSION: Final = "0.1.0"
