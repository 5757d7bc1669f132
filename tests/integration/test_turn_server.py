"""Debian's coturn with the configuration of production: who gets a relay, to whom, and what `doctor` says."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from config.settings import Turn
from config.turn_url import read_turn_url
from kernel.clock import Now, utc_now
from kernel.ids import ParticipantId
from media.allocation import AllocationRefused, Reason, allocation
from rooms.ports import IceServer
from server.finding import Finding, Grade
from server.turn_check import examine_turn
from tests.turn_server import (
    PRODUCTION,
    SECRET,
    TurnServer,
    certificate_for_localhost,
    free_port,
    needs_coturn,
    turn_server,
)

ANNE, BO = ParticipantId("pat_anne"), ParticipantId("pat_bo")
MEDIA = "203.0.113.10"  # allowed-peer-ip of the production configuration
INNER = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.8.8.8",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.1.1.1",
    "255.255.255.255",
]
OUTER = ["203.0.113.9", "203.0.113.20", "8.8.8.8", "1.1.1.1"]  # the relay itself among them
LAST_LINES = [
    "denied-peer-ip=0.0.0.0-255.255.255.255",
    "denied-peer-ip=::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",  # coturn counts IPv4 into it
]
VERSION_6 = ["::1", "::ffff:127.0.0.1", "::ffff:203.0.113.10", "fe80::1", "fd00::1", "2001:db8::1"]

pytestmark = needs_coturn


@pytest.fixture(scope="module")
def turn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TurnServer]:
    with turn_server(tmp_path_factory.mktemp("turn")) as running:
        yield running


async def refusal(turn: TurnServer, url: str, credentials: IceServer) -> Reason | None:
    try:
        async with allocation(read_turn_url(url), credentials, context=turn.trust):
            return None
    except AllocationRefused as refused:
        return refused.reason


async def refused_peers(turn: TurnServer, peers: list[str], who: ParticipantId = ANNE) -> dict[str, Reason]:
    """Ask for a permission and for a channel to each; return the refused ones. Both ways must agree."""
    refused: dict[str, Reason] = {}
    async with allocation(read_turn_url(turn.udp), turn.credentials(who)) as made:
        for number, peer in enumerate(peers):
            outcomes: list[Reason | None] = []
            for asking in (made.permit((peer, 8081)), made.bind_channel((peer, 8081), number=0x4000 + number)):
                try:
                    await asking
                    outcomes.append(None)
                except AllocationRefused as refusal:
                    outcomes.append(refusal.reason)
            assert outcomes[0] == outcomes[1], peer
            if outcomes[0] is not None:
                refused[peer] = outcomes[0]
    return refused


@pytest.mark.parametrize("way", ["udp", "tcp", "tls"])
async def test_each_url_gives_a_relay_to_a_participant(turn: TurnServer, way: str) -> None:
    async with allocation(read_turn_url(getattr(turn, way)), turn.credentials(ANNE), context=turn.trust) as made:
        assert made.relayed[0] == "127.0.0.1"
        await made.permit((MEDIA, 8081))


@pytest.mark.parametrize("way", ["udp", "tcp", "tls"])
async def test_wrong_and_expired_credentials_get_none(turn: TurnServer, way: str) -> None:
    url = getattr(turn, way)
    expired = turn.credentials(ANNE, lifetime=timedelta(seconds=-1))
    fresh = turn.credentials(ANNE)
    later = IceServer(fresh.urls, f"{int(fresh.username.partition(':')[0]) + 1}:x", fresh.credential)
    for credentials in (turn.credentials(ANNE, secret="another"), expired, later, IceServer(turn.urls, "anne", "x")):
        assert await refusal(turn, url, credentials) is Reason.CREDENTIALS


async def test_nobody_is_relayed_anywhere_but_to_the_media_server(turn: TurnServer) -> None:
    refused = await refused_peers(turn, [*INNER, *OUTER, *VERSION_6, MEDIA])
    assert refused == {
        **dict.fromkeys([*INNER, *OUTER], Reason.FORBIDDEN),
        **dict.fromkeys(VERSION_6, Reason.FAMILY),
    }


async def test_inner_networks_stay_closed_when_somebody_opens_the_rest(tmp_path: Path) -> None:
    with turn_server(tmp_path, without=LAST_LINES) as widened:
        refused = await refused_peers(widened, [*INNER, *OUTER, *VERSION_6])
    assert refused == {**dict.fromkeys(INNER, Reason.FORBIDDEN), **dict.fromkeys(VERSION_6, Reason.FAMILY)}


async def test_a_relay_outlives_its_credentials_and_the_challenge(tmp_path: Path) -> None:
    """What a renewal in a call rests on: media flows on over the allocation made with the old ones."""
    with turn_server(tmp_path, changes={"stale-nonce": ["1"]}) as server:
        credentials = server.credentials(ANNE, lifetime=timedelta(seconds=1))
        async with AsyncExitStack() as stack:
            made = [
                await stack.enter_async_context(allocation(read_turn_url(url), credentials, context=server.trust))
                for url in server.urls
            ]
            async with asyncio.timeout(10):
                while await refusal(server, server.udp, credentials) is None:
                    pass
            for each in made:
                assert await each.refresh() == 600
                await each.permit((MEDIA, 8081))


async def test_one_participant_has_no_more_allocations_than_the_quota_whatever_the_expiry(tmp_path: Path) -> None:
    with turn_server(tmp_path, changes={"user-quota": ["3"]}) as server:
        async with AsyncExitStack() as stack:
            for minutes in (5, 6, 7):
                credentials = server.credentials(ANNE, lifetime=timedelta(minutes=minutes))
                await stack.enter_async_context(allocation(read_turn_url(server.udp), credentials))
            more = server.credentials(ANNE, lifetime=timedelta(minutes=8))
            assert await refusal(server, server.udp, more) is Reason.QUOTA
            assert await refusal(server, server.udp, server.credentials(BO)) is None


async def test_a_secret_can_be_changed_while_the_old_one_still_works(tmp_path: Path) -> None:
    with turn_server(tmp_path, changes={"static-auth-secret": ["next", SECRET]}) as server:
        for secret, reason in (("next", None), (SECRET, None), ("another", Reason.CREDENTIALS)):
            assert await refusal(server, server.udp, server.credentials(ANNE, secret=secret)) is reason


async def test_all_together_have_no_more_than_the_quota_of_the_server(tmp_path: Path) -> None:
    with turn_server(tmp_path, changes={"total-quota": ["2"]}) as server:
        async with AsyncExitStack() as stack:
            for who in (ANNE, BO):
                await stack.enter_async_context(allocation(read_turn_url(server.udp), server.credentials(who)))
            assert await refusal(server, server.udp, server.credentials(ParticipantId("pat_cy"))) is Reason.QUOTA


def test_the_production_configuration_has_quotas_and_no_doors_beside() -> None:
    lines = PRODUCTION.read_text(encoding="utf-8").splitlines()
    for line in (
        "use-auth-secret",
        "no-cli",
        "no-tcp-relay",
        "no-dtls",
        "no-multicast-peers",
        "max-allocate-lifetime=600",
    ):
        assert line in lines
    for name in ("user-quota", "total-quota", "max-bps"):
        assert any(line.startswith(f"{name}=") for line in lines)
    assert "allow-loopback-peers" not in lines


# --- What doctor says ------------------------------------------------------------------------------------------------


async def said(
    turn: TurnServer, *urls: str, secret: str = SECRET, now: Now = utc_now, media: str = MEDIA, trusts: bool = True
) -> list[Finding]:
    settings = Turn(urls=urls, secret=secret)
    findings = examine_turn(settings, media_addresses=[media], now=now, trust=turn.trust if trusts else None)
    return [finding async for finding in findings]


async def test_doctor_finds_every_url_of_a_good_server_fine(turn: TurnServer) -> None:
    findings = await said(turn, *turn.urls)
    assert [finding.grade for finding in findings] == [Grade.FINE] * 3
    assert "relays from 127.0.0.1" in findings[0].words


@pytest.mark.parametrize("way", ["udp", "tcp", "tls"])
async def test_doctor_tells_a_wrong_secret_from_a_wrong_clock(turn: TurnServer, way: str) -> None:
    url = getattr(turn, way)
    (secret,) = await said(turn, url, secret="another")
    assert secret.grade is Grade.FAILED
    assert "the secret is another one" in secret.words
    (clock,) = await said(turn, url, now=lambda: utc_now() - timedelta(hours=1))
    assert clock.grade is Grade.FAILED
    assert "clock is more than 600 s ahead" in clock.words


async def test_doctor_tells_a_closed_port_a_silent_one_and_an_unknown_name(
    turn: TurnServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media.allocation.ANSWER_S", 0.3)
    closed = free_port()
    findings = await said(
        turn, f"turn:127.0.0.1:{closed}", f"turn:127.0.0.1:{closed}?transport=tcp", "turn:no-such-name.invalid"
    )
    assert [finding.grade for finding in findings] == [Grade.FAILED] * 3
    assert "refused" in findings[0].words
    assert "refused" in findings[1].words
    assert "name" in findings[2].advice
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
    (silent,) = await said(turn, f"turn:127.0.0.1:{transport.get_extra_info('sockname')[1]}")
    transport.close()
    assert "no answer within" in silent.words
    assert "open in every firewall" in silent.advice


async def test_doctor_says_what_is_wrong_with_a_certificate(turn: TurnServer, tmp_path: Path) -> None:
    (unknown,) = await said(turn, turn.tls, trusts=False)
    assert (unknown.grade, "self-signed certificate" in unknown.words) == (Grade.FAILED, True)
    assert "that browsers trust" in unknown.advice
    expired, key = certificate_for_localhost(tmp_path, valid_days=(-9, -2), name="expired")
    with turn_server(tmp_path, changes={"cert": [str(expired)], "pkey": [str(key)]}) as server:
        trust = ssl.create_default_context(cafile=str(expired))
        settings = Turn(urls=(server.tls,), secret=SECRET)
        (late,) = [each async for each in examine_turn(settings, media_addresses=[MEDIA], now=utc_now, trust=trust)]
    assert "certificate has expired" in late.words
    (name,) = await said(turn, turn.tls.replace("localhost", "127.0.0.2"))
    assert "127.0.0.2" in name.words
    assert name.grade is Grade.FAILED


async def test_doctor_says_when_something_else_than_tls_listens(turn: TurnServer) -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as other:
        (finding,) = await said(turn, f"turns:localhost:{other.sockets[0].getsockname()[1]}")
    assert finding.grade is Grade.FAILED
    assert "tls-listening-port" in finding.advice


async def test_doctor_says_when_the_media_server_is_not_among_those_relayed_to(turn: TurnServer) -> None:
    (finding,) = await said(turn, turn.udp, media="203.0.113.77")
    assert (finding.grade, "allowed-peer-ip=203.0.113.77" in finding.advice) == (Grade.FAILED, True)


async def test_doctor_warns_of_a_relay_into_the_inner_network(tmp_path: Path) -> None:
    with turn_server(tmp_path, changes={"denied-peer-ip": []}) as open_one:
        (finding,) = await said(open_one, open_one.udp)
    assert (finding.grade, "relays to 169.254.169.254" in finding.words) == (Grade.WARNING, True)
