"""Starting the server: TLS, the application, what is printed, and running until told to stop."""

import errno
import socket
import ssl
import sys
from pathlib import Path

from config import logging
from config.settings import Settings
from kernel.clock import utc_now
from server import certificate, lifecycle
from server.addresses import in_url, is_loopback, local_addresses
from server.app import NODE, create_app
from server.certificate import TrialCertificate
from server.greeting import greeting
from server.refusal import Refused
from server.storage import make_data_directory


async def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; 0 when everything could be closed in time."""
    logging.configure(settings.log)
    tls, trial = tls_of(settings)
    app = create_app(settings, authority=trial.authority if trial else None)
    node = app[NODE]

    async def started(port: int) -> None:
        urls = base_urls(settings, port=port, secure=tls is not None)
        sys.stdout.write(greeting(settings, urls=urls, trial=trial, demonstration=node.services.demonstration))
        sys.stdout.flush()

    try:
        is_complete = await lifecycle.run(
            app,
            settings,
            lifecycle=node.lifecycle,
            tls=tls,
            started=started,
            count=node.metrics.connection_troubled,
        )
    except OSError as error:
        raise Refused(_words_of(error, settings)) from error
    return 0 if is_complete else 1


def base_urls(settings: Settings, *, port: int, secure: bool) -> list[str]:
    """Return how browsers may call the server, the one to give away first."""
    if settings.server.base_url:
        return [settings.server.base_url.rstrip("/")]
    host = settings.server.host
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        hosts = [address for address in local_addresses() if not is_loopback(address)] + ["127.0.0.1"]
        hosts = [one for one in hosts if ":" not in one or host == "::"]
    else:
        hosts = [host]
    scheme, usual = ("https", 443) if secure else ("http", 80)
    suffix = "" if port == usual else f":{port}"
    return [f"{scheme}://{in_url(one)}{suffix}" for one in hosts]


def tls_of(settings: Settings) -> tuple[ssl.SSLContext | None, TrialCertificate | None]:
    """Return what TLS is spoken with, None for none, and the trial certificate if it is one.

    Raises Refused when the settings' own certificate can't be used.
    """
    server = settings.server
    try:
        if server.tls == "off":
            return None, None
        if server.tls_certificate:
            return certificate.tls_context(Path(server.tls_certificate), Path(server.tls_key)), None
        if server.tls == "auto" and (is_loopback(server.host) or server.trusted_proxies):
            return None, None
        make_data_directory(settings)
        trial = certificate.trial_certificate(
            settings.data.path / "tls", addresses=_addresses(server.host), now=utc_now()
        )
        return certificate.tls_context(trial.certificate, trial.key), trial
    except OSError as error:  # ssl.SSLError is one
        raise Refused(f"TLS can't be set up: {error}") from error


def _addresses(host: str) -> list[str]:
    try:
        named = [str(info[4][0]) for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except OSError:
        named = []
    return sorted({*named, *local_addresses()} - {"0.0.0.0", "::"})  # noqa: S104 - left out


def _words_of(error: OSError, settings: Settings) -> str:
    if error.errno == errno.EADDRINUSE:
        tcp = f"TCP {settings.server.host}:{settings.server.port}"
        udp = f"UDP {settings.media.host}:{settings.media.port}"
        return f"{tcp} or {udp} is in use: is the server running already? Other ports: --port and --media-port"
    return f"the server can't start: {error}"
