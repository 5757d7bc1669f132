"""One person's media connection: its offers, its ICE credentials, its DTLS, and whether it is still there."""

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from OpenSSL import SSL

from kernel.ids import ParticipantId
from media.congestion import ESTIMATE_AGE_NS
from media.dtls import DtlsServer, DtlsState
from media.flood import CHECK_PACKETS, FloodMeter
from media.layer_changes import grade
from media.negotiation import Credentials, Negotiation, Site
from media.packet_path import LAYERS, PacketPath
from media.quality import Counters
from media.speaker import Microphone
from media.streams import AUDIO_CLOCK, Inbound, Outbound
from media.stun import Address, BindingRequest, binding_success
from rooms.events import Source
from rooms.ports import MediaState, VideoLayer

CHECKS_LIMIT_PER_S: Final = 50  # checks from addresses not yet authenticated, for each peer
DTLS_LIMIT_PER_S: Final = 500  # DTLS datagrams from a peer's addresses; a handshake has ten, and some repeated
TELL_AGAIN_NS: Final = 5_000_000_000
QUIET_AFTER_NS: Final = 6_000_000_000  # Firefox checks every 4.1 to 5.8 s when it has nothing else to say
_FLOWING_NS: Final = 600_000_000
_SENDING_NS: Final = 1_000_000_000
_SECOND_NS: Final = 1_000_000_000


class _Told(NamedTuple):
    """Which layers of a picture the browser was told to send, and when to say it again if it does not."""

    layers: tuple[int, ...]
    again_ns: int


class _PerSecond:
    """Allows so many in each second, and no more."""

    __slots__ = ("_begun_ns", "_count", "_limit")

    def __init__(self, limit: int, now_ns: int) -> None:
        self._limit = limit
        self._begun_ns = now_ns
        self._count = 0

    def allow(self, now_ns: int) -> bool:
        if now_ns - self._begun_ns >= _SECOND_NS:
            self._begun_ns, self._count = now_ns, 0
        self._count += 1
        return self._count <= self._limit


