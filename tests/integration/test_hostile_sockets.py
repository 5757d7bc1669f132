"""Whatever a socket of a running clinic is sent, its sender gets a typed refusal and nobody else notices."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
import pytest

from care.consent_texts import CURRENT
from identity.principal import Principal, Role
from kernel.ids import ConsultationId, InvitationId, SessionId
from signaling import budget
from signaling.protocol import CLIENT_EVENTS, ClientEvent, event_name
from signaling.sessions import SOCKETS_PER_PERSON
from signaling.transport import FRAME_LIMIT_BYTES
from tests.samples import ODD_JSON, sample
from tests.server_process import RunningClinic
from tests.socket_server import Client

QUERY: Final = "/socket.io/?EIO=4&transport=websocket"
SEATLESS: Final = {"lobby_watch", "media_probe", "room_enter"}
ALWAYS: Final = {"room_leave", "media_leave"}  # whoever has left already has left
HEARD: Final = {  # of the little that was no refusal
    *("participant_arrived", "participant_connected", "participant_disconnected"),
    *("message_posted", "readiness_reported", "video_reception_changed"),
}
REFUSALS: Final = frozenset({"invalid", "not_found", "room.not_permitted", "room.not_admitted"})
FITTING: Final = {b"null", b"true", b'"0001-01-01"'}  # odd only for some fields


class Socket:
    """A browser's websocket without a library that would refuse to send rubbish."""

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        self.websocket = websocket

    async def send(self, frame: str | bytes) -> None:
        """Send a text frame as it is, even where it is no UTF-8."""
        octets = frame.encode("utf-8", "surrogatepass") if isinstance(frame, str) else frame
        await self.websocket.send_frame(octets, aiohttp.WSMsgType.TEXT)

    async def ask(self, name: str, argument: bytes = b"{}") -> dict[str, Any]:
        """Send an event with this JSON as its argument, valid or not; return its acknowledgement."""
        await self.send(b'421["' + name.encode() + b'",' + argument + b"]")
        return await self.acknowledged()

    async def acknowledged(self) -> dict[str, Any]:
        async with asyncio.timeout(5):
            while True:
                frame = await self.websocket.receive_str()
                if frame == "2":
                    await self.send("3")
                elif frame.startswith("43"):
                    (answer,) = json.loads(frame[frame.index("[") :])
                    assert isinstance(answer, dict)
                    return answer

    async def close_code(self) -> int | None:
        async with asyncio.timeout(10):
            while (await self.websocket.receive()).type is aiohttp.WSMsgType.TEXT:
                pass
        return self.websocket.close_code


@asynccontextmanager
async def socket_of(clinic: RunningClinic, token: str | None) -> AsyncIterator[Socket]:
    """Lend a socket, signed in unless `token` is None."""
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(clinic.url + QUERY, headers={"Origin": clinic.url}, max_msg_size=0) as websocket,
    ):
        socket = Socket(websocket)
        assert (await websocket.receive_str()).startswith("0{")
        if token is not None:
            await socket.send(f'40{{"token":"{token}"}}')
            assert (await websocket.receive_str()).startswith("40{")
        yield socket


def some_guest(clinic: RunningClinic, number: int, consultation: str) -> str:
    """Return the token of one of many people, without a link for each."""
    guest = Principal(
        InvitationId(f"inv_{number}"),
        SessionId(f"ses_{number}"),
        Role.GUEST,
        "Iris",
        "en",
        consultation=ConsultationId(consultation),
    )
    return clinic.services.issuer.access(guest)


def counted(clinic: RunningClinic) -> int:
    """Return how much trouble the clinic has counted."""
    return clinic.services.gateway.counts.total()


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def well_formed(event: type[ClientEvent], consultation: str) -> dict[str, Any]:
    fields = {
        **sample(event),
        "consultation": consultation,
        "round_trip_ms": 1,
        "probe": False,
        "since": 0,
        "version": CURRENT,
        "source": "camera",
        "picture": {"scheme": "server", "jpeg": "/9j/"},
    }
    return {field.encode_name: fields[field.encode_name] for field in msgspec.structs.fields(event)}


@pytest.fixture
async def people(clinic: RunningClinic) -> AsyncIterator[tuple[Client, str, str]]:
    """The doctor's seated client, who shall notice nothing; the patient's token; the consultation."""
    garcia = await clinic.sign_in("dr.garcia")
    patient = await clinic.open_link(clinic.demonstration.links[0])
    consultation, token = patient.me["consultation"], patient.token
    assert token is not None
    doctor = Client()
    await doctor.connect(clinic.url, garcia.token or "")
    assert (await doctor.ask("room_enter", consultation=consultation, since=0))["ok"]
    yield doctor, token, consultation
    await doctor.close()


