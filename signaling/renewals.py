"""Gives everybody in a call fresh TURN credentials before those they hold expire."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from signaling.sessions import Session, Sessions

_HALF: Final = 2  # of a lifetime: a renewal that is lost with a socket leaves time for the next connection's


class Renewals:
    """One timer for each socket with a media connection; a socket asks for its first servers itself.

    A connection that uses old credentials is not touched: a relay's allocation outlives them, and the new ones serve
    whatever the browser allocates from then on, at a change of network for example.
    """

    def __init__(self, sessions: Sessions, *, lifetime: timedelta | None, renew: Callable[[Session], bool]) -> None:
        """`renew` tells a socket its new servers, or returns False where it has no call any more. None: no TURN."""
        self._sessions = sessions
        self._every_s = lifetime.total_seconds() / _HALF if lifetime is not None else None
        self._renew = renew

    def begin(self, session: Session) -> None:
        """Start anew: the socket has just been told its servers."""
        self.end(session)
        if self._every_s is not None and self._sessions.get(session.sid) is session:
            session.renewal = asyncio.get_running_loop().call_later(self._every_s, self._due, session)

    def end(self, session: Session) -> None:
        """Stop: the socket, its seat or its media connection is gone."""
        if session.renewal is not None:
            session.renewal.cancel()
            session.renewal = None

    def _due(self, session: Session) -> None:
        session.renewal = None
        if self._renew(session):
            self.begin(session)
