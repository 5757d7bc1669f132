"""Sockets that are lost while media flows on, over real ones: who keeps their seat, and who must not."""

from collections.abc import AsyncIterator

import pytest

from rooms.ports import MediaState
from tests.builders import DOCTOR, GUEST, PATIENT, ROOM, principal
from tests.socket_server import Client, SocketServer
from tests.waiting import until


@pytest.fixture
async def server() -> AsyncIterator[SocketServer]:
    async with SocketServer().running() as running:
        yield running


async def in_call(server: SocketServer) -> tuple[Client, Client, str]:
    """Return doctor, patient and as which connection the patient sits, whose media flows and who publishes."""
    doctor = await server.seated(DOCTOR)
    patient = await server.client(PATIENT)
    entered = await patient.ask("room_enter", consultation=ROOM)
    assert not entered["keeps_media"]
    await doctor.ask("participant_admit", participant=PATIENT)
    await patient.heard("room_event", kind="participant_admitted")
    assert (await patient.ask("media_join"))["ok"]
    assert (await patient.ask("track_publish", source="microphone", muted=False))["ok"]
    return doctor, patient, entered["connection"]


async def lost(server: SocketServer, client: Client, *, sockets: int) -> None:
    """Let the client's socket be gone, and the server know."""
    await client.close()
    await until(lambda: server.gateway.open_sockets == sockets)


def media_calls(server: SocketServer, name: str) -> int:
    return [call[:2] for call in server.media.calls].count((name, PATIENT))


async def test_the_pages_next_socket_goes_on_where_the_lost_one_was(server: SocketServer) -> None:
    doctor, patient, connection = await in_call(server)
    left = media_calls(server, "leave")
    await lost(server, patient, sockets=1)
    assert (await doctor.ask("chat_send", id="message-1", body={"scheme": "server", "text": "Still there?"}))["ok"]
    back = await server.client(PATIENT)
    entered = await back.ask("room_enter", consultation=ROOM, since=5, connection=connection)
    assert entered["keeps_media"]
    assert entered["connection"] == connection
    assert entered["events"][-1]["body"]["text"] == "Still there?"
    assert (await back.ask("media_restart"))["ok"]
    assert media_calls(server, "restart") == 1
    assert media_calls(server, "leave") == left
    assert doctor.kinds().count("participant_connected") == 1  # for the patient's first entry
    assert not {"participant_disconnected", "track_unpublished"} & set(doctor.kinds())


async def test_a_socket_that_the_server_does_not_know_to_be_dead_is_followed_by_the_next(server: SocketServer) -> None:
    doctor, patient, connection = await in_call(server)
    back = await server.client(PATIENT)
    assert (await back.ask("room_enter", consultation=ROOM, connection=connection))["keeps_media"]
    await lost(server, patient, sockets=2)
    assert (await back.ask("chat_typing"))["ok"]
    assert "participant_disconnected" not in doctor.kinds()


async def test_without_media_a_lost_socket_frees_the_seat(server: SocketServer) -> None:
    doctor, patient, connection = await in_call(server)
    assert (await patient.ask("media_leave"))["ok"]
    await patient.close()
    await doctor.heard("room_event", kind="participant_disconnected", participant=PATIENT)
    back = await server.client(PATIENT)
    entered = await back.ask("room_enter", consultation=ROOM, connection=connection)
    assert not entered["keeps_media"]
    assert entered["connection"] != connection


@pytest.mark.parametrize("state", [MediaState.SILENT, MediaState.GONE, MediaState.CUT_OFF])
async def test_when_media_ends_too_nobody_is_there(server: SocketServer, state: MediaState) -> None:
    doctor, patient, _connection = await in_call(server)
    await lost(server, patient, sockets=1)
    server.gateway.state_changed(ROOM, PATIENT, MediaState.CONNECTED)
    assert "participant_disconnected" not in doctor.kinds()
    server.gateway.state_changed(ROOM, PATIENT, state)
    await doctor.heard("room_event", kind="participant_disconnected", participant=PATIENT)
    assert not server.media.connections


async def test_another_tab_takes_the_seat_and_media_ends(server: SocketServer) -> None:
    doctor, patient, connection = await in_call(server)
    await lost(server, patient, sockets=1)
    other = await server.client(PATIENT)
    entered = await other.ask("room_enter", consultation=ROOM)
    assert not entered["keeps_media"]
    assert not server.media.connections
    assert entered["connection"] != connection
    await doctor.heard("room_event", kind="track_unpublished", participant=PATIENT)
    late = await server.client(PATIENT)  # the first tab's
    assert not (await late.ask("room_enter", consultation=ROOM, connection=connection))["keeps_media"]


async def test_somebody_elses_connection_gives_nobody_their_seat(server: SocketServer) -> None:
    doctor, patient, connection = await in_call(server)
    await lost(server, patient, sockets=1)
    stranger = await server.client(GUEST)
    entered = await stranger.ask("room_enter", consultation=ROOM, connection=connection)
    assert entered["you"]["participant"] == GUEST
    assert entered["connection"] != connection
    assert not entered["keeps_media"]
    assert (await stranger.ask("media_restart"))["error"]["code"] == "room.not_admitted"
    assert not media_calls(server, "restart")
    assert "participant_disconnected" not in doctor.kinds()


@pytest.mark.parametrize("had_socket", [True, False])
async def test_a_sign_in_that_is_ended_ends_media_at_once(server: SocketServer, had_socket: bool) -> None:
    doctor, patient, _connection = await in_call(server)
    if not had_socket:
        await lost(server, patient, sockets=1)
    server.gateway.end_sessions(principal(PATIENT).session)
    await doctor.heard("room_event", kind="participant_disconnected", participant=PATIENT)
    assert not server.media.connections


async def test_leaving_and_being_put_on_hold_end_media_at_once(server: SocketServer) -> None:
    doctor, patient, connection = await in_call(server)
    await lost(server, patient, sockets=1)
    assert (await doctor.ask("participant_hold", participant=PATIENT))["ok"]
    assert not server.media.connections
    back = await server.client(PATIENT)
    entered = await back.ask("room_enter", consultation=ROOM, connection=connection)
    assert not entered["keeps_media"]
    assert (await doctor.ask("participant_admit", participant=PATIENT))["ok"]
    assert (await back.ask("media_join"))["ok"]
    assert (await back.ask("room_leave"))["ok"]
    await doctor.heard("room_event", kind="participant_disconnected", participant=PATIENT)
    assert not server.media.connections


async def test_whoever_comes_back_is_told_from_whom_nothing_comes(server: SocketServer) -> None:
    doctor, patient, connection = await in_call(server)
    await lost(server, patient, sockets=1)
    assert (await doctor.ask("media_join"))["ok"]
    server.media.silent.add(DOCTOR)
    back = await server.client(PATIENT)
    await back.ask("room_enter", consultation=ROOM, connection=connection)
    await back.heard("media_state", participant=DOCTOR, state="silent")
