"""A soak: mixed clients at a rate on one server, and whether it stays as it was.

    python -m benchmarks soak [--minutes 60] [--rate 150] [--seed 1] [--json FILE]
                              [--charts FOLDER]
    python -m benchmarks soak --show FILE [--charts FOLDER]

`smbquic serve` runs in a process of its own, with QUIC, TCP, audit records, log, status page and
metrics. Processes of clients over QUIC (with each engine that is installed) and TCP log on and off
again; they create, write, read, list, rename and delete small and large files, lock, keep leases,
watch folders, lose connections and take up their durable opens. Whatever they read is compared with
what was written.
One process of clients after the other is killed with SIGKILL, with opens, locks, leases and watches
in its hands. Debian's smbclient does a little, too.

The server's memory, descriptors, threads, sessions, opens, locks, leases and the lag of its event
loop are sampled at every interval. When all clients are gone, all that they held has to be given
back, and that is waited for: a killed client's connection and durable opens end by time-outs.

Operations are started at --rate, and no faster. Ctrl-C ends the load early, and the rest is done
and reported. Exit codes: 0 all marks are met, 1 not, 2 usage, 130 interrupted.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import machine
from benchmarks.documents import DocumentError
from benchmarks.names import is_chosen
from benchmarks.programs import ProgramError, missing_engine, missing_programs
from benchmarks.soak.charts import write_charts
from benchmarks.soak.plan import TRANSPORTS, SoakPlan, Transport
from benchmarks.soak.results import MEBIBYTE, Results
from benchmarks.soak.run import soak
from benchmarks.soak.samples import Sample

INTERRUPTED = 130
SAVED = 30
"""Samples after which the results so far are written."""


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = argparse.ArgumentParser(
        prog="python -m benchmarks soak",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    result.add_argument("--minutes", type=float, default=60.0, help="of load (60)")
    result.add_argument("--rate", type=float, default=150.0, help="operations per second (150)")
    result.add_argument("--seed", type=int, default=1, help="of contents and choices (1)")
    result.add_argument("--interval", type=float, default=10.0, help="seconds between samples (10)")
    result.add_argument(
        "--transports", default="*", metavar="NAMES", help=f"of {', '.join(TRANSPORTS)} (all)"
    )
    result.add_argument("--kill", default="*", metavar="NAMES", help="whose clients are killed")
    result.add_argument("--sessions", type=int, default=8, help="of each transport (8)")
    result.add_argument(
        "--durable-seconds", type=float, default=30.0, help="the server's limit of that name (30)"
    )
    result.add_argument("--directory", type=Path, help="where the files are (default: in memory)")
    result.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    result.add_argument("--charts", type=Path, metavar="FOLDER", help="write charts (SVG) there")
    result.add_argument("--show", type=Path, metavar="FILE", help="print those of a --json file")
    return result


def plan_of(options: argparse.Namespace) -> SoakPlan:
    """Return what is asked for. Raises ValueError if it cannot be."""
    there = [name for name in TRANSPORTS if _is_installed(name)]
    chosen = tuple(name for name in there if is_chosen(name, options.transports))
    if not chosen:
        raise ValueError(f"no such transport: there are {', '.join(there)}")
    if min(options.minutes, options.rate, options.interval, options.sessions) <= 0:
        raise ValueError("minutes, rate, interval and sessions are above 0")
    return SoakPlan(
        seconds=options.minutes * 60,
        rate=options.rate,
        seed=options.seed,
        interval=options.interval,
        transports=chosen,
        sessions=options.sessions,
        killed=tuple(name for name in there if is_chosen(name, options.kill)),
        kill_interval=min(20.0, options.minutes * 60 / 4),
        durable_seconds=options.durable_seconds,
    )


def _is_installed(transport: Transport) -> bool:
    _, _, engine = transport.partition("-")
    return not engine or not missing_engine(engine)


def line(sample: Sample) -> str:
    """Return how it goes."""
    rate = sum(figures["rate"] for figures in sample.transports.values())
    failures = sum(figures["failures"] for figures in sample.transports.values())
    times = " ".join(
        f"{name} {figures['p50'] * 1000:.1f}/{figures['p99'] * 1000:.0f}"
        for name, figures in sorted(sample.transports.items())
        if figures["p50"]
    )
    return (
        f"{sample.seconds:6.0f} s {rate:5.0f}/s {failures:.0f} failed,"
        f" {sample.rss / MEBIBYTE:.1f} MiB, {sample.descriptors} fds, {sample.held['sessions']}"
        f" sessions, {sample.held['opens']} opens, {sample.held['leases']} leases,"
        f" {sample.held['locks']} locks; p50/p99 ms: {times}; processors"
        f" {sample.server:.2f}+{sample.clients:.2f}, others {sample.others:.2f}"
    )


async def _run(plan: SoakPlan, options: argparse.Namespace) -> Results:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    description = {"machine": machine.describe()}

    def show(results: Results) -> None:
        print(line(results.samples[-1]), file=sys.stderr, flush=True)
        # What a run has found so far is there, should it be killed.
        if options.json and len(results.samples) % SAVED == 0:
            results.save(options.json, description)

    results = await soak(plan, options.directory, stopping, show)
    results.summarize()
    if options.json:
        results.save(options.json, description)
    return results


def main(arguments: Sequence[str]) -> int:
    """Run the command; its exit code."""
    main_parser = parser()
    options = main_parser.parse_args(arguments)
    if options.show:
        try:
            results = Results.load(options.show)
        except DocumentError as error:
            main_parser.error(str(error))
    else:
        try:
            plan = plan_of(options)
        except ValueError as error:
            main_parser.error(str(error))
        for problem in missing_programs({"smbclient": "smbclient"}):
            print(f"without smbclient: {problem}", file=sys.stderr)
        try:
            results = asyncio.run(_run(plan, options))
        except ProgramError as error:
            print(error, file=sys.stderr)
            return 1
    print("\n".join(results.lines()))
    if options.charts:
        for chart in write_charts(results, options.charts):
            print(chart)
    if results.interrupted:
        return INTERRUPTED
    return 0 if all(met for met, _ in results.marks()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
