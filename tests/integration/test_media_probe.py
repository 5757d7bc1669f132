"""Trying out the way to the media plane before a visit, over real sockets and, in the last test, a real media plane."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from benchmarks.media_peer import MediaPeer
from kernel.errors import Overloaded
from kernel.ids import ParticipantId, RoomId
from rooms.events import Source
from rooms.ports import MediaOffer, MediaState
from rooms.tracks import Routing
from signaling import probes
from signaling.budget import Budget
from signaling.probes import Probes
from signaling.sessions import Session
from tests.builders import GUEST, PATIENT, ROOM, principal
from tests.fakes import FakeMediaPlane
from tests.server_process import RunningClinic
from tests.socket_server import Client, SocketServer
from tests.waiting import until

OFFER = MediaOffer(1, "v=0", {"0": Source.MICROPHONE}, {})
ANSWER = {"generation": 1, "sdp": "v=0 answer", "probe": True}


@asynccontextmanager
async def node() -> AsyncIterator[SocketServer]:
    async with SocketServer().running() as running:
        yield running


def probe_rooms(server: SocketServer) -> list[tuple[RoomId, ParticipantId]]:
    return [(room, who) for room, who in server.media.connections if room.startswith("prb_")]


def is_gone(server: SocketServer) -> bool:
    """Whether the media plane keeps nothing of any probe."""
    wanted = [room for room, routing in server.media.routed.items() if room.startswith("prb_") and routing != Routing()]
    return not probe_rooms(server) and not wanted


async def test_anybody_with_a_socket_may_try_before_taking_a_seat() -> None:
    async with node() as server:
        guest = await server.client(GUEST)
        ack = await guest.ask("media_probe")
        assert ack["ok"], ack
        assert ack["ice_servers"] == [
            {"urls": ["turn:turn.example:3478"], "username": f"for {GUEST}", "credential": "secret"}
        ]
        ((room, who),) = probe_rooms(server)
        assert who == GUEST
        assert server.media.routed[room] == Routing(subscriptions={GUEST: frozenset()})
        server.gateway.offer_ready(room, GUEST, OFFER)
        offer = await guest.heard("media_offer")
        assert offer == {
            "generation": 1,
            "sdp": "v=0",
            "publish": {"0": "microphone"},
            "receive": {},
            "probe": True,
        }
        assert (await guest.ask("media_answer", **ANSWER))["ok"]
        assert server.media.calls[-1] == ("answer", GUEST, 1, "v=0 answer")
        assert (await guest.ask("media_leave", probe=True))["ok"]
        assert is_gone(server)
        answers = len(server.media.calls)
        assert (await guest.ask("media_answer", **ANSWER))["ok"]  # too late: there is nobody to tell
        assert len(server.media.calls) == answers


async def test_a_socket_has_one_probe_and_takes_it_along() -> None:
    async with node() as server:
        guest = await server.client(GUEST)
        await guest.ask("media_probe")
        (first,) = probe_rooms(server)
        await guest.ask("media_probe")
        (second,) = probe_rooms(server)
        assert first != second
        assert server.media.routed[first[0]] == Routing()
        await guest.close()
        await until(lambda: is_gone(server))


async def test_a_probe_is_over_after_its_time_and_the_node_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    media = FakeMediaPlane()
    running = Probes(media, limit_s=0.02)
    tabs = [Session(f"tab-{number}", principal(GUEST), Budget(now_s=0)) for number in range(3)]
    monkeypatch.setattr(probes, "PROBES_LIMIT", 2)
    running.begin(tabs[0])
    running.begin(tabs[1])
    with pytest.raises(Overloaded):
        running.begin(tabs[2])
    running.begin(tabs[1])  # in place of its own
    assert len(running) == len(media.connections) == 2
    await until(lambda: len(running) == 0)
    assert not media.connections
    assert all(routing == Routing() for routing in media.routed.values())


async def test_trying_again_and_again_is_too_fast() -> None:
    async with node() as server:
        guest = await server.client(GUEST)
        acks = [await guest.ask("media_probe") for _ in range(5)]
        assert [ack["ok"] for ack in acks] == [True, True, True, False, False]
        assert acks[-1]["error"]["code"] == "rate_limited"
        assert (len(probe_rooms(server)), len({room for room, _ in probe_rooms(server)})) == (1, 1)


async def test_a_call_notices_nothing_of_a_probe_of_the_same_person() -> None:
    async with node() as server:
        doctor, patient = await server.call()
        assert (await patient.ask("media_join"))["ok"]
        routing = server.media.routed[ROOM]
        tab = await server.client(PATIENT)
        await tab.ask("media_probe")
        ((room, _),) = probe_rooms(server)
        server.gateway.offer_ready(room, PATIENT, OFFER)
        server.gateway.state_changed(room, PATIENT, MediaState.GONE)
        await tab.heard("media_offer", probe=True)
        await tab.ask("media_leave", probe=True)
        assert server.media.routed[ROOM] == routing
        assert (ROOM, PATIENT) in server.media.connections
        assert (await patient.ask("media_answer", generation=1, sdp="v=0 of the call"))["ok"]
        assert server.media.calls[-1] == ("answer", PATIENT, 1, "v=0 of the call")
        for person in (doctor, patient):
            assert not [name for name, _ in person.told if name.startswith("media_")]


async def test_without_a_probe_the_media_events_need_a_seat_as_before() -> None:
    async with node() as server:
        guest = await server.client(GUEST)
        await guest.ask("media_probe")
        for event, fields in (("media_answer", {**ANSWER, "probe": False}), ("media_leave", {}), ("media_join", {})):
            assert (await guest.ask(event, **fields))["error"]["code"] == "room.not_seated", event


async def test_a_draining_node_begins_no_probe() -> None:
    async with node() as server:
        guest = await server.client(GUEST)
        server.gateway.announce_draining()
        assert (await guest.ask("media_probe"))["error"]["code"] == "overloaded"


async def test_a_real_media_plane_lets_the_probe_through_and_keeps_nothing(clinic: RunningClinic) -> None:
    media, tab = clinic.services.media, Client()
    browser = await clinic.open_link(clinic.demonstration.links[0])
    assert browser.token
    await tab.connect(clinic.url, browser.token)
    assert (await tab.ask("media_probe")) == {"ok": True, "ice_servers": []}
    told = await tab.heard("media_offer", probe=True)
    peer = MediaPeer(MediaOffer(told["generation"], told["sdp"], told["publish"], {}))
    refused = await tab.ask("media_answer", generation=1, sdp="nonsense", probe=True)
    assert refused["error"]["code"] == "invalid"
    assert (await tab.ask("media_answer", generation=1, sdp=peer.answer(), probe=True))["ok"]
    await peer.connect()
    await until(lambda: media.stats()["peers_connected"] == 1)
    await tab.ask("media_leave", probe=True)
    assert (media.stats()["rooms"], media.stats()["peers"]) == (0, 0)
    peer.close()
    await tab.close()
