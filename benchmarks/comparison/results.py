"""Files of a run: its description, and a line for each visit as soon as it is over."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.comparison.plan import DISCARDED, Visit
from benchmarks.documents import DocumentError, read, write

FORMAT = 1
RUN, SAMPLES, RESULT = "run.json", "samples.jsonl", "result.json"


class Folder:
    """A run's folder. What was written survives the end of the process at any moment."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def finished(self) -> bool:
        """Whether the run came to its end."""
        return (self.path / RESULT).exists()

    def begin(self, description: dict[str, Any]) -> dict[str, Any]:
        """Keep a run's description, or take up the one that is there: which one is in force."""
        self.path.mkdir(parents=True, exist_ok=True)
        file = self.path / RUN
        if not file.exists():
            write(file, description)
            return description
        found: dict[str, Any] = json.loads(file.read_text())
        for key in ("format", "profile", "arms", "links", "blocks"):
            if found.get(key) != description[key]:
                raise DocumentError(
                    f"{self.path} holds another run ({key} is {found.get(key)!r}, not"
                    f" {description[key]!r}); choose another --out"
                )
        return found

    def add(self, document: dict[str, Any]) -> None:
        """Keep what a visit gave."""
        with (self.path / SAMPLES).open("a") as file:
            file.write(json.dumps(document) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def visits(self) -> list[dict[str, Any]]:
        """Read the visits so far; a line that was cut off by the end of the process is left out."""
        file = self.path / SAMPLES
        if not file.exists():
            return []
        text = file.read_text()
        whole = text[: text.rfind("\n") + 1]
        if whole != text:
            file.write_text(whole)
        return [json.loads(line) for line in whole.splitlines()]

    def done(self) -> dict[Visit, bool]:
        """The visits that are over, and whether each was valid."""
        return {
            Visit(found["link"], found["block"], found["arm"], found["attempt"]): is_valid(found)
            for found in self.visits()
        }

    def finish(self, **more: Any) -> dict[str, Any]:
        """Put everything into one file, which says that the run is over."""
        description = json.loads((self.path / RUN).read_text())
        result = {**description, **more, "visits": self.visits()}
        write(self.path / RESULT, result, indent=None)
        return result


def is_valid(visit: dict[str, Any]) -> bool:
    """Whether nothing was wrong, neither with the link nor with any work."""
    return not visit["problems"] and not any(w["problems"] for w in visit["works"].values())


def too_few(result: dict[str, Any]) -> list[str]:
    """The arms that do not have a valid sample of each of their works in every block."""
    seen: dict[str, set[tuple[str, str, int]]] = {arm: set() for arm in result["arms"]}
    whole: dict[str, set[tuple[str, str]]] = {arm: set() for arm in result["arms"]}
    for visit in result["visits"]:
        for work, outcome in visit["works"].items():
            whole[visit["arm"]].add((visit["link"], work))
            if visit["block"] != DISCARDED and not visit["problems"] and not outcome["problems"]:
                seen[visit["arm"]].add((visit["link"], work, visit["block"]))
    planned = {arm for leg in result["legs"] for arm in leg.get("arms") or result["arms"]}
    return [
        arm
        for arm in result["arms"]
        if arm in planned
        and (not whole[arm] or len(seen[arm]) < len(whole[arm]) * result["blocks"])
    ]


def load(path: Path) -> dict[str, Any]:
    """Return a result: of a folder, finished or not, or of its file. Raises `DocumentError`."""
    if path.is_dir() and not (path / RESULT).exists():
        return {**read(path / RUN), "visits": Folder(path).visits()}
    document = read(path / RESULT if path.is_dir() else path)
    if document.get("format") != FORMAT:
        raise DocumentError(f"{path} has format {document.get('format')}, not {FORMAT}")
    return document


@dataclass(frozen=True, slots=True)
class Cell:
    """An arm's samples of a work on a link."""

    link: str
    work: str
    arm: str
    samples: dict[int, dict[str, Any]]
    """The valid ones' figures, by block."""
    invalid: list[str]
    """The problems of the others."""

    def values(self, key: str) -> dict[int, float]:
        """One figure, by block."""
        return {block: float(f[key]) for block, f in self.samples.items() if key in f}

    @property
    def busy(self) -> float:
        """The largest share of a core that a part of the arm used, in the median."""
        shares = []
        for figures in self.samples.values():
            if seconds := figures.get("seconds"):
                shares.append(max(figures.get("cpu", {}).values(), default=0.0) / seconds)
        return sorted(shares)[len(shares) // 2] if shares else 0.0


def cells(result: dict[str, Any]) -> dict[tuple[str, str, str], Cell]:
    """All samples that count, by (link, work, arm)."""
    found: dict[tuple[str, str, str], Cell] = {}
    for visit in result["visits"]:
        if visit["block"] == DISCARDED:
            continue
        for work, outcome in visit["works"].items():
            key = (visit["link"], work, visit["arm"])
            cell = found.setdefault(key, Cell(*key, {}, []))
            problems = visit["problems"] + outcome["problems"]
            if problems:
                cell.invalid.extend(problems)
            else:
                cell.samples[visit["block"]] = outcome["figures"]
    return found
