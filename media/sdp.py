"""Reads the few things that matter of a browser's SDP answer, by hand. Whatever else stands there is `Invalid`."""

import re
from dataclasses import dataclass, field
from typing import Final

from kernel.errors import Invalid

SIZE_LIMIT: Final = 128 * 1024  # characters of an answer: 51 sections of 2 kB and room to spare
SECTION_LIMIT: Final = 64
LINE_LIMIT: Final = 4096  # characters of one line
_SSRC_LIMIT: Final = 8  # announced in one section

_MEDIA: Final = re.compile(r"(audio|video) (\d{1,5}) UDP/TLS/RTP/SAVPF((?: \d{1,3}){1,64})", re.ASCII)
_FINGERPRINT: Final = re.compile(r"sha-256 ((?:[0-9A-F]{2}:){31}[0-9A-F]{2})", re.ASCII | re.IGNORECASE)
_EXTMAP: Final = re.compile(r"(\d{1,3})(?:/\w{1,10})? (\S{1,256})", re.ASCII)
_SSRC: Final = re.compile(r"(\d{1,10})(?: .*)?", re.ASCII)
_GROUP: Final = re.compile(r"FID (\d{1,10}) (\d{1,10})", re.ASCII)
_TOKEN: Final = re.compile(r"[A-Za-z0-9+/_.-]{1,256}", re.ASCII)
_DIRECTIONS: Final = frozenset({"sendrecv", "sendonly", "recvonly", "inactive"})


@dataclass(slots=True)
class AnsweredSection:
    """One media section of an answer. `ssrc` is what it announces to send, with its retransmissions; 0 for nothing."""

    is_video: bool
    refused: bool
    payload_types: frozenset[int]
    mid: str = ""
    direction: str = "sendrecv"
    ssrc: int = 0
    rtx_ssrc: int = 0
    extension_numbers: dict[int, str] = field(default_factory=dict)
    announced: list[int] = field(default_factory=list)  # every SSRC named, in order
    multiplexes: bool = False  # RTCP on the same port

    @property
    def extensions(self) -> frozenset[str]:
        """The header extensions that were accepted, by URI."""
        return frozenset(self.extension_numbers.values())


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: the browser's certificate, and its sections in order."""

    fingerprint: str  # sha-256, upper case
    sections: tuple[AnsweredSection, ...]


def parse_answer(sdp: str) -> Answer:
    """Read an answer whose sections share one transport on which the browser is the DTLS client. Raises Invalid."""
    if len(sdp) > SIZE_LIMIT:
        raise Invalid("the answer is too long")
    lines = sdp.replace("\r\n", "\n").rstrip("\n").split("\n")
    if lines[0] != "v=0":
        raise Invalid("the answer is not SDP")
    reader = _Reader()
    for line in lines:
        if len(line) > LINE_LIMIT or len(line) < 2 or line[1] != "=" or not line.isprintable():
            raise Invalid("the answer has a malformed line")
        reader.take(line[0], line[2:])
    return reader.finish()


class _Reader:
    def __init__(self) -> None:
        self.sections: list[AnsweredSection] = []
        self.fingerprints: set[str] = set()
        self.setups: set[str] = set()

    def take(self, kind: str, value: str) -> None:
        if kind == "m":
            self._begin(value)
        elif kind == "a":
            name, _, rest = value.partition(":")
            if name == "fingerprint":
                self._take_fingerprint(rest)
            elif name == "setup":
                self.setups.add(rest)
            elif self.sections:
                self._take_attribute(self.sections[-1], name, rest)

    def finish(self) -> Answer:
        if not self.sections:
            raise Invalid("the answer has no media section")
        if len(self.fingerprints) != 1:
            raise Invalid("the answer must have one sha-256 fingerprint")
        if self.setups != {"active"}:
            raise Invalid("the answer must say setup:active")
        for section in self.sections:
            if not section.mid and not section.refused:
                raise Invalid("the answer has a media section without mid")
            if not section.refused and not section.multiplexes:
                raise Invalid("the answer has a media section without rtcp-mux")
            if not section.ssrc and section.announced:
                section.ssrc = section.announced[0]
        return Answer(next(iter(self.fingerprints)), tuple(self.sections))

    def _begin(self, value: str) -> None:
        found = _MEDIA.fullmatch(value)
        if found is None:
            raise Invalid("the answer has a media section that was not offered")
        if len(self.sections) >= SECTION_LIMIT:
            raise Invalid("the answer has too many media sections")
        types = frozenset(int(number) for number in found[3].split())
        self.sections.append(AnsweredSection(found[1] == "video", found[2] == "0", types))

    def _take_fingerprint(self, value: str) -> None:
        """Keep a sha-256 fingerprint; other hashes of the same certificate may stand beside it (RFC 8122, 5)."""
        found = _FINGERPRINT.fullmatch(value)
        if found is not None:
            self.fingerprints.add(found[1].upper())

    def _take_attribute(self, section: AnsweredSection, name: str, value: str) -> None:
        if name in _DIRECTIONS and not value:
            section.direction = name
        elif name == "mid":
            if _TOKEN.fullmatch(value) is None:
                raise Invalid("the answer has a malformed mid")
            section.mid = value
        elif name == "rtcp-mux":
            section.multiplexes = True
        elif name == "extmap":
            found = _EXTMAP.fullmatch(value)
            if found is None:
                raise Invalid("the answer has a malformed extmap")
            section.extension_numbers[int(found[1])] = found[2]
        elif name == "ssrc":
            self._take_ssrc(section, value)
        elif name == "ssrc-group" and value.startswith("FID"):
            found = _GROUP.fullmatch(value)
            if found is None:
                raise Invalid("the answer has a malformed ssrc-group")
            section.ssrc, section.rtx_ssrc = _ssrc(found[1]), _ssrc(found[2])

    def _take_ssrc(self, section: AnsweredSection, value: str) -> None:
        found = _SSRC.fullmatch(value)
        if found is None:
            raise Invalid("the answer has a malformed ssrc")
        ssrc = _ssrc(found[1])
        if ssrc not in section.announced:
            section.announced.append(ssrc)
        if len(section.announced) > _SSRC_LIMIT:
            raise Invalid("the answer announces too many SSRCs")


def _ssrc(text: str) -> int:
    value = int(text)
    if not 0 < value <= 0xFFFFFFFF:
        raise Invalid("the answer has an SSRC out of range")
    return value
