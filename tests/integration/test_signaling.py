"""Rooms over real sockets: order, retries, catching up, seats, and refusals that tell nothing."""

from collections.abc import AsyncIterator

import pytest

from kernel.ids import ConsultationId, RoomId
from rooms.commands import ChangeRung, NoteAbsence
from rooms.events import MessagePosted, Rung, Source
from rooms.ports import ConnectionQuality, OwnConsultation
from tests.builders import DOCTOR, GUEST, NOON, PATIENT, post, seat, waiting_room
from tests.fakes import FakeEventLog
from tests.socket_server import Client, SocketServer
from tests.waiting import until

ROOM = RoomId("con_room")


@pytest.fixture
async def server() -> AsyncIterator[SocketServer]:
    async with SocketServer().running() as running:
        yield running


def message(number: int, text: str = "Hello") -> dict[str, object]:
    return {"id": f"message-{number}", "body": {"scheme": "server", "text": text}}


def texts(client: Client) -> list[str]:
    return [told["body"]["text"] for name, told in client.told if told.get("kind") == "message_posted"]


async def test_everybody_hears_everything_in_one_order_without_a_gap(server: SocketServer) -> None:
    doctor, patient = await server.call()
    for number in range(5):
        await (doctor if number % 2 else patient).ask("chat_send", **message(number, f"{number}"))
    await doctor.heard("room_event", kind="message_posted", client_message_id="message-4")
    await patient.heard("room_event", kind="message_posted", client_message_id="message-4")
    for client in (doctor, patient):
        assert texts(client) == ["0", "1", "2", "3", "4"]
        first = client.seqs()[0]
        assert client.seqs() == list(range(first, first + len(client.seqs())))


async def test_what_one_person_sends_at_once_is_stored_in_the_order_of_sending(server: SocketServer) -> None:
    doctor, patient = await server.call()
    for number in range(40):
        await patient.emit("chat_send", **message(number, f"{number}"))
    await doctor.heard("room_event", kind="message_posted", client_message_id="message-39")
    assert texts(doctor) == [f"{number}" for number in range(40)]


async def test_who_speaks_is_told_in_the_call_and_not_to_those_who_wait(server: SocketServer) -> None:
    doctor, patient = await server.call()
    guest = await server.seated(GUEST)
    server.gateway.speaker_changed(ROOM, PATIENT)
    server.gateway.speaker_changed(ROOM, None)
    for client in (doctor, patient):
        await client.heard("active_speaker", participant=PATIENT)
        await until(lambda client=client: ("active_speaker", {}) in client.told)
    assert "active_speaker" not in {name for name, _ in guest.told}


async def test_only_whose_picture_it_is_hears_which_layers_are_needed(server: SocketServer) -> None:
    doctor, patient = await server.call()
    server.gateway.layers_wanted(ROOM, PATIENT, Source.CAMERA, ("l", "h"))
    server.gateway.layers_wanted(ROOM, GUEST, Source.CAMERA, ())  # who is not there misses nothing
    await patient.heard("layers_wanted", source="camera", layers=["l", "h"])
    assert "layers_wanted" not in {name for name, _ in doctor.told}


async def test_what_is_measured_and_reported_in_a_call_is_gathered_for_the_consultation(server: SocketServer) -> None:
    doctor, patient = await server.call()
    guest = await server.seated(GUEST)
    server.gateway.quality_measured(ROOM, {PATIENT: ConnectionQuality(5, 40, 0.0, 3.0, 800, 1200)})
    await doctor.heard("quality")
    assert (await patient.ask("quality_report", freeze_ms=7000, picture_height=360))["ok"]
    refusal = await guest.ask("quality_report", freeze_ms=7000)
    assert refusal["error"]["code"] == "room.not_admitted"
    ((room, minute),) = server.quality.take(now=NOON, all_of_them=True)
    assert (room, minute.participant) == (ROOM, PATIENT)
    assert (minute.score, minute.freeze_ms, minute.picture_height) == (3, 7000, 360)


