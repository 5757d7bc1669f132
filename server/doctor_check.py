"""Examines the machine that a server shall run on, and says in plain words what would go wrong."""

import ctypes
import os
import shutil
import socket
import ssl
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from config.settings import Media, Settings
from kernel.clock import Now, monotonic_s, utc_now
from media.bindings import own_addresses
from server.addresses import is_loopback
from server.finding import Finding, Grade
from server.object_store_check import examine_object_store
from server.refusal import Refused
from server.storage import database_url, key_shares, open_database, record_keys, token_keys
from server.turn_check import examine_turn

_FREE_BYTES_NEEDED: Final = 2 * 1024**3
_FREE_BYTES_COMFORTABLE: Final = 20 * 1024**3  # about 100 hours of recordings
_SLOW_FLUSH_S: Final = 0.05  # every message waits for one
_RELEASED: Final = datetime(2026, 11, 1, tzinfo=UTC)  # a clock that shows less is wrong
_TIME_ERROR: Final = 5  # adjtimex(2): the clock is not synchronised


async def examine(settings: Settings) -> int:
    """Print what was found; 0 when nothing failed, else 1."""
    findings = [finding async for finding in _findings(settings, utc_now)]
    sys.stdout.write("\n".join(map(_line, findings)) + "\n")
    failed = sum(finding.grade is Grade.FAILED for finding in findings)
    sys.stdout.write(
        f"\n{'Everything needed is there.' if not failed else f'{failed} of these must be mended first.'}\n"
    )
    return 1 if failed else 0


async def _findings(settings: Settings, now: Now) -> AsyncIterator[Finding]:
    yield _python()
    yield _tcp_port(settings)
    yield _udp_port(settings)
    for finding in _storage(settings.data.path):
        yield finding
    yield await examine_object_store(settings.storage)
    yield await _database(settings)
    for finding in _key_files(settings):
        yield finding
    yield _transport(settings)
    async for finding in examine_turn(settings.turn, media_addresses=_media_addresses(settings.media), now=now):
        yield finding
    yield _clock(settings.data.path, now())
    yield _synchronisation()


def _line(finding: Finding) -> str:
    line = f"{finding.grade:>8}  {finding.about:<10} {finding.words}"
    return f"{line}\n{'':>21}-> {finding.advice}" if finding.advice else line


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding(
        Grade.FINE, "python", f"{version}, {os.cpu_count()} processors, OpenSSL {ssl.OPENSSL_VERSION.split()[1]}"
    )


def _tcp_port(settings: Settings) -> Finding:
    return _port("http", socket.SOCK_STREAM, settings.server.host, settings.server.port, option="--port")


def _udp_port(settings: Settings) -> Finding:
    return _port("media", socket.SOCK_DGRAM, settings.media.host, settings.media.port, option="--media-port")


def _port(about: str, kind: socket.SocketKind, host: str, port: int, *, option: str) -> Finding:
    where = f"{'TCP' if kind is socket.SOCK_STREAM else 'UDP'} {host}:{port}"
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=kind, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, kind) as probe:
            if kind is socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return Finding(
            Grade.WARNING,
            about,
            f"{where} can't be had ({error.strerror})",
            f"is the server running? else choose with {option}",
        )
    return Finding(Grade.FINE, about, f"{where} is free")


def _storage(directory: Path) -> Iterator[Finding]:
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=directory, prefix=".doctor-") as probe:
            probe.write(b"x" * 4096)
            probe.flush()
            began = monotonic_s()
            os.fsync(probe.fileno())
            took = monotonic_s() - began
    except OSError as error:
        yield Finding(
            Grade.FAILED,
            "storage",
            f"{directory} can't be written ({error.strerror})",
            f"give this user the right to write {existing}",
        )
        return
    slow = took > _SLOW_FLUSH_S
    yield Finding(
        Grade.WARNING if slow else Grade.FINE,
        "storage",
        f"{directory} can be written; making 4 KiB durable took {took * 1000:.1f} ms",
        "every message waits for that: use a faster disk" if slow else "",
    )
    free = shutil.disk_usage(directory).free
    grade = (
        Grade.FAILED if free < _FREE_BYTES_NEEDED else Grade.WARNING if free < _FREE_BYTES_COMFORTABLE else Grade.FINE
    )
    advice = "" if grade is Grade.FINE else "an hour of recorded consultation takes about 200 MB"
    yield Finding(grade, "space", f"{free / 1024**3:.1f} GiB are free", advice)
    mode = directory.stat().st_mode & 0o777
    if mode & 0o077:
        yield Finding(Grade.WARNING, "storage", f"others may look into it (mode {mode:04o})", f"chmod 700 {directory}")


