"""Whole transfers, process start included, by smbquic, smbclient and rclone from one server.

    python -m benchmarks transfers [--works small,tree] [--programs smbquic-*,rclone] [--rounds 3]
                                   [--scale 1] [--directory FOLDER] [--json FILE] [--list]
    python -m benchmarks transfers --show FILE

`smbquic serve` runs in one network namespace, with TCP and QUIC, and the clients in another. The
emulated link between them carries 100 Mbit/s with a round trip of 50 ms; works without a limit are
on a veth pair. Each program does each work once in each round, in an order that is new each time.
What was written is compared by hash (of 100,000 files only their number).

The table has seconds (median, least, most), for smbquic what the link alone would take by its
`model` of bytes and round trips, when the first output came, megabytes of IP packets in each
direction, processor seconds of client and server, the client's peak memory in MiB, and how many
processors other programs kept busy. smbclient and rclone take hours for thousands of files over the
emulated link and are left out there, unless `--all` asks for them.

Needs root, or user namespaces. Files of the share are in memory; those that are fetched too, unless
--directory names a folder on a disk.
"""

import argparse
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from benchmarks import machine
from benchmarks.documents import DocumentError
from benchmarks.link import Link, LinkError, Network, Ports, VethPair
from benchmarks.names import is_chosen
from benchmarks.ports import QUIC_PORT
from benchmarks.programs import ProgramError
from benchmarks.transfers.clients import PROGRAMS, Program
from benchmarks.transfers.measure import Runner, serving
from benchmarks.transfers.results import Results
from benchmarks.transfers.works import DELAY, RATE, WORKS, Work
from benchmarks.workspace import Sizes, Workspace, temporary_workspace

OURS = "smbquic-"


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = argparse.ArgumentParser(
        prog="python -m benchmarks transfers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    result.add_argument("--works", default="*", metavar="NAMES", help="with wildcards and commas")
    result.add_argument("--programs", default="*", metavar="NAMES", help="the same for clients")
    result.add_argument("--list", action="store_true", help="say what works and programs there are")
    result.add_argument(
        "--show", type=Path, metavar="FILE", help="print the table of a --json file"
    )
    result.add_argument("--rounds", type=int, default=3)
    result.add_argument("--scale", type=float, default=1.0, help="0.1: a tenth of the files (1)")
    result.add_argument("--all", action="store_true", help="also what takes other programs hours")
    result.add_argument("--directory", type=Path, help="where files land (default: in memory)")
    result.add_argument("--seed", type=int, default=1, help="of contents and orders (1)")
    result.add_argument("--json", type=Path, metavar="FILE", help="also write every sample there")
    return result


Plan = list[tuple[Work, str, Program]]


def plan(options: argparse.Namespace) -> Plan:
    """Return what is asked for and can be done here."""
    programs = []
    for program in PROGRAMS:
        if not is_chosen(program.name, options.programs):
            continue
        if missing := program.missing():
            print(f"without {program.name}: {'; '.join(missing)}", file=sys.stderr)
        else:
            programs.append(program)
    return [
        (work.scaled(options.scale), verb, program)
        for work in WORKS
        if is_chosen(work.name, options.works)
        for verb in work.verbs
        for program in programs
        if verb in program.commands
        if work.few or options.all or program.name.startswith(OURS)
    ]


def fill(workspace: Workspace, work: Work, seed: int) -> None:
    """Make the files of a work, the same on the share and at the client, with the same times."""
    there = workspace.share / work.place
    work.fill(there, seed)
    if work.verbs == ("list",):
        return
    here = workspace.source / work.place
    if there.is_dir():
        shutil.copytree(there, here)
    else:
        shutil.copy2(there, here)


@contextmanager
def connected(work: Work) -> Iterator[Network]:
    """Join client and server as the work wants."""
    with ExitStack() as stack:
        if work.emulated:
            ports = Ports(quic=[QUIC_PORT])
            yield stack.enter_context(Link(rate=RATE, delay=DELAY, ports=ports))
        else:
            yield stack.enter_context(VethPair())


def measure(todo: Plan, options: argparse.Namespace) -> Results:
    """Do everything in all rounds."""
    order, results = random.Random(options.seed), Results(options.scale)
    works = list(dict.fromkeys(work for work, _, _ in todo))
    console = Console(stderr=True)
    columns = (TextColumn("{task.description:<40}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("starting", total=len(todo) * options.rounds)
        for work in works:
            bar.update(task, description=f"{work.name}: making files")
            with (
                temporary_workspace(Sizes(bulk=0, small_files=0, listings=()), 0) as workspace,
                connected(work) as network,
            ):
                fill(workspace, work, options.seed)
                with serving(network, workspace) as server:
                    runner = Runner(
                        network, workspace, server, options.directory or workspace.scratch
                    )
                    for number in range(options.rounds):
                        steps = [(verb, program) for each, verb, program in todo if each == work]
                        order.shuffle(steps)
                        for verb, program in steps:
                            name = f"{work.name} {verb} {program.name}"
                            bar.update(task, description=name)
                            try:
                                sample = runner.run(work, verb, program)
                            except (ProgramError, LinkError, subprocess.SubprocessError) as error:
                                results.failures.append(f"round {number}: {name}: {error}")
                                console.print(results.failures[-1], markup=False)
                            else:
                                results.samples.append(sample)
                                console.print(f"{name}: {sample.seconds:.2f} s", markup=False)
                            bar.advance(task)
    return results


def show(results: Results) -> None:
    """Print the table, the marks, and what failed."""
    for line in (*results.lines(), *results.marks(), *results.failures):
        print(line)


def main(arguments: Sequence[str]) -> int:
    """Exit code 0 if nothing failed, hashes included; whether marks are met is only said."""
    main_parser = parser()
    options = main_parser.parse_args(arguments)
    if options.list:
        for work in WORKS:
            print(f"{work.name:12} {work.title}: {', '.join(work.verbs)}")
        for program in PROGRAMS:
            print(f"{program.name:12} {'; '.join(program.missing())}".rstrip())
        return 0
    if options.show:
        try:
            show(Results.load(options.show))
        except DocumentError as error:
            main_parser.error(str(error))
        return 0
    todo = plan(options)
    if not todo:
        print("there is no such work or program: see --list", file=sys.stderr)
        return 2
    results = measure(todo, options)
    if options.json:
        given = {name: str(value) for name, value in vars(options).items()}
        results.save(options.json, {"machine": machine.describe(), "options": given})
    show(results)
    return 1 if results.failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