async def test_both_sides_are_told_of_a_weak_connection_and_of_an_absence(server: SocketServer) -> None:
    doctor, patient = await server.call()
    good = ConnectionQuality(5, 40, 0.0, 3.0, 800, 1200)
    weak = ConnectionQuality(1, 40, 45.0, 3.0, 800, 1200, loss_down_percent=45.0)
    for _ in range(4):
        server.clock.advance(seconds=2)
        server.gateway.quality_measured(ROOM, {PATIENT: weak, DOCTOR: good})
    for client in (doctor, patient):
        told = await client.heard("room_event", kind="connection_rung_changed", participant=PATIENT)
        assert (told["receives"], told["sends"]) == ("audio_only", "high_video")
    await patient.close()
    await doctor.heard("room_event", kind="participant_disconnected", participant=PATIENT)
    server.clock.advance(seconds=31)
    await server.rooms.submit(ROOM, NoteAbsence())
    await doctor.heard("room_event", kind="connection_rung_changed", receives="message")
    assert (await doctor.ask("chat_send", **message(1, "For later")))["ok"]
    back = await server.seated(PATIENT)
    assert (await back.ask("room_resume", since=0))["events"][-2]["body"]["text"] == "For later"


async def test_a_retry_is_the_same_message_and_is_told_once(server: SocketServer) -> None:
    doctor, patient = await server.call()
    first = await patient.ask("chat_send", **message(1))
    assert await patient.ask("chat_send", **message(1, "changed meanwhile")) == first
    await patient.ask("chat_send", **message(2, "after"))
    await doctor.heard("room_event", client_message_id="message-2")
    assert texts(doctor) == ["Hello", "after"]


async def test_who_comes_back_gets_what_followed_their_cursor_and_nothing_else(server: SocketServer) -> None:
    doctor, patient = await server.call()
    await patient.ask("chat_send", **message(1, "before"))
    cursor = (await patient.ask("room_resume", since=0))["last_seq"]
    await patient.close()
    await doctor.heard("room_event", kind="participant_disconnected")
    await doctor.ask("chat_send", **message(2, "while you were away"))
    back = await server.client(PATIENT)
    entered = await back.ask("room_enter", consultation=ROOM, since=cursor)
    assert [event["seq"] for event in entered["events"]] == list(range(cursor + 1, entered["last_seq"] + 1))
    posted = [event for event in entered["events"] if event["kind"] == "message_posted"]
    assert [event["body"]["text"] for event in posted] == ["while you were away"]


async def test_a_long_history_is_read_on_page_by_page() -> None:
    stage = waiting_room()
    for number in range(2500):
        stage.do(post(PATIENT, f"{number}", id_=f"message-{number:05d}"))
    async with SocketServer(log=FakeEventLog({ROOM: stage.events})).running() as server:
        client = await server.client(PATIENT)
        ack = await client.ask("room_enter", consultation=ROOM, since=0)
        seqs = [event["seq"] for event in ack["events"]]
        while seqs[-1] < ack["last_seq"]:
            ack = await client.ask("room_resume", since=seqs[-1])
            seqs += [event["seq"] for event in ack["events"]]
        assert seqs == list(range(1, ack["last_seq"] + 1))


async def test_a_second_socket_takes_the_seat_and_the_first_one_hears_it(server: SocketServer) -> None:
    doctor, patient = await server.call()
    second = await server.seated(PATIENT)
    await patient.heard("seat_taken")
    assert (await patient.ask("chat_send", **message(1)))["error"]["code"] == "room.not_seated"
    assert (await second.ask("chat_send", **message(2)))["ok"]
    await doctor.heard("room_event", client_message_id="message-2")
    assert "participant_disconnected" not in doctor.kinds()


