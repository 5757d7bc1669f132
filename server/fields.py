"""What text and time may be in any request: the rules that several endpoints share."""

from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from kernel.errors import Invalid

END: Final = r"$(?!\n)"
"""The end of a text. `$` alone lets a last line break pass; this means the same to Python and to JSON Schema."""
PRINTABLE: Final = r"^[^\x00-\x1f\x7f]*" + END
"""One line without control characters."""
PRINTABLE_LINES: Final = r"^[^\x00-\x08\x0b-\x1f\x7f]*" + END
"""The same, with tabulators and line breaks inside."""

EARLIEST: Final = datetime(1800, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)


def is_plausible(when: date) -> bool:
    """Whether a date or an instant lies where one may still calculate with it, in any time zone."""
    if not isinstance(when, datetime):
        return EARLIEST.date() <= when < LATEST.date()
    return EARLIEST <= (when.replace(tzinfo=UTC) if when.tzinfo is None else when) < LATEST


def zone_of(name: str) -> ZoneInfo:
    """Return the time zone of an IANA name, or raise `Invalid`."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError; odd names are the others
        raise Invalid("`zone` is no time zone of the IANA database") from None
