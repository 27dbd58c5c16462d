"""The samples of a run: their file, their table, and the marks that they are held against."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Self

from benchmarks.documents import DocumentError, read, write
from benchmarks.transfers.measure import Sample
from benchmarks.transfers.model import model
from benchmarks.transfers.works import MEBIBYTE, RATE, WORKS, Work

HEADER = (
    f"{'':9} {'':12} {'seconds':>22} {'model':>7} {'first':>6} {'MB up':>8} {'MB down':>8}"
    f" {'client':>7} {'server':>7} {'peak':>5} {'others':>6}"
)


@dataclass(slots=True)
class Results:
    """What was measured, of works of `scale`, and what failed."""

    scale: float = 1.0
    samples: list[Sample] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read a file of `save`. Raises `DocumentError`."""
        document = read(file)
        try:
            samples = [Sample(**sample) for sample in document["samples"]]
            return cls(document["scale"], samples, document["failures"])
        except (KeyError, TypeError) as error:
            raise DocumentError(f"{file} holds no result: {error}") from error

    def save(self, file: Path, description: dict[str, Any]) -> None:
        """Write everything."""
        samples = [asdict(sample) for sample in self.samples]
        result = {"scale": self.scale, "samples": samples, "failures": self.failures}
        write(file, {**description, **result})

    def of(self, work: str, verb: str, program: str) -> list[Sample]:
        """Return the samples of one thing."""
        wanted = (work, verb, program)
        return [one for one in self.samples if (one.work, one.verb, one.program) == wanted]

    def seconds(self, work: str, verb: str, program: str) -> float | None:
        """Return the median time; None if it was not measured."""
        found = [one.seconds for one in self.of(work, verb, program)]
        return median(found) if found else None

    def lines(self) -> Iterator[str]:
        """Yield the table: for each work a title, and a line for each verb and program."""
        for work in (one.scaled(self.scale) for one in WORKS):
            keys = {(one.verb, one.program): None for one in self.samples if one.work == work.name}
            if keys:
                yield f"{work.title}: {work.files:,} x {work.size:,} bytes" + (
                    f", {RATE // 10**6} Mbit/s, 50 ms" if work.emulated else ", no limit"
                )
                yield HEADER
            for verb, program in keys:
                yield self._line(work, verb, program)

    def _line(self, work: Work, verb: str, program: str) -> str:
        samples = self.of(work.name, verb, program)
        each = [one.seconds for one in samples]
        expected = ""
        if work.emulated and program.startswith("smbquic"):
            expected = f"{model(work, verb).seconds:.2f}"

        def middle(value: Callable[[Sample], float]) -> float:
            return median(value(one) for one in samples)

        return (
            f"{verb:9} {program:12} {median(each):8.2f} [{min(each):.2f}..{max(each):.2f}]".ljust(
                45
            )
            + f" {expected:>7} {middle(lambda one: one.first_output):6.2f}"
            f" {middle(lambda one: one.up) / 1e6:8.2f} {middle(lambda one: one.down) / 1e6:8.2f}"
            f" {middle(lambda one: one.client_cpu):7.2f}"
            f" {middle(lambda one: one.server_cpu):7.2f}"
            f" {middle(lambda one: one.peak_bytes) / MEBIBYTE:5.0f}"
            f" {middle(lambda one: one.others):6.2f}"
        )

    def marks(self) -> Iterator[str]:
        """Yield what is to be reached, and whether it is; only for works of full size."""
        if self.scale != 1:
            return
        for transport in ("tcp", "quic"):
            ours = f"smbquic-{transport}"
            yield from self._mark("small", "put", ours, 2.5)
            yield from self._mark("small", "get", ours, 2.0)
            least = 1024 * MEBIBYTE * 8 / RATE / 0.92
            for verb in ("put-file", "get-file"):
                yield from self._mark("large", verb, ours, least)
            for work, verb, factor in (("list", "list", 1.2), ("local", "get-file", 1.25)):
                theirs = self.seconds(work, verb, "smbclient")
                if theirs is not None and (transport, work) != ("quic", "local"):
                    yield from self._mark(work, verb, ours, factor * theirs)

    def _mark(self, work: str, verb: str, program: str, limit: float) -> Iterator[str]:
        seconds = self.seconds(work, verb, program)
        if seconds is not None:
            met = "met   " if seconds <= limit else "MISSED"
            yield f"{met} {work} {verb} {program}: {seconds:.2f} s, at most {limit:.2f} s"
