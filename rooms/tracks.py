"""Who publishes what, who is subscribed to what, and what is recorded."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from kernel.ids import ParticipantId, RecordingId
from rooms.commands import ChangeRung, MuteTrack, PublishTrack
from rooms.errors import TrackAbsent
from rooms.events import (
    ConnectionRungChanged,
    Fact,
    ParticipantConnected,
    RoomEvent,
    Rung,
    Source,
    TrackMuted,
    TrackPublished,
    TrackUnpublished,
    VideoReceptionChanged,
)


@dataclass(frozen=True, slots=True, order=True)
class TrackRef:
    """One published track: a person and where it comes from."""

    participant: ParticipantId
    source: Source


@dataclass(frozen=True, slots=True)
class Rungs:
    """What both ways of a person's connection carry."""

    receives: Rung = Rung.HIGH_VIDEO
    sends: Rung = Rung.HIGH_VIDEO


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


class TrackTable:
    """The published tracks of a room. `apply` is the only mutator."""

    def __init__(self) -> None:
        self._muted: dict[TrackRef, bool] = {}
        self._sound_only: set[ParticipantId] = set()  # by their own choice
        self._rungs: dict[ParticipantId, Rungs] = {}
        self._blind: set[ParticipantId] = set()  # whose connection takes no moving picture
        self._unseen: set[ParticipantId] = set()  # whose connection brings none

    def publishing(self, command: PublishTrack) -> list[Fact]:
        """Decide what a publication causes: published again only its muting can be new."""
        muted = self._muted.get(TrackRef(command.by, command.source))
        if muted is None:
            return [TrackPublished(command.by, command.source, command.muted)]
        return [] if muted == command.muted else [TrackMuted(command.by, command.source, command.muted)]

    def muting(self, command: MuteTrack) -> list[Fact]:
        """Decide what muting or unmuting causes. `TrackAbsent` when the track is not published."""
        muted = self._muted.get(TrackRef(command.by, command.source))
        if muted is None:
            raise TrackAbsent
        return [] if muted == command.muted else [TrackMuted(command.by, command.source, command.muted)]

    def unpublishing(self, participant: ParticipantId, source: Source | None = None) -> list[Fact]:
        """Decide what ends when the person takes back one track, or all of them."""
        return [
            TrackUnpublished(track.participant, track.source)
            for track in self._muted
            if track.participant == participant and source in (None, track.source)
        ]

    def changing_reception(self, participant: ParticipantId, *, receives_video: bool) -> list[Fact]:
        """Decide what asking for sound only, or for pictures again, causes."""
        if receives_video is (participant not in self._sound_only):
            return []
        return [VideoReceptionChanged(participant, receives_video)]

    def rungs(self, participant: ParticipantId) -> Rungs:
        """Return what the person's connection carries, as far as the room has been told."""
        return self._rungs.get(participant, _TOP)

    def changing_rungs(self, command: ChangeRung) -> list[Fact]:
        """Decide what a measured change of somebody's connection causes."""
        if Rungs(command.receives, command.sends) == self.rungs(command.by):
            return []
        return [ConnectionRungChanged(command.by, command.receives, command.sends)]

    def shows_stills(self, publisher: ParticipantId, viewer: ParticipantId) -> bool:
        """Whether a camera that is on is shown as stills, since one of both connections carries no more, but those."""
        rungs = {self.rungs(publisher).sends, self.rungs(viewer).receives}
        return (
            viewer != publisher
            and viewer not in self._sound_only
            and self._muted.get(TrackRef(publisher, Source.CAMERA)) is False
            and Rung.STILL_PICTURE in rungs
            and rungs <= {Rung.STILL_PICTURE, Rung.LOW_VIDEO, Rung.HIGH_VIDEO}
        )

    def routing(
        self,
        *,
        in_call: Collection[ParticipantId],
        recording: RecordingId | None,
        consenting: Collection[ParticipantId],
    ) -> Routing:
        """Return what shall flow: everybody in the call gets everybody else's tracks, pictures only if wanted and
        where both connections carry them.
        """
        published = frozenset(self._muted)
        return Routing(
            published=published,
            subscriptions={
                viewer: frozenset(
                    track
                    for track in published
                    if track.participant != viewer
                    and (track.source is Source.MICROPHONE or self._is_seen(track.participant, viewer))
                )
                for viewer in in_call
            },
            recording=recording,
            recorded=frozenset(track for track in published if track.participant in consenting)
            if recording
            else frozenset(),
        )

    def apply(self, event: RoomEvent) -> None:
        """Take over what `event` says about tracks; other facts change nothing."""
        match event.fact:
            case TrackPublished(participant, source, muted) | TrackMuted(participant, source, muted):
                self._muted[TrackRef(participant, source)] = muted
            case TrackUnpublished(participant, source):
                self._muted.pop(TrackRef(participant, source), None)
            case VideoReceptionChanged(participant, receives_video):
                if receives_video:
                    self._sound_only.discard(participant)
                else:
                    self._sound_only.add(participant)
            case ConnectionRungChanged(participant, receives, sends):
                self._rungs[participant] = Rungs(receives, sends)
                _note(self._blind, participant, receives)
                _note(self._unseen, participant, sends)
            case ParticipantConnected(participant):  # another network, another device: measured anew
                self._rungs.pop(participant, None)
                self._blind.discard(participant)
                self._unseen.discard(participant)
            case _:
                pass

    def _is_seen(self, publisher: ParticipantId, viewer: ParticipantId) -> bool:
        return viewer not in self._sound_only and viewer not in self._blind and publisher not in self._unseen


_TOP: Final = Rungs()


def _note(pictureless: set[ParticipantId], participant: ParticipantId, rung: Rung) -> None:
    """Take over a rung. Silence and absence say nothing about pictures: afterwards they are as before."""
    if rung in {Rung.HIGH_VIDEO, Rung.LOW_VIDEO}:
        pictureless.discard(participant)
    elif rung in {Rung.STILL_PICTURE, Rung.AUDIO_ONLY}:
        pictureless.add(participant)
