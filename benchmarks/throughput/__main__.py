"""Throughput, latency, processor time and memory, ours and other people's, in one run.

    python -m benchmarks.throughput [--arms quic-*,raw-*] [--mebibytes 1024] [--rounds 5]
                                    [--json FILE] [--list]

Every arm is measured once in each round, in an order that is new each time, between two network
namespaces joined by a veth pair (one of MTU 1500, one of 9000), with servers and clients that are
started for it; the table has medians and, in brackets, the least and the most. All files are
compared by hash. Rates are those of the transfer itself, flush and rename included, without
the logon; of smbclient, what it says. Files lie in memory (/dev/shm, if there is room), so that
no disk is measured. Where other people's processes used more than a tenth of a core meanwhile, the
sample is taken again, a few times, and marked as noisy in the end. Small operations are measured
with client and server on a core each: where the kernel puts both on one, by turns, everybody's
figures go up fivefold. A slow reader takes 1 MB/s, for twice --seconds.

The places of both ends, and smbd, need root. Without it all is on loopback, and without smbd.
"""

import argparse
import fnmatch
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

from benchmarks.link import LinkError
from benchmarks.programs import ProgramError
from benchmarks.throughput import machine, wireguard
from benchmarks.throughput.arms import Arm, all_arms
from benchmarks.throughput.bench import MEBIBYTE, Bench, WrongBytesError, make_file
from benchmarks.throughput.place import place
from benchmarks.throughput.report import NOISE, Results, Sample, targets
from benchmarks.usage import Neighbours
from smbquic.pki import init

MEMORY = Path("/dev/shm")
LOOK = 0.5
"""Seconds for which the others have to be quiet before a measurement."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    result = argparse.ArgumentParser(
        prog="python -m benchmarks.throughput",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    result.add_argument("--arms", default="*", metavar="NAMES", help="with wildcards and commas")
    result.add_argument("--list", action="store_true", help="say what arms there are")
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


def chosen(patterns: str) -> list[Arm]:
    """The arms that are asked for and can be measured here."""
    names = patterns.split(",")
    arms = [arm for arm in all_arms() if any(fnmatch.fnmatchcase(arm.name, name) for name in names)]
    for arm in arms:
        if arm.lacking:
            print(f"without {arm.name}: lacking {', '.join(arm.lacking)}", file=sys.stderr)
    return [arm for arm in arms if not arm.lacking]


@contextmanager
def prepared(options: argparse.Namespace, arms: Sequence[Arm]) -> Iterator[Bench]:
    """Places, files and certificates."""
    size = options.mebibytes * MEBIBYTE
    with ExitStack() as stack:
        ordinary = stack.enter_context(place(1500))
        jumbo = stack.enter_context(place(9000))
        inside = None
        if any(arm.name.endswith("-wireguard") for arm in arms):
            inside = stack.enter_context(wireguard.tunnel(ordinary))
        home = options.directory
        if home is None and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 4 * size:
            home = MEMORY
        directory = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="smbquic-bench-", dir=home))
        )
        (directory / "share").mkdir()
        yield Bench(
            ordinary=ordinary,
            jumbo=jumbo,
            inside_wireguard=inside,
            directory=directory,
            pki=init(directory / "pki", names=[ordinary.server.address]),
            size=size,
            digest=make_file(directory / "share" / "big", size),
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
        self._neighbours = Neighbours()

    def take(self, arm: Arm, number: int) -> Sample:
        """One sample, the least noisy of a few."""
        samples: list[Sample] = []
        while len(samples) <= self._retries:
            self._wait()
            figures = arm.measure(self._bench)
            samples.append(Sample(arm.name, number, self._neighbours.load(), figures))
            if not samples[-1].noisy:
                break
        return min(samples, key=lambda sample: sample.others)

    def _wait(self) -> None:
        deadline = time.monotonic() + self._patience
        self._neighbours.load()
        while True:
            time.sleep(LOOK)
            if self._neighbours.load() < NOISE or time.monotonic() > deadline:
                return


def measure(bench: Bench, arms: Sequence[Arm], options: argparse.Namespace) -> Results:
    """All rounds."""
    order = random.Random(options.seed)
    taker = Taker(bench, options.patience, options.retries)
    results = Results()
    for number in range(options.rounds):
        this_round = [arm for arm in arms if number == 0 or not arm.once]
        order.shuffle(this_round)
        for arm in this_round:
            try:
                sample = taker.take(arm, number)
            except (ProgramError, WrongBytesError, LinkError, subprocess.SubprocessError) as error:
                results.failures.append(f"round {number}: {arm.name}: {error}")
                print(results.failures[-1], file=sys.stderr, flush=True)
                continue
            results.samples.append(sample)
            main_figures = {
                work: f"{next(iter(figures.values())):.4g}"
                for work, figures in sample.figures.items()
            }
            print(f"round {number}: {arm.name}: {main_figures}", file=sys.stderr, flush=True)
    return results


def main() -> int:
    """Exit code 0 if nothing failed, hashes included; whether targets are met is only said."""
    options = parser().parse_args()
    if options.list:
        for arm in all_arms():
            lacking = f" (lacking here: {', '.join(arm.lacking)})" if arm.lacking else ""
            print(f"{arm.name:20} {arm.title}{lacking}")
        return 0
    arms = chosen(options.arms)
    if not arms:
        print("there is no such arm: see --list", file=sys.stderr)
        return 2
    setting = machine.describe()
    with prepared(options, arms) as bench:
        places = [bench.ordinary.name, bench.jumbo.name]
        results = measure(bench, arms, options)
    for line in results.lines({arm.name: arm.title for arm in arms}):
        print(line)
    for target in targets():
        if verdict := target.line(results):
            print(verdict)
    if options.json:
        document = {
            "machine": setting,
            "places": places,
            "options": {
                name: str(value) if isinstance(value, Path) else value
                for name, value in vars(options).items()
            },
            "failures": results.failures,
            "samples": [{**asdict(sample), "noisy": sample.noisy} for sample in results.samples],
        }
        options.json.write_text(json.dumps(document, indent=1) + "\n")
    for failure in results.failures:
        print(failure.partition("\n")[0])
    return 1 if results.failures else 0


if __name__ == "__main__":
    sys.exit(main())
