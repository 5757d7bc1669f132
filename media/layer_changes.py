"""Who is fed from which layer of a picture: wishes, what a key frame makes of them, and which layers nobody needs."""

from collections.abc import Iterator
from typing import Final

from media.congestion import ESTIMATE_AGE_NS, FLOOR_BPS, Viewer
from media.layers import NOTHING, Way
from media.packet_path import Link
from media.streams import Inbound, Outbound, Recorded
from rooms.ports import VideoLayer

IDLE_NS: Final = 2_000_000_000  # a layer that nobody has needed for so long is paused
RETURN_NS: Final = 3_000_000_000  # within this time a layer that is asked for again is counted on
APPEARANCE_NS: Final = 8_000_000_000  # a layer that has not come by then is not waited for with all the others
STEADY_NS: Final = 5_000_000_000  # a recorder goes up to a layer that has come for so long


def highest(layers: tuple[Inbound, ...]) -> Inbound:
    """Return the highest layer that came lately; the lowest when none did."""
    return next((layer for layer in reversed(layers) if layer.rate_bps), layers[0])


def is_layered(stream: Inbound) -> bool:
    """Whether the picture comes in several layers: then a narrow way gets a lower one, and nobody else is limited."""
    link: Link = stream.link
    tracks = (each for each in link.inbounds.values() if stream in each.layers)
    return any(layer.ssrc for track in tracks for layer in track.layers[1:])


def viewers(stream: Inbound, now_ns: int) -> Iterator[Viewer]:
    """Yield what is known of each subscriber of a picture whose way is full."""
    for outbound in stream.outbounds:
        link: Link = outbound.link
        estimate_bps = _estimate(link, now_ns)
        if estimate_bps is not None and outbound.choice.is_full:
            yield Viewer(estimate_bps, link.sent_bps, _pictures(link))


def chosen(link: Link, now_ns: int) -> Iterator[Inbound]:
    """Choose anew for all that a peer receives, and what is recorded of it; yield the layers to ask a key frame of.

    Call once a second.
    """
    for outbound in link.outbounds.values():
        track = outbound.track
        if track is not None and outbound.is_video:
            yield from _choose(outbound, track.layers, now_ns)
    for track in link.inbounds.values():
        for layer in track.layers:
            tap = layer.tap
            if isinstance(tap, Recorded) and _wish(tap, best := _recorded(layer, track.layers, now_ns)):
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


def needed(track: Inbound, now_ns: int) -> tuple[int, ...]:
    """Return which layers of a picture the publisher shall send, lowest first; the others are paused.

    A layer is asked for as soon as somebody needs it, and given up when nobody has for IDLE_NS.
    """
    used = _used(track, now_ns) if track.published else set(range(len(track.layers)))
    for index, layer in enumerate(track.layers):
        if index in used:
            layer.needed_ns = now_ns
            if not layer.asked:
                layer.asked, layer.asked_ns = True, now_ns
        elif now_ns - layer.needed_ns >= IDLE_NS:
            layer.asked = False
    return tuple(index for index, layer in enumerate(track.layers) if layer.asked)


def grade(outbound: Outbound, now_ns: int) -> VideoLayer | None:
    """Return what a subscriber gets of a picture, by what there is of it; None as long as there is nothing."""
    layers = outbound.track.layers if outbound.track is not None else ()
    offered = [index for index, layer in enumerate(layers) if _offered_bps(layer, now_ns)]
    if not outbound.is_video or not offered:
        return None
    if outbound.choice.layer == NOTHING:
        return VideoLayer.NONE
    present = layers.index(outbound.source) if outbound.source is not None else outbound.choice.layer
    if present >= offered[-1]:
        return VideoLayer.HIGH
    return VideoLayer.MEDIUM if present > offered[0] else VideoLayer.LOW


