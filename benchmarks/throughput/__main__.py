"""Throughput, latency, processor time and memory, ours and other people's, in one run.

    python -m benchmarks throughput [--arms quic-*,raw-*] [--mebibytes 1024] [--rounds 5]
                                    [--json FILE] [--list]
    python -m benchmarks throughput --show FILE

Every arm is measured once in each round, in an order that is new each time, between two network
namespaces joined by a veth pair (one of MTU 1500, one of 9000), with servers and clients that are
started for it; the table has medians and, in brackets, the least and the most. All files are
compared by hash. Rates are those of the transfer itself, flush and rename included, without
the logon; of smbclient, what it says. Files lie in memory (/dev/shm, if there is room), so that
no disk is measured. Where other people's processes used more than a tenth of a core meanwhile, the
sample is taken again, a few times, and marked as noisy in the end. Small operations are measured
with client and server on a core each: where the kernel puts both on one, by turns, everybody's
figures go up fivefold. Handshakes are measured in the same way, as many as small operations; a
twentieth of them by processes of openssl, of which only the server's processor time counts. A slow
reader takes 1 MB/s, for twice --seconds; what the status page takes is measured for eight times as
long.

The network namespaces of both ends, and smbd, need root. Without it all is on loopback, and
without smbd.
"""

import argparse
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks import machine
from benchmarks.documents import DocumentError
from benchmarks.link import LinkError
from benchmarks.names import is_chosen
from benchmarks.other_programs import OtherProcesses
from benchmarks.programs import ProgramError
from benchmarks.throughput.bench import MEBIBYTE, Bench
from benchmarks.throughput.measurements import Measurement, all_measurements
from benchmarks.throughput.networks import fast_network
from benchmarks.throughput.results import NOISE, Results, Sample
from benchmarks.throughput.targets import targets
from benchmarks.workspace import Sizes, temporary_workspace

MEMORY = Path("/dev/shm")
COPIES = 4
"""How many files of the large one's size there may be at a time."""
LOOK = 0.5
"""Seconds for which the others have to be quiet before a measurement."""


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = argparse.ArgumentParser(
        prog="python -m benchmarks throughput",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    result.add_argument("--arms", default="*", metavar="NAMES", help="with wildcards and commas")
    result.add_argument("--list", action="store_true", help="say what arms there are")
    result.add_argument(
        "--show", type=Path, metavar="FILE", help="print the table of a --json file"
    )
    result.add_argument("--mebibytes", type=int, default=1024, help="of the large file (1024)")
    result.add_argument("--rounds", type=int, default=5)
    result.add_argument("--seconds", type=int, default=3, help="of each smbtorture benchmark (3)")
    result.add_argument("--operations", type=int, default=4000, help="of each small kind (4000)")
    result.add_argument("--connections", type=int, default=2000, help="that are idle (2000)")
    result.add_argument("--directory", type=Path, help="for the files (default: in memory)")
    result.add_argument("--patience", type=float, default=60, help="seconds to wait for quiet (60)")
    result.add_argument("--retries", type=int, default=3, help="of noisy samples (3)")
    result.add_argument("--seed", type=int, default=1, help="of the order of the arms (1)")
    result.add_argument("--json", type=Path, help="also write every sample to this file")
    return result


def chosen(patterns: str) -> list[Measurement]:
    """Return those that are asked for and can be made here."""
    found = []
    for one in all_measurements():
        if not is_chosen(one.name, patterns):
            continue
        if missing := one.missing():
            print(f"without {one.name}: {'; '.join(missing)}", file=sys.stderr)
        else:
            found.append(one)
    return found


@contextmanager
def prepared(options: argparse.Namespace) -> Iterator[Bench]:
    """Make the networks, the files and the certificates."""
    size = options.mebibytes * MEBIBYTE
    directory = options.directory
    if directory is None and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > COPIES * size:
        directory = MEMORY
    sizes = Sizes(bulk=size, small_files=0, listings=())
    with ExitStack() as stack:
        yield Bench(
            ordinary=stack.enter_context(fast_network(1500)),
            jumbo=stack.enter_context(fast_network(9000)),
            workspace=stack.enter_context(temporary_workspace(sizes, options.seed, directory)),
            seconds=options.seconds,
            operations=options.operations,
            connections=options.connections,
        )


class Taker:
    """Takes samples when the machine is quiet."""

    def __init__(self, bench: Bench, patience: float, retries: int) -> None:
        self._bench = bench
        self._patience = patience
        self._retries = retries
        self._others = OtherProcesses()

    def take(self, measurement: Measurement, number: int) -> Sample:
        """Take one sample, the least noisy of a few."""
        samples: list[Sample] = []
        while len(samples) <= self._retries:
            self._wait()
            figures = measurement.make(self._bench)
            samples.append(Sample(measurement.name, number, self._others.load(), figures))
            if not samples[-1].noisy:
                break
        return min(samples, key=lambda sample: sample.others)

    def _wait(self) -> None:
        deadline = time.monotonic() + self._patience
        self._others.load()
        while True:
            time.sleep(LOOK)
            if self._others.load() < NOISE or time.monotonic() > deadline:
                return


def measure(
    bench: Bench, measurements: Sequence[Measurement], options: argparse.Namespace
) -> Results:
    """Make all rounds."""
    order = random.Random(options.seed)
    taker = Taker(bench, options.patience, options.retries)
    results = Results()
    for number in range(options.rounds):
        this_round = [one for one in measurements if number == 0 or not one.once]
        order.shuffle(this_round)
        for one in this_round:
            try:
                sample = taker.take(one, number)
            except (ProgramError, LinkError, subprocess.SubprocessError) as error:
                results.failures.append(f"round {number}: {one.name}: {error}")
                print(results.failures[-1], file=sys.stderr, flush=True)
                continue
            results.samples.append(sample)
            main_figures = {
                work: f"{next(iter(figures.values())):.4g}"
                for work, figures in sample.figures.items()
            }
            print(f"round {number}: {one.name}: {main_figures}", file=sys.stderr, flush=True)
    return results


def show(results: Results) -> None:
    """Print the table, what became of the targets, and what failed."""
    titles = {one.name: one.title for one in all_measurements()}
    for line in results.lines(titles):
        print(line)
    for target in targets():
        if outcome := target.line(results):
            print(outcome)
    for failure in results.failures:
        print(failure.partition("\n")[0])


def main(arguments: Sequence[str]) -> int:
    """Exit code 0 if nothing failed, hashes included; whether targets are met is only said."""
    main_parser = parser()
    options = main_parser.parse_args(arguments)
    if options.list:
        for one in all_measurements():
            missing = f" ({'; '.join(found)})" if (found := one.missing()) else ""
            print(f"{one.name:20} {one.title}{missing}")
        return 0
    if options.show:
        try:
            show(Results.load(options.show))
        except DocumentError as error:
            main_parser.error(str(error))
        return 0
    measurements = chosen(options.arms)
    if not measurements:
        print("there is no such arm: see --list", file=sys.stderr)
        return 2
    description = {
        "machine": machine.describe(),
        "options": {
            name: str(value) if isinstance(value, Path) else value
            for name, value in vars(options).items()
        },
    }
    with prepared(options) as bench:
        networks = [bench.ordinary.name, bench.jumbo.name]
        results = measure(bench, measurements, options)
    if options.json:
        results.save(options.json, {**description, "networks": networks})
    show(results)
    return 1 if results.failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
