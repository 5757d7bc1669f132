"""Where each person and each shared screen is in the composed picture. Pure geometry in even pixels."""

from dataclasses import dataclass
from math import ceil, sqrt
from typing import Final

_SCREEN_PARTS: Final = (3, 4)  # of the width, beside the people
_PEOPLE_LED: Final = 3  # two are as large as each other, whoever speaks
_PEOPLE_BESIDE: Final = 4  # in one column; more share the column's width


@dataclass(frozen=True, slots=True)
class Rect:
    left: int
    top: int
    width: int
    height: int


def arrange(
    *, people: int, screens: int, width: int, height: int, lead: int | None = None
) -> tuple[list[Rect], list[Rect]]:
    """Return the places of the people and of the screens.

    A screen is large, with the people in a column at its right; a second one (nobody needs more) below it. Without a
    screen the one who leads is as large, beside three and more. Otherwise people share the picture evenly, two of
    them side by side.
    """
    everything = Rect(0, 0, width, height)
    if not screens and lead is not None and follows(people=people, screens=screens):
        others, (large,) = arrange(people=people - 1, screens=1, width=width, height=height)
        return [*others[:lead], large, *others[lead:]], []
    if not screens:
        return _grid(people, everything, columns=max(1, ceil(sqrt(people)))), []
    if not people:
        return [], _grid(screens, everything, columns=1)
    beside = _even(width * _SCREEN_PARTS[0] // _SCREEN_PARTS[1])
    column = Rect(beside, 0, width - beside, height)
    if people <= _PEOPLE_BESIDE:
        places = _grid(_PEOPLE_BESIDE, column, columns=1)[:people]
    else:
        places = _grid(people, column, columns=2)
    return places, _grid(screens, Rect(0, 0, beside, height), columns=1)


def follows(*, people: int, screens: int) -> bool:
    """Tell whether places depend on who leads."""
    return not screens and people >= _PEOPLE_LED


def inset(rect: Rect, by: int) -> Rect:
    """Return what is left of `rect` within a border."""
    return Rect(rect.left + by, rect.top + by, max(2, rect.width - 2 * by), max(2, rect.height - 2 * by))


def fit(width: int, height: int, within: Rect) -> Rect:
    """Return the largest place for a picture of this shape in the middle of `within`: nothing is cut off."""
    if width * within.height >= height * within.width:
        wide, high = within.width, max(2, _even(within.width * height // width))
    else:
        wide, high = max(2, _even(within.height * width // height)), within.height
    left = within.left + _even((within.width - wide) // 2)
    top = within.top + _even((within.height - high) // 2)
    return Rect(left, top, wide, high)


def _grid(count: int, within: Rect, *, columns: int) -> list[Rect]:
    if not count:
        return []
    rows = ceil(count / columns)
    wide, high = _even(within.width // columns), _even(within.height // rows)
    places = []
    for number in range(count):
        row, column = divmod(number, columns)
        missing = columns - min(columns, count - row * columns)  # a last row that is not full stands in the middle
        left = within.left + column * wide + _even(missing * wide // 2)
        places.append(Rect(left, within.top + row * high, wide, high))
    return places


def _even(number: int) -> int:
    return number & ~1
