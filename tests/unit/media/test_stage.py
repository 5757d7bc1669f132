from collections.abc import Mapping

import av

from media.stage import Stage

SIZE = {"width": 1280, "height": 720}
HERE = [(0.0, 10_000.0)]


def brightness(frame: av.VideoFrame, left: int, top: int) -> int:
    plane = frame.planes[0]
    return bytes(plane)[top * plane.line_size + left]


def stage(presence: Mapping[str, list[tuple[float, float]]]) -> Stage:
    return Stage([], presence, **SIZE)


def test_the_border_is_around_whoever_speaks_and_goes_with_them() -> None:
    drawn = stage({"a": HERE, "b": HERE})
    nobody = brightness(drawn.at(0), 1, 300)
    for at_ms, speaker in enumerate(("a", "b", None, "a"), start=1):
        frame = drawn.at(at_ms, speaker=speaker)
        assert [brightness(frame, left, 300) > 2 * nobody for left in (1, 1278)] == [speaker == "a", speaker == "b"]


def test_who_spoke_last_stays_large_until_they_leave() -> None:
    drawn = stage({"a": HERE, "b": [(0.0, 1000.0)], "c": HERE})
    centre, small = (480, 360), (1120, 400)  # of the large place; below two small ones

    def is_led(frame: av.VideoFrame) -> bool:
        return brightness(frame, *small) < brightness(frame, *centre)

    assert not is_led(drawn.at(0))
    assert is_led(drawn.at(100, speaker="b"))
    assert is_led(drawn.at(900, speaker=None))
    assert is_led(drawn.at(1000, speaker="nobody of them"))
    left = drawn.at(9000)  # the two others, side by side
    assert brightness(left, 640 + 320, 700) > brightness(left, 640, 700)
