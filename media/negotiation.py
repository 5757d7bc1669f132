"""What we offer one browser and what it answers: SDP (RFC 8866, RFC 8829), sans I/O.

Only the server offers, so payload types and extension numbers are the same for everybody and there is no glare. The
sections are: microphone, camera and screen, which the browser sends, then one for each subscribed track. A section
whose track is gone rests (`a=inactive`) and is used again for the next track of its kind. One offer is out at a time;
what is wanted meanwhile goes into the next.
"""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from kernel.errors import Invalid
from kernel.ids import ParticipantId
from media.packet_path import (
    ABS_SEND_TIME,
    AUDIO_LEVEL,
    LAYERS,
    MID,
    OPUS,
    RED,
    REPAIRED_RID,
    RID,
    RTX,
    TRANSPORT_SEQUENCE,
    VP8,
)
from media.sdp import Answer, AnsweredSection, parse_answer
from rooms.events import Source
from rooms.ports import MediaOffer
from rooms.tracks import TrackRef

PUBLISHED: Final = (Source.MICROPHONE, Source.CAMERA, Source.SCREEN)  # in this order, always first
RECEIVE_LIMIT: Final = 48  # receive sections of one browser
START_KBPS: Final = {Source.CAMERA: 1500, Source.SCREEN: 2000}  # where Chromium begins instead of 300
MAX_KBPS: Final = {Source.CAMERA: 2500, Source.SCREEN: 4000}

