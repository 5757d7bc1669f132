"""Who publishes what, who is subscribed to what, and what is recorded."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kernel.ids import ParticipantId, RecordingId
from rooms.events import Source


@dataclass(frozen=True, slots=True, order=True)
class TrackRef:
    """One published track: a person and where it comes from."""

    participant: ParticipantId
    source: Source


@dataclass(frozen=True, slots=True)
class Routing:
    """What the media plane shall be doing for one room: the whole desired state, not a change.

    `subscriptions` has one entry for each person who may hold a media connection; it names published tracks only.
    `recorded` is a subset of `published` whose owners have consented; empty when `recording` is None.
    """

    published: frozenset[TrackRef] = frozenset()
    subscriptions: Mapping[ParticipantId, frozenset[TrackRef]] = field(default_factory=dict)
    recording: RecordingId | None = None
    recorded: frozenset[TrackRef] = frozenset()
