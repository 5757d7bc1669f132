"""A real coturn on free ports of loopback, with the configuration of production: `config/turnserver.conf`.

    with turn_server(tmp_path) as turn:                              # relays to 203.0.113.10 alone, as in production
        ...
    with turn_server(tmp_path, allowed_peer="127.0.0.1") as turn:    # relays to the media port of a test
        turn.urls                                                         # UDP, TCP, TLS
        turn.credentials(ANNE, now=utc_now)                               # as the server makes them
        turn.output                                                       # its log so far

Debian's package `coturn` brings it; where it is absent whatever is marked `needs_coturn` is skipped, and says so.
"""

import ipaddress
import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kernel.clock import Now, utc_now
from kernel.ids import ParticipantId
from media.ice_servers import turn_credentials
from rooms.ports import IceServer
from tests.server_process import ROOT

COTURN = shutil.which("turnserver")
PRODUCTION = ROOT / "config" / "turnserver.conf"
SECRET = "a-secret-of-the-tests"
START_S = 20

needs_coturn = pytest.mark.skipif(COTURN is None, reason="NO COTURN on this machine: apt-get install coturn")


@dataclass(frozen=True)
class TurnServer:
    port: int
    tls_port: int
    certificate: Path
    _lines: list[str]

    @property
    def output(self) -> str:
        return "".join(self._lines)

    @property
    def udp(self) -> str:
        return f"turn:127.0.0.1:{self.port}?transport=udp"

    @property
    def tcp(self) -> str:
        return f"turn:127.0.0.1:{self.port}?transport=tcp"

    @property
    def tls(self) -> str:
        return f"turns:localhost:{self.tls_port}?transport=tcp"

    @property
    def urls(self) -> tuple[str, str, str]:
        return self.udp, self.tcp, self.tls

    @property
    def trust(self) -> ssl.SSLContext:
        """Believes this server's certificate and no other."""
        return ssl.create_default_context(cafile=str(self.certificate))

    def credentials(
        self,
        who: ParticipantId,
        *,
        now: Now = utc_now,
        secret: str = SECRET,
        lifetime: timedelta = timedelta(minutes=10),
    ) -> IceServer:
        (server,) = turn_credentials(urls=self.urls, secret=secret, lifetime=lifetime, now=now)(who)
        return server


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def configuration(changes: Mapping[str, Sequence[str] | None], *, without: Sequence[str] = ()) -> str:
    """Return production's configuration, some settings replaced (None: a flag added) and some lines left out."""
    kept = [
        line
        for line in PRODUCTION.read_text(encoding="utf-8").splitlines()
        if line.partition("=")[0] not in changes and line not in without
    ]
    assert not set(without) - set(PRODUCTION.read_text(encoding="utf-8").splitlines()), "no such line"
    for name, values in changes.items():
        kept += [name] if values is None else [f"{name}={value}" for value in values]
    return "\n".join(kept) + "\n"


@contextmanager
def turn_server(
    folder: Path,
    *,
    allowed_peer: str | None = None,
    changes: Mapping[str, Sequence[str] | None] | None = None,
    without: Sequence[str] = (),
) -> Iterator[TurnServer]:
    """Run coturn until the block ends; it listens when the block begins."""
    assert COTURN is not None
    certificate, key = certificate_for_localhost(folder)
    port, tls_port = free_port(), free_port()
    settings: dict[str, Sequence[str] | None] = {
        "listening-ip": ["127.0.0.1"],
        "relay-ip": ["127.0.0.1"],
        "listening-port": [str(port)],
        "tls-listening-port": [str(tls_port)],
        "static-auth-secret": [SECRET],
        "cert": [str(certificate)],
        "pkey": [str(key)],
        "syslog": [],
        "no-stdout-log": [],
        "log-file": ["stdout"],
        "verbose": None,
        "pidfile": [str(folder / "turnserver.pid")],
        "userdb": [str(folder / "turndb")],
    }
    if allowed_peer is not None:
        settings["allowed-peer-ip"] = [allowed_peer]
        settings["allow-loopback-peers"] = None
    path = folder / "turnserver.conf"
    path.write_text(configuration(settings | dict(changes or {}), without=without), encoding="utf-8")
    process = subprocess.Popen(
        [COTURN, "-c", str(path)], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    lines: list[str] = []
    listening = threading.Event()

    def read() -> None:
        assert process.stdout is not None
        with process.stdout as stream:
            for line in stream:
                lines.append(line)
                if re.search(r"SQLite DB connection success", line, re.IGNORECASE):
                    listening.set()
        listening.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        listening.wait(START_S)
        assert process.poll() is None, "".join(lines)
        yield TurnServer(port, tls_port, certificate, lines)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join()


def certificate_for_localhost(
    folder: Path, *, valid_days: tuple[int, int] = (-1, 30), name: str = "turn"
) -> tuple[Path, Path]:
    """Write a certificate for localhost that vouches for itself, and its key; return both files."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    first, last = valid_days
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(utc_now() + timedelta(days=first))
        .not_valid_after(utc_now() + timedelta(days=last))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    written = folder / f"{name}-cert.pem", folder / f"{name}-key.pem"
    written[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    written[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return written
