"""What `doctor` says about one part of the machine."""

from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    FINE = "ok"
    WARNING = "warning"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; `advice` is there when something should be done."""

    grade: Grade
    about: str
    words: str
    advice: str = ""
