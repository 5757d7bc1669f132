import pytest

from media.opus import packet_ticks


@pytest.mark.parametrize(
    ("packet", "milliseconds"),
    [
        (b"\xfc", 20),  # CELT fullband 20 ms, one frame, stereo: what browsers send
        (b"\x78", 20),  # hybrid
        (b"\x08", 20),  # SILK narrowband 20 ms
        (b"\x18", 60),
        (b"\xe0", 2.5),
        (b"\xfd", 40),  # two frames
        (b"\xff\x03", 60),  # three frames
        (b"\xff\x06", 120),
    ],
)
def test_the_first_bytes_tell_the_duration(packet: bytes, milliseconds: float) -> None:
    assert packet_ticks(packet) == milliseconds * 48


@pytest.mark.parametrize("packet", [b"", b"\xff", b"\xff\x00", b"\xff\x07", b"\x1f\x03"])
def test_what_opus_forbids_is_refused(packet: bytes) -> None:
    with pytest.raises(ValueError, match="Opus"):
        packet_ticks(packet)
