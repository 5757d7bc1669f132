"""Uses each configured TURN server as a browser would, and says in plain words why one would not work."""

import asyncio
import secrets
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from ipaddress import IPv4Address, ip_address
from typing import Final

from config.settings import Turn
from config.turn_url import TurnUrl, read_turn_url
from kernel.clock import Now, monotonic_s
from kernel.ids import ParticipantId
from media.allocation import Allocation, AllocationRefused, Reason, allocation
from media.ice_servers import turn_credentials
from rooms.ports import IceServer
from server.finding import Finding, Grade

_ANSWER_S: Final = 3.0
_EXAMINER: Final = ParticipantId("doctor")  # nobody's id: only a name for the quota
_FAR_AHEAD: Final = timedelta(days=365)
_INNER: Final = ("127.0.0.1", "169.254.169.254", "10.0.0.1", "172.16.0.1", "192.168.0.1")
_PORT: Final = 8081  # coturn's permissions are for addresses, whatever the port

_ADVICE: Final = {
    Reason.UNRESOLVED: "is the name right, and does this machine's name server know it?",
    Reason.UNREACHABLE: "is coturn running there, on this port, and does the firewall let it through?",
    Reason.SILENT: "is the port open in every firewall between? for UDP an open TCP port is not enough",
    Reason.CERTIFICATE: "give coturn (cert=) a certificate for this name that browsers trust, with its chain, in date",
    Reason.TLS: "is it TLS that listens on this port (tls-listening-port=)?",
    Reason.QUOTA: "raise user-quota or total-quota, or wait until allocations of earlier runs have ended",
    Reason.FULL: "it has no relay ports left: widen min-port and max-port",
}


async def examine_turn(
    turn: Turn, *, media_addresses: Sequence[str], now: Now, trust: ssl.SSLContext | None = None
) -> AsyncIterator[Finding]:
    """Try every URL, with credentials as browsers get them. `trust` stands in for the system's certificates."""
    if not turn.urls:
        yield Finding(Grade.FINE, "turn", "none set: people behind firewalls that let no UDP through can't take part")
    for text in turn.urls:
        url = read_turn_url(text)
        if not url.relays:
            yield await _stun_server(text, url, trust)
            continue
        yield await _Examination(text, url, turn, now, trust).finding(media_addresses)


class _Examination:
    """One URL's."""

    def __init__(self, text: str, url: TurnUrl, turn: Turn, now: Now, trust: ssl.SSLContext | None) -> None:
        self._text = text
        self._url = url
        self._turn = turn
        self._now = now
        self._trust = trust

    async def finding(self, media_addresses: Sequence[str]) -> Finding:
        began = monotonic_s()
        try:
            async with self._allocation(timedelta(seconds=self._turn.lifetime_s)) as made:
                took_ms = (monotonic_s() - began) * 1000
                trouble = await self._reach(made, media_addresses)
        except AllocationRefused as refused:
            if refused.reason is Reason.CREDENTIALS:
                return await self._credentials_refused()
            return self._failed(f"gives no relay: {refused.words}", _ADVICE.get(refused.reason, ""))
        return trouble or Finding(
            Grade.FINE, "turn", f"{self._text} relays from {made.relayed[0]} (asked and answered in {took_ms:.0f} ms)"
        )

    async def _reach(self, made: Allocation, media_addresses: Sequence[str]) -> Finding | None:
        """Return what is wrong about whom it relays to: everybody's media, and nothing else."""
        for address in _of_version_4(media_addresses):
            try:
                await made.permit((address, _PORT))
            except AllocationRefused as refused:
                return self._failed(
                    f"does not relay to the media server, {address}: {refused.words}",
                    f"allowed-peer-ip={address} in coturn's configuration; announced_addresses must be the public ones",
                )
        for address in _INNER:
            if address not in media_addresses and await _relays_to(made, address):
                return Finding(
                    Grade.WARNING,
                    "turn",
                    f"{self._text} relays to {address}: participants reach the network behind it",
                    "deny inner addresses as config/turnserver.conf does",
                )
        return None

    async def _credentials_refused(self) -> Finding:
        """Tell a clock from a secret: coturn believes any expiry to come, so a distant one fails by the secret only."""
        try:
            async with self._allocation(_FAR_AHEAD):
                pass
        except AllocationRefused as refused:
            if refused.reason is Reason.CREDENTIALS:
                return self._failed(
                    "refuses our credentials: the secret is another one, or use-auth-secret is not on",
                    "turn.secret must be coturn's static-auth-secret, to the letter",
                )
            return self._failed(f"gives no relay: {refused.words}", _ADVICE.get(refused.reason, ""))
        return self._failed(
            f"takes our credentials for expired: its clock is more than {self._turn.lifetime_s} s ahead of this one's",
            "the secret is right: set both clocks by NTP",
        )

    def _allocation(self, lifetime: timedelta) -> AbstractAsyncContextManager[Allocation]:
        return allocation(self._url, self._credentials(lifetime), context=self._trust)

    def _credentials(self, lifetime: timedelta) -> IceServer:
        servers = turn_credentials(urls=(self._text,), secret=self._turn.secret, lifetime=lifetime, now=self._now)
        return servers(_EXAMINER)[0]

    def _failed(self, words: str, advice: str) -> Finding:
        return Finding(Grade.FAILED, "turn", f"{self._text} {words}", advice)


async def _relays_to(made: Allocation, address: str) -> bool:
    try:
        await made.permit((address, _PORT))
    except AllocationRefused:
        return False
    return True


def _of_version_4(addresses: Iterable[str]) -> list[str]:
    return [address for address in addresses if isinstance(ip_address(address), IPv4Address)]


async def _stun_server(text: str, url: TurnUrl, trust: ssl.SSLContext | None) -> Finding:
    began = monotonic_s()
    try:
        async with asyncio.timeout(_ANSWER_S):
            if url.transport == "udp":
                await _stun_answer(url.host, url.port)
            else:
                context = trust or ssl.create_default_context()
                _, writer = await asyncio.open_connection(url.host, url.port, ssl=context)
                writer.close()
    except TimeoutError:
        return Finding(
            Grade.FAILED, "turn", f"{text} did not answer within {_ANSWER_S:.0f} s", "is its port open here?"
        )
    except OSError as error:
        return Finding(Grade.FAILED, "turn", f"{text} can't be reached ({error})")
    return Finding(Grade.FINE, "turn", f"{text} answered in {(monotonic_s() - began) * 1000:.0f} ms")


async def _stun_answer(host: str, port: int) -> None:
    """Send a STUN binding request (RFC 8489), which TURN servers answer without credentials, until one is answered."""
    loop = asyncio.get_running_loop()
    transaction = secrets.token_bytes(12)
    request = struct.pack("!HHI", 0x0001, 0, 0x2112A442) + transaction
    infos = await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    family, kind, _, _, address = infos[0]
    with socket.socket(family, kind) as probe:
        probe.setblocking(False)
        probe.connect(address)
        while True:
            await loop.sock_sendall(probe, request)
            try:
                async with asyncio.timeout(0.5):
                    answer = await loop.sock_recv(probe, 1500)
            except TimeoutError:
                continue  # lost on the way, perhaps: the caller's limit ends this
            if answer[8:20] == transaction:
                return
