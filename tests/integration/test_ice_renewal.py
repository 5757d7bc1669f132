"""TURN credentials are renewed for those in the call, and for nobody else."""

from datetime import timedelta

from kernel.ids import ParticipantId
from signaling.sessions import Session
from tests.builders import DOCTOR, PATIENT
from tests.socket_server import Client, SocketServer
from tests.waiting import until

LIFETIME = timedelta(milliseconds=100)
MINE = {"ice_servers": [{"urls": ["turn:turn.example:3478"], "username": f"for {PATIENT}", "credential": "secret"}]}


def node(lifetime: timedelta | None = LIFETIME) -> SocketServer:
    return SocketServer(ice_lifetime=lifetime)


async def renewed(client: Client, times: int) -> None:
    """Wait until the client was told new servers so often from now on."""
    for _ in range(times):
        client.told.clear()
        await client.heard("ice_servers", **MINE)


def session_of(server: SocketServer, who: ParticipantId) -> Session:
    (session,) = server.gateway._sessions.of_person(who)
    return session


async def test_somebody_in_the_call_is_told_new_servers_again_and_again() -> None:
    async with node().running() as server:
        doctor, patient = await server.call()
        assert (await patient.ask("media_join"))["ok"]
        await renewed(patient, 3)
        assert "ice_servers" not in [name for name, _ in doctor.told], "the doctor has no media connection"
        assert not [call for call in server.media.calls if call[0] == "restart"], "media is left alone"


async def test_joining_again_keeps_one_timer() -> None:
    async with node(timedelta(hours=1)).running() as server:
        _, patient = await server.call()
        await patient.ask("media_join")
        first = session_of(server, PATIENT).renewal
        await patient.ask("media_join")
        assert first is not None
        assert first.cancelled()
        assert session_of(server, PATIENT).renewal is not None


async def test_it_ends_with_the_media_connection_the_seat_and_the_socket() -> None:
    async with node(timedelta(hours=1)).running() as server:
        _, patient = await server.call()
        await patient.ask("media_join")
        await patient.ask("media_leave")
        assert session_of(server, PATIENT).renewal is None
        await patient.ask("media_join")
        session = session_of(server, PATIENT)
        timer = session.renewal
        await server.seated(PATIENT)  # another tab
        await patient.close()
        await patient.ended.wait()
        assert timer is not None
        assert timer.cancelled()
        assert session.renewal is None


async def test_who_is_sent_back_to_the_waiting_room_gets_no_more() -> None:
    async with node().running() as server:
        doctor, patient = await server.call()
        await patient.ask("media_join")
        await renewed(patient, 1)
        await doctor.ask("participant_hold", participant=PATIENT)
        await patient.heard("room_event", kind="participant_held")
        session = session_of(server, PATIENT)
        patient.told.clear()
        await until(lambda: session.renewal is None)
        assert (await patient.ask("room_leave"))["ok"]  # whatever was told before this has arrived
        assert "ice_servers" not in [name for name, _ in patient.told]


async def test_without_a_turn_server_nobody_is_told_anything() -> None:
    async with node(None).running() as server:
        _, patient = await server.call()
        await patient.ask("media_join")
        assert session_of(server, PATIENT).renewal is None
        assert session_of(server, DOCTOR).renewal is None