async def _database(settings: Settings) -> Finding:
    try:
        async with AsyncExitStack() as stack:
            database = await open_database(settings, stack)
            return Finding(Grade.FINE, "database", f"{database.url} answers and has this version's shape")
    except Refused as refused:
        return Finding(Grade.FAILED, "database", str(refused))
    except OSError as error:
        return Finding(Grade.FAILED, "database", f"does not answer ({error.strerror or type(error).__name__})")


def _key_files(settings: Settings) -> Iterator[Finding]:
    certificate_key = [Path(settings.server.tls_key)] if settings.server.tls_key else []
    trial_keys = [settings.data.path / "tls" / name for name in ("server-key.pem", "authority-key.pem")]
    for path in (record_keys(settings), key_shares(settings), token_keys(settings), *trial_keys, *certificate_key):
        if not path.exists():
            continue
        mode = path.stat().st_mode & 0o777
        if mode & 0o077:
            yield Finding(Grade.FAILED, "keys", f"{path} can be read by others (mode {mode:04o})", f"chmod 600 {path}")
        else:
            yield Finding(Grade.FINE, "keys", f"{path} is the owner's alone")
    if not record_keys(settings).exists():
        yield Finding(Grade.FINE, "keys", "will be made at the first start")
    elif not database_url(settings).startswith("sqlite"):
        yield Finding(
            Grade.WARNING,
            "keys",
            "the database is elsewhere",
            f"back up {record_keys(settings)} with it: without it nothing opens",
        )


def _transport(settings: Settings) -> Finding:
    server = settings.server
    if server.tls_certificate:
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(server.tls_certificate, server.tls_key)
        except OSError as error:
            return Finding(Grade.FAILED, "tls", f"the certificate can't be used ({error})")
        return Finding(Grade.FINE, "tls", f"certificate {server.tls_certificate}")
    if server.trusted_proxies:
        return Finding(Grade.FINE, "tls", f"the proxies {', '.join(server.trusted_proxies)} are trusted to speak it")
    if is_loopback(server.host):
        return Finding(Grade.FINE, "tls", "not needed on loopback")
    if server.tls == "off":
        return Finding(
            Grade.WARNING,
            "tls",
            "off, on an address that others reach",
            "browsers will give neither camera nor microphone",
        )
    return Finding(
        Grade.WARNING, "tls", "a certificate for a trial will be made", "a clinic sets server.tls_certificate"
    )


def _media_addresses(media: Media) -> Sequence[str]:
    if media.announced_addresses or media.host not in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        return media.announced_addresses or [media.host]
    return own_addresses(ipv6=False) + (own_addresses(ipv6=True) if media.host == "::" else [])


def _clock(directory: Path, now: datetime) -> Finding:
    shown = now.strftime("%Y-%m-%d %H:%M:%S UTC")
    if now < _RELEASED:
        return Finding(Grade.FAILED, "clock", f"it shows {shown}, before this program was made", "set the clock")
    newest = max((path.stat().st_mtime for path in directory.glob("consilium.db*")), default=0.0)
    if newest > now.timestamp() + 60:
        return Finding(Grade.FAILED, "clock", f"it shows {shown}, but the database was written later", "set the clock")
    return Finding(Grade.FINE, "clock", f"it shows {shown}")


def _synchronisation() -> Finding:
    """Ask the kernel whether something keeps the clock right: adjtimex(2) with no mode only reads."""
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(256))
    except (OSError, AttributeError):
        return Finding(Grade.WARNING, "clock", "this system does not say whether it is synchronised", "use NTP")
    if state in {_TIME_ERROR, -1}:
        return Finding(
            Grade.WARNING, "clock", "the system does not know it to be synchronised", "use NTP: records carry its times"
        )
    return Finding(Grade.FINE, "clock", "it is kept right by the system")
