"""The targets that run in processes of their own under atheris, two at a time."""

import asyncio
import os
import re
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tests.fuzz import corpus
from tests.fuzz.findings import Findings
from tests.fuzz.rows import Row
from tests.fuzz.targets import load
from tests.fuzz.worker import SECONDS

LANES = 2
GROWTH = 64
"""MiB by which a process may grow once it has read its corpus."""
_ENDING = 30.0
"""Seconds that a process may take to end, besides what an input may take."""
_SAMPLE = 2.0
_LEAST = 5.0
_MEMORY = Path("/dev/shm")
_PULSE = re.compile(r"#(\d+)\s+(\w+)\s+cov: (\d+) ft: (\d+) corp: (\d+)")


def schedule(weights: Mapping[str, int], seconds: float) -> list[dict[str, float]]:
    """For each lane its targets and their seconds; the fullest lane takes `seconds`."""
    lanes: list[dict[str, float]] = [{} for _ in range(LANES)]
    for name, weight in sorted(weights.items(), key=lambda each: -each[1]):
        min(lanes, key=lambda lane: sum(lane.values()))[name] = weight
    for lane in lanes:
        whole = sum(lane.values())
        for name in lane:
            lane[name] *= seconds / whole
    return lanes


def _temporary() -> dict[str, str]:
    """Where files are made and flushed a hundred times a second: in memory, if there is a place."""
    return {"TMPDIR": str(_MEMORY)} if _MEMORY.is_dir() else {}


class Process:
    """One target, until its time is over; `row` is kept up to date."""

    def __init__(self, target: str, folder: Path, seed: int) -> None:
        self.row = Row(target)
        self._target = target
        self._folder = folder
        self._seed = seed
        self._findings = Findings(target, folder / "findings")
        self._said: list[str] = []
        self._earlier = 0

    async def run(self, seconds: float) -> None:
        """Fuzz for so long; a process that ends early is a finding, and is followed by another."""
        self._spread()
        started = time.monotonic()
        until = started + seconds
        while until - time.monotonic() > _LEAST:
            code = await self._one(until)
            if code:
                self._note_end(code)
            if code and self.row.executions == self._earlier:
                break  # it would end as soon again
            self._earlier = self.row.executions
        self.row.seconds = time.monotonic() - started
        self.row.corpus = len(list((self._folder / "corpus").iterdir()))
        if self.row.memory.growth > GROWTH:
            what = f"{self.row.memory.growth} MiB more memory than in the beginning"
            self._findings.note_end(b"", what, "")
        self.row.findings = self._findings.all()

    def inputs(self) -> list[bytes]:
        """The corpus as it is now."""
        return [path.read_bytes() for path in (self._folder / "corpus").iterdir()]

    def _spread(self) -> None:
        folder = self._folder / "corpus"
        folder.mkdir(parents=True)
        for number, data in enumerate([*load(self._target).seeds(), *corpus.load(self._target)]):
            (folder / f"kept{number:04}").write_bytes(data)

    async def _one(self, until: float) -> int:
        self._said.clear()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.fuzz.worker", self._target, str(self._folder)),
            *("--until", str(until), "--seed", str(self._seed + self._earlier)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env=os.environ | _temporary(),
        )
        sampling = asyncio.create_task(self._sample(process.pid))
        try:
            patience = until - time.monotonic() + SECONDS + _ENDING
            async with asyncio.timeout(patience):
                await self._listen(process)
                return await process.wait()
        except TimeoutError:
            self._said.append("it does not end")
            return -1
        finally:
            sampling.cancel()
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        async for raw in process.stderr:
            line = raw.decode(errors="replace").rstrip()
            pulse = _PULSE.match(line)
            if pulse is None:
                self._said = [*self._said[-200:], line]
                continue
            row = self.row
            row.executions = self._earlier + int(pulse[1])
            row.edges, row.features, row.corpus = (int(pulse[group]) for group in (3, 4, 5))

    async def _sample(self, pid: int) -> None:
        while True:
            await asyncio.sleep(_SAMPLE)
            if self.row.features:  # once the corpus is read
                self.row.memory.sample(pid)

    def _note_end(self, code: int) -> None:
        """libFuzzer writes the input that did not end, or took all memory, into a file."""
        artifacts = [path for path in self._folder.iterdir() if path.is_file()]
        what, data = f"the process ended with {code}", b""
        for path in artifacts:
            what, data = f"{path.name.partition('-')[0]} of a whole process", path.read_bytes()
            path.unlink()
        self._findings.note_end(data, what, "\n".join(self._said))
