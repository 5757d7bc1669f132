"""How long what is kept of a visit is kept, and when it is due to be destroyed."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from care.summary import ConsultationSummary
from kernel.ids import ConsultationId


class RetentionClass(StrEnum):
    """What is kept for a time of its own."""

    RECORDINGS = "recordings"  # sound and pictures
    RECORDS = "records"  # messages, notes, files, what happened; the recording with it, if it is still there


@dataclass(frozen=True, slots=True)
class DuePlace:
    """Where a page of due visits ends."""

    finished_at: datetime
    consultation: ConsultationId


@dataclass(frozen=True, slots=True)
class DueVisit:
    """A visit of which something has been kept for as long as it must be. One under hold stays."""

    consultation: ConsultationSummary
    finished_at: datetime
    is_held: bool

    @property
    def place(self) -> DuePlace:
        return DuePlace(self.finished_at, self.consultation.id)


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """`years` is how long something of this class is kept after its visit has ended."""

    kind: RetentionClass
    years: int

    def finished_before(self, at: datetime) -> datetime:
        """Return when a visit must have ended for this to be due at `at`."""
        return _years_from(at, -self.years)

    def due_at(self, finished_at: datetime) -> datetime:
        """Return from when on this is due."""
        return _years_from(finished_at, self.years)

    def __str__(self) -> str:
        return f"{self.kind}, {self.years} years"


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """The rules of a clinic; `basis` is the law they are from, empty for rules of its own."""

    jurisdiction: str
    recordings_years: int
    records_years: int
    basis: str = ""

    def of(self, kind: RetentionClass) -> RetentionRule:
        """Return the rule of a class."""
        return RetentionRule(kind, self.recordings_years if kind is RetentionClass.RECORDINGS else self.records_years)


def _years_from(at: datetime, years: int) -> datetime:
    try:
        return at.replace(year=at.year + years)
    except ValueError:  # the 29th of February
        return at.replace(year=at.year + years, day=28)
