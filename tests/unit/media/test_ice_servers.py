"""TURN credentials that expire."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

from kernel.ids import ParticipantId
from media.ice_servers import turn_credentials

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
ANNE = ParticipantId("pat_anne")
URLS = ("turn:turn.example.org:3478?transport=udp",)


def test_the_credential_is_what_coturn_computes_and_expires() -> None:
    (server,) = turn_credentials(urls=URLS, secret="s3cret", lifetime=timedelta(minutes=10), now=lambda: NOON)(ANNE)
    assert server.urls == URLS
    assert server.username is not None
    assert server.username.partition(":")[0] == str(int(NOON.timestamp()) + 600)
    expected = hmac.new(b"s3cret", server.username.encode(), hashlib.sha1).digest()
    assert server.credential == base64.b64encode(expected).decode()


def test_the_name_is_stable_and_says_nothing_about_the_person() -> None:
    servers = turn_credentials(urls=URLS, secret="s3cret", lifetime=timedelta(minutes=10), now=lambda: NOON)
    (first,), (again,), (other,) = servers(ANNE), servers(ANNE), servers(ParticipantId("pat_bo"))
    assert first == again
    assert first.username != other.username
    assert "anne" not in str(first)


def test_without_a_configured_server_there_is_none() -> None:
    assert turn_credentials(urls=(), secret="", lifetime=timedelta(minutes=10), now=lambda: NOON)(ANNE) == []
