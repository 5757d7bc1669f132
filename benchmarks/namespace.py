"""A network namespace for one run, with an address that is not loopback's, where Janus and Firefox take no media."""

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

HOST: Final = "10.77.0.1"
_INSIDE: Final = "CONSILIUM_BENCHMARK_NAMESPACE"
_SET_UP: Final = f"""
ip link set lo up &&
ip link add media0 type veth peer name media1 &&
ip address add {HOST}/24 dev media0 &&
ip link set media0 up && ip link set media1 up && ip route add default dev media0 &&
exec "$@"
"""
_CLONE_NEWNET: Final = 0x40000000


class NoNamespace(Exception):
    """This machine does not let us have one."""


def is_inside() -> bool:
    """Whether this process has been started again in its namespace."""
    return _INSIDE in os.environ


def enter_namespace(module: str) -> None:
    """Go on in a new namespace: the process starts again in it with the same arguments. Does nothing inside."""
    if is_inside():
        return
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        raise NoNamespace("unshare (util-linux) and ip (iproute2) are needed")
    if subprocess.run(["unshare", "--net", "true"], check=False, capture_output=True).returncode:
        raise NoNamespace("a network namespace needs root")
    os.environ[_INSIDE] = "1"
    command = ["sh", "-c", _SET_UP, "sh", sys.executable, "-m", module, *sys.argv[1:]]
    os.execvp("unshare", ["unshare", "--net", *command])


@contextmanager
def private_network() -> Iterator[None]:
    """Hold this thread, and the processes and threads it starts, in a new namespace until the block ends."""
    system = ctypes.CDLL(None, use_errno=True)
    outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if system.unshare(_CLONE_NEWNET):
            raise NoNamespace(f"a network namespace needs root: {os.strerror(ctypes.get_errno())}")
        try:
            subprocess.run(["sh", "-c", _SET_UP, "sh", "true"], check=True)
            yield
        finally:
            system.setns(outside, _CLONE_NEWNET)
    finally:
        os.close(outside)