def _choose(outbound: Outbound, layers: tuple[Inbound, ...], now_ns: int) -> Iterator[Inbound]:
    link: Link = outbound.link
    rates_bps = _offers_bps(layers, now_ns)
    if sum(rate > 0 for rate in rates_bps) == 1:  # it is slowed down for all of its viewers, as far as it goes
        rates_bps = [min(rate, FLOOR_BPS) for rate in rates_bps]
    way = Way(_estimate(link, now_ns), link.sent_bps, max(_pictures(link), 1), outbound.lost_on_the_way)
    before = outbound.choice.layer
    after = outbound.choice.update(rates_bps, way, now_ns)
    overflows = after < before and way.estimate_bps is not None and rates_bps[before] > 2 * way.share_bps
    if overflows or after == NOTHING != before:
        _rest(outbound)  # what would still be sent until the key frame would only hold that up
    if after != NOTHING and _wish(outbound, layers[after]):
        yield layers[after]


def _rest(outbound: Outbound) -> None:
    """Send a subscriber nothing, until the key frame of a layer that is wished for."""
    part(outbound)
    outbound.rest()


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


def _recorded(present: Inbound, layers: tuple[Inbound, ...], now_ns: int) -> Inbound:
    """Return the layer to record: the highest that comes, but a higher one only when it has come for a while."""
    if not present.rate_bps:
        return highest(layers)
    above = layers[layers.index(present) + 1 :]
    steady = (layer for layer in reversed(above) if layer.rate_bps and now_ns - layer.coming_ns >= STEADY_NS)
    return next(steady, present)


def _used(track: Inbound, now_ns: int) -> set[int]:
    """Return the layers that somebody receives, or would."""
    used: set[int] = set()
    for index, layer in enumerate(track.layers):
        views: list[Outbound] = [*layer.outbounds, *layer.joining]
        if layer.tap is not None:
            used |= {index, *_aim(track.layers, len(track.layers) - 1, now_ns)}
        for view in views:
            used.add(index)
            if isinstance(view, Recorded) or view.choice.is_free:
                used |= _aim(track.layers, len(track.layers) - 1, now_ns)
            else:
                used |= _aim(track.layers, max(view.choice.layer, 0), now_ns)
                if view.choice.is_on_trial(now_ns):
                    used.add(max(view.choice.layer - 1, 0))
    return used


def _aim(layers: tuple[Inbound, ...], index: int, now_ns: int) -> set[int]:
    """Return what has to be sent for a subscriber who is to get a layer.

    As long as that does not come, also what stands in for it: at first all of the lower ones, later from the highest
    that comes upwards.
    """
    if layers[index].rate_bps:
        return {index}
    lowest = 0
    if now_ns - layers[index].asked_ns >= APPEARANCE_NS:
        lowest = max((below for below in range(index) if layers[below].rate_bps), default=0)
    return set(range(lowest, index + 1))


def _offers_bps(layers: tuple[Inbound, ...], now_ns: int) -> list[int]:
    """Return what each layer takes or would take: a paused one no more than a higher one that comes."""
    offers: list[int] = []
    least_bps: int | None = None
    for layer in reversed(layers):
        offered = _offered_bps(layer, now_ns)
        offers.append(offered if layer.rate_bps or least_bps is None else min(offered, least_bps))
        least_bps = layer.rate_bps or least_bps
    return offers[::-1]


def _offered_bps(layer: Inbound, now_ns: int) -> int:
    """Return what a layer takes, or would take if it were asked for; 0 when the publisher does not send it."""
    is_kept_back = not layer.asked or now_ns - layer.asked_ns < RETURN_NS
    return layer.rate_bps or (layer.usual_bps if is_kept_back else 0)


def _estimate(link: Link, now_ns: int) -> int | None:
    """What a subscriber's browser has lately said it can receive."""
    return link.estimate_bps if link.estimate_bps and now_ns - link.estimate_ns < ESTIMATE_AGE_NS else None


def _pictures(link: Link) -> int:
    return sum(each.is_video and not each.waiting for each in link.outbounds.values())
