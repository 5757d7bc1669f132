"""What each client event means: decode, submit, answer."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import msgspec

from identity.ports import TokenVerifier
from identity.principal import Role
from kernel.errors import AppError, NotFound, Overloaded
from kernel.ids import AttachmentId, ConnectionId, ConsultationId, MessageId, ParticipantId, RecordingId, RoomId, new_id
from rooms import commands
from rooms.errors import NotSeated
from rooms.events import Body
from rooms.ports import AttachmentDirectory, IceServer, MediaState, OwnConsultation, Reception, Seat
from rooms.quality_minutes import ReceptionReport
from rooms.service import Reading, RoomService
from signaling import protocol as p
from signaling.acks import acknowledgement
from signaling.budget import Budget, RateLimited
from signaling.gateway import Gateway
from signaling.lobby import finished_entry, lobby_entry
from signaling.lost_sockets import LostSockets
from signaling.probes import Probes
from signaling.renewals import Renewals
from signaling.sessions import SOCKETS_PER_PERSON, Seating, Session, Sessions
from signaling.strict_json import split_event
from signaling.transport import Refusal
from signaling.wire import at_text, seen_json

SESSION_LIMIT_S: Final = 12 * 3600.0
"""How long one socket may go on without signing in again."""
READ_LIMIT_BYTES: Final = 4 * 1024 * 1024
"""Events in one answer, as JSON; the rest is asked for with the next cursor."""

_GIVE_BACK_PAUSES_S: Final = (0.5, 2.0, 10.0, 30.0)


@dataclass(frozen=True, slots=True)
class Ports:
    """What the events need beside the rooms."""

    verifier: TokenVerifier
    reception: Reception
    attachments: AttachmentDirectory
    consent_text: Callable[[str, str], str]
    ice_servers: Callable[[ParticipantId], Sequence[IceServer]]
    ice_lifetime: timedelta | None  # how long their credentials work; None: there are none
    monotonic_s: Callable[[], float]


class Namespace:
    """The handlers of every client event. Implements `signaling.transport.Listener`."""

    def __init__(
        self,
        *,
        rooms: RoomService,
        gateway: Gateway,
        sessions: Sessions,
        probes: Probes,
        lost: LostSockets,
        ports: Ports,
    ) -> None:
        self._rooms = rooms
        self._gateway = gateway
        self._sessions = sessions
        self._probes = probes
        self._lost = lost
        self._lost.observe(lambda seating: self._gateway.run(self._give_back(seating)))
        self._ports = ports
        self._renewals = Renewals(sessions, lifetime=ports.ice_lifetime, renew=self._renew_ice_servers)
        self._handlers: dict[type[p.ClientEvent], Callable[[Session, Any], Awaitable[p.Ok | None]]] = {
            p.RoomEnter: self._enter,
            p.RoomResume: self._resume,
            p.RoomLeave: self._leave,
            p.ConsentSet: self._set_consent,
            p.ChatSend: self._send_chat,
            p.ChatTyping: self._relay_typing,
            p.StillSend: self._relay_still,
            p.MediaProbe: self._probe_media,
            p.MediaJoin: self._join_media,
            p.MediaAnswer: self._answer_media,
            p.QualityReport: self._take_report,
            p.MediaRestart: self._restart_media,
            p.MediaLeave: self._leave_media,
            p.LobbyWatch: self._watch_lobby,
        }

    def connected(self, sid: str, auth: object) -> None:
        """Sign a socket in by its token, or raise `Refusal` with the code and sentence of the error."""
        try:
            session = self._admit(sid, auth)
        except AppError as error:
            raise Refusal(error.message, {"code": error.code, "message": error.message}) from None
        session.deadline = asyncio.get_running_loop().call_later(SESSION_LIMIT_S, self._gateway.end, session)
        self._sessions.open(session)

    async def received(self, sid: str, payload: bytes) -> bytes:
        """Do one event's work and return its acknowledgement."""
        session = self._sessions.get(sid)
        return await acknowledgement(self._handle(session, payload), self._gateway.counts)

    async def disconnected(self, sid: str) -> None:
        """End the socket's probe, and give its seat back, beside: the transport does not wait for the store.

        Where the media of the seat flows on the seat is kept, for the page's next socket.
        """
        session = self._sessions.close(sid)
        if session is None:
            return
        self._probes.end(session)
        if session.seating is not None:
            seating = session.seating
            self._sessions.stand_up(session)
            is_over = session.is_ended or self._gateway.is_draining
            if not is_over and self._rooms.media_state(*seating.place) is MediaState.CONNECTED:
                self._lost.keep(seating, session.principal)
            else:
                self._gateway.run(self._give_back(seating))

    def _admit(self, sid: str, auth: object) -> Session:
        if self._gateway.is_draining:
            raise Overloaded
        principal = self._ports.verifier.verify(p.read_sign_in(auth).token)
        if len(self._sessions.of_person(principal.participant)) >= SOCKETS_PER_PERSON:
            raise Overloaded
        return Session(sid, principal, Budget(now_s=self._ports.monotonic_s()))

    async def _handle(self, session: Session | None, payload: bytes) -> p.Ok | None:
        if session is None:
            raise NotSeated
        name, argument = split_event(payload)
        try:
            session.budget.spend(name, now_s=self._ports.monotonic_s())
        finally:
            if session.budget.is_exhausted:
                self._gateway.end(session, RateLimited.code)
        event = p.decode(name, argument)
        handler = self._handlers.get(type(event))
        if handler is not None:
            return await handler(session, event)
        seating = _seat_of(session)
        await self._rooms.submit(seating.room, command_of(event, by=seating.participant))
        return None

    async def _enter(self, session: Session, event: p.RoomEnter) -> p.Entered:
        consultation = ConsultationId(event.consultation)
        seat = await self._ports.reception.seat(session.principal, consultation)
        room = RoomId(consultation)
        if session.seating is not None and session.seating.room != room:
            await self._leave(session)
        connection = session.seating.connection if session.seating else ConnectionId(new_id("cnx"))
        before = ConnectionId(event.connection) if event.connection is not None else None
        entry = await self._rooms.enter(
            room,
            commands.OpenRoom(seat.clinician, seat.clinician_name),
            commands.Enter(session.participant, seat.role, seat.name, seat.language, connection, before),
            since=event.since,
            seated=lambda held_by: self._sit_down(session, Seating(room, session.participant, held_by)),
        )
        if self._sessions.get(session.sid) is not session:  # the socket was closed meanwhile
            self._gateway.run(self._give_back(Seating(room, session.participant, entry.connection)))
        elif entry.keeps_media and self._renew_ice_servers(session):
            self._renewals.begin(session)
        self._gateway.tell_silent(session, room)
        return p.Entered(
            ok=True,
            you=p.You(session.participant, seat.role, seat.name),
            room=_card(consultation, seat),
            connection=entry.connection,
            keeps_media=entry.keeps_media,
            events=_page(entry.reading),
            last_seq=entry.reading.last_seq,
        )

    async def _resume(self, session: Session, event: p.RoomResume) -> p.Resumed:
        seating = _seat_of(session)
        reading = await self._rooms.read(seating.room, since=event.since, participant=seating.participant)
        return p.Resumed(ok=True, events=_page(reading), last_seq=reading.last_seq)

    async def _leave(self, session: Session, _event: p.RoomLeave | None = None) -> None:
        seating = _seat_of(session)
        await self._rooms.submit(seating.room, commands.Disconnect(seating.participant, seating.connection))
        self._sessions.stand_up(session)

    async def _set_consent(self, session: Session, event: p.ConsentSet) -> None:
        seating = _seat_of(session)
        text = self._ports.consent_text(event.version, event.language)
        answer = commands.RecordConsent(seating.participant, event.decision, event.version, event.language, text)
        await self._rooms.submit(seating.room, answer)

    async def _send_chat(self, session: Session, event: p.ChatSend) -> p.Posted:
        seating = _seat_of(session)
        by = seating.participant
        attachments = (
            await self._ports.attachments.describe(
                ConsultationId(seating.room), [AttachmentId(id_) for id_ in event.attachments], by
            )
            if event.attachments
            else ()
        )
        body = Body(event.body.scheme, event.body.text)
        message = commands.PostMessage(by, MessageId(event.id), body, attachments)
        return p.Posted(ok=True, seq=await self._rooms.post(seating.room, message))

    async def _relay_typing(self, session: Session, _event: p.ChatTyping) -> None:
        seating = _seat_of(session)
        self._rooms.require_chatting(seating.room, seating.participant)
        if session.budget.may_relay_typing(now_s=self._ports.monotonic_s()):
            self._gateway.tell_typing(seating.room, seating.participant)

    async def _relay_still(self, session: Session, event: p.StillSend) -> None:
        seating = _seat_of(session)
        viewers = self._rooms.still_viewers(seating.room, seating.participant)
        if viewers and session.budget.may_relay_still(now_s=self._ports.monotonic_s()):
            self._gateway.tell_still(seating.room, viewers, p.StillPicture(seating.participant, event.picture))

    async def _probe_media(self, session: Session, _event: p.MediaProbe) -> p.MediaJoined:
        if self._gateway.is_draining:
            raise Overloaded
        self._probes.begin(session)
        return self._media_joined(session)

    async def _join_media(self, session: Session, _event: p.MediaJoin) -> p.MediaJoined:
        seating = _seat_of(session)
        await self._rooms.join_media(seating.room, seating.participant, seating.connection)
        self._renewals.begin(session)
        return self._media_joined(session)

    def _media_joined(self, session: Session) -> p.MediaJoined:
        return p.MediaJoined(ok=True, ice_servers=self._ice_servers(session))

    def _ice_servers(self, session: Session) -> list[p.IceServerCard]:
        servers = self._ports.ice_servers(session.participant)
        return [p.IceServerCard(tuple(each.urls), each.username, each.credential) for each in servers]

    def _renew_ice_servers(self, session: Session) -> bool:
        seating = session.seating
        if seating is None or not self._rooms.is_in_call(seating.room, seating.participant):
            return False
        self._gateway.tell(session, p.IceServers(self._ice_servers(session)))
        return True

    async def _answer_media(self, session: Session, event: p.MediaAnswer) -> None:
        if event.probe:
            self._probes.answer(session, generation=event.generation, sdp=event.sdp)
            return
        seating = _seat_of(session)
        await self._rooms.answer_media(
            seating.room, seating.participant, seating.connection, generation=event.generation, sdp=event.sdp
        )

    async def _take_report(self, session: Session, event: p.QualityReport) -> None:
        seating = _seat_of(session)
        report = ReceptionReport(
            freeze_ms=event.freeze_ms,
            concealed_ms=event.concealed_ms,
            frames_per_second=event.frames_per_second,
            picture_height=event.picture_height,
            round_trip_ms=event.round_trip_ms,
        )
        self._rooms.take_report(seating.room, seating.participant, report)

    async def _restart_media(self, session: Session, _event: p.MediaRestart) -> None:
        seating = _seat_of(session)
        await self._rooms.restart_media(seating.room, seating.participant, seating.connection)

    async def _leave_media(self, session: Session, event: p.MediaLeave) -> None:
        if event.probe:
            self._probes.end(session)
            return
        seating = _seat_of(session)
        self._renewals.end(session)
        await self._rooms.leave_media(seating.room, seating.participant, seating.connection)

    async def _watch_lobby(self, session: Session, _event: p.LobbyWatch) -> p.Watching:
        if session.principal.role is not Role.CLINICIAN:
            raise NotFound
        consultations = await self._ports.reception.own_consultations_today(session.principal)
        session.watches_lobby = True  # before reading: what changes meanwhile is told once more, not missed
        return p.Watching(ok=True, consultations=[await self._lobby_entry(own) for own in consultations])

    async def _lobby_entry(self, own: OwnConsultation) -> p.LobbyEntry:
        if own.is_over:
            return finished_entry(own.id)  # nothing of its history has to be read for that
        return lobby_entry(own.id, await self._rooms.view(RoomId(own.id)))

    def _sit_down(self, session: Session, seating: Seating) -> None:
        if self._sessions.get(session.sid) is not session:
            return
        self._lost.taken(*seating.place)
        displaced = self._sessions.sit_down(session, seating)
        if displaced is not None:
            self._gateway.tell(displaced, p.SeatTaken())

    async def _give_back(self, seating: Seating) -> None:
        """Disconnect a seat whose socket is gone, again and again while the store does not answer."""
        leaving = commands.Disconnect(seating.participant, seating.connection)
        for pause_s in _GIVE_BACK_PAUSES_S:
            (outcome,) = await asyncio.gather(self._rooms.submit(seating.room, leaving), return_exceptions=True)
            if not isinstance(outcome, BaseException):
                return
            await asyncio.sleep(pause_s)
        await self._rooms.submit(seating.room, leaving)