async def test_absent_foreign_and_finished_are_refused_in_the_same_words(server: SocketServer) -> None:
    doctor, patient = await server.call()
    assert (await doctor.ask("visit_finish"))["ok"]
    await patient.heard("room_event", kind="visit_finished")
    finished = await patient.ask("chat_send", **message(1))
    server.invited -= {GUEST}
    stranger = await server.client(GUEST)
    foreign = await stranger.ask("room_enter", consultation=ROOM)
    absent = await stranger.ask("room_enter", consultation=ConsultationId("con_nowhere"))
    assert finished == foreign == absent
    assert absent["error"]["code"] == "not_found"


async def test_only_the_doctor_of_the_room_leads_it(server: SocketServer) -> None:
    _doctor, patient = await server.call()
    for event in ("recording_start", "recording_stop", "visit_finish"):
        assert (await patient.ask(event))["error"]["code"] == "room.not_permitted"
    for event in ("participant_admit", "participant_hold", "participant_remove"):
        assert (await patient.ask(event, participant=DOCTOR))["error"]["code"] == "room.not_permitted"


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        ("chat_send", {"id": "short", "body": {"scheme": "server", "text": "x"}}),
        ("chat_send", {"id": "message-1", "body": {"scheme": "server", "text": "x" * 4001}}),
        ("chat_read", {"up_to": 10**17}),
        ("room_resume", {"since": -1}),
        ("track_publish", {"source": "window", "muted": False}),
        ("media_answer", {"generation": "first", "sdp": "v=0"}),
        ("no_such_event", {}),
    ],
)
async def test_a_malformed_event_is_refused_to_its_sender_and_disturbs_nobody(
    server: SocketServer, event: str, fields: dict[str, object]
) -> None:
    doctor, patient = await server.call()
    before = len(doctor.told)
    refused = await patient.ask(event, **fields)
    assert refused["error"]["code"] == "invalid"
    assert (await patient.ask("chat_send", **message(7)))["ok"]
    await doctor.heard("room_event", client_message_id="message-7")
    assert len(doctor.told) == before + 1


async def test_a_file_of_somebody_else_cannot_be_sent(server: SocketServer) -> None:
    doctor, _patient = await server.call()
    refused = await doctor.ask("chat_send", **message(1), attachments=["att_scan"])
    assert refused["error"]["code"] == "not_found"


async def test_a_guest_who_waits_neither_chats_nor_reads(server: SocketServer) -> None:
    _doctor, patient = await server.call()
    await patient.ask("chat_send", **message(1, "between us"))
    guest = await server.client(GUEST)
    entered = await guest.ask("room_enter", consultation=ROOM)
    assert (await guest.ask("chat_send", **message(2)))["error"]["code"] == "room.not_admitted"
    assert "message_posted" not in {event["kind"] for event in entered["events"]}
    assert "reason" not in entered["room"]
    assert [event["seq"] for event in entered["events"]] == list(range(1, entered["last_seq"] + 1))


async def test_typing_is_told_once_a_second_and_never_stored(server: SocketServer) -> None:
    doctor, patient = await server.call()
    for _ in range(5):
        assert (await patient.ask("chat_typing"))["ok"]
    server.monotonic_s += 1.0
    await patient.ask("chat_typing")
    await patient.ask("chat_send", **message(1))
    await doctor.heard("room_event", client_message_id="message-1")
    assert [name for name, _ in doctor.told].count("typing") == 2
    assert not [name for name, _ in patient.told if name == "typing"]
    stored = await server.log.read(ROOM)
    assert [type(event.fact) for event in stored].count(MessagePosted) == 1


async def test_a_still_goes_to_those_whose_connection_carries_no_more_seldom_and_is_not_stored(
    server: SocketServer,
) -> None:
    doctor, patient = await server.call()
    assert (await doctor.ask("track_publish", source="camera", muted=False))["ok"]
    still = {"scheme": "server", "jpeg": "/9j/4AAQ"}
    assert (await doctor.ask("still_send", picture=still))["ok"]  # to nobody: the moving picture passes
    await server.rooms.submit(ROOM, ChangeRung(PATIENT, Rung.STILL_PICTURE, Rung.HIGH_VIDEO))
    before = len(await server.log.read(ROOM))
    for _ in range(3):
        assert (await doctor.ask("still_send", picture=still))["ok"]
    assert await patient.heard("still_picture", participant=DOCTOR) == {"participant": DOCTOR, "picture": still}
    server.monotonic_s += 8.0
    await doctor.ask("still_send", picture=still)
    await doctor.ask("chat_send", **message(1))
    await patient.heard("room_event", client_message_id="message-1")
    assert [name for name, _ in patient.told].count("still_picture") == 2
    assert len(await server.log.read(ROOM)) == before + 1
    assert "still_picture" not in {name for name, _ in doctor.told}


