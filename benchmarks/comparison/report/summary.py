"""The figures of a result as they are shown: one table for each link and work."""

from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.arms import AGAIN, REFERENCE
from benchmarks.arms import ALL as ARMS
from benchmarks.comparison.links import LinkChoice
from benchmarks.comparison.report.checks import CPU_BOUND, Expectation, expectations, noise_check
from benchmarks.comparison.results import Cell, cells, is_valid
from benchmarks.comparison.works import ALL as WORKS
from benchmarks.comparison.works import Metric
from benchmarks.statistics import Estimate, estimate, noise_floor, paired_ratio, quantile

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Row:
    """An arm's figures of one work: estimates by the metrics' keys."""

    arm: str
    title: str
    values: dict[str, Estimate]
    ratio: Estimate | None
    """How many times the reference's main figure, in pairs."""
    cpu_per_gib: dict[str, float]
    """Processor seconds for a GiB, by role, in the median."""
    wire_per_payload: float | None
    link_share: float | None
    sent_again: dict[str, float]
    """Segments of TCP and packets of QUIC, by end, in the median."""
    busy: float
    invalid: list[str]

    @property
    def cpu_bound(self) -> bool:
        """Whether a part of the arm was short of processor time."""
        return self.busy > CPU_BOUND


@dataclass(frozen=True, slots=True)
class Table:
    """One work on one link."""

    link: str
    work: str
    title: str
    metrics: tuple[Metric, ...]
    rows: list[Row]
    noise: float | None
    """The largest deviation from 1 that the A/A pair's ratio may have."""

    @property
    def noise_check(self) -> str:
        """Return a sentence about the noise; empty where there is no A/A pair."""
        return noise_check(self.link, self.work, self.noise)


@dataclass(frozen=True, slots=True)
class Summary:
    """All of it."""

    description: dict[str, Any]
    calibration: list[dict[str, Any]]
    tables: list[Table]
    expectations: list[Expectation]
    visits: int
    invalid_visits: int
    bystanders: tuple[float, float]
    """The share of the machine that other programs took: in the median visit, and in the worst."""

    def to_json(self) -> dict[str, Any]:
        """For a file."""
        return {
            "description": self.description,
            "calibration": self.calibration,
            "tables": [asdict(table) for table in self.tables],
            "expectations": [asdict(found) for found in self.expectations],
            "visits": self.visits,
            "invalid_visits": self.invalid_visits,
            "bystanders": self.bystanders,
        }

    def of_work(self, work: str) -> list[Table]:
        """The tables of a work, link by link."""
        return [table for table in self.tables if table.work == work]


def summarize(result: dict[str, Any]) -> Summary:
    """Estimate everything."""
    found = cells(result)
    tables = []
    for leg in result["legs"]:
        for work in leg["works"]:
            rows = [
                row(cell, found.get((leg["link"], work, REFERENCE)))
                for arm in result["arms"]
                if (cell := found.get((leg["link"], work, arm)))
            ]
            if rows:
                tables.append(
                    Table(
                        leg["link"],
                        work,
                        WORKS[work].title,
                        WORKS[work].metrics,
                        rows,
                        noise(found, leg["link"], work),
                    )
                )
    description = {key: value for key, value in result.items() if key != "visits"}
    calibration = description.pop("calibration", [])
    invalid = sum(not is_valid(visit) for visit in result["visits"])
    others = sorted(visit["bystanders"] for visit in result["visits"]) or [0.0]
    typical = quantile(others, 0.5)
    return Summary(
        description,
        calibration,
        tables,
        expectations(found, calibration, typical),
        len(result["visits"]),
        invalid,
        (typical, others[-1]),
    )


def row(cell: Cell, reference: Cell | None) -> Row:
    """One arm's."""
    metrics = WORKS[cell.work].metrics
    values = {m.key: estimate(list(v.values())) for m in metrics if (v := cell.values(m.key))}
    main = metrics[0].key
    ratio = None
    if reference and cell.arm != REFERENCE:
        ratio = paired_ratio(cell.values(main), reference.values(main))
    rate = LinkChoice.parse(cell.link).rate
    goodput = values.get("goodput")
    return Row(
        arm=cell.arm,
        title=ARMS[cell.arm].title if cell.arm in ARMS else cell.arm,
        values=values,
        ratio=ratio,
        cpu_per_gib=cpu_per_gib(cell),
        wire_per_payload=wire_per_payload(cell),
        link_share=goodput.median / rate if goodput and rate else None,
        sent_again=sent_again(cell) if goodput else {},
        busy=cell.busy if goodput else 0.0,
        invalid=cell.invalid,
    )


def cpu_per_gib(cell: Cell) -> dict[str, float]:
    """Processor seconds for each GiB of files, by role."""
    found: dict[str, list[float]] = {}
    for figures in cell.samples.values():
        if size := figures.get("bytes"):
            for role, seconds in figures["cpu"].items():
                found.setdefault(role, []).append(seconds * GIB / size)
    return {role: estimate(values).median for role, values in found.items()}


def sent_again(cell: Cell) -> dict[str, float]:
    """Return how much each end sent again, in the median."""
    found: dict[str, list[float]] = {}
    for figures in cell.samples.values():
        for end, count in figures.get("sent_again", {}).items():
            found.setdefault(end, []).append(count)
    return {end: estimate(counts).median for end, counts in found.items()}


def wire_per_payload(cell: Cell) -> float | None:
    """Bytes of IP packets in both directions for each byte of files."""
    shares = [
        sum(way["bytes"] for way in figures["wire"].values()) / figures["bytes"]
        for figures in cell.samples.values()
        if figures.get("bytes")
    ]
    return estimate(shares).median if shares else None


def noise(found: dict[tuple[str, str, str], Cell], link: str, work: str) -> float | None:
    """The A/A pair's noise floor of a work's main figure."""
    first, second = (found.get((link, work, arm)) for arm in (REFERENCE, AGAIN))
    if not first or not second:
        return None
    key = WORKS[work].metrics[0].key
    return noise_floor(first.values(key), second.values(key))


def link_title(name: str) -> str:
    """A link for people."""
    return LinkChoice.parse(name).title
