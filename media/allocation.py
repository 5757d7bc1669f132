"""Makes an allocation at a TURN server as a browser would (RFC 8656), and says why one was refused.

For the operator's `doctor` and for tests: in a call only browsers allocate. The media server itself never does.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import StrEnum
from typing import Any, Final

from aioice.stun import Class, Message, Method, TransactionError, TransactionFailed
from aioice.turn import UDP_TRANSPORT, TurnClientTcpProtocol, TurnClientUdpProtocol

from config.turn_url import TurnUrl
from media.stun import Address
from rooms.ports import IceServer

ANSWER_S: Final = 5.0
"""How long a server may take for everything up to the allocation, and then for each request."""

_LIFETIME_S: Final = 600
_CHANNEL_REFRESH_S: Final = 500
_REASONS: Final = {401: "credentials", 403: "forbidden", 440: "family", 443: "family", 486: "quota", 508: "full"}


class Reason(StrEnum):
    """Why there is no allocation, or why it does not relay to somebody."""

    UNRESOLVED = "unresolved"  # the name has no address
    UNREACHABLE = "unreachable"  # nothing listens, or the way there is closed
    SILENT = "silent"  # no answer in time
    CERTIFICATE = "certificate"  # TLS: it does not prove to be who it should be
    TLS = "tls"  # TLS: another failure
    CREDENTIALS = "credentials"  # 401
    FORBIDDEN = "forbidden"  # 403
    FAMILY = "family"  # 440, 443: no IPv6
    QUOTA = "quota"  # 486: this name has as many as it may
    FULL = "full"  # 508
    OTHER = "other"


class AllocationRefused(Exception):
    """`reason` in one word, `words` as the system or the server put it."""

    def __init__(self, reason: Reason, words: str) -> None:
        super().__init__(words)
        self.reason = reason
        self.words = words


def _ending() -> asyncio.Future[None]:
    """Return what fails when the way to the server ends; nobody need look at it."""
    ending: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    ending.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
    return ending


class _Udp(TurnClientUdpProtocol):
    """Notices that the port is closed (ICMP) instead of waiting."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.closed = _ending()

    def error_received(self, error: Exception) -> None:
        if not self.closed.done():
            self.closed.set_exception(error)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.cancel()
        super().connection_lost(exc)


class _Tcp(TurnClientTcpProtocol):
    """Notices that the server has hung up."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.closed = _ending()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_exception(exc or ConnectionResetError("the server closed the connection"))
        super().connection_lost(exc)


class Allocation:
    """One relayed address. It lasts until the block of `allocation` ends."""

    def __init__(self, client: _Udp | _Tcp) -> None:
        self._client = client
        self.relayed: Address = ("", 0)

    async def permit(self, peer: Address) -> None:
        """Ask that packets to and from `peer` be relayed. Raises AllocationRefused."""
        request = Message(Method.CREATE_PERMISSION, Class.REQUEST)
        request.attributes["XOR-PEER-ADDRESS"] = peer
        await self._ask(request)

    async def bind_channel(self, peer: Address, *, number: int = 0x4000) -> None:
        """Ask for the short form of the same. Raises AllocationRefused."""
        request = Message(Method.CHANNEL_BIND, Class.REQUEST)
        request.attributes["CHANNEL-NUMBER"] = number
        request.attributes["XOR-PEER-ADDRESS"] = peer
        await self._ask(request)

    async def refresh(self) -> int:
        """Prolong it with the credentials it was made with; returns the seconds granted. Raises AllocationRefused."""
        request = Message(Method.REFRESH, Class.REQUEST)
        request.attributes["LIFETIME"] = _LIFETIME_S
        return int((await self._ask(request)).attributes["LIFETIME"])

    async def _allocate(self) -> None:
        request = Message(Method.ALLOCATE, Class.REQUEST)
        request.attributes["LIFETIME"] = _LIFETIME_S
        request.attributes["REQUESTED-TRANSPORT"] = UDP_TRANSPORT
        self.relayed = (await self._ask(request)).attributes["XOR-RELAYED-ADDRESS"]

    async def _release(self) -> None:
        request = Message(Method.REFRESH, Class.REQUEST)
        request.attributes["LIFETIME"] = 0
        await self._ask(request)

    async def _ask(self, request: Message) -> Message:
        """Send a request and await the answer, the connection's end or the end of patience, whichever comes first."""
        asking = asyncio.ensure_future(self._client.request_with_retry(request))
        try:
            either: set[asyncio.Future[Any]] = {asking, self._client.closed}
            done, _ = await asyncio.wait(either, timeout=ANSWER_S, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                raise AllocationRefused(Reason.SILENT, f"no answer within {ANSWER_S:.0f} s")
            if asking not in done:
                self._client.closed.result()
            return asking.result()[0]
        except TransactionFailed as failure:
            code, words = failure.response.attributes.get("ERROR-CODE", (0, ""))
            raise AllocationRefused(Reason(_REASONS.get(code, "other")), f"{code} {words}".strip()) from None
        except TransactionError:
            raise AllocationRefused(Reason.SILENT, "no answer") from None
        except OSError as error:
            raise AllocationRefused(Reason.UNREACHABLE, _in_words(error)) from None
        finally:
            asking.cancel()
            await asyncio.wait({asking})


@asynccontextmanager
async def allocation(
    url: TurnUrl, credentials: IceServer, *, context: ssl.SSLContext | None = None
) -> AsyncIterator[Allocation]:
    """Lend an allocation and give it back. `context` decides which certificates are believed; None: the system's.

    Raises AllocationRefused.
    """
    client = await _connect(url, credentials, context)
    made = Allocation(client)
    try:
        await made._allocate()  # noqa: SLF001 - of this module
        yield made
        with suppress(AllocationRefused):  # it ends by itself, later
            await made._release()  # noqa: SLF001 - of this module
    finally:
        client.closed.cancel()
        client.transport.close()


async def _connect(url: TurnUrl, credentials: IceServer, context: ssl.SSLContext | None) -> _Udp | _Tcp:
    loop = asyncio.get_running_loop()
    kind = socket.SOCK_DGRAM if url.transport == "udp" else socket.SOCK_STREAM
    client: _Udp | _Tcp
    try:
        async with asyncio.timeout(ANSWER_S):
            found = (await loop.getaddrinfo(url.host, url.port, type=kind))[0][4]
            address = (str(found[0]), url.port)
            arguments = (address, credentials.username, credentials.credential, _LIFETIME_S, _CHANNEL_REFRESH_S)
            if url.transport == "udp":
                _, client = await loop.create_datagram_endpoint(lambda: _Udp(*arguments), remote_addr=address)
            elif url.transport == "tcp":
                _, client = await loop.create_connection(lambda: _Tcp(*arguments), *address)
            else:
                _, client = await loop.create_connection(
                    lambda: _Tcp(*arguments),
                    *address,
                    ssl=context or ssl.create_default_context(),
                    server_hostname=url.host,
                )
    except TimeoutError:
        raise AllocationRefused(Reason.SILENT, f"no answer within {ANSWER_S:.0f} s") from None
    except socket.gaierror as error:
        raise AllocationRefused(Reason.UNRESOLVED, error.strerror or "unknown name") from None
    except ssl.SSLCertVerificationError as error:
        raise AllocationRefused(Reason.CERTIFICATE, error.verify_message) from None
    except ssl.SSLError as error:
        raise AllocationRefused(Reason.TLS, error.reason or str(error)) from None
    except OSError as error:
        raise AllocationRefused(Reason.UNREACHABLE, _in_words(error)) from None
    return client


def _in_words(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error)
