"""Seats whose socket is lost while their media flows on: kept for a while, for the next socket of the same page."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from identity.principal import Principal
from kernel.ids import ParticipantId, RoomId
from signaling.sessions import Seating

KEPT_S: Final = 30.0
"""How long sound and picture may go on without a socket: as long as it takes to count as away (`rooms.room`)."""


@dataclass(frozen=True, slots=True)
class _Kept:
    seating: Seating
    principal: Principal
    deadline: asyncio.TimerHandle


class LostSockets:
    """At most one seat for each person in each room, each until it is taken again, given back, or its time is over.

    `observe` names who gives seats back; that happens at most once for each that is kept.
    """

    def __init__(self, *, kept_s: float = KEPT_S) -> None:
        self._kept_s = kept_s
        self._kept: dict[tuple[RoomId, ParticipantId], _Kept] = {}
        self._give_back: Callable[[Seating], None] = lambda _seating: None

    def observe(self, give_back: Callable[[Seating], None]) -> None:
        """Name the one who gives a seat back; once, before the first is kept."""
        self._give_back = give_back

    def keep(self, seating: Seating, principal: Principal) -> None:
        """Keep the seat that a socket of `principal` has lost."""
        self.taken(seating.room, seating.participant)
        deadline = asyncio.get_running_loop().call_later(self._kept_s, self.end, seating.room, seating.participant)
        self._kept[seating.room, seating.participant] = _Kept(seating, principal, deadline)

    def taken(self, room: RoomId, participant: ParticipantId) -> None:
        """Another socket has the seat, whichever: nothing is kept any more."""
        kept = self._kept.pop((room, participant), None)
        if kept is not None:
            kept.deadline.cancel()

    def end(self, room: RoomId, participant: ParticipantId) -> None:
        """Give the seat back if it is kept: its time is over, or its media ended."""
        kept = self._kept.pop((room, participant), None)
        if kept is not None:
            kept.deadline.cancel()
            self._give_back(kept.seating)

    def end_sessions(self, subject: str) -> None:
        """Give back whatever is kept for a sign-in, account or invitation that is over."""
        for (room, participant), kept in list(self._kept.items()):
            if subject in kept.principal.grounds:
                self.end(room, participant)
