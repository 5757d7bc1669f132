"""Reads the address of a STUN or TURN server as browsers read it (RFC 7064, RFC 7065)."""

import re
from dataclasses import dataclass
from typing import Final, Literal

_URL: Final = re.compile(
    r"(?P<scheme>stuns?|turns?):(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:(?P<port>\d{1,5}))?(\?transport=(?P<transport>\w+))?"
)


@dataclass(frozen=True, slots=True)
class TurnUrl:
    """Where a server is and how it is spoken to."""

    host: str  # a name or an address, IPv6 without brackets
    port: int
    transport: Literal["udp", "tcp", "tls"]
    relays: bool  # TURN; else STUN, which only tells addresses


def read_turn_url(url: str) -> TurnUrl:
    """Return what `url` says; ValueError, in words for the operator, when a browser would refuse it or not use it."""
    found = _URL.fullmatch(url)
    if found is None:
        raise ValueError("must look like turn:turn.clinic.example:3478?transport=udp")
    secure = found["scheme"].endswith("s")
    relays = found["scheme"].startswith("turn")
    port = int(found["port"] or (5349 if secure else 3478))
    named = found["transport"] or ("tcp" if secure else "udp")
    if not 1 <= port <= 65535:
        raise ValueError("has a port that does not exist")
    if found["transport"] and not relays:
        raise ValueError("STUN addresses name no transport")
    if named not in {"udp", "tcp"}:
        raise ValueError("transport must be udp or tcp")
    if secure and named == "udp":
        raise ValueError("browsers speak turns: over TCP only")
    transport: Literal["udp", "tcp", "tls"] = "tls" if secure else "tcp" if named == "tcp" else "udp"
    return TurnUrl(found["host"].strip("[]"), port, transport, relays)
