"""How long recordings are kept, and when one is due to be destroyed."""

from dataclasses import dataclass
from datetime import datetime

from care.summary import ConsultationSummary
from kernel.ids import ConsultationId


@dataclass(frozen=True, slots=True)
class DuePlace:
    """Where a page of due visits ends."""

    finished_at: datetime
    consultation: ConsultationId


@dataclass(frozen=True, slots=True)
class DueVisit:
    """A visit whose recording has been kept for as long as it must be. One under hold stays."""

    consultation: ConsultationSummary
    finished_at: datetime
    is_held: bool

    @property
    def place(self) -> DuePlace:
        return DuePlace(self.finished_at, self.consultation.id)


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """`years` is how long a recording is kept after its visit has ended."""

    years: int

    def finished_before(self, at: datetime) -> datetime:
        """Return when a visit must have ended for its recording to be due at `at`."""
        return _years_from(at, -self.years)

    def due_at(self, finished_at: datetime) -> datetime:
        """Return from when on the recording of a visit is due."""
        return _years_from(finished_at, self.years)


def _years_from(at: datetime, years: int) -> datetime:
    try:
        return at.replace(year=at.year + years)
    except ValueError:  # the 29th of February
        return at.replace(year=at.year + years, day=28)