async def test_without_a_seat_before_after_leaving_and_after_the_end_nothing_is_done(
    clinic: RunningClinic, people: tuple[Client, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "BURST", 1e9)
    doctor, token, consultation = people
    async with socket_of(clinic, token) as socket:

        async def refusals(*besides: str) -> dict[str, str]:
            answers = {}
            for event in CLIENT_EVENTS:
                name = event_name(event)
                if name not in {*SEATLESS, *ALWAYS, *besides}:
                    answer = await socket.ask(name, json.dumps(well_formed(event, consultation)).encode())
                    assert not answer["ok"], name
                    answers[name] = answer["error"]["code"]
            return answers

        before = await refusals()
        assert set(before.values()) == {"room.not_seated"}
        assert (await socket.ask("room_enter", json.dumps({"consultation": consultation}).encode()))["ok"]
        assert (await socket.ask("room_leave"))["ok"]
        assert await refusals() == before
        assert (await socket.ask("room_enter", json.dumps({"consultation": consultation}).encode()))["ok"]
        assert (await doctor.ask("visit_finish"))["ok"]
        assert (await socket.ask("room_resume", b'{"since":0}'))["ok"]  # who took part may read to the end
        after = await refusals("room_resume")
        assert set(after.values()) == {"not_found"}, {n: c for n, c in after.items() if c != "not_found"}


async def test_a_finished_a_foreign_and_an_absent_consultation_are_refused_in_the_same_words(
    clinic: RunningClinic, people: tuple[Client, str, str]
) -> None:
    doctor, token, _ = people
    foreign = (await clinic.open_link(clinic.demonstration.links[1])).me["consultation"]
    assert (await doctor.ask("visit_finish"))["ok"]
    async with socket_of(clinic, token) as socket:
        answers = [
            await socket.ask("room_enter", json.dumps({"consultation": one}).encode())
            for one in (foreign, "con_" + "0" * 26, "con_-_")
        ]
        finished = await socket.ask("chat_send", json.dumps(sample_message()).encode())
    assert {json.dumps(answer) for answer in answers} == {json.dumps(answers[0])}
    assert answers[0]["error"]["code"] == "not_found"
    assert not finished["ok"]


def sample_message(*attachments: str) -> dict[str, object]:
    return {"id": "message-1", "body": {"scheme": "server", "text": "Look"}, "attachments": list(attachments)}


async def test_files_of_others_and_of_other_consultations_cannot_be_sent(
    clinic: RunningClinic, people: tuple[Client, str, str]
) -> None:
    doctor, token, consultation = people
    patient = await clinic.open_link(clinic.demonstration.links[0])
    wei = await clinic.open_link(clinic.demonstration.links[1])

    async def uploaded(who: Any, where: str) -> str:
        async with who.response("POST", f"/consultations/{where}/attachments", data=b"words\n") as response:
            return str((await response.json())["id"])

    own, foreign = await uploaded(patient, consultation), await uploaded(wei, wei.me["consultation"])
    async with socket_of(clinic, token) as socket:
        assert (await socket.ask("room_enter", json.dumps({"consultation": consultation}).encode()))["ok"]
        refusals = [
            await socket.ask("chat_send", json.dumps(sample_message(*ids)).encode())
            for ids in ([foreign], [own, foreign], ["att_" + "0" * 26])
        ]
        assert {json.dumps(refusal) for refusal in refusals} == {json.dumps(refusals[0])}
        assert refusals[0]["error"]["code"] == "not_found"
        assert (await socket.ask("chat_send", json.dumps(sample_message(own)).encode()))["ok"]
    assert doctor.kinds().count("message_posted") <= 1


async def test_every_field_of_every_event_may_be_odd(
    clinic: RunningClinic, people: tuple[Client, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "BURST", 1e9)
    doctor, token, consultation = people
    async with socket_of(clinic, token) as socket:
        assert (await socket.ask("room_enter", json.dumps({"consultation": consultation}).encode()))["ok"]
        heard, before, asked = len(doctor.told), counted(clinic), 0
        for event in CLIENT_EVENTS:
            name = event_name(event)
            fields = well_formed(event, consultation)
            if name in {"room_leave", "room_enter", "room_resume", "media_leave", "media_probe"}:
                fields.pop("since", None)  # a cursor may be left out or be 0, which is not odd
            for field in [*fields, "surplus"]:
                rest = [json.dumps({key: fields[key]}).encode()[1:-1] for key in fields if key != field]
                for odd in ODD_JSON:
                    argument = b"{" + b",".join([*rest, b'"%s":%s' % (field.encode(), odd)]) + b"}"
                    answer = await socket.ask(name, argument)
                    if not (answer["ok"] and odd in FITTING):
                        assert not answer["ok"], (name, argument)
                        assert answer["error"]["code"] in REFUSALS, (
                            name,
                            argument,
                        )
                        asked += 1
            for whole in (b"null", b"[]", b'"x"', b"1", b"[" * 5000, b'{"a":' * 5000, b"{},{}", b"\xff"):
                assert (await socket.ask(name, whole))["error"]["code"] == "invalid", (name, whole[:20])
                asked += 1
        assert counted(clinic) == before + asked
        for cursor in ("-1", "1.5", "1e3", "9007199254740992", "9" * 400, '"0"', "null", "9007199254740991"):
            for name in ("room_resume", "room_enter"):
                where = f'"consultation":"{consultation}",' if name == "room_enter" else ""
                answer = await socket.ask(name, b'{%s"since":%s}' % (where.encode(), cursor.encode()))
                assert answer["error"]["code"] == "invalid", cursor
        assert (await socket.ask("room_resume", b'{"since":0}'))["ok"]
    kinds = {payload["kind"] for name, payload in doctor.told[heard:] if name == "room_event"}
    assert kinds <= HEARD, kinds - HEARD
    assert (await doctor.ask("chat_send", **sample_message()))["ok"]


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ('451-["x",{"_placeholder":true,"num":0}]', 1008),
        ('4599999-["x"]', 1008),
        ("461-[]", 1008),
        ("430[]", 1008),
        ("40{}", 1008),
        ('42/admin,["x"]', 1008),
        ("6", 1008),
        ("", 1008),
        ("42" + "9" * 30 + '["x"]', 1008),
        ('42["x","' + "a" * 1_000_000 + '"]', 1009),
        ("42" + " " * FRAME_LIMIT_BYTES, 1009),
    ],
)
async def test_a_frame_that_is_no_packet_closes_its_socket_and_is_counted(
    clinic: RunningClinic, frame: str, code: int
) -> None:
    patient = await clinic.open_link(clinic.demonstration.links[0])
    before = clinic.services.gateway.counts["malformed"]
    async with socket_of(clinic, patient.token) as socket:
        await socket.send(frame)
        assert await socket.close_code() == code
    assert clinic.services.gateway.counts["malformed"] == before + 1
    async with socket_of(clinic, patient.token) as socket:
        assert not (await socket.ask("room_leave"))["ok"]


