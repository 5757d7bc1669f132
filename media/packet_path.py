"""What control may ask of the packets, and what both know of a peer: the seam at which a native loop can be put in.

Whatever stands behind `PacketPath` passes `tests/contract/test_packet_path.py`.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from media.batch import Batch
from media.bindings import Buffer
from media.congestion import ArrivalRecord
from media.srtp import SrtpKeys
from media.streams import Inbound, Outbound
from media.stun import Address
from media.tap import TrackTap

# Numbers that the offer fixes, the same for everybody.
OPUS: Final = 111
RED: Final = 63
VP8: Final = 96
RTX: Final = 97
AUDIO_LEVEL: Final = 1
MID: Final = 2
ABS_SEND_TIME: Final = 3
TRANSPORT_SEQUENCE: Final = 4
RID: Final = 10
REPAIRED_RID: Final = 11
LAYERS: Final = ("l", "m", "h")  # the names of a camera's layers, lowest first

DATAGRAM_LIMIT: Final = 2048  # octets read of one datagram; larger ones are dropped
ADDRESS_LIMIT: Final = 8  # addresses that one peer is known by


class Link:
    """One peer as the packets know it: its keys, its addresses, what it sends and what it receives."""

    __slots__ = (
        "acknowledged_ns",
        "address",
        "addresses",
        "arrivals",
        "batch",
        "estimate_bps",
        "estimate_ns",
        "heard_ns",
        "inbounds",
        "keys",
        "last_media_ns",
        "octets_in",
        "octets_out",
        "outbounds",
        "received",
        "reported_ns",
        "reported_octets",
        "retransmission_ns",
        "retransmissions",
        "rx",
        "selected_ns",
        "sent_bps",
        "sound_octets_out",
        "streams",
        "transport_feedback",
        "tx",
    )

    def __init__(self, now_ns: int) -> None:
        self.keys: SrtpKeys | None = None
        self.rx: Any = None
        self.tx: Any = None
        self.address: Address | None = None  # where it is sent to
        self.addresses: dict[Address, int] = {}  # authenticated ones -> when last bound
        self.heard_ns = now_ns  # the last authenticated packet of any kind
        self.selected_ns = now_ns  # the last one from `address`
        self.last_media_ns = 0  # the last picture sent to it
        self.inbounds: dict[bytes, Inbound] = {}  # by mid
        self.streams: dict[int, Inbound] = {}  # by SSRC, media and retransmissions
        self.outbounds: dict[int, Outbound] = {}  # by SSRC
        self.arrivals = ArrivalRecord()
        self.batch = Batch(DATAGRAM_LIMIT)  # pictures that go out at the end of the wake-up
        self.transport_feedback = False
        self.acknowledged_ns = now_ns  # when the last feedback about arrivals was sent
        self.estimate_bps = 0  # what the peer thinks it can receive
        self.estimate_ns = 0
        self.reported_ns = now_ns
        self.reported_octets = 0
        self.sent_bps = 0  # pictures sent to it in the second before: browsers' estimates leave sound out
        self.retransmissions = 0
        self.retransmission_ns = now_ns
        self.received = 0  # authentic packets of any kind
        self.octets_in = 0
        self.octets_out = 0
        self.sound_octets_out = 0


class PacketPath(Protocol):
    """All packets of one node: control puts routes in, datagrams go through. Every call returns at once; none raises.

    Handles (`Link`, `Inbound`, `Outbound`) belong to the path: control reads their counters, and writes nothing but
    `heard_ns` and `transport_feedback` of a link. Whoever owns the socket gives each wake-up as `wake`, `receive` for
    each datagram, `flush`. Time is the clock's that the path was made with.
    """

    buffer: Buffer
    """Where a datagram has to lie for `receive`, which changes it; as long as DATAGRAM_LIMIT."""

    send: Callable[[Any, Address], object]
    """Sends octets, which are valid during the call only. To be set before anything comes. OSError: one packet lost."""

    send_segments: Callable[[Any, int, Address], object] | None
    """Sends several packets side by side, each of so many octets, the last one of no more; None where nothing can."""

    drops: Counter[str]
    """Why datagrams were not taken or packets not sent, a count for each reason. Others add reasons of their own."""

    now_ns: int
    """When the present wake-up began."""

    forwarded: int
    """Packets sent to subscribers since the start, without repeated ones."""

    retransmitted: int
    """Packets sent again because a subscriber missed them."""

    restored: int
    """Lost packets of sound that the redundancy of the next one brought all the same."""

    # --- packets ----------------------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Begin a wake-up: what is received until the next one counts as arrived now."""

    def receive(self, size: int, address: Address) -> None:
        """Take the datagram of `size` octets, 12 or more, that came from `address`: RTP or RTCP by its second octet."""

    def flush(self) -> None:
        """End a wake-up: whatever it caused has been handed to `send` or `send_segments` when this returns."""

    def tick(self) -> None:
        """Do what is due by time alone: repeated requests, feedback, reports. Called every 50 ms."""

    # --- routes -----------------------------------------------------------------------------------------------------

    def open(self) -> Link:
        """Begin a peer that nothing is known of yet."""

    def close(self, link: Link) -> None:
        """Forget the peer, its streams and its addresses; nothing is sent to it or taken from it afterwards."""

    def seal(self, link: Link, keys: SrtpKeys) -> None:
        """Let packets in and out with these keys. Before, everything of the peer is dropped."""

    def link_at(self, address: Address) -> Link | None:
        """Return the peer that has proved to be at `address`."""

    def bind(self, link: Link, address: Address) -> bool:
        """Let `address` be the peer's: it has proved it. Refused while another peer is alive there."""

    def select(self, link: Link, address: Address) -> None:
        """Send to this one of the peer's addresses from now on."""

    def add_inbound(self, link: Link, mid: str, *, is_video: bool, layers: Sequence[str] = ()) -> Inbound:
        """Expect a stream in the media section `mid`; dropped until it is published.

        With `layers` (their names, lowest first) it may come as several of them, which all the other calls treat as
        the one that is returned.
        """

    def signal(self, stream: Inbound, ssrc: int, rtx_ssrc: int) -> None:
        """Say which SSRCs the publisher announced (0: none). Unannounced ones are learned from the mid extension."""

    def publish(self, stream: Inbound, *, published: bool) -> None:
        """Open or shut the way of a publisher's stream to everybody."""

    def add_outbound(self, link: Link, outbound: Outbound) -> None:
        """Let the peer receive one more stream."""

    def remove_outbound(self, outbound: Outbound) -> None:
        """End a stream to a subscriber."""

    def attach(self, outbound: Outbound, source: Inbound | None) -> None:
        """Feed a subscriber's stream from `source`, in the layer that its way can carry.

        A picture begins with the key frame that is asked for now.
        """

    def tap(self, stream: Inbound, tap: TrackTap | None) -> None:
        """Let a recorder listen, always to the highest layer that comes, or no more."""

    def needed(self, stream: Inbound) -> tuple[int, ...]:
        """Return which layers of a picture somebody needs now, as indexes, lowest first, for control to tell whoever
        publishes it; call it several times a second. One that is not needed has not been for a while.
        """

    def ask_key_frame(self, stream: Inbound) -> None:
        """Ask the publisher for a picture that needs no earlier one, at most every 0.3 s; a wish is kept till then."""
