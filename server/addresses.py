"""Which addresses this machine has and how a browser would call the server."""

import fcntl
import ipaddress
import socket
import struct
from pathlib import Path
from typing import Final

_SIOCGIFADDR: Final = 0x8915
_IPV6_TABLE: Final = Path("/proc/net/if_inet6")
_ELSEWHERE: Final = (  # documentation prefixes: connecting a UDP socket sends nothing, it only asks the routing table
    (socket.AF_INET, "192.0.2.1"),
    (socket.AF_INET6, "2001:db8::1"),
)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def local_addresses() -> list[str]:
    """Return this machine's addresses, IPv4 first, the one that leads outside before others; no link-local ones."""
    found = [*_routed(), *_of_interfaces(), *_of_ipv6_table()]
    unique = dict.fromkeys(str(ipaddress.ip_address(address)) for address in found)
    usable = [address for address in unique if not ipaddress.ip_address(address).is_link_local]
    return sorted(usable, key=lambda address: (":" in address, ipaddress.ip_address(address).is_loopback))


def in_url(address: str) -> str:
    """Return `address` as it stands in a URL."""
    return f"[{address}]" if ":" in address else address


def _routed() -> list[str]:
    found = []
    for family, elsewhere in _ELSEWHERE:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((elsewhere, 9))
                found.append(str(probe.getsockname()[0]))
        except OSError:
            continue  # no such family here, or no route of it
    return found


def _of_interfaces() -> list[str]:
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _index, name in socket.if_nameindex():
            try:
                answer = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
            except OSError:
                continue  # the interface has no IPv4 address, or the system knows no such call
            found.append(socket.inet_ntoa(answer[20:24]))
    return found


def _of_ipv6_table() -> list[str]:
    if not _IPV6_TABLE.exists():
        return []
    lines = _IPV6_TABLE.read_text(encoding="ascii").splitlines()
    return [socket.inet_ntop(socket.AF_INET6, bytes.fromhex(line.split()[0])) for line in lines]