async def test_a_still_that_is_no_jpeg_or_too_large_or_of_somebody_who_waits_is_refused(server: SocketServer) -> None:
    doctor, _patient = await server.call()
    for jpeg in ("iVBORw0KGgo=", "/9j/" + "A" * 24_000, "/9j/<script>"):
        refused = await doctor.ask("still_send", picture={"scheme": "server", "jpeg": jpeg})
        assert refused["error"]["code"] == "invalid"
        server.monotonic_s += 1.0
    guest = await server.seated(GUEST)
    refused = await guest.ask("still_send", picture={"scheme": "server", "jpeg": "/9j/4AAQ"})
    assert refused["error"]["code"] == "room.not_admitted"


async def test_who_asks_faster_than_a_person_could_is_slowed_down_and_the_others_are_not(server: SocketServer) -> None:
    doctor, patient = await server.call()
    answers = [await patient.ask("chat_read", up_to=1) for _ in range(120)]
    codes = {answer["error"]["code"] for answer in answers if not answer["ok"]}
    assert "rate_limited" in codes
    assert (await doctor.ask("chat_send", **message(1)))["ok"]
    server.monotonic_s += 10.0
    assert (await patient.ask("chat_send", **message(2)))["ok"]


async def test_the_doctors_dashboard_follows_the_waiting_room(server: SocketServer) -> None:
    server.reception.today = [OwnConsultation(ConsultationId(ROOM), is_over=False)]
    dashboard = await server.client(DOCTOR)
    assert (await dashboard.ask("lobby_watch"))["ok"]
    patient = await server.seated(PATIENT)
    arrived = await dashboard.heard("lobby_changed")
    assert arrived["consultation"] == ROOM
    await patient.ask("readiness_report", camera="ok", microphone="silent", speaker="unknown", round_trip_ms=20)
    await patient.ask("consent_set", decision="given", version="2026-11", language="en")
    doctor = await server.seated(DOCTOR)
    await doctor.ask("participant_admit", participant=PATIENT)
    names = [seat(PATIENT).name, seat(DOCTOR).name]
    await dashboard.heard("lobby_changed", waiting=[], in_call=names)


async def test_a_visit_that_is_over_is_on_the_dashboard_without_its_history_being_read(server: SocketServer) -> None:
    server.reception.today = [OwnConsultation(ConsultationId(ROOM), is_over=True)]
    dashboard = await server.client(DOCTOR)
    watched = await dashboard.ask("lobby_watch")
    shown = {"consultation": ROOM, "status": "finished", "waiting": [], "in_call": [], "recording": False, "unread": 0}
    assert watched["consultations"] == [shown]
    assert server.log.reads == 0


async def test_a_draining_server_says_so_and_takes_nobody_new(server: SocketServer) -> None:
    _doctor, patient = await server.call()
    server.gateway.announce_draining()
    await patient.heard("server_draining")
    assert (await patient.ask("chat_send", **message(1)))["ok"]  # what is under way goes on


async def test_a_socket_that_goes_frees_the_seat_but_never_ends_the_visit(server: SocketServer) -> None:
    doctor, patient = await server.call()
    await doctor.close()
    gone = await patient.heard("room_event", kind="participant_disconnected")
    assert gone["participant"] == DOCTOR
    again = await server.seated(DOCTOR)
    assert (await again.ask("chat_send", **message(1)))["ok"]
    view = await server.rooms.view(ROOM)
    assert view is not None
    assert not view.is_finished
