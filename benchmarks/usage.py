"""The cost of work: seconds, processor seconds, memory."""

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

TICK: int = os.sysconf("SC_CLK_TCK")


class Stopwatch:
    """A stopwatch for the process that it is in."""

    def __init__(self) -> None:
        self.seconds = self.cpu_seconds = 0.0
        self._started = self._cpu = 0.0

    def begin(self) -> None:
        """Start."""
        self._started, self._cpu = time.monotonic(), time.process_time()

    def end(self) -> None:
        """Stop."""
        self.seconds = time.monotonic() - self._started
        self.cpu_seconds = time.process_time() - self._cpu

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(self, *exception: object) -> None:
        self.end()

    def report(self) -> dict[str, float]:
        """The figures, for JSON."""
        return {
            "seconds": self.seconds,
            "cpu_seconds": self.cpu_seconds,
            "peak_bytes": peak_memory("self"),
        }


def peak_memory(process: int | str) -> int:
    """The most memory that a process has had resident so far, in bytes.

    `getrusage` is no help: it counts what the process was before it became this program.
    """
    return _memory(process, "VmHWM")


def memory(process: int | str) -> int:
    """Return the resident memory of a process, in bytes."""
    return _memory(process, "VmRSS")


def _memory(process: int | str, name: str) -> int:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    [value] = [line.split()[1] for line in lines if line.startswith(f"{name}:")]
    return int(value) * 1024


@dataclass(frozen=True, slots=True)
class Process:
    """One line of the process table; `ticks` counts those of children that have ended too."""

    parent: int
    ticks: int


def table() -> dict[int, Process]:
    """Every process there is."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            # It may end meanwhile.
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                found[int(entry.name)] = Process(int(fields[1]), sum(map(int, fields[11:15])))
    return found


def descendants(root: int, processes: dict[int, Process]) -> set[int]:
    """A process and all below it."""
    family, size = {root}, 0
    while len(family) > size:
        size = len(family)
        family |= {number for number, process in processes.items() if process.parent in family}
    return family


def tree_cpu_seconds(root: int) -> float:
    """Processor time that a process and all below it have used so far."""
    processes = table()
    family = descendants(root, processes)
    return sum(processes[number].ticks for number in family if number in processes) / TICK
