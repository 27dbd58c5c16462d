"""Fuzzes every decoder, both ends of the protocol, and a live server over both transports.

    python -m tests.fuzz --minutes 10

Takes atheris (`pip install --group fuzz`), and two processors for all of the time. Ends with 1 if
anything was found.
"""

import argparse
import asyncio
import importlib.util
import json
import sys
import tempfile
import time
from pathlib import Path

from tests.engines import ENGINES
from tests.fuzz import corpus, live
from tests.fuzz.processes import Process, schedule
from tests.fuzz.rows import Row, table
from tests.fuzz.targets import WEIGHTS, load
from tests.fuzz.worker import MISSING

_LIVE = 0.35
"""The part of the time that belongs to the live server."""
_ENDS = 10.0
"""Seconds that beginnings and ends take."""
_TELL = 15.0


class Run:
    """All of it: some targets, for so many seconds in all."""

    def __init__(
        self, names: list[str], seconds: float, seed: int, folder: Path, *, engine: str
    ) -> None:
        self._seed = seed
        self._engine = engine
        self._end = time.monotonic() + seconds
        self._processes = {
            name: Process(name, folder / name, seed) for name in names if name in WEIGHTS
        }
        self._live = {name: Row(name) for name in names if name in live.NAMES}
        self.visits = ""

    @property
    def rows(self) -> list[Row]:
        """The figures of all targets."""
        return [*(each.row for each in self._processes.values()), *self._live.values()]

    async def run(self) -> None:
        """Those under atheris, two at a time; then the live server."""
        telling = asyncio.create_task(self._tell())
        left = self._end - time.monotonic() - _ENDS
        part = _LIVE if self._processes and self._live else float(bool(self._live))
        if self._processes:
            weights = {name: WEIGHTS[name] for name in self._processes}
            lanes = schedule(weights, left * (1 - part))
            await asyncio.gather(*map(self._run_lane, lanes))
        if self._live:
            scripts = self._scripts()
            seconds = max(self._end - time.monotonic() - _ENDS, 1)
            self.visits = await live.fuzz(
                self._live, seconds, self._seed, scripts, engine=self._engine
            )
        telling.cancel()

    def keep(self) -> None:
        """Make the kept corpus of what there is now."""
        for name, process in self._processes.items():
            kept = corpus.minimised(load(name).run, process.inputs())
            print(f"{name}: {corpus.save(name, kept)} of {len(kept)} inputs kept")

    def _scripts(self) -> list[bytes]:
        """Those of the server, without the two bytes that say over which transport and when."""
        process = self._processes.get("server")
        found = process.inputs() if process else corpus.load("server")
        return [script[2:] for script in found]

    async def _run_lane(self, lane: dict[str, float]) -> None:
        for name, seconds in lane.items():
            await self._processes[name].run(seconds)

    async def _tell(self) -> None:
        started = time.monotonic()
        while True:
            await asyncio.sleep(_TELL)
            said = [f"{row.target} {row.executions}" for row in self.rows if row.executions]
            print(f"{time.monotonic() - started:.0f} s: {', '.join(said)}", flush=True)


def main() -> int:
    """Run the command."""
    names = [*WEIGHTS, *live.NAMES]
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="of the whole, by the clock")
    parser.add_argument(
        "--target", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names)
    )
    parser.add_argument(
        "--engine", choices=["auto", *ENGINES], default="auto", help="of the live server"
    )
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--json", type=Path, help="write the figures and findings to this file")
    parser.add_argument("--keep", action="store_true", help="renew tests/fuzz/corpus afterwards")
    given = parser.parse_args()
    if importlib.util.find_spec("atheris") is None and any(n in WEIGHTS for n in given.target):
        sys.exit(MISSING)
    with tempfile.TemporaryDirectory(prefix="fuzz") as name:
        seconds, folder = given.minutes * 60, Path(name)
        run = Run(given.target, seconds, given.seed, folder, engine=given.engine)
        started = time.monotonic()
        asyncio.run(run.run())
        code = _report(run, time.monotonic() - started, given.seed, given.json)
        if given.keep:
            run.keep()
    return code


def _report(run: Run, took: float, seed: int, path: Path | None) -> int:
    findings = [finding for row in run.rows for finding in row.findings]
    print("\n".join(table(run.rows)))
    print(f"{took:.0f} s, seed {seed}; {run.visits or 'no live server'}")
    for finding in findings:
        print(f"\n{finding['target']}: {finding['what']}\n{finding['text'][-6000:]}")
        print(f"input: {finding['input']}")
    if path:
        figures = {"seed": seed, "seconds": took, "rows": [row.as_dict() for row in run.rows]}
        path.write_text(json.dumps(figures, indent=1))
    print(f"{len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
