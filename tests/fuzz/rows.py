"""The row of the report about a target whose time is over."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

_HEADINGS = (
    *("target", "seconds", "executions", "per second", "edges", "features"),
    *("corpus", "memory MiB", "findings"),
)


@dataclass
class ProcessMemory:
    """Resident memory of a process in MiB: of its first sample, its last, and at most."""

    first: int = 0
    last: int = 0
    peak: int = 0

    def sample(self, pid: int) -> None:
        """Look at a process, which may be gone."""
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            return
        sizes = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")]
        if sizes:
            self.last = int(sizes[0]) >> 10
            self.first = self.first or self.last
            self.peak = max(self.peak, self.last)

    @property
    def growth(self) -> int:
        """From the first sample to the last."""
        return self.last - self.first


@dataclass
class Row:
    """The figures of one target. `edges` and `features` are libFuzzer's cov and ft."""

    target: str
    seconds: float = 0.0
    executions: int = 0
    edges: int = 0
    features: int = 0
    corpus: int = 0
    memory: ProcessMemory = field(default_factory=ProcessMemory)
    findings: list[dict[str, Any]] = field(default_factory=list)

    @property
    def cells(self) -> tuple[str, ...]:
        """As the table has them; what a target has not is a dash."""
        rate = self.executions / self.seconds if self.seconds else 0.0
        memory = self.memory
        return (
            self.target,
            f"{self.seconds:.0f}",
            f"{self.executions}",
            f"{rate:.0f}",
            f"{self.edges or '-'}",
            f"{self.features or '-'}",
            f"{self.corpus or '-'}",
            f"{memory.first} {memory.last} {memory.peak}",
            f"{len(self.findings)}",
        )

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def table(rows: Sequence[Row]) -> Iterator[str]:
    """The figures of all targets, in lines; memory is the first, the last and the most."""
    cells = [_HEADINGS, *(row.cells for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        name, *figures = line
        padded = [figure.rjust(width) for figure, width in zip(figures, widths[1:], strict=True)]
        yield "  ".join((name.ljust(widths[0]), *padded))
