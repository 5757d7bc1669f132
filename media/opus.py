"""Reads how long an Opus packet sounds (RFC 6716, 3.1)."""

from typing import Final

CLOCK_RATE: Final = 48000

_SILK: Final = (480, 960, 1920, 2880)
_HYBRID: Final = (480, 960)
_CELT: Final = (120, 240, 480, 960)
_LONGEST: Final = 5760  # 120 ms


def packet_ticks(packet: bytes) -> int:
    """Return the duration in ticks of 48 kHz. ValueError when it is no Opus packet."""
    if not packet:
        raise ValueError("an empty Opus packet")
    configuration = packet[0] >> 3
    if configuration < 12:
        ticks = _SILK[configuration % 4]
    elif configuration < 16:
        ticks = _HYBRID[configuration % 2]
    else:
        ticks = _CELT[configuration % 4]
    code = packet[0] & 3
    if code == 3:
        if len(packet) < 2:
            raise ValueError("the Opus packet is cut off")
        ticks *= packet[1] & 0x3F
    elif code:
        ticks *= 2
    if not 0 < ticks <= _LONGEST:
        raise ValueError("no Opus packet is this long")
    return ticks