_EXTENSIONS: Final = {
    AUDIO_LEVEL: "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    MID: "urn:ietf:params:rtp-hdrext:sdes:mid",
    ABS_SEND_TIME: "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    TRANSPORT_SEQUENCE: "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    RID: "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
    REPAIRED_RID: "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """ICE user name and password of our side (RFC 8445, 5.3): 96 and 144 random bits."""

    ufrag: str
    password: str

    @classmethod
    def random(cls) -> "Credentials":
        return cls(secrets.token_urlsafe(12).replace("-", "+").replace("_", "/"), secrets.token_hex(18))


@dataclass(frozen=True, slots=True)
class Site:
    """What is the same in every offer of this node: where it is reached, and whether it asks for redundant sound."""

    addresses: tuple[str, ...]
    port: int
    fingerprint: str  # sha-256
    redundancy: bool = True


@dataclass(slots=True)
class PublishSection:
    """A section in which the browser may send. `ssrc` and `rtx_ssrc` are what it announced, 0 for nothing."""

    mid: str
    source: Source
    refused: bool = False
    sending: bool = False
    transport_feedback: bool = False
    ssrc: int = 0
    rtx_ssrc: int = 0

    @property
    def is_video(self) -> bool:
        return self.source is not Source.MICROPHONE

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers (RFC 8853) in which it may come, lowest first; a browser that does not know them sends one."""
        return LAYERS if self.source is Source.CAMERA else ()


@dataclass(slots=True)
class ReceiveSection:
    """A section in which the browser receives `track`, or nothing for now. `ready`: it has agreed to that."""

    mid: str
    is_video: bool
    track: TrackRef | None = None
    ssrc: int = 0
    rtx_ssrc: int = 0
    refused: bool = False
    retransmissions: bool = False
    redundancy: bool = False  # of sound
    ready: bool = False


class Negotiation:
    """One browser's sections. Ask `offer` whenever something is wanted, hand every answer to `answer`.

    `draw(bits)` gives random numbers.
    """

    def __init__(self, site: Site, credentials: Credentials, *, draw: Callable[[int], int] = secrets.randbits) -> None:
        self.credentials = credentials
        self.fingerprint: str | None = None  # the browser's, once it has answered
        self.publish = [PublishSection(str(index), source) for index, source in enumerate(PUBLISHED)]
        self.receive: list[ReceiveSection] = []
        self.generation = 0
        self._site = site
        self._draw = draw
        self._session = draw(62)
        self._pending: int | None = None  # the generation that is out
        self._changed = True  # something is to be offered
        self._wanted: frozenset[TrackRef] = frozenset()
        self._names: dict[ParticipantId, str] = {}

    def want(self, tracks: frozenset[TrackRef]) -> None:
        """Say which tracks the browser shall receive; the whole of it, not a change."""
        if tracks != self._wanted:
            self._wanted = tracks
            self._changed = True

    def renew(self, credentials: Credentials) -> None:
        """Restart ICE with the next offer, which replaces one that is out: its answer may never come."""
        self.credentials = credentials
        self._pending = None
        self._changed = True

    def offer(self) -> MediaOffer | None:
        """Return the next offer, or None while one is out or nothing has changed."""
        if self._pending is not None or not self._changed:
            return None
        self._changed = False
        self._assign()
        self.generation += 1
        self._pending = self.generation
        return MediaOffer(
            generation=self.generation,
            sdp=self._text(),
            publish={section.mid: section.source for section in self.publish if not section.refused},
            receive={section.mid: section.track for section in self.receive if section.track is not None},
        )

    def answer(self, generation: int, sdp: str) -> bool:
        """Take an answer; False when it is to an offer that does not stand any more. Invalid changes nothing."""
        if generation != self._pending:
            return False
        parsed = parse_answer(sdp)
        self._check(parsed)
        self.fingerprint = parsed.fingerprint
        answered = iter(parsed.sections)
        for publish, section in zip(self.publish, answered, strict=False):
            publish.refused = section.refused
            publish.sending = section.direction in {"sendonly", "sendrecv"} and not section.refused
            publish.transport_feedback = _EXTENSIONS[TRANSPORT_SEQUENCE] in section.extensions
            if publish.sending:
                publish.ssrc, publish.rtx_ssrc = section.ssrc, section.rtx_ssrc
        for receive, section in zip(self.receive, answered, strict=True):
            receive.refused = section.refused
            receive.retransmissions = RTX in section.payload_types
            receive.redundancy = RED in section.payload_types
            receive.ready = receive.track is not None and section.direction in {"recvonly", "sendrecv"}
        self._pending = None
        return True

    def _assign(self) -> None:
        """Let sections of unwanted tracks rest, and give every wanted track one: a resting one, or a new one."""
        for section in self.receive:
            if section.track is not None and section.track not in self._wanted:
                section.track, section.ready = None, False
        seated = {section.track for section in self.receive}
        for track in sorted(self._wanted - seated):
            is_video = track.source is not Source.MICROPHONE
            resting = [s for s in self.receive if s.track is None and s.is_video == is_video and not s.refused]
            if not resting and len(self.receive) >= RECEIVE_LIMIT:
                continue
            if not resting:
                resting = [ReceiveSection(str(len(self.publish) + len(self.receive)), is_video)]
                self.receive += resting
            resting[0].track = track
            resting[0].ssrc, resting[0].rtx_ssrc = self._new_ssrc(), self._new_ssrc()

    def _new_ssrc(self) -> int:
        taken = {ssrc for section in self.receive for ssrc in (section.ssrc, section.rtx_ssrc)}
        while (ssrc := self._draw(32)) in taken or ssrc < 256:
            pass
        return ssrc

    def _check(self, answer: Answer) -> None:
        sections: list[PublishSection | ReceiveSection] = [*self.publish, *self.receive]
        if len(answer.sections) != len(sections):
            raise Invalid("the answer has another number of media sections than the offer")
        if self.fingerprint is not None and answer.fingerprint != self.fingerprint:
            raise Invalid("the answer changes the fingerprint within a connection")
        announced: list[int] = []
        for offered, section in zip(sections, answer.sections, strict=True):
            named = section.mid or (offered.mid if section.refused else "")  # a refused section may have lost its name
            if named != offered.mid or section.is_video != offered.is_video:
                raise Invalid("the answer's media sections are not those of the offer")
            if isinstance(offered, PublishSection):
                announced += [ssrc for ssrc in (section.ssrc, section.rtx_ssrc) if ssrc]
            _check_section(section, allowed=set(self._payload_types(is_video=offered.is_video)))
        if len(set(announced)) != len(announced):
            raise Invalid("the answer uses an SSRC twice")

    def _text(self) -> str:
        sections: list[PublishSection | ReceiveSection] = [*self.publish, *self.receive]
        present = [section.mid for section in sections if not section.refused]
        lines = [
            "v=0",
            f"o=- {self._session} {self.generation} IN IP4 127.0.0.1",
            "s=-",
            "t=0 0",
            "a=group:BUNDLE " + " ".join(present),
            "a=ice-lite",
            "a=msid-semantic: WMS *",
        ]
        for publish in self.publish:
            lines += self._publish_lines(publish)
        for receive in self.receive:
            lines += self._receive_lines(receive)
        return "\r\n".join(lines) + "\r\n"

    def _publish_lines(self, section: PublishSection) -> list[str]:
        extensions: tuple[int, ...]
        extensions = (MID, TRANSPORT_SEQUENCE) if section.is_video else (AUDIO_LEVEL, MID, TRANSPORT_SEQUENCE)
        if section.layers:
            extensions = (*extensions, RID, REPAIRED_RID)
        lines = [*self._section_lines(section, "recvonly", extensions)]
        if section.layers and not section.refused:
            lines += [f"a=rid:{layer} recv" for layer in section.layers]
            lines.append("a=simulcast:recv " + ";".join(section.layers))
        if section.is_video:
            rates = (
                f"x-google-start-bitrate={START_KBPS[section.source]};x-google-max-bitrate={MAX_KBPS[section.source]}"
            )
            return [*lines, *_video_lines("transport-cc", "goog-remb"), f"a=fmtp:{VP8} {rates}"]
        return [*lines, *self._audio_lines(), f"a=rtcp-fb:{OPUS} transport-cc"]

    def _receive_lines(self, section: ReceiveSection) -> list[str]:
        extensions = (ABS_SEND_TIME,) if section.is_video else (AUDIO_LEVEL,)
        lines = self._section_lines(section, "inactive" if section.track is None else "sendonly", extensions)
        lines += _video_lines("goog-remb") if section.is_video else self._audio_lines()
        if section.track is None:
            return lines
        # Sound and camera of one person share a stream, so that the browser keeps lips and voice together.
        person = self._names.setdefault(section.track.participant, f"p{len(self._names) + 1}")
        stream = f"{person}-screen" if section.track.source is Source.SCREEN else person
        lines.append(f"a=msid:{stream} {person}-{section.track.source}-{section.mid}")
        ssrcs = [section.ssrc, section.rtx_ssrc] if section.is_video else [section.ssrc]
        if section.is_video:
            lines.append(f"a=ssrc-group:FID {section.ssrc} {section.rtx_ssrc}")
        return [*lines, *(f"a=ssrc:{ssrc} cname:{person}" for ssrc in ssrcs)]

    def _section_lines(
        self, section: PublishSection | ReceiveSection, direction: str, extensions: Iterable[int]
    ) -> list[str]:
        kind = "video" if section.is_video else "audio"
        types = " ".join(str(number) for number in self._payload_types(is_video=section.is_video))
        port = 0 if section.refused else 9
        lines = [
            f"m={kind} {port} UDP/TLS/RTP/SAVPF {types}",
            "c=IN IP4 0.0.0.0",
            f"a=mid:{section.mid}",
            f"a={'inactive' if section.refused else direction}",
            f"a=ice-ufrag:{self.credentials.ufrag}",
            f"a=ice-pwd:{self.credentials.password}",
            f"a=fingerprint:sha-256 {self._site.fingerprint}",
            "a=setup:actpass",
            "a=rtcp-mux",
            "a=rtcp-rsize",
        ]
        for rank, address in enumerate(self._site.addresses):
            priority = 126 << 24 | (65535 - rank) << 8 | 255  # RFC 8445, 5.1.2.1: host, in the order configured
            lines.append(f"a=candidate:{rank + 1} 1 udp {priority} {address} {self._site.port} typ host")
        lines.append("a=end-of-candidates")
        return lines + [f"a=extmap:{name} {_EXTENSIONS[name]}" for name in extensions]

    def _payload_types(self, *, is_video: bool) -> tuple[int, ...]:
        """Return what a section may carry, the preferred one first: Chromium sends redundancy only where it is."""
        if is_video:
            return VP8, RTX
        return (RED, OPUS) if self._site.redundancy else (OPUS,)

    def _audio_lines(self) -> list[str]:
        lines = [f"a=rtpmap:{OPUS} opus/48000/2", f"a=fmtp:{OPUS} minptime=10;useinbandfec=1"]
        if self._site.redundancy:
            lines += [f"a=rtpmap:{RED} red/48000/2", f"a=fmtp:{RED} {OPUS}/{OPUS}"]
        return lines


def _check_section(section: AnsweredSection, *, allowed: set[int]) -> None:
    if section.refused:
        return
    if not section.payload_types or not section.payload_types <= allowed:
        raise Invalid("the answer names payload types that were not offered")
    if not (allowed - {RTX, RED}) & section.payload_types:
        raise Invalid("the answer accepts a section without its codec")
    unknown = {name: uri for name, uri in section.extension_numbers.items() if _EXTENSIONS.get(name) != uri}
    if unknown:
        raise Invalid("the answer names header extensions that were not offered")


def _video_lines(*feedback: str) -> list[str]:
    kinds = ("nack", "nack pli", "ccm fir", *feedback)
    return [
        f"a=rtpmap:{VP8} VP8/90000",
        *(f"a=rtcp-fb:{VP8} {kind}" for kind in kinds),
        f"a=rtpmap:{RTX} rtx/90000",
        f"a=fmtp:{RTX} apt={VP8}",
    ]
