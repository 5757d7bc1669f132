"""A visit in a running clinic without browsers: real sockets, real media connections, packets that mean nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from benchmarks.media_peer import MediaPeer
from care.consent_texts import CURRENT
from kernel.ids import ParticipantId
from rooms.events import Source
from rooms.ports import MediaOffer
from rooms.tracks import TrackRef
from tests.media_call import Seat
from tests.server_process import Browser, Clinic, RunningClinic
from tests.socket_server import Client


@dataclass
class Participant:
    """One person: HTTP, socket, and media once `connects` was awaited."""

    http: Browser
    socket: Client = field(default_factory=Client)
    seat: Seat | None = None

    @property
    def id(self) -> str:
        return str(self.http.me["participant"])

    @property
    def peer(self) -> MediaPeer:
        assert self.seat is not None
        return self.seat.peer

    async def enters(self, clinic: Clinic, consultation: str) -> None:
        assert self.http.token
        await self.socket.connect(clinic.url, self.http.token)
        assert (await self.does("room_enter", consultation=consultation, since=0))["ok"]

    async def does(self, event: str, **fields: object) -> dict[str, Any]:
        """Send an event; return the acknowledgement."""
        return await self.socket.ask(event, **fields)

    async def offered(self, generation: int = 1) -> MediaOffer:
        """Return the offer of this generation once it has come."""
        told = await self.socket.heard("media_offer", generation=generation)
        receive = {
            mid: TrackRef(ParticipantId(track["participant"]), Source(track["source"]))
            for mid, track in told["receive"].items()
        }
        publish = {mid: Source(source) for mid, source in told["publish"].items()}
        return MediaOffer(told["generation"], told["sdp"], publish, receive)

    async def joins_media(self, *, first_ssrc: int) -> None:
        """Ask for media, and hold an unconnected peer with the offer."""
        assert (await self.does("media_join"))["ok"]
        self.seat = Seat(MediaPeer(await self.offered(), first_ssrc=first_ssrc))

    async def answers(self, generation: int = 1) -> None:
        """Answer the offer of this generation as a browser would."""
        self.peer.offer = await self.offered(generation)
        answer = await self.does("media_answer", generation=generation, sdp=self.peer.answer())
        assert answer["ok"], answer


@dataclass
class LeanVisit:
    """Doctor and patient, both in the call; media is theirs to begin."""

    clinic: RunningClinic
    consultation: str
    doctor: Participant
    patient: Participant

    async def connects(self) -> None:
        """Let both have media, the patient's camera and microphone published and received by the doctor."""
        for number, person in enumerate((self.doctor, self.patient), start=1):
            await person.joins_media(first_ssrc=1000 * number)
            await person.answers()
            await person.peer.connect()
        for source in (Source.CAMERA, Source.MICROPHONE):
            assert (await self.patient.does("track_publish", source=source, muted=False))["ok"]
        await self.doctor.answers(2)

    async def everybody_agrees(self) -> None:
        for person in (self.doctor, self.patient):
            given = await person.does("consent_set", decision="given", version=CURRENT, language="en")
            assert given["ok"], given


@asynccontextmanager
async def lean_visit(clinic: RunningClinic, *, secret: str | None = None) -> AsyncIterator[LeanVisit]:
    """The demonstration's English consultation: the patient came by the link (of `secret`) and is admitted."""
    doctor = Participant(await clinic.sign_in("dr.garcia"))
    patient = Participant(await clinic.open_link(secret or clinic.demonstration.links[0]))
    visit = LeanVisit(clinic, patient.http.me["consultation"], doctor, patient)
    try:
        await doctor.enters(clinic, visit.consultation)
        await patient.enters(clinic, visit.consultation)
        assert (await doctor.does("participant_admit", participant=patient.id))["ok"]
        yield visit
    finally:
        for person in (doctor, patient):
            if person.seat is not None:
                person.peer.close()
            await person.socket.close()
