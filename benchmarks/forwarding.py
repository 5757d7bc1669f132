"""CPU of the server for each packet it forwards, and what others spend on the same packets.

`us_1xN`: one publisher (400 packets of 1100 octets a second, paced as a browser does) to N viewers; CPU microseconds of
the server process, all of its threads, for each packet that reached a viewer. `relay_over_ours_1x3`: CPU for a second
of one VP8 picture, 640x480 at 30 frames a second, to three viewers: aiortc's MediaRelay, which decodes once and encodes
for each viewer, over ours, which forwards. Server and generator are processes of their own.

With `--peer janus`: ours and Janus's videoroom in turns, the same packets from the same generator, sealed alike.
`janus_low_1xN` is ours over Janus at 400 packets a second in, `janus_high_1x7` at 2000 in and 14,000 out; 1.0 or less
is what we expect. Beside them the microseconds of each. Run as root: it takes place in a network namespace of its own.

    python -m benchmarks.forwarding --json
    python -m benchmarks.forwarding --peer janus --json
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
from typing import Final

from benchmarks.generator import connect, steady
from benchmarks.janus import JanusMissing, janus
from benchmarks.namespace import HOST, NoNamespace, enter_namespace, is_inside
from benchmarks.relay import encoded_picture, pictures, relayed
from benchmarks.report import report
from benchmarks.server_process import Measured, measure, server_process

LOW: Final = 400  # packets a second that the publisher sends
HIGH: Final = 2000
RELAY_WARM_UP_S: Final = 4.0  # the relay's encoders follow their viewers' estimates
WARM_UP_S: Final = 2.0
CELLS: Final = {"low_1x1": (LOW, 1), "low_1x3": (LOW, 3), "low_1x7": (LOW, 7), "high_1x7": (HIGH, 7)}


async def ours(viewers: int, packets_per_s: int, seconds: float, *, host: str = "127.0.0.1") -> Measured:
    """Measure our plane with an even stream."""
    async with server_process("benchmarks.plane_server", "--host", host, "--viewers", str(viewers)) as pipe:
        call = await connect(pipe, viewers, host=host)
        async with call.running(steady(packets_per_s)):
            measured = await measure(pipe.pid, lambda: call.delivered, warm_up_s=WARM_UP_S, seconds=seconds)
    _expect(f"ours 1x{viewers}", measured, packets_per_s * viewers * seconds)
    return measured


async def theirs(viewers: int, packets_per_s: int, seconds: float, *, host: str) -> Measured:
    """Measure Janus with the same stream."""
    async with janus(host) as server:
        call = await server.call(viewers, host=host)
        async with call.running(steady(packets_per_s)):
            measured = await measure(server.pid, lambda: call.delivered, warm_up_s=WARM_UP_S, seconds=seconds)
    _expect(f"Janus 1x{viewers}", measured, packets_per_s * viewers * seconds)
    return measured


def _expect(name: str, measured: Measured, packets: float) -> None:
    if measured.packets < 0.98 * packets:
        print(f"{name}: only {measured.packets} of {packets:.0f} packets came through", file=sys.stderr)


async def ours_with_picture(viewers: int, seconds: float, packets: list[object]) -> Measured:
    """Measure our plane with the relay's picture."""
    async with server_process("benchmarks.plane_server", "--viewers", str(viewers)) as pipe:
        call = await connect(pipe, viewers)
        async with call.running(pictures(packets)):
            return await measure(pipe.pid, lambda: call.delivered, warm_up_s=RELAY_WARM_UP_S, seconds=seconds)


async def beside_relay(seconds: float) -> dict[str, float]:
    """One round of ours, and of aiortc's relay."""
    figures: dict[str, float] = {}
    for viewers in (1, 3, 7):
        figures[f"us_1x{viewers}"] = (await ours(viewers, LOW, seconds)).us_per_packet
    packets = encoded_picture()
    mine = await ours_with_picture(3, seconds, packets)
    relay = await relayed(3, packets, warm_up_s=RELAY_WARM_UP_S, seconds=seconds)
    figures["ours_cpu_percent_1x3"] = 100 * mine.cpu_share
    figures["relay_cpu_percent_1x3"] = 100 * relay.cpu_share
    figures["relay_over_ours_1x3"] = relay.cpu_share / mine.cpu_share
    return figures


async def beside_janus(seconds: float, *, ours_first: bool) -> dict[str, float]:
    """One round of ours and Janus in turns, in every cell."""
    figures: dict[str, float] = {}
    for cell, (packets_per_s, viewers) in CELLS.items():
        us = {}
        for name in ("ours", "janus") if ours_first else ("janus", "ours"):
            server = ours if name == "ours" else theirs
            us[name] = (await server(viewers, packets_per_s, seconds, host=HOST)).us_per_packet
        figures[f"janus_{cell}"] = us["ours"] / us["janus"]
        figures[f"us_ours_{cell}"] = us["ours"]
        figures[f"us_janus_{cell}"] = us["janus"]
    return figures


def main() -> None:
    """Run one of the two comparisons."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print the one JSON object only")
    parser.add_argument("--peer", choices=("relay", "janus"), default="relay", help="who is measured beside ours")
    parser.add_argument("--runs", type=int, help="1 beside the relay, 5 beside Janus")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each measurement")
    arguments = parser.parse_args()
    try:
        if arguments.peer == "janus":
            if not is_inside():
                subprocess.run(["tools/benchmark-programs"], check=False)  # says itself what it can't do
            enter_namespace("benchmarks.forwarding")
            rounds = range(arguments.runs or 5)
            runs = [asyncio.run(beside_janus(arguments.seconds, ours_first=n % 2 == 0)) for n in rounds]
        else:
            runs = [asyncio.run(beside_relay(arguments.seconds)) for _ in range(arguments.runs or 1)]
    except (JanusMissing, NoNamespace) as error:
        sys.exit(f"*** NOT MEASURED beside Janus: {error}")
    figures = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    if not arguments.json:
        for name, value in figures.items():
            print(f"{name:28} {value:10.2f}")
    report("forwarding", figures, runs if len(runs) > 1 else 1)


if __name__ == "__main__":
    main()
