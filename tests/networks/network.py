"""Networks that fail as told: each person in a network namespace of their own, on a line of their own to the server.

Everything lives in the namespace of `private_network`, where the server runs:

    with private_network(), a_line("patient", folder) as line:
        line.browser                  # a program that is Chromium on the far side of the line
        with line.blocked(): ...      # nothing passes, in either direction
        line.lose(percent=5)          # each way, at random
        line.narrow(kbit_per_s=300)   # each way
        with line.without_sockets(): ...   # media alone passes
        line.rebind()                 # what a NAT does: the same socket, from another address
        line.move()                   # another address; the old one is gone

Packets are lost where they arrive, so that no sender sees an error.
"""

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.namespace import HOST, NoNamespace
from tests.server_process import ServerProcess, server_process

PORT: Final = 8080
MEDIA_PORT: Final = 40404
ORIGIN: Final = f"http://{HOST}:{PORT}"
OTHER_ORIGIN: Final = f"http://{HOST}:{PORT + 1}"  # of a second server beside it
BROWSER_ARGUMENTS: Final = [  # cameras are for secure pages
    f"--unsafely-treat-insecure-origin-as-secure={ORIGIN},{OTHER_ORIGIN}"
]
_PROGRAMS: Final = ("ip", "nft", "tc", "nsenter")


@dataclass
class Line:
    """One person's way to the server. `number` makes its addresses, 10.78.<number>.x."""

    name: str
    number: int
    browser: str
    _host: int = 2
    _rebound: int = 100

    @property
    def near(self) -> str:
        """The interface on the server's side."""
        return f"line{self.number}"

    def lose(self, percent: int) -> None:
        """Lose this share of all packets in each direction from now on; 0 ends it."""
        self._filter(f"numgen random mod 100 < {percent} drop" if percent else "")

    def block(self) -> None:
        """Let nothing pass from now on."""
        self._filter("drop")

    def unblock(self) -> None:
        self._filter("")

    @contextmanager
    def blocked(self) -> Iterator[None]:
        self.block()
        try:
            yield
        finally:
            self.unblock()

    def narrow(self, kbit_per_s: int) -> None:
        """Let no more than this pass in each direction; what waits longer than 0.3 s is lost."""
        for run, interface in ((_run, self.near), (self._inside, "far")):
            run(f"tc qdisc replace dev {interface} root tbf rate {kbit_per_s}kbit burst 8kb latency 300ms")

    def widen(self) -> None:
        for run, interface in ((_run, self.near), (self._inside, "far")):
            run(f"tc qdisc del dev {interface} root")

    @contextmanager
    def without_sockets(self) -> Iterator[None]:
        """Reset what goes by TCP, and refuse it; media passes."""
        refusal = "meta l4proto tcp reject with tcp reset"
        _rules(_run, "sockets", f'iifname "{self.near}" {refusal}', self.near)
        _rules(self._inside, "sockets", f'iifname "far" {refusal}', self.near)
        try:
            yield
        finally:
            _rules(_run, "sockets", "", self.near)
            _rules(self._inside, "sockets", "", self.near)

    def rebind(self) -> str:
        """Let the server see the person's UDP packets from a new address, which is returned, and send answers there."""
        self._rebound += 1
        shown, own = self._address(self._rebound), self._address(self._host)
        _run(f"ip route replace {shown} via {own} dev {self.near}")
        leaving = f'iifname "{self.near}" ip saddr {own} meta l4proto udp ip saddr set {shown}'
        _rules(_run, "rebinding", leaving, self.near)
        _rules(self._inside, "rebinding", f"ip daddr {shown} ip daddr set {own}", self.near)
        return shown

    def move(self) -> None:
        """Give the person's machine another address in place of the one it has."""
        old, self._host = self._address(self._host), self._host + 1
        new, gateway = self._address(self._host), self._address(1)
        self._inside(
            f"ip addr del {old}/24 dev far && ip addr add {new}/24 dev far && ip route add default via {gateway}"
        )

    def open(self) -> None:
        _run(
            f"ip netns add {self.name}",
            f"ip link add {self.near} type veth peer name far netns {self.name}",
            f"ip addr add {self._address(1)}/24 dev {self.near}",
            f"ip link set {self.near} up",
        )
        self._inside(
            "ip link set lo up",
            f"ip addr add {self._address(self._host)}/24 dev far",
            "ip link set far up",
            f"ip route add default via {self._address(1)}",
        )

    def close(self) -> None:
        _run(f"ip netns del {self.name}")

    def _address(self, host: int) -> str:
        return f"10.78.{self.number}.{host}"

    def _filter(self, verdict: str) -> None:
        _rules(_run, "faults", f'iifname "{self.near}" {verdict}' if verdict else "", self.near)
        _rules(self._inside, "faults", f'iifname "far" {verdict}' if verdict else "", self.near)

    def _inside(self, *commands: str) -> None:
        _run(*(f"ip netns exec {self.name} sh -c {shlex.quote(command)}" for command in commands))


@contextmanager
def a_line(name: str, folder: Path, *, number: int) -> Iterator[Line]:
    """Join one more person to the server's namespace, in which this thread is. NoNamespace where that can't be."""
    missing = [program for program in _PROGRAMS if shutil.which(program) is None]
    if missing:
        raise NoNamespace(f"these programs are needed: {', '.join(missing)}")
    own_name = f"consilium-{os.getpid()}-{name}"  # names are the whole machine's
    browser = folder / f"chromium-of-{name}"
    chromium = shutil.which("chromium") or shutil.which("google-chrome") or "chromium"
    browser.write_text(f'#!/bin/sh\nexec nsenter --net=/run/netns/{own_name} {chromium} "$@"\n', encoding="utf-8")
    browser.chmod(0o755)
    line = Line(own_name, number, str(browser))
    try:
        line.open()
    except RuntimeError as refused:
        raise NoNamespace(str(refused)) from refused
    try:
        yield line
    finally:
        line.close()


@contextmanager
def a_server(
    data: Path, *, is_other: bool = False, settings: Mapping[str, str] | None = None
) -> Iterator[ServerProcess]:
    """Serve at ORIGIN, or at OTHER_ORIGIN, in the namespace in which this thread is; `settings` as environment."""
    environ = {
        "CONSILIUM_SERVER__TLS": "off",
        "CONSILIUM_SERVER__BASE_URL": OTHER_ORIGIN if is_other else ORIGIN,
        "CONSILIUM_MEDIA__HOST": HOST,  # answers leave from the address that was asked
        **(settings or {}),
    }
    port, media_port = PORT + is_other, MEDIA_PORT + is_other
    options = ("--host", "0.0.0.0", "--port", str(port), "--media-port", str(media_port))
    with server_process(data, options=options, environ=environ) as server:
        yield server


def _rules(run: Callable[[str], None], name: str, rule: str, line: str) -> None:
    """Replace the one rule of `name` for arriving packets; an empty one ends it."""
    table = f"inet {line}_{name}"
    chain = f"chain arriving {{\ntype filter hook prerouting priority raw\n{rule}\n}}\n" if rule else ""
    commands = f"add table {table}\ndelete table {table}\ntable {table} {{\n{chain}}}"
    run(f"nft {shlex.quote(commands)}")


def _run(*commands: str) -> None:
    for command in commands:
        done = subprocess.run(["sh", "-c", command], check=False, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{command}: {done.stderr.strip()}")
