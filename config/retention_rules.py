"""How long the law wants what a clinic keeps of a visit to be kept, by jurisdiction.

These are the shortest times that were found, for adults. Whoever runs a clinic has to ask what holds for them, and may
set other numbers of years.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class JurisdictionRule:
    """Years from the end of a visit; `basis` is where they are from. A recording is part of the record where no law
    names it on its own.
    """

    recordings_years: int
    records_years: int
    basis: str


OWN: Final = "own"
"""Stands for a jurisdiction that is not in the table: both numbers of years are the clinic's."""

RULES: Final = {
    "CN": JurisdictionRule(3, 15, "互联网诊疗监管细则（试行）2022"),
    "DE": JurisdictionRule(10, 10, "BGB § 630f (3)"),
    "GB": JurisdictionRule(8, 8, "NHS Records Management Code of Practice"),
    "JP": JurisdictionRule(5, 5, "医師法 第24条"),
    OWN: JurisdictionRule(0, 0, ""),
}
