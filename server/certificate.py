"""A TLS certificate for a trial, signed by an authority of this machine's own that may vouch for nothing but it.

Browsers give camera and microphone to secure pages only, so on any address but loopback the server needs TLS. Where
the settings name no certificate it makes one: `authority.pem` (to be trusted once, on each device of the trial) and
`server.pem`, in the data directory, both kept until they expire or the machine's addresses change.
"""

import ipaddress
import os
import socket
import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_AUTHORITY_LIFE: Final = timedelta(days=5 * 365)
_SERVER_LIFE: Final = timedelta(days=397)  # what browsers accept at most is 398
_RENEWED_BEFORE: Final = timedelta(days=30)
_CLOCK_SKEW: Final = timedelta(hours=1)  # a phone's clock may be behind ours
_PRIVATE_NETWORKS: Final = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "::1/128", "fc00::/7")
)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class TrialCertificate:
    """Where the files are, and the words by which somebody can check that they trust the right authority."""

    authority: Path
    certificate: Path
    key: Path
    fingerprint: str  # SHA-256 of the authority's certificate, as browsers show it
    names: tuple[str, ...]
    is_new: bool


def trial_certificate(directory: Path, *, addresses: list[str], now: datetime) -> TrialCertificate:
    """Return a certificate for `addresses`, localhost and the host's name: the stored one while it serves, else new.

    Keys are written with mode 0600. Raises OSError where the directory can't be written.
    """
    names = _names(addresses)
    paths = _Paths(directory)
    is_new = not (_authority_serves(paths, names, now) and _server_serves(paths, names, now))
    if is_new:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _authority_serves(paths, names, now):
            _make_authority(paths, names, now)
        _make_server(paths, names, now)
    authority = x509.load_pem_x509_certificate(paths.authority.read_bytes())
    return TrialCertificate(
        authority=paths.authority,
        certificate=paths.server,
        key=paths.server_key,
        fingerprint=authority.fingerprint(hashes.SHA256()).hex(":").upper(),
        names=names,
        is_new=is_new,
    )


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return a server's TLS settings: 1.2 or newer. Raises OSError when a file can't be used."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    return context


class _Paths:
    def __init__(self, directory: Path) -> None:
        self.authority = directory / "authority.pem"
        self.authority_key = directory / "authority-key.pem"
        self.server = directory / "server.pem"
        self.server_key = directory / "server-key.pem"


def _names(addresses: list[str]) -> tuple[str, ...]:
    host = socket.gethostname().lower()
    hosts = ["localhost", *({host, f"{host.partition('.')[0]}.local"} if _is_dns_name(host) else ())]
    return tuple(sorted({*hosts, "127.0.0.1", "::1", *addresses}))


def _is_dns_name(host: str) -> bool:
    labels = host.split(".")
    return all(label and len(label) <= 63 and label.replace("-", "a").isalnum() and label.isascii() for label in labels)


def _general_names(names: tuple[str, ...]) -> list[x509.GeneralName]:
    return [x509.IPAddress(address) if (address := _address(name)) else x509.DNSName(name) for name in names]


def _address(name: str) -> Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _permitted(names: tuple[str, ...]) -> list[x509.GeneralName]:
    """What the authority may vouch for: private networks, and this machine's own other addresses and names."""
    addresses = [address for name in names if (address := _address(name))]
    others = [
        ipaddress.ip_network(address)
        for address in addresses
        if not any(address in network for network in _PRIVATE_NETWORKS)
    ]
    hosts = [name for name in names if _address(name) is None]
    return [*(x509.IPAddress(network) for network in (*_PRIVATE_NETWORKS, *others)), *map(x509.DNSName, hosts)]


def _authority_serves(paths: _Paths, names: tuple[str, ...], now: datetime) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(paths.authority.read_bytes())
        constraints = certificate.extensions.get_extension_for_class(x509.NameConstraints).value
        _load_key(paths.authority_key)
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    permitted = constraints.permitted_subtrees or []
    networks = [ipaddress.ip_network(str(name.value)) for name in permitted if isinstance(name, x509.IPAddress)]
    hosts = {name.value for name in permitted if isinstance(name, x509.DNSName)}
    for name in names:
        address = _address(name)
        if address is None and name not in hosts:
            return False
        if address is not None and not any(address in network for network in networks):
            return False
    return now + _RENEWED_BEFORE < certificate.not_valid_after_utc


def _server_serves(paths: _Paths, names: tuple[str, ...], now: datetime) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(paths.server.read_bytes())
        authority = x509.load_pem_x509_certificate(paths.authority.read_bytes())
        covered = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        key = _load_key(paths.server_key)
        certificate.verify_directly_issued_by(authority)
    except (OSError, ValueError, TypeError, x509.ExtensionNotFound, InvalidSignature):
        return False
    return (
        set(_general_names(names)) <= set(covered)
        and now + _RENEWED_BEFORE < certificate.not_valid_after_utc
        and key.public_key() == certificate.public_key()
    )


def _make_authority(paths: _Paths, names: tuple[str, ...], now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Consilium"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Consilium trial authority of {socket.gethostname()}"[:64]),
        ]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + _AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.NameConstraints(_permitted(names), None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(paths.authority_key, _pem(key), mode=0o600)
    _write(paths.authority, certificate.public_bytes(serialization.Encoding.PEM), mode=0o644)


def _make_server(paths: _Paths, names: tuple[str, ...], now: datetime) -> None:
    authority = x509.load_pem_x509_certificate(paths.authority.read_bytes())
    authority_key = _load_key(paths.authority_key)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Consilium trial server")]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(min(now + _SERVER_LIFE, authority.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_general_names(names)), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    chain = certificate.public_bytes(serialization.Encoding.PEM) + paths.authority.read_bytes()
    _write(paths.server_key, _pem(key), mode=0o600)
    _write(paths.server, chain, mode=0o644)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    if path.stat().st_mode & 0o077:
        raise ValueError(f"{path} can be read by others")
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(path)
    return key


def _write(path: Path, content: bytes, *, mode: int) -> None:
    """Make the file `path` equal to `content`, whole or not at all; it is never readable by more than `mode` says."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    temporary.replace(path)
