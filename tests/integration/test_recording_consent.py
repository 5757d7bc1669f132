"""No recorded byte of somebody who has not agreed: real sockets, sealed packets, every file of the recording read."""

import asyncio
from dataclasses import dataclass

from care.consent_texts import CURRENT
from kernel.ids import ConsultationId
from rooms.events import Source
from tests.lean_visit import LeanVisit, Participant, lean_visit
from tests.media_call import KEY_FRAME
from tests.server_process import RunningClinic

OPUS = b"\x78"  # one frame of 20 ms
SENDS_S = 1.5


@dataclass
class Call:
    """Doctor, patient and an interpreter, who send pictures and sound in which their name and the phase stand."""

    visit: LeanVisit
    people: dict[str, Participant]

    async def everybody_sends(self, phase: str) -> None:
        for _ in range(round(SENDS_S / 0.05)):
            for name, person in self.people.items():
                assert person.seat is not None
                person.seat.send_picture(KEY_FRAME + mark(name, phase) * 20)
                person.seat.send_sound(OPUS + mark(name, phase))
            await asyncio.sleep(0.05)

    async def answers(self, name: str, decision: str) -> None:
        told = await self.people[name].does("consent_set", decision=decision, version=CURRENT, language="en")
        assert told["ok"], told

    async def files(self) -> dict[str, bytes]:
        """Return every file of the recording, opened; the names begin with whose it is."""
        services, consultation = self.visit.clinic.services, ConsultationId(self.visit.consultation)
        await services.recorder.shut_down()
        key = await services.recorded_media.key(consultation)
        opened = {}
        for name in services.blobs.names(f"segments/{consultation}"):
            with services.blobs.open(f"segments/{consultation}/{name}", key, unfinished=True) as segment:
                opened[name] = segment.read()
        return opened


def mark(name: str, phase: str) -> bytes:
    return f"<{name} {phase}>".encode()


async def three_in_a_call(visit: LeanVisit) -> Call:
    doctor = visit.doctor
    path = f"/consultations/{visit.consultation}/invitations"
    _, issued = await doctor.http.post(path, {"relation": "interpreter", "name": "Iris"})
    guest = Participant(await visit.clinic.open_link(issued["link"].partition("#")[2]))
    await guest.enters(visit.clinic, visit.consultation)
    people = {"doctor": doctor, "patient": visit.patient, "guest": guest}
    for number, person in enumerate((doctor, visit.patient), start=1):
        await person.joins_media(first_ssrc=1000 * number)
        await person.answers()
        await person.peer.connect()
    for person in (doctor, visit.patient):
        for source in (Source.CAMERA, Source.MICROPHONE):
            assert (await person.does("track_publish", source=source, muted=False))["ok"]
    return Call(visit, people)


async def test_nobody_is_recorded_before_they_agree_nor_after_they_withdraw(clinic: RunningClinic) -> None:
    async with lean_visit(clinic) as visit:
        call = await three_in_a_call(visit)
        guest = call.people["guest"]
        await visit.everybody_agrees()
        assert (await visit.doctor.does("recording_start"))["ok"]
        assert (await visit.doctor.does("participant_admit", participant=guest.id))["ok"]
        await guest.joins_media(first_ssrc=3000)
        await guest.answers()
        await guest.peer.connect()
        for source in (Source.CAMERA, Source.MICROPHONE):
            assert (await guest.does("track_publish", source=source, muted=False))["ok"]

        await call.everybody_sends("before")
        await call.answers("guest", "given")
        await call.everybody_sends("agreed")
        await call.answers("guest", "withdrawn")
        await call.everybody_sends("withdrawn")
        await call.answers("patient", "withdrawn")  # without the patient nothing is left to be recorded
        await call.everybody_sends("without the patient")
        files = await call.files()
        await guest.socket.close()
        guest.peer.close()

    everything = b"".join(files.values())
    for name in call.people:
        assert mark(name, "agreed") in everything, f"{name} was recorded, so the search below means something"
        assert mark(name, "without the patient") not in everything
    assert mark("guest", "before") not in everything
    assert mark("guest", "withdrawn") not in everything
    assert mark("patient", "before") in everything
    assert mark("doctor", "withdrawn") in everything
    for file, content in files.items():
        for name, person in call.people.items():
            assert file.startswith(f"{person.id}-") or f"<{name} ".encode() not in content, (
                "each has files of their own"
            )
