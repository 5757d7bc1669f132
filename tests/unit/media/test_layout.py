from hypothesis import given
from hypothesis import strategies as st

from media.layout import Rect, arrange, fit

WIDTH, HEIGHT = 1280, 720


def overlap(one: Rect, other: Rect) -> bool:
    return (
        one.left < other.left + other.width
        and other.left < one.left + one.width
        and one.top < other.top + other.height
        and other.top < one.top + one.height
    )


def test_two_people_stand_side_by_side() -> None:
    assert arrange(people=2, screens=0, width=WIDTH, height=HEIGHT) == (
        [Rect(0, 0, 640, 720), Rect(640, 0, 640, 720)],
        [],
    )


def test_a_screen_is_large_and_the_people_small_beside_it() -> None:
    people, (screen,) = arrange(people=2, screens=1, width=WIDTH, height=HEIGHT)
    assert screen == Rect(0, 0, 960, 720)
    assert people == [Rect(960, 0, 320, 180), Rect(960, 180, 320, 180)]


def test_the_last_row_stands_in_the_middle() -> None:
    people, _ = arrange(people=3, screens=0, width=WIDTH, height=HEIGHT)
    assert people[2] == Rect(320, 360, 640, 360)


def test_of_three_the_one_who_leads_is_large_and_of_two_nobody() -> None:
    people, _ = arrange(people=3, screens=0, width=WIDTH, height=HEIGHT, lead=1)
    assert people == [Rect(960, 0, 320, 180), Rect(0, 0, 960, 720), Rect(960, 180, 320, 180)]
    for count, screens in ((2, 0), (3, 1)):
        assert arrange(people=count, screens=screens, width=WIDTH, height=HEIGHT, lead=0) == arrange(
            people=count, screens=screens, width=WIDTH, height=HEIGHT
        )


@given(st.integers(0, 12), st.integers(0, 3), st.data())
def test_everybody_has_an_even_place_of_their_own_within_the_picture(
    people: int, screens: int, data: st.DataObject
) -> None:
    lead = data.draw(st.none() | st.integers(0, people - 1)) if people else None
    places, screen_places = arrange(people=people, screens=screens, width=WIDTH, height=HEIGHT, lead=lead)
    everything = [*places, *screen_places]
    assert (len(places), len(screen_places)) == (people, screens)
    for number, place in enumerate(everything):
        assert place.width > 0
        assert place.height > 0
        assert not (place.left | place.top | place.width | place.height) & 1
        assert place.left >= 0
        assert place.top >= 0
        assert place.left + place.width <= WIDTH
        assert place.top + place.height <= HEIGHT
        assert not any(overlap(place, other) for other in everything[:number])


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 300), st.integers(1, 300))
def test_a_picture_of_any_shape_fits_without_being_cut(width: int, height: int, half_w: int, half_h: int) -> None:
    within = Rect(10, 20, half_w * 2, half_h * 2)
    place = fit(width, height, within)
    assert place.width >= 2
    assert place.height >= 2
    assert within.left <= place.left <= place.left + place.width <= within.left + within.width
    assert within.top <= place.top <= place.top + place.height <= within.top + within.height
    assert place.width == within.width or place.height == within.height