async def test_signing_out_of_a_socket_closes_it_so_that_nobody_collects_sockets_or_budgets(
    clinic: RunningClinic,
) -> None:
    patient = await clinic.open_link(clinic.demonstration.links[0])
    async with socket_of(clinic, patient.token) as socket:
        await socket.send("41")
        assert await socket.close_code() == 1000


async def test_a_flood_is_refused_then_ended_and_the_others_go_on(
    clinic: RunningClinic, people: tuple[Client, str, str]
) -> None:
    doctor, token, consultation = people
    before = resident_mb()
    async with socket_of(clinic, token) as socket:
        assert (await socket.ask("room_enter", json.dumps({"consultation": consultation}).encode()))["ok"]

        async def flood() -> None:
            for number in range(5000):
                await socket.send(b'42%d["chat_typing",{"x":"%s"}]' % (number, b"a" * 2000))

        flooding = asyncio.create_task(flood())
        for number in range(10):
            message = {"id": f"message-{number}", "body": {"scheme": "server", "text": "Are you there?"}}
            assert (await doctor.ask("chat_send", **message))["ok"]
        assert await socket.close_code() == 1008
        await asyncio.wait([flooding])
        assert flooding.exception() is None or isinstance(flooding.exception(), OSError)
    assert clinic.services.gateway.counts["refused_rate_limited"] > budget.PATIENCE
    print(f"memory grew by {resident_mb() - before:.1f} MB")  # noqa: T201 - seen with -s


async def test_three_hundred_sockets_at_once_and_no_more_than_a_dozen_of_one_person(clinic: RunningClinic) -> None:
    consultation = (await clinic.open_link(clinic.demonstration.links[0])).me["consultation"]
    before = resident_mb()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:

        async def connected(number: int) -> tuple[aiohttp.ClientWebSocketResponse, str]:
            websocket = await http.ws_connect(clinic.url + QUERY, headers={"Origin": clinic.url})
            await websocket.receive_str()
            token = some_guest(clinic, number // SOCKETS_PER_PERSON, consultation)
            await websocket.send_str(f'40{{"token":"{token}"}}')
            return websocket, await websocket.receive_str()

        opened = await asyncio.gather(*(connected(number) for number in range(300)))
        assert all(first.startswith("40{") for _, first in opened)
        assert clinic.services.gateway.open_sockets == 300
        _, refusal = await connected(0)
        assert json.loads(refusal[2:])["data"]["code"] == "overloaded"
        assert (await clinic.stranger().get("/meta"))[0] == 200
        await asyncio.gather(*(websocket.close() for websocket, _ in opened))
    async with asyncio.timeout(5):
        while clinic.services.gateway.open_sockets:  # noqa: ASYNC110 - the server answers in turns of its own
            await asyncio.sleep(0.01)
    print(f"memory grew by {resident_mb() - before:.1f} MB")  # noqa: T201 - seen with -s
