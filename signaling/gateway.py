"""Tells connected clients what happened: room events by permission, media offers and quality, the lobby."""

import asyncio
import logging
from collections import Counter
from collections.abc import Collection, Coroutine, Mapping, Sequence
from typing import Any, Final

from kernel.errors import SignInRequired
from kernel.ids import ConsultationId, ParticipantId, RecordingId, RoomId
from rooms.commands import StopRecording
from rooms.events import ParticipantRemoved, RoomEvent, Source, StopReason
from rooms.ports import ConnectionQuality, MediaOffer, MediaState
from rooms.service import RoomService
from signaling import protocol, strict_json
from signaling.lobby import changes_lobby, lobby_entry
from signaling.lost_sockets import LostSockets
from signaling.probes import Probes
from signaling.sessions import Session, Sessions
from signaling.transport import Transport, event_frame
from signaling.wire import event_json, withheld_json

_log = logging.getLogger(__name__)

FINISH_LIMIT_S: Final = 5.0
"""How long closing waits for seats to be given back to a store that does not answer."""

_CLOSE_SIGNED_OUT: Final = 1008  # RFC 6455: policy violation


class Gateway:
    """Everything that goes out to this node's sockets. Implements `EventPublisher` and `MediaObserver`.

    Telling never waits for a client: what one can't take at once is queued by the transport, within its bound.
    """

    def __init__(
        self, *, transport: Transport, sessions: Sessions, rooms: RoomService, probes: Probes, lost: LostSockets
    ) -> None:
        self._transport = transport
        self._sessions = sessions
        self._rooms = rooms
        self._probes = probes
        self._lost = lost
        self._tasks: set[asyncio.Task[Any]] = set()
        self.is_draining = False

    @property
    def counts(self) -> Counter[str]:
        """What was refused, malformed or cut off since the start, by kind. Nothing in it names anybody."""
        return self._transport.counts

    @property
    def open_sockets(self) -> int:
        """How many sockets are signed in."""
        return len(self._sessions)

    def attach(self, app: object) -> None:
        """Serve `/socket.io/` in an aiohttp application, before it starts."""
        self._transport.attach(app)

    async def publish(self, room: RoomId, events: Sequence[RoomEvent]) -> None:
        """Tell everybody seated in the room, each what they may see, encoded once for all who see the same."""
        for event in events:
            self._tell_event(room, event)
        if any(changes_lobby(event.fact) for event in events):
            self._tell_lobby(room)

    def offer_ready(self, room: RoomId, participant: ParticipantId, offer: MediaOffer) -> None:
        """Pass an offer on to the one it is for."""
        probing = self._probes.session_in(room)
        session = probing or self._sessions.seated_in(room).get(participant)
        if session is not None:
            receive = {
                mid: {"participant": str(track.participant), "source": str(track.source)}
                for mid, track in offer.receive.items()
            }
            event = protocol.MediaOffer(offer.generation, offer.sdp, dict(offer.publish), receive, probing is not None)
            self.tell(session, event)

    def state_changed(self, room: RoomId, participant: ParticipantId, state: MediaState) -> None:
        """Tell everybody in the call how somebody's media connection is; without it and a socket nobody is there."""
        self._tell_call(room, protocol.MediaStateChanged(participant, state))
        if state is not MediaState.CONNECTED:
            self._lost.end(room, participant)

    def quality_measured(self, room: RoomId, qualities: Mapping[ParticipantId, ConnectionQuality]) -> None:
        """Tell everybody in the call how everybody's connection is, and keep it with the consultation."""
        self._rooms.take_quality(room, qualities)
        cards = {
            str(participant): protocol.QualityCard(
                quality.score,
                quality.round_trip_ms,
                quality.loss_percent,
                quality.jitter_ms,
                quality.bitrate_up_kbps,
                quality.bitrate_down_kbps,
                quality.microphone_silent,
                quality.video_layer,
            )
            for participant, quality in qualities.items()
        }
        self._tell_call(room, protocol.Quality(cards))

    def layers_wanted(self, room: RoomId, participant: ParticipantId, source: Source, layers: Sequence[str]) -> None:
        """Tell somebody which layers of their picture are needed."""
        session = self._sessions.seated_in(room).get(participant)
        if session is not None:
            self.tell(session, protocol.LayersWanted(source, list(layers)))

    def speaker_changed(self, room: RoomId, participant: ParticipantId | None) -> None:
        """Tell everybody in the call who speaks."""
        self._tell_call(room, protocol.ActiveSpeaker(participant))

    def recording_failed(self, room: RoomId, recording: RecordingId, reason: str) -> None:
        """Stop the recording, so that everybody sees that it is off."""
        _log.error("recording failed", extra={"room": room, "recording": recording, "reason": reason})
        self.run(self._rooms.submit(room, StopRecording(None, StopReason.STORAGE_FAILED)))

    def tell(self, session: Session, event: protocol.ServerEvent) -> None:
        """Tell one socket something."""
        self._transport.tell(session.sid, _frame(event))

    def tell_silent(self, session: Session, room: RoomId) -> None:
        """Tell a socket that has just taken a seat in the call from whom nothing comes at the moment."""
        if not self._rooms.is_in_call(room, session.participant):
            return
        for participant in self._sessions.seated_in(room):
            if self._rooms.media_state(room, participant) is MediaState.SILENT:
                self.tell(session, protocol.MediaStateChanged(participant, MediaState.SILENT))

    def tell_typing(self, room: RoomId, author: ParticipantId) -> None:
        """Tell the others who may read along that somebody is writing."""
        frame = _frame(protocol.Typing(author))
        for participant, session in self._sessions.seated_in(room).items():
            if participant != author and self._rooms.may_chat(room, participant):
                self._transport.tell(session.sid, frame)

    def tell_still(self, room: RoomId, viewers: Collection[ParticipantId], picture: protocol.StillPicture) -> None:
        """Show a still picture to those who get no moving one."""
        frame = _frame(picture)
        for participant, session in self._sessions.seated_in(room).items():
            if participant in viewers:
                self._transport.tell(session.sid, frame)

    def end(self, session: Session, code: str = SignInRequired.code) -> None:
        """Sign one socket out and close it."""
        session.is_ended = True
        self.tell(session, protocol.SessionEnded(code))
        self._transport.end(session.sid, _CLOSE_SIGNED_OUT, "session ended")

    def end_sessions(self, subject: str, code: str = SignInRequired.code) -> None:
        """Sign out every socket of a sign-in (`SessionId`), account (`UserId`) or invitation (`InvitationId`)."""
        for session in self._sessions:
            if subject in session.principal.grounds:
                self.end(session, code)
        self._lost.end_sessions(subject)

    def announce_draining(self) -> None:
        """Accept nobody new, and tell everybody that this server will close soon."""
        self.is_draining = True
        frame = _frame(protocol.ServerDraining())
        for session in self._sessions:
            self._transport.tell(session.sid, frame)

    async def close(self) -> None:
        """Close every socket, with time to write what waits, and what is under way with time to finish."""
        self.is_draining = True
        await self._transport.close()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=FINISH_LIMIT_S)
            for task in late:
                task.cancel()

    def run(self, work: Coroutine[Any, Any, object]) -> None:
        """Do `work` beside; `close` waits for it a while, and a failure is logged and disturbs nobody."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.counts["failed"] += 1
            _log.error("work beside the sockets failed", exc_info=error)

    def _tell_event(self, room: RoomId, event: RoomEvent) -> None:
        shown = hidden = b""
        for participant, session in self._sessions.seated_in(room).items():
            if self._rooms.sees(room, participant, event):
                shown = shown or event_frame("room_event", event_json(event))
                self._transport.tell(session.sid, shown)
            else:
                hidden = hidden or event_frame("room_event", withheld_json(event.seq, event.at))
                self._transport.tell(session.sid, hidden)
        if isinstance(event.fact, ParticipantRemoved):
            removed = self._sessions.seated_in(room).get(event.fact.participant)
            if removed is not None:
                self._sessions.stand_up(removed)

    def _tell_call(self, room: RoomId, event: protocol.ServerEvent) -> None:
        frame = _frame(event)
        for participant, session in self._sessions.seated_in(room).items():
            if self._rooms.is_in_call(room, participant):
                self._transport.tell(session.sid, frame)

    def _tell_lobby(self, room: RoomId) -> None:
        view = self._rooms.state_of(room)
        if view is None or view.clinician is None:
            return
        watching = [session for session in self._sessions.of_person(view.clinician) if session.watches_lobby]
        if watching:
            entry = strict_json.encode(lobby_entry(ConsultationId(room), view))
            frame = event_frame("lobby_changed", entry)
            for session in watching:
                self._transport.tell(session.sid, frame)


def _frame(event: protocol.ServerEvent) -> bytes:
    return event_frame(protocol.event_name(type(event)), strict_json.encode(event))
