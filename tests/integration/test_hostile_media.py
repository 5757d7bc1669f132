"""Answers that lie and datagrams that are rubbish, in the middle of a live call of a running clinic."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator

import pytest

from media.packet_path import VP8
from tests.lean_visit import LeanVisit, lean_visit
from tests.server_process import RunningClinic
from tests.waiting import until

RANDOM = random.Random(7)
ELSEWHERE = "AA:" * 31 + "AA"


@pytest.fixture
async def visit(clinic: RunningClinic) -> AsyncIterator[LeanVisit]:
    async with lean_visit(clinic) as running:
        yield running


def listener() -> socket.socket:
    """Return a socket of a bystander, to whom nothing may ever be sent."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.setblocking(False)
    opened.bind(("127.0.0.1", 0))
    return opened


def heard_nothing(bystander: socket.socket) -> bool:
    try:
        bystander.recv(2048)
    except BlockingIOError:
        return True
    return False


async def test_an_answer_that_lies_is_refused_and_the_right_one_still_counts(visit: LeanVisit) -> None:
    patient = visit.patient
    await patient.joins_media(first_ssrc=2000)
    right = patient.peer.answer()
    data_channel = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:9\r\na=setup:active\r\n"
    lies = {
        "garbage": "\u0000\ufffd" * 500,
        "empty": "",
        "too long": right + "a=x\r\n" * 20_000,
        "one line": "v=0",
        "a data channel": right + data_channel,
        "only a data channel": "v=0\r\ns=-\r\nt=0 0\r\n" + data_channel,
        "no fingerprint": "\r\n".join(line for line in right.splitlines() if "fingerprint" not in line),
        "two fingerprints": right.replace("a=fingerprint", f"a=fingerprint:sha-256 {ELSEWHERE}\r\na=fingerprint", 1),
        "a weak fingerprint": right.replace("sha-256", "md5"),
        "the server as client": right.replace("setup:active", "setup:passive"),
        "another codec": right.replace("m=video 9 UDP/TLS/RTP/SAVPF 96", "m=video 9 UDP/TLS/RTP/SAVPF 102"),
        "a section too few": right[: right.rindex("m=")],
        "a section twice": right + right[right.rindex("m=") :],
        "an offer": patient.peer.offer.sdp,
    }
    for name, sdp in lies.items():
        refused = await patient.does("media_answer", generation=1, sdp=sdp)
        assert not refused["ok"], name
        assert refused["error"]["code"] == "invalid", name
    for_another = await patient.does("media_answer", generation=1, sdp=right, participant=visit.doctor.id)
    assert for_another["error"]["code"] == "invalid"
    for generation in (2, 2**53 - 1):
        assert (await patient.does("media_answer", generation=generation, sdp="v=0"))["ok"]  # outdated, and ignored
    await patient.answers()
    await patient.peer.connect()
    changed = right.replace(right.split("fingerprint:sha-256 ")[1][:95], ELSEWHERE)
    assert (await visit.doctor.does("track_publish", source="microphone", muted=False))["ok"]
    await patient.offered(2)
    assert not (await patient.does("media_answer", generation=2, sdp=changed))["ok"]


async def test_nothing_is_ever_sent_to_an_address_that_an_answer_names(visit: LeanVisit) -> None:
    patient, bystander = visit.patient, listener()
    port = bystander.getsockname()[1]
    await patient.joins_media(first_ssrc=2000)
    candidates = "".join(
        f"a=candidate:{number} 1 {transport} 2130706431 127.0.0.1 {port} typ {kind}\r\n"
        for number, (transport, kind) in enumerate(
            [("udp", "host"), ("udp", "srflx"), ("tcp", "host"), ("udp", "relay")]
        )
    )
    sdp = patient.peer.answer().replace("0.0.0.0", "127.0.0.1").replace("a=setup", f"{candidates}a=setup")
    answered = await patient.does(
        "media_answer", generation=1, sdp=sdp.replace("m=audio 9 ", f"m=audio {port} ") + "a=end-of-candidates\r\n"
    )
    assert answered["ok"], answered
    await patient.peer.connect()
    await asyncio.sleep(0.3)
    assert heard_nothing(bystander)
    bystander.close()


async def test_rubbish_on_the_media_port_disturbs_no_call_and_is_answered_with_silence(visit: LeanVisit) -> None:
    media, stranger = visit.clinic.services.media, listener()
    await visit.connects()
    doctor, patient = visit.doctor, visit.patient
    assert doctor.seat
    assert patient.seat
    port = ("127.0.0.1", media.local_port)
    forged_check = patient.peer.binding_request(password="0" * 36)
    rubbish = [
        *(RANDOM.randbytes(RANDOM.choice([0, 1, 11, 12, 20, 100, 1200, 1500, 9000])) for _ in range(300)),
        *(bytes([first]) + RANDOM.randbytes(60) for first in range(256)),
        *(forged_check[:cut] for cut in range(0, len(forged_check), 3)),
        *[forged_check] * 200,
        *(
            b"\x90\x60" + RANDOM.randbytes(2) + b"\0" * 4 + ssrc.to_bytes(4, "big") + b"x" * 50
            for ssrc in range(2000, 2010)
        ),
        *(b"\x16\xfe\xff" + RANDOM.randbytes(200) for _ in range(50)),
    ]
    before = media.stats()
    for number, datagram in enumerate(rubbish):
        stranger.sendto(datagram, port)
        if number % 40 == 0:
            patient.seat.send_picture()
            patient.seat.send_sound()
            await asyncio.sleep(0.01)
    await until(lambda: len(doctor.seat.received(VP8)) > len(rubbish) // 40)
    after = media.stats()
    assert heard_nothing(stranger)
    assert after["peers_connected"] == 2
    assert after.get("dropped_error", 0) == 0
    dropped = sum(after[name] - before.get(name, 0) for name in after if name.startswith("dropped_"))
    assert dropped > 0.9 * len(rubbish)
    stranger.close()


async def test_rubbish_of_a_participant_hurts_only_themselves(visit: LeanVisit) -> None:
    media = visit.clinic.services.media
    await visit.connects()
    doctor, patient = visit.doctor, visit.patient
    assert doctor.seat
    assert patient.seat
    for size in (0, 1, 3, 12, 13, 40, 1100):
        for payload_type in (0, 72, 96, 97, 111, 127):
            head = bytes([0x80 | RANDOM.randrange(64), payload_type]) + RANDOM.randbytes(10)
            patient.peer.send(head + RANDOM.randbytes(size))  # sealed with the right keys, wrong inside
        for kind in range(200, 208):
            patient.peer.send(bytes([0x80 | RANDOM.randrange(32), kind]) + RANDOM.randbytes(2 + size + 4))
        patient.seat.send_picture(RANDOM.randbytes(size))
        patient.seat.send_sound(RANDOM.randbytes(size))
        await asyncio.sleep(0.01)
    heard = len(doctor.seat.packets)
    for _ in range(5):
        patient.seat.send_picture()
        patient.seat.send_sound()
    await until(lambda: len(doctor.seat.packets) >= heard + 5)
    stats = media.stats()
    assert stats.get("dropped_error", 0) == 0
    assert stats["peers_connected"] == 2