def command_of(  # noqa: C901, PLR0911, PLR0912 - one line an event
    event: p.ClientEvent, *, by: ParticipantId
) -> commands.Command:
    """Return the command that an event of somebody seated stands for."""
    match event:
        case p.ReadinessReport():
            return commands.ReportReadiness(
                by, event.camera, event.microphone, event.speaker, event.round_trip_ms, event.media
            )
        case p.ParticipantAdmit(participant):
            return commands.AdmitParticipant(by, ParticipantId(participant))
        case p.ParticipantHold(participant):
            return commands.HoldParticipant(by, ParticipantId(participant))
        case p.ParticipantRemove(participant):
            return commands.RemoveParticipant(by, ParticipantId(participant))
        case p.ChatRead(up_to):
            return commands.ReadMessages(by, up_to)
        case p.TrackPublish(source, muted):
            return commands.PublishTrack(by, source, muted)
        case p.TrackMute(source, muted):
            return commands.MuteTrack(by, source, muted)
        case p.TrackUnpublish(source):
            return commands.UnpublishTrack(by, source)
        case p.VideoReception(receives_video):
            return commands.ChangeVideoReception(by, receives_video)
        case p.RecordingStart():
            return commands.StartRecording(by, RecordingId(new_id("rec")))
        case p.RecordingStop():
            return commands.StopRecording(by)
        case p.VisitFinish():
            return commands.FinishVisit(by)
        case _:
            raise AssertionError(type(event).__name__)


def _seat_of(session: Session) -> Seating:
    if session.seating is None:
        raise NotSeated
    return session.seating


def _card(consultation: ConsultationId, seat: Seat) -> p.RoomCard:
    return p.RoomCard(
        id=consultation,
        scheduled_at=at_text(seat.scheduled_at),
        patient_name=seat.patient_name,
        clinician_name=seat.clinician_name,
        department_en=seat.department_en,
        department_zh=seat.department_zh,
        reason=seat.reason or None,
    )


def _page(reading: Reading) -> list[msgspec.Raw]:
    page: list[msgspec.Raw] = []
    remaining = READ_LIMIT_BYTES
    for seen in reading.events:
        encoded = seen_json(seen)
        remaining -= len(encoded)
        if remaining < 0:
            break
        page.append(msgspec.Raw(encoded))
    return page
