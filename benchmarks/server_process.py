"""The server side of a benchmark as a process of its own, told what to do by JSON lines, and what it costs.

CPU is read from outside, from the process's own clock: all of its threads, in nanoseconds, whoever wrote it.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

_LINE_LIMIT_BYTES = 1 << 20


class Pipe:
    """JSON lines with the other process: on the server's side stdin and stdout. `pid` is the server's."""

    def __init__(self, reader: asyncio.StreamReader, write: Callable[[bytes], object], pid: int = 0) -> None:
        self._reader = reader
        self._write = write
        self.pid = pid

    async def receive(self) -> dict[str, Any]:
        """Return the next message; `stop` is set at the end."""
        line = await self._reader.readline()
        return dict(json.loads(line)) if line else {"stop": True}

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message; there are never many on their way."""
        self._write(json.dumps(message).encode() + b"\n")


async def stdio() -> Pipe:
    """Return the server's end."""
    reader = asyncio.StreamReader(limit=_LINE_LIMIT_BYTES)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

    def write(line: bytes) -> None:
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()

    return Pipe(reader, write)


@asynccontextmanager
async def server_process(module: str, *arguments: str) -> AsyncIterator[Pipe]:
    """Start `module` as a server process and stop it at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_LINE_LIMIT_BYTES,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    pipe = Pipe(process.stdout, process.stdin.write, process.pid)
    try:
        yield pipe
        pipe.send({"stop": True})
        await asyncio.wait_for(process.wait(), 20)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def cpu_s(pid: int) -> float:
    """Return the CPU time of all threads of a process so far (clock_getcpuclockid(3) on Linux)."""
    return time.clock_gettime(~pid << 3 | 2)


class Measured:
    """What a server spent on the packets that went out between two moments."""

    def __init__(self, *, cpu_s: float, packets: int, seconds: float) -> None:
        self.cpu_s = cpu_s
        self.packets = packets
        self.us_per_packet = 1e6 * cpu_s / max(packets, 1)
        self.cpu_share = cpu_s / seconds


async def measure(pid: int, packets: Callable[[], int], *, warm_up_s: float, seconds: float) -> Measured:
    """Let it warm up, then count; `packets` says how many have gone out."""
    await asyncio.sleep(warm_up_s)
    cpu_before, packets_before, start = cpu_s(pid), packets(), time.monotonic()
    await asyncio.sleep(seconds)
    return Measured(cpu_s=cpu_s(pid) - cpu_before, packets=packets() - packets_before, seconds=time.monotonic() - start)
