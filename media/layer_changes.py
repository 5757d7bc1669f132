"""Who is fed from which layer of a picture: wishes, and the changes that a key frame makes of them."""

from collections.abc import Iterator

from media.congestion import ESTIMATE_AGE_NS, Viewer
from media.layers import Way
from media.packet_path import Link
from media.streams import Inbound, Outbound, Recorded


def highest(layers: tuple[Inbound, ...]) -> Inbound:
    """Return the highest layer that came lately; the lowest when none did."""
    return next((layer for layer in reversed(layers) if layer.rate_bps), layers[0])


def is_layered(stream: Inbound) -> bool:
    """Whether the picture comes in several layers: then a narrow way gets a lower one, and nobody else is limited."""
    link: Link = stream.link
    tracks = (each for each in link.inbounds.values() if stream in each.layers)
    return any(layer.ssrc for track in tracks for layer in track.layers[1:])


def viewers(stream: Inbound, now_ns: int) -> Iterator[Viewer]:
    """Yield what is known of each subscriber of a picture whose browser has told lately what it can receive."""
    for outbound in stream.outbounds:
        link: Link = outbound.link
        estimate_bps = _estimate(link, now_ns)
        if estimate_bps is not None:
            yield Viewer(estimate_bps, link.sent_bps, _pictures(link))


def chosen(link: Link, now_ns: int) -> Iterator[Inbound]:
    """Choose anew for all that a peer receives, and what is recorded of it; yield the layers to ask a key frame of.

    Call once a second.
    """
    for outbound in link.outbounds.values():
        layers = outbound.track.layers if outbound.track is not None else ()
        if len(layers) > 1:
            way = Way(_estimate(link, now_ns), link.sent_bps, max(_pictures(link), 1), outbound.fraction_lost)
            layer = layers[outbound.choice.update([each.rate_bps for each in layers], way, now_ns)]
            if _wish(outbound, layer):
                yield layer
    for track in link.inbounds.values():
        for layer in track.layers:
            tap = layer.tap
            if isinstance(tap, Recorded) and _wish(tap, best := highest(track.layers)):
                yield best


def join(stream: Inbound, ext: int, timestamp: int, now_ns: int, epoch_ns: int) -> tuple[Outbound, ...]:
    """Change to this layer those who wait for its key frame, which begins at `ext`; return the subscribers of them."""
    joining, stream.joining = stream.joining, ()
    subscribers: list[Outbound] = []
    for outbound in joining:
        before = outbound.source
        if isinstance(outbound, Recorded):
            outbound.change(stream, ext, timestamp, now_ns + epoch_ns)
            if before is not None:
                before.tap = None
            stream.tap = outbound
            continue
        if before is not None:
            before.outbounds = tuple(each for each in before.outbounds if each is not outbound)
        outbound.change(stream, ext, timestamp, now_ns)
        subscribers.append(outbound)
    stream.outbounds = (*stream.outbounds, *subscribers)
    return tuple(subscribers)


def part(outbound: Outbound) -> None:
    """Let the layer that feeds a subscriber, and the one it would change to, forget it."""
    for stream in (outbound.source, outbound.wanted):
        if stream is not None:
            stream.outbounds = tuple(each for each in stream.outbounds if each is not outbound)
            stream.joining = tuple(each for each in stream.joining if each is not outbound)


def _wish(outbound: Outbound, layer: Inbound) -> bool:
    """Let a subscriber change to `layer` at its next key frame; whether that is news."""
    wanted = outbound.wanted
    if wanted is not None and wanted is not layer:
        wanted.joining = tuple(each for each in wanted.joining if each is not outbound)
        outbound.wanted = None
    if layer is outbound.source or layer is outbound.wanted:
        return False
    outbound.wanted = layer
    layer.joining = (*layer.joining, outbound)
    return True


def _estimate(link: Link, now_ns: int) -> int | None:
    """What a subscriber's browser has lately said it can receive."""
    return link.estimate_bps if link.estimate_bps and now_ns - link.estimate_ns < ESTIMATE_AGE_NS else None


def _pictures(link: Link) -> int:
    return sum(each.is_video and not each.waiting for each in link.outbounds.values())
