"""The benchmark: the same file work over QUIC, TCP and VPNs on the same emulated link.

    python -m benchmarks doctor
    python -m benchmarks run --profile quick [--arms tcp-encrypted,quic-qh3] [--out DIR]
    python -m benchmarks report DIR
    python -m benchmarks compare A B
    python -m benchmarks table DIR [--readme README.md]
    python -m benchmarks claims DIR ... >docs/quic-or-vpn.md
    python -m benchmarks throughput [--arms NAMES] [--mebibytes N] [--rounds N] [--json FILE]
    python -m benchmarks transfers [--works NAMES] [--programs NAMES] [--scale N] [--json FILE]
    python -m benchmarks soak [--minutes N] [--rate N] [--json FILE] [--charts FOLDER]
    python -m benchmarks link --rate 20mbit --delay 50ms -- COMMAND ...

`run` takes up where an interrupted run of the same folder ended. Exit codes: 0 done, 1 something
is not as it should be, 2 usage, 125 no link on this machine, 130 interrupted.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.arms import ALL as ARMS
from benchmarks.comparison import compare, doctor, profiles, runner
from benchmarks.comparison.links import LinkChoice
from benchmarks.comparison.plan import Visit
from benchmarks.comparison.profiles import Profile
from benchmarks.comparison.report import claims, readme, write
from benchmarks.comparison.results import Folder, load, too_few
from benchmarks.documents import DocumentError
from benchmarks.link import LinkError
from benchmarks.link.__main__ import NO_LINK
from benchmarks.link.__main__ import main as link_main
from benchmarks.soak.__main__ import main as soak_main
from benchmarks.throughput.__main__ import main as throughput_main
from benchmarks.transfers.__main__ import main as transfers_main

INTERRUPTED = 130


def parser() -> argparse.ArgumentParser:
    """The command line."""
    main = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = main.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="measure")
    run.add_argument("--profile", choices=sorted(profiles.ALL), default="quick")
    run.add_argument("--arms", help="only these, separated by commas (default: all)")
    run.add_argument(
        "--links", help="these instead of the profile's: RTT-RATE[-LOSS][-QUEUE], by commas"
    )
    run.add_argument("--out", type=Path, help="where to (default: smbquic-benchmark-PROFILE)")
    run.add_argument("--seed", type=int, help="of orders and losses (default: a random one)")
    commands.add_parser("doctor", help="what this machine lacks, and for what")
    report = commands.add_parser("report", help="make the pages of a result anew")
    report.add_argument("folder", type=Path)
    two = commands.add_parser("compare", help="two results side by side")
    two.add_argument("first", type=Path)
    two.add_argument("second", type=Path)
    table = commands.add_parser("table", help="the short table of a result, or put it into README")
    table.add_argument("folder", type=Path)
    table.add_argument("--readme", type=Path, help="replace the table between its two marks there")
    said = commands.add_parser("claims", help="what is said of QUIC, and what results say to it")
    said.add_argument("results", type=Path, nargs="+", help="folders, or their result.json")
    commands.add_parser(
        "throughput", help="rates, latencies and memory without a limit in between", add_help=False
    )
    commands.add_parser(
        "transfers", help="whole transfers beside smbclient and rclone", add_help=False
    )
    commands.add_parser("soak", help="an hour of mixed clients on one server", add_help=False)
    commands.add_parser("link", help="two programs on an emulated link", add_help=False)
    return main


def chosen_profile(options: argparse.Namespace) -> Profile:
    """The profile, with other links if asked for. Raises `ValueError`."""
    profile = profiles.ALL[options.profile]
    if not options.links:
        return profile
    first = profile.legs[0]
    names = [LinkChoice.parse(name).name for name in options.links.split(",")]
    legs = tuple(replace(first, link=name) for name in names)
    return Profile(profile.name, profile.about, profile.blocks, legs, profile.calibration_seconds)


def run(options: argparse.Namespace) -> int:
    """Measure, and write the pages."""
    console = Console(stderr=True)
    profile = chosen_profile(options)
    names = options.arms.split(",") if options.arms else list(ARMS)
    if unknown := [name for name in names if name not in ARMS]:
        raise ValueError(f"no such arm: {', '.join(unknown)}; there are {', '.join(ARMS)}")
    folder = Folder(options.out or Path(f"smbquic-benchmark-{profile.name}"))
    if folder.finished:
        raise ValueError(f"the run in {folder.path} is finished; choose another --out")
    for removed in runner.clean_up():
        console.print(f"removed what a killed run had left: {removed}")
    arms = [ARMS[name] for name in names]
    for name, lacking in doctor.missing(arms).items():
        console.print(f"[bold]left out[/]: {name}: {'; '.join(lacking)}")
    with Progress(
        TextColumn("{task.description:<34}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
    ) as bar:
        task = bar.add_task("starting")

        def show(done: int, total: int, visit: Visit | None) -> None:
            what = f"{visit.link} {visit.arm}" if visit else "calibration"
            bar.update(task, completed=done, total=total, description=what)

        result = runner.run(profile, arms, folder, show, options.seed)
    for page in write(result, folder.path):
        print(page)
    print(readme.short_table(result))
    if short := too_few(result):
        console.print(f"[bold]fewer valid samples than planned[/]: {', '.join(short)}")
    return 1 if short else 0


def main(arguments: Sequence[str]) -> int:
    """The command line: its exit code."""
    if arguments[:1] == ["link"]:
        return link_main(arguments[1:])
    if arguments[:1] == ["throughput"]:
        return throughput_main(arguments[1:])
    if arguments[:1] == ["transfers"]:
        return transfers_main(arguments[1:])
    if arguments[:1] == ["soak"]:
        return soak_main(arguments[1:])
    main_parser = parser()
    options = main_parser.parse_args(arguments)
    try:
        if options.command == "run":
            return run(options)
        if options.command == "doctor":
            lines, whole = doctor.examine()
            print("\n".join(lines))
            return 0 if whole else 1
        if options.command == "compare":
            print(compare.compare(load(options.first), load(options.second)))
            return 0
        if options.command == "claims":
            results = [load(path) for path in options.results]
            print(claims.page(results, [str(path) for path in options.results]), end="")
            return 0
        result = load(options.folder)
        if options.command == "report":
            for page in write(result, options.folder):
                print(page)
        elif options.readme:
            readme.put(result, options.readme)
        else:
            print(readme.short_table(result))
    except (ValueError, DocumentError, PermissionError) as error:
        main_parser.error(str(error))
    except LinkError as error:
        print(f"link: {error}", file=sys.stderr)
        return NO_LINK
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
