"""Which peers may speak for a browser."""

import ipaddress

import pytest

from server.middleware import is_trusted

PROXIES = [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("2001:db8::/32")]


@pytest.mark.parametrize(
    ("peer", "trusted"),
    [
        (("10.1.2.3", 40000), True),
        (("::ffff:10.1.2.3", 40000, 0, 0), True),
        (("2001:db8::7", 40000, 0, 0), True),
        (("192.168.0.9", 40000), False),
        (("::1", 40000, 0, 0), False),
        (("fe80::1%eth0", 40000, 0, 3), False),
        ("/run/consilium.sock", False),
        (None, False),
    ],
)
def test_only_the_named_networks_are_trusted(peer: object, trusted: bool) -> None:
    assert is_trusted(peer, PROXIES) is trusted


def test_without_named_proxies_nobody_is() -> None:
    assert not is_trusted(("127.0.0.1", 1), [])
