"""A line on a terminal that says how far a long command is; nothing where standard error is a file or a pipe."""

import sys
from typing import Final

from kernel.clock import monotonic_s

_EVERY_S: Final = 0.2
_CELLS: Final = 30


class ProgressBar:
    """Counts `unit`s up to `total`. `advance` may be called from any one thread at a time."""

    def __init__(self, total: int, unit: str) -> None:
        self._total = total
        self._unit = unit
        self._done = 0
        self._began_s = self._shown_s = monotonic_s()
        self._is_shown = sys.stderr.isatty()

    def advance(self, by: int = 1) -> None:
        """Count on."""
        self._done += by
        if self._is_shown and monotonic_s() - self._shown_s >= _EVERY_S:
            self._show()

    def end(self) -> None:
        """Leave the last state on the terminal."""
        if self._is_shown:
            self._show()
            sys.stderr.write("\n")

    def _show(self) -> None:
        self._shown_s = monotonic_s()
        share = min(1.0, self._done / self._total) if self._total else 1.0
        rate = self._done / max(self._shown_s - self._began_s, 1e-3)
        bar = "#" * int(share * _CELLS)
        sys.stderr.write(
            f"\r[{bar:.<{_CELLS}}] {share:4.0%}  {self._done:,} of {self._total:,} {self._unit}, {rate:,.0f}/s "
        )
        sys.stderr.flush()
