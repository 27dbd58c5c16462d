"""Takes the score of all of smbtorture's file suites, or prints scores side by side.

``python -m tests.interop.score [--relay] [--old-clients] [--workers N] here.json`` runs the
suites, a quarter of an hour; with `--old-clients` at a server that speaks every dialect and leaves
signing to clients.
``python -m tests.interop.score --table smbd.json here.json ...`` prints what `conformance.md` has.
"""

import argparse
import contextlib
import json
import tempfile
from collections.abc import Iterable
from pathlib import Path

from smbquic.pki import init
from tests.interop import torture
from tests.interop.processes import OLD_CLIENTS, running_relay, running_server

Outcomes = dict[str, str]


def take(*, relay: bool, old_clients: bool, workers: int) -> Outcomes:
    """Run every suite over TCP, or over QUIC through the relay, at a server with `workers`."""
    options = (*(OLD_CLIENTS if old_clients else ()), "--workers", str(workers))
    outcomes: Outcomes = {}
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        server = stack.enter_context(
            running_server(folder, init(folder / "pki"), "--pipes-over-quic", *options)
        )
        port = server.ports["tcp"]
        if relay:
            port = stack.enter_context(running_relay(folder, server))
        for suite in (*torture.SUITES, *torture.FURTHER_SUITES):
            found, _ = torture.run(suite, port, server.share)
            print(f"{suite}: {_count(found.values())}", flush=True)
            outcomes |= found
    return outcomes


def table(reference: Outcomes, scores: list[Outcomes]) -> list[str]:
    """For each suite how many tests pass of how many that ran, and what else the others pass."""
    lines = []
    for suite in sorted({*map(_suite, reference), *(_suite(name) for s in scores for name in s)}):
        columns = [f"`{suite}`"]
        for score in (reference, *scores):
            columns.append(_count(v for name, v in score.items() if _suite(name) == suite))
        lines.append(f"| {' | '.join(columns)} |")
    totals = [_count(score.values()) for score in (reference, *scores)]
    lines.append(f"| **all** | {' | '.join(f'**{total}**' for total in totals)} |")
    return lines


def lost(reference: Outcomes, score: Outcomes) -> list[str]:
    """The tests that pass in the reference and not here."""
    return sorted(n for n, v in reference.items() if v == "pass" and score.get(n) != "pass")


def _suite(name: str) -> str:
    return ".".join(name.split(".")[:2])


def _count(outcomes: Iterable[str]) -> str:
    ran = [outcome for outcome in outcomes if outcome != "skip"]
    return f"{ran.count('pass')} / {len(ran)}"


def main() -> None:
    """Run the suites and write a file, or print a table of files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--relay", action="store_true")
    parser.add_argument("--old-clients", action="store_true")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    if not options.table:
        [path] = options.files
        outcomes = take(
            relay=options.relay, old_clients=options.old_clients, workers=options.workers
        )
        path.write_text(json.dumps(outcomes, indent=0, sort_keys=True) + "\n")
        return
    reference, *scores = [json.loads(path.read_text()) for path in options.files]
    print("\n".join(table(reference, scores)))
    for path, score in zip(options.files[1:], scores, strict=True):
        print(f"\n{path.stem} lacks, of what {options.files[0].stem} passes:")
        print("\n".join(f"- `{name}`" for name in lost(reference, score)))


if __name__ == "__main__":
    main()
