"""Trying whether media gets through: throw-away connections that carry nothing, one for each socket."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from kernel.errors import Overloaded
from kernel.ids import RoomId, new_id
from rooms.ports import MediaPlane
from rooms.tracks import Routing
from signaling.sessions import Session

LIMIT_S: Final = 10.0
"""How long a probe lasts at most; a browser that gets through knows within a second."""
PROBES_LIMIT: Final = 256
"""Probes of the whole node at one time; more are refused."""


@dataclass(frozen=True, slots=True)
class _Probe:
    room: RoomId
    deadline: asyncio.TimerHandle


@dataclass(slots=True)
class Probes:
    """Every probe of this node. Each is alone in a room of its own, where nothing is published, routed or recorded."""

    media: MediaPlane
    limit_s: float = LIMIT_S
    _of: dict[Session, _Probe] = field(default_factory=dict)
    _in: dict[RoomId, Session] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._of)

    def session_in(self, room: RoomId) -> Session | None:
        """Return whose probe has this room; None when it is a consultation's."""
        return self._in.get(room)

    def begin(self, session: Session) -> None:
        """Begin the socket's probe, in place of an earlier one; its offer follows through the media observer."""
        self.end(session)
        if len(self._of) >= PROBES_LIMIT:
            raise Overloaded
        room = RoomId(new_id("prb"))
        deadline = asyncio.get_running_loop().call_later(self.limit_s, self.end, session)
        self._of[session], self._in[room] = _Probe(room, deadline), session
        self.media.route(room, Routing(subscriptions={session.participant: frozenset()}))
        self.media.join(room, session.participant)

    def answer(self, session: Session, *, generation: int, sdp: str) -> None:
        """Pass on the browser's answer; when the probe is over, there is nobody to tell."""
        probe = self._of.get(session)
        if probe is not None:
            self.media.answer(probe.room, session.participant, generation, sdp)

    def end(self, session: Session) -> None:
        """Close the socket's probe, if any, and leave nothing of it in the media plane."""
        probe = self._of.pop(session, None)
        if probe is not None:
            probe.deadline.cancel()
            del self._in[probe.room]
            self.media.route(probe.room, Routing())
