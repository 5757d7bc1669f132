"""The trial certificate: what it covers, when it is kept, and that nobody else can read its key."""

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from server.certificate import tls_context, trial_certificate

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LAN = "192.168.7.20"


def test_keys_are_readable_by_the_owner_only(tmp_path: Path) -> None:
    made = trial_certificate(tmp_path / "tls", addresses=[LAN], now=NOON)
    assert made.is_new
    assert made.key.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "tls" / "authority-key.pem").stat().st_mode & 0o777 == 0o600


def test_it_covers_every_address_given_and_localhost(tmp_path: Path) -> None:
    made = trial_certificate(tmp_path, addresses=[LAN, "fd00::2", "203.0.113.9"], now=NOON)
    names = x509.load_pem_x509_certificate(made.certificate.read_bytes()).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    addresses = {str(address) for address in names.value.get_values_for_type(x509.IPAddress)}
    assert {LAN, "fd00::2", "203.0.113.9", "127.0.0.1", "::1"} <= addresses
    assert "localhost" in names.value.get_values_for_type(x509.DNSName)


def test_it_is_kept_while_it_serves(tmp_path: Path) -> None:
    first = trial_certificate(tmp_path, addresses=[LAN], now=NOON)
    again = trial_certificate(tmp_path, addresses=[LAN], now=NOON + timedelta(days=200))
    assert not again.is_new
    assert again.fingerprint == first.fingerprint


def test_before_it_expires_a_new_one_comes_from_the_same_authority(tmp_path: Path) -> None:
    first = trial_certificate(tmp_path, addresses=[LAN], now=NOON)
    before = first.certificate.read_bytes()
    later = trial_certificate(tmp_path, addresses=[LAN], now=NOON + timedelta(days=380))
    assert later.is_new
    assert later.fingerprint == first.fingerprint
    assert later.certificate.read_bytes() != before


def test_a_new_private_address_needs_no_new_trust(tmp_path: Path) -> None:
    first = trial_certificate(tmp_path, addresses=[LAN], now=NOON)
    moved = trial_certificate(tmp_path, addresses=["10.1.2.3"], now=NOON)
    assert moved.is_new
    assert moved.fingerprint == first.fingerprint


def test_the_authority_vouches_for_no_public_address_but_this_machines(tmp_path: Path) -> None:
    first = trial_certificate(tmp_path, addresses=[LAN], now=NOON)
    public = trial_certificate(tmp_path, addresses=["203.0.113.9"], now=NOON)
    assert public.fingerprint != first.fingerprint


@pytest.mark.parametrize("damage", ["server.pem", "server-key.pem", "authority.pem", "authority-key.pem"])
def test_a_damaged_file_is_replaced(tmp_path: Path, damage: str) -> None:
    trial_certificate(tmp_path, addresses=[LAN], now=NOON)
    (tmp_path / damage).write_bytes(b"nonsense")
    assert trial_certificate(tmp_path, addresses=[LAN], now=NOON).is_new
    assert not trial_certificate(tmp_path, addresses=[LAN], now=NOON).is_new


def test_a_key_that_others_could_read_is_replaced(tmp_path: Path) -> None:
    made = trial_certificate(tmp_path, addresses=[LAN], now=NOON)
    made.key.chmod(0o644)
    again = trial_certificate(tmp_path, addresses=[LAN], now=NOON)
    assert again.is_new
    assert again.key.stat().st_mode & 0o777 == 0o600


def test_a_browser_that_trusts_the_authority_accepts_the_server(tmp_path: Path) -> None:
    made = trial_certificate(tmp_path, addresses=[LAN], now=datetime.now(UTC))  # noqa: TID251 - OpenSSL looks at the real clock
    ours, theirs = socket.socketpair()
    server = tls_context(made.certificate, made.key)
    browser = ssl.create_default_context(cafile=str(made.authority))

    def serve() -> None:
        with server.wrap_socket(ours, server_side=True) as speaking:
            speaking.sendall(b"hello")

    serving = threading.Thread(target=serve)
    serving.start()
    with browser.wrap_socket(theirs, server_hostname=LAN) as listening:
        assert listening.recv(5) == b"hello"
        assert listening.version() == "TLSv1.3"
    serving.join()
