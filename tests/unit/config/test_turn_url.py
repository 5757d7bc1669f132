"""Addresses of TURN servers are read as browsers read them."""

import pytest

from config.turn_url import TurnUrl, read_turn_url


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("turn:turn.clinic.example", TurnUrl("turn.clinic.example", 3478, "udp", relays=True)),
        ("turn:192.0.2.1:3479?transport=udp", TurnUrl("192.0.2.1", 3479, "udp", relays=True)),
        ("turn:[2001:db8::1]:3478?transport=tcp", TurnUrl("2001:db8::1", 3478, "tcp", relays=True)),
        ("turns:turn.clinic.example", TurnUrl("turn.clinic.example", 5349, "tls", relays=True)),
        ("turns:turn.clinic.example:443?transport=tcp", TurnUrl("turn.clinic.example", 443, "tls", relays=True)),
        ("stun:turn.clinic.example", TurnUrl("turn.clinic.example", 3478, "udp", relays=False)),
        ("stuns:turn.clinic.example", TurnUrl("turn.clinic.example", 5349, "tls", relays=False)),
    ],
)
def test_it_says_where_the_server_is_and_how_it_is_spoken_to(url: str, read: TurnUrl) -> None:
    assert read_turn_url(url) == read


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("http://turn.clinic.example", "must look like"),
        ("turn://turn.clinic.example", "must look like"),
        ("turn:", "must look like"),
        ("turn:anne:secret@turn.clinic.example", "must look like"),
        ("turn:turn.clinic.example:0", "a port that does not exist"),
        ("turn:turn.clinic.example:70000", "a port that does not exist"),
        ("turn:turn.clinic.example?transport=sctp", "udp or tcp"),
        ("turns:turn.clinic.example?transport=udp", "over TCP only"),
        ("stun:turn.clinic.example?transport=tcp", "name no transport"),
    ],
)
def test_what_a_browser_would_refuse_is_refused_with_the_reason(url: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        read_turn_url(url)
