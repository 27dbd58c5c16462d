"""Takes a sample of small changes to the package, and counts those that the tests notice.

    python -m tests.mutation --sample 100 --seed 1

Takes cosmic-ray (`pip install --group mutation`). Ends with 1 if a change went unnoticed that
`equivalent.toml` does not name as one without an effect.
"""

import argparse
import json
import sys
import tempfile
import tomllib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from queue import Queue
from typing import Any

from tests.mutation.mutants import mutated, sample
from tests.mutation.trial import (
    LIMIT_FACTOR,
    ROOMS,
    SHORTEST_LIMIT,
    Mutant,
    Result,
    TimeLimits,
    WorkingTree,
)

_EQUIVALENT = Path(__file__).with_name("equivalent.toml")
_OUTCOMES = ("killed", "timed out", "survived", "equivalent")


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutation", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--sample", type=int, default=100, help="how many changes")
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    parser.add_argument("--room", action="append", choices=ROOMS, help="only of these rooms")
    parser.add_argument("--again", type=Path, metavar="FILE", help="only those that survived there")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    parser.add_argument(
        "--limit",
        type=float,
        help="seconds after which tests count as hanging"
        f" (default: {LIMIT_FACTOR} times what they take, at least {SHORTEST_LIMIT:.0f})",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    arguments = parser.parse_args()
    if arguments.again:
        mutants = _survivors(json.loads(arguments.again.read_text()))
    else:
        mutants = sample(arguments.sample, arguments.seed, tuple(arguments.room or ROOMS))
    rows = run(mutants, arguments.jobs, arguments.limit)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")
    print(table(rows))
    return int(any(row["outcome"] == "survived" for row in rows))


def run(mutants: list[Mutant], jobs: int, limit: float | None) -> list[dict[str, Any]]:
    """Try all mutants, so many at a time; each with what came of it."""
    known = {_key(each): each["why"] for each in _equivalent()}
    with (
        tempfile.TemporaryDirectory(prefix="smbquic-mutation-") as scratch,
        ThreadPoolExecutor(jobs) as threads,
    ):
        trees: Queue[WorkingTree] = Queue()
        limits = TimeLimits(limit)
        for number in range(jobs):
            trees.put(WorkingTree(Path(scratch) / str(number), limits))

        def try_out(mutant: Mutant, changed: str) -> dict[str, Any]:
            row = asdict(mutant)
            tree = trees.get()
            try:
                result = tree.try_out(mutant, changed)
            finally:
                trees.put(tree)
            if result.outcome == "survived" and _key(row) in known:
                result = Result("equivalent", known[_key(row)], result.seconds)
            print(
                f"{result.outcome:<10} {mutant.module}:{mutant.line} {mutant.operator}"
                f"\n    - {mutant.before}\n    + {mutant.after}",
                flush=True,
            )
            return {**row, **asdict(result)}

        # All at once, so that the project may be worked on meanwhile.
        texts = list(map(mutated, mutants))
        return list(threads.map(try_out, mutants, texts))


def table(rows: list[dict[str, Any]]) -> str:
    """The results by room. What timed out counts as killed, what is equivalent as nothing."""
    lines = [f"{'room':<10} {'mutants':>8}" + "".join(f"{each:>12}" for each in _OUTCOMES)]
    for room in (*ROOMS, ""):
        counts = Counter(row["outcome"] for row in rows if room in ("", row["room"]))
        total = counts.total()
        if not total:
            continue
        killed = counts["killed"] + counts["timed out"]
        share = f"{100 * killed / max(total - counts['equivalent'], 1):>7.1f} %"
        cells = "".join(f"{counts[each]:>12}" for each in _OUTCOMES)
        lines.append(f"{room or 'all':<10} {total:>8}{cells}{share}")
    return "\n".join(lines)


def _survivors(rows: list[dict[str, Any]]) -> list[Mutant]:
    fields = Mutant.__dataclass_fields__
    return [
        Mutant(**{name: row[name] for name in fields})
        for row in rows
        if row["outcome"] == "survived"
    ]


def _equivalent() -> list[dict[str, str]]:
    found: list[dict[str, str]] = tomllib.loads(_EQUIVALENT.read_text()).get("mutant", [])
    return found


def _key(row: dict[str, Any]) -> tuple[str, str, str]:
    return row["module"], row["before"], row["after"]


if __name__ == "__main__":
    sys.exit(main())
