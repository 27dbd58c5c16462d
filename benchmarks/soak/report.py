"""What clients have done since they last said so: times, failures, and refusals that must be."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self

from benchmarks.soak.latencies import Latencies

CAUSES = 100
"""Different causes that one report has at most; a name in an error is new each time."""
_LONGEST_CAUSE = 240
_NUMBERS = re.compile(r"\d+")


class DifferenceError(Exception):
    """The server's answer is not what the clients have made of it."""


def cause(error: BaseException) -> str:
    """Return an error as text that is the same for all of its kind: without its numbers."""
    text = _NUMBERS.sub("#", " ".join(str(error).split()))[:_LONGEST_CAUSE]
    return f"{type(error).__name__}: {text}"


@dataclass(slots=True)
class Report:
    """Times by operation, failures by action and cause, refusals by action.

    A refusal is what another client is the reason of: it has locked the range.
    """

    times: dict[str, Latencies] = field(default_factory=dict)
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def took(self, operation: str, seconds: float) -> None:
        """Count an operation that was done."""
        self.times.setdefault(operation, Latencies()).add(seconds)

    def failed(self, action: str, error: BaseException) -> None:
        """Count an action that failed."""
        key = (action, cause(error))
        if key not in self.failures and len(self.failures) >= CAUSES:
            key = (action, "other causes")
        self.failures[key] += 1

    def update(self, other: "Report") -> None:
        """Count what another one has, too."""
        for operation, times in other.times.items():
            self.times.setdefault(operation, Latencies()).update(times)
        self.failures.update(other.failures)
        self.refused.update(other.refused)

    def of_operations(self, operations: Iterable[str]) -> Latencies:
        """Return the times of some operations together."""
        found = Latencies()
        for operation in operations:
            if operation in self.times:
                found.update(self.times[operation])
        return found

    @property
    def operations(self) -> int:
        """How many operations were done."""
        return sum(times.count for times in self.times.values())

    def document(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "times": {operation: times.document() for operation, times in self.times.items()},
            "failures": [[*key, count] for key, count in self.failures.items()],
            "refused": dict(self.refused),
        }

    @classmethod
    def of(cls, document: dict[str, Any]) -> Self:
        """Return that of a document."""
        return cls(
            {operation: Latencies.of(times) for operation, times in document["times"].items()},
            Counter({(action, why): count for action, why, count in document["failures"]}),
            Counter(document["refused"]),
        )
