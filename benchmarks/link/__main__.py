"""Put two programs on an emulated link.

    python -m benchmarks.link --rate 20mbit --delay 50ms --loss 1% \\
        --server "iperf3 --server" -- sh -c 'iperf3 --client $SMBQUIC_LINK_SERVER'
    python -m benchmarks.link calibrate

COMMAND runs in the client's network namespace, and --server's command in the server's. Both find
the addresses in SMBQUIC_LINK_SERVER, SMBQUIC_LINK_CLIENT and, with _IPV6 behind, those of IPv6.
The exit code is COMMAND's, or 125 if there is no link.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.link import calibrate
from benchmarks.link.counters import CLASSES, Statistics
from benchmarks.link.errors import LinkError
from benchmarks.link.link import Delay, Link, Ports
from benchmarks.link.loss import Loss
from benchmarks.link.units import parse_rate, parse_share, parse_time

NO_LINK = 125


def loss_of(options: argparse.Namespace) -> Loss:
    """The loss model that the options ask for."""
    share = parse_share(options.loss)
    return Loss.random(share) if options.burst is None else Loss.bursts(share, options.burst)


def add_loss(parser: argparse.ArgumentParser) -> None:
    """The options about loss."""
    parser.add_argument(
        "--loss", default="0", metavar="SHARE", help="each way, as 1%% (default: none)"
    )
    parser.add_argument(
        "--burst", type=float, metavar="PACKETS", help="lose in bursts of this mean length"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the loss (default: 0)")


def run_parser() -> argparse.ArgumentParser:
    """The command line that runs something."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.link",
        usage="%(prog)s [options] -- COMMAND ...\n       %(prog)s calibrate [options]",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--rate", default="unlimited", help="as 20mbit (default: unlimited)")
    parser.add_argument(
        "--delay", default="0", metavar="TIME", help="each way, as 50ms: half the round trip"
    )
    parser.add_argument(
        "--jitter", default="0", metavar="TIME", help="up to so much more, each way"
    )
    add_loss(parser)
    parser.add_argument(
        "--queue",
        default="1bdp",
        metavar="SIZE",
        help="as 64kib, or in bandwidth-delay products as 0.5bdp (default: 1bdp)",
    )
    parser.add_argument("--mtu", type=int, default=1500, help="of both devices (default: 1500)")
    parser.add_argument(
        "--quic-port", type=int, action="append", metavar="PORT", help="counted so (default: 443)"
    )
    parser.add_argument("--vpn-port", type=int, action="append", metavar="PORT", help="counted so")
    parser.add_argument("--server", metavar="CMD", help="a shell command for the server's side")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the link's counters there")
    parser.add_argument("command", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def show(counters: Statistics) -> None:
    """A table of what passed, on standard error."""
    lines = [f"{'':10} {'offered':>20} {'delivered':>20}   dropped (queue, loss, MTU, blackout)"]
    for name, direction in (("up", counters.up), ("down", counters.down)):
        for kind in CLASSES:
            traffic = getattr(direction, kind)
            if traffic.offered.packets:
                lines.append(
                    f"{name:4} {kind:5} {traffic.offered.packets:>8} {traffic.offered.bytes:>11}"
                    f" {traffic.delivered.packets:>8} {traffic.delivered.bytes:>11}"
                    f"   {traffic.queue.packets} {traffic.loss.packets}"
                    f" {traffic.mtu.packets} {traffic.blackout.packets}"
                )
    late = counters.up.late + counters.down.late
    lines.append(f"emulator: {counters.cpu_share:.1%} of a core, {late} packets late by over 1 ms")
    lines += [f"INVALID: {problem}" for problem in counters.problems]
    print("\n".join(lines), file=sys.stderr)


def run(arguments: Sequence[str]) -> int:
    """Run a command on a link: its exit code."""
    parser = run_parser()
    options = parser.parse_args(arguments)
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        parser.error("no COMMAND to run")
    try:
        link = Link(
            rate=options.rate,
            delay=Delay(options.delay, options.jitter),
            loss=loss_of(options),
            queue=options.queue,
            seed=options.seed,
            mtu=options.mtu,
            ports=Ports(quic=options.quic_port or [443], vpn=options.vpn_port or []),
        )
    except ValueError as error:
        parser.error(str(error))
    with link:
        if options.server:
            server = link.server.popen(["sh", "-c", options.server])
            try:
                link.server.wait_for_port(process=server)
            except LinkError as error:
                if server.poll() is not None:
                    raise
                print(f"link: {error}", file=sys.stderr)
        code = link.client.popen(command).wait()
    counters = link.statistics()
    show(counters)
    if options.json:
        document = {"settings": asdict(link.settings), **asdict(counters)}
        document["problems"] = counters.problems
        options.json.write_text(json.dumps(document, indent=1) + "\n")
    return code if code >= 0 else 128 - code


def run_calibration(arguments: Sequence[str]) -> int:
    """Show links as set and as measured: 1 if one is not as it was set."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.link calibrate",
        description="Set against measured, by ping and iperf3: the benchmark's links, or one.",
        allow_abbrev=False,
    )
    parser.add_argument("--rate", help="as 20mbit (default: the links of the benchmark)")
    parser.add_argument("--delay", metavar="TIME", help="each way, as 50ms: half the round trip")
    add_loss(parser)
    parser.set_defaults(loss="1%")
    parser.add_argument("--seconds", type=int, default=5, help="for each figure (default: 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    options = parser.parse_args(arguments)
    if options.seconds < 2:
        parser.error("--seconds: at least 2, for iperf3's first one is not whole")
    if (options.rate is None) != (options.delay is None):
        parser.error("--rate and --delay go together")
    links = [(options.delay, options.rate)]
    if options.rate is None:
        links = [(str(parse_time(trip) / 2 / 10**9), rate) for trip, rate in calibrate.LINKS]
    try:
        loss = loss_of(options)
        if not all(parse_rate(rate) for _, rate in links):
            parser.error("without a rate there is none to calibrate")
    except ValueError as error:
        parser.error(str(error))
    print(calibrate.HEADER)
    found = []
    for delay, rate in links:
        result = calibrate.calibrate(
            rate=rate, delay=delay, loss=loss, seed=options.seed, seconds=options.seconds
        )
        print(calibrate.row(result), flush=True)
        found.append(result)
    if options.json:
        document = [{**asdict(result), "wrong": result.wrong} for result in found]
        options.json.write_text(json.dumps(document, indent=1) + "\n")
    return 1 if any(result.wrong for result in found) else 0


def main(arguments: Sequence[str]) -> int:
    """The command line: its exit code."""
    try:
        if arguments[:1] == ["calibrate"]:
            return run_calibration(arguments[1:])
        return run(arguments)
    except LinkError as error:
        print(f"link: {error}", file=sys.stderr)
        return NO_LINK
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