class Peer:
    """One connection, from its first offer to its end. Lives on the event loop; nothing in here waits.

    `on_ready` is called when streams can be wired anew: keys have been agreed on, or an answer was taken.
    """

    def __init__(
        self,
        participant: ParticipantId,
        *,
        path: PacketPath,
        site: Site,
        context: SSL.Context,
        send: Callable[[Any, Address], None],
        on_ready: Callable[["Peer"], None],
        now_ns: int,
    ) -> None:
        self.participant = participant
        self.state = MediaState.CONNECTING
        self.link = path.open()
        self.negotiation = Negotiation(site, Credentials.random())
        self.credentials = [self.negotiation.credentials]  # the current ones, then those before the last restart
        self.inbounds: dict[Source, Inbound] = {
            section.source: path.add_inbound(self.link, section.mid, is_video=section.is_video, layers=section.layers)
            for section in self.negotiation.publish
        }
        self.outbounds: dict[int, Outbound] = {}
        self.counters = Counters(now_ns)
        self.microphone = Microphone(now_ns)
        self._told = {
            source: _Told(tuple(range(len(stream.layers))), now_ns)  # what a browser does by itself
            for source, stream in self.inbounds.items()
            if stream.is_video
        }
        self._path = path
        self._context = context
        self._send = send
        self._on_ready = on_ready
        self._dtls: DtlsServer | None = None
        self._opened_ns = now_ns
        self._checks = _PerSecond(CHECKS_LIMIT_PER_S, now_ns)
        self._dtls_datagrams = _PerSecond(DTLS_LIMIT_PER_S, now_ns)
        self._authentic_checks = 0
        self._flood = FloodMeter(now_ns)
        self._microphone_count = 0
        self._microphone_ns = 0

    @property
    def is_sealed(self) -> bool:
        """Whether packets can flow."""
        return self.link.tx is not None

    def answer(self, generation: int, sdp: str) -> None:
        """Take the browser's answer. Invalid if it can't be read; an outdated one is ignored."""
        if not self.negotiation.answer(generation, sdp):
            return
        for section in self.negotiation.publish:
            stream = self.inbounds[section.source]
            if section.sending:
                self._path.signal(stream, section.ssrc, section.rtx_ssrc)
        self.link.transport_feedback = any(section.transport_feedback for section in self.negotiation.publish)
        if self._dtls is not None and self.negotiation.fingerprint is not None:
            self._dtls.verify(self.negotiation.fingerprint)
            self._settle()
        self._on_ready(self)

    def restart(self) -> str | None:
        """Make new ICE credentials for the next offer; return the user name that is no longer good for anything."""
        self.negotiation.renew(Credentials.random())
        self.credentials.insert(0, self.negotiation.credentials)
        return self.credentials.pop().ufrag if len(self.credentials) > 2 else None

    def check(self, request: BindingRequest, address: Address, now_ns: int) -> str | None:
        """Answer a connectivity check. Returns why it was not answered, as the name of a drop counter."""
        known = self._path.link_at(address) is self.link
        if not known and not self._checks.allow(now_ns):
            return "stun_limited"
        credentials = next((each for each in self.credentials if each.ufrag == request.local_ufrag), None)
        if credentials is None or not request.is_authentic(credentials.password):
            return "stun_unauthenticated"
        self._authentic_checks += 1
        if not self._path.bind(self.link, address):
            return "stun_address_taken"
        self.link.heard_ns = now_ns
        if request.nominates and credentials is self.credentials[0]:
            self._path.select(self.link, address)
        self._send(binding_success(request, address, credentials.password), address)
        if self._dtls is None:
            self._dtls = DtlsServer(self._context, self._reply)
            if self.negotiation.fingerprint is not None:
                self._dtls.verify(self.negotiation.fingerprint)
        return None

    def feed(self, datagram: bytes, now_ns: int) -> str | None:
        """Take a DTLS datagram from one of the peer's addresses. Returns why not, as the name of a drop counter."""
        if not self._dtls_datagrams.allow(now_ns):
            return "dtls_limited"
        if self._dtls is not None:
            self._dtls.feed(datagram)
            self._settle()
        return None

    def tend(self) -> None:
        """Keep an unfinished handshake going."""
        if self._dtls is not None:
            self._dtls.expire()

    def is_flooding(self, now_ns: int) -> bool:
        """Whether the peer itself, and nobody in its name, has sent more than it may."""
        packets = self.link.received + CHECK_PACKETS * self._authentic_checks
        return self._flood.is_flooded(packets, self.link.octets_in, now_ns)

    def judge(self, now_ns: int, *, silent_after_ns: int, gone_after_ns: int) -> MediaState:
        """Return how the connection is now, by when anything authenticated came last and what usually comes."""
        microphone = self.inbounds[Source.MICROPHONE]
        if microphone.received != self._microphone_count:
            self._microphone_count = microphone.received
            self._microphone_ns = self.link.heard_ns
        quiet_ns = now_ns - self.link.heard_ns
        if self._dtls is not None and self._dtls.state in {DtlsState.CLOSED, DtlsState.FAILED}:
            self.state = MediaState.GONE
        elif not self.is_sealed:
            self.state = MediaState.GONE if now_ns - self._opened_ns > gone_after_ns else MediaState.CONNECTING
        elif quiet_ns > gone_after_ns:
            self.state = MediaState.GONE
        elif quiet_ns > (silent_after_ns if self._is_talkative(now_ns) else max(silent_after_ns, QUIET_AFTER_NS)):
            self.state = MediaState.SILENT
        else:
            self.state = MediaState.CONNECTED
        return self.state

    def listen(self, now_ns: int) -> None:
        """Look at how loud the microphone is."""
        sound = self.inbounds[Source.MICROPHONE]
        self.microphone.look(sound.level, sound.received, now_ns)

    def count(self, now_ns: int) -> Counters:
        """Return the connection's counters up to now."""
        inbounds = [stream for stream in self.link.inbounds.values() if stream.highest]
        # Of sound, where there is some: a camera is not on time itself, and what its pictures lose is sent again.
        steady = [stream for stream in inbounds if not stream.is_video] or inbounds
        sent = [each for each in self.outbounds.values() if not each.is_video] or list(self.outbounds.values())
        lost = [each.lost_on_the_way for each in sent]
        ways_up = [1000 * stream.jitter / stream.clock_rate for stream in steady]
        ways_down = [1000 * each.jitter / AUDIO_CLOCK for each in self.outbounds.values() if not each.is_video]
        round_trips = [each.round_trip_ns for each in self.outbounds.values() if each.round_trip_ns is not None]
        link, silent_since_ns = self.link, self.microphone.silent_since_ns
        is_told = link.estimate_bps and now_ns - link.estimate_ns < ESTIMATE_AGE_NS
        return Counters(
            at_ns=now_ns,
            expected=sum(stream.expected for stream in steady),
            received=sum(stream.received for stream in steady),
            octets_in=link.octets_in,
            octets_out=link.octets_out,
            voice_ns=self.microphone.voice_ns,
            lost_down_percent=100 * max(lost, default=0) / 256,
            jitter_ms=max([*ways_up, *ways_down], default=0.0),
            round_trip_ms=round(min(round_trips) / 1e6) if round_trips else None,
            available_bps=link.estimate_bps if is_told else None,
            microphone_silent_ns=now_ns - silent_since_ns if silent_since_ns is not None else 0,
            silent=self.state is MediaState.SILENT,
            video_layer=self.video_layer(now_ns),
        )

    def video_layer(self, now_ns: int) -> VideoLayer | None:
        """Return the worst layer among the pictures that the person is sent; None when there are none to be sent."""
        grades = {grade(each, now_ns) for each in self.outbounds.values()}
        return next((each for each in reversed(VideoLayer) if each in grades), None)

    def changed_layers(self, now_ns: int) -> Iterator[tuple[Source, tuple[str, ...]]]:
        """Yield the names of the layers that the browser shall send of a picture, where that is news to it.

        It may have missed what it was told: as long as something else comes, it is told again.
        """
        for source, told in self._told.items():
            stream = self.inbounds[source]
            needed = self._path.needed(stream)
            if needed != told.layers or (now_ns >= told.again_ns and stream.published and not _obeyed(stream, needed)):
                self._told[source] = _Told(needed, now_ns + TELL_AGAIN_NS)
                yield source, tuple(LAYERS[index] for index in needed)

    def close(self) -> None:
        """End the connection and say so to the browser."""
        if self._dtls is not None:
            self._dtls.close()
        self._path.close(self.link)
        self.outbounds.clear()

    def _is_talkative(self, now_ns: int) -> bool:
        """Whether packets were to be expected: sound flowed up to the last one, or pictures are sent to the browser.

        A browser that receives pictures reports on them several times a second; one that neither talks nor watches
        says nothing but its checks.
        """
        talks = self.inbounds[Source.MICROPHONE].published and self.link.heard_ns - self._microphone_ns < _FLOWING_NS
        return talks or now_ns - self.link.last_media_ns < _SENDING_NS

    def _settle(self) -> None:
        if self._dtls is not None and self._dtls.keys is not None and not self.is_sealed:
            self._path.seal(self.link, self._dtls.keys)
            self._on_ready(self)

    def _reply(self, datagram: bytes) -> None:
        if self.link.address is not None:
            self._send(datagram, self.link.address)


def _obeyed(stream: Inbound, needed: tuple[int, ...]) -> bool:
    return all((layer.rate_bps > 0) == (index in needed) for index, layer in enumerate(stream.layers))
