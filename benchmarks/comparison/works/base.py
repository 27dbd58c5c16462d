"""The base class of works: a request to the client, a check of its result, and its main figure."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from benchmarks.arms import Arm
from benchmarks.link import Link
from benchmarks.programs import Figures, Perform
from benchmarks.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure of a work: its `key` in the figures, what it is called, and in what it is shown."""

    key: str
    title: str
    unit: str
    scale: float = 1.0
    """The factor by which the raw figure is multiplied to be shown."""
    more_is_better: bool = False
    digits: int = 1


class Work(ABC):
    """One kind of work."""

    name: str
    title: str
    metrics: ClassVar[tuple[Metric, ...]]
    """The first is the main one, which is compared."""
    quic_only = False
    """Whether only QUIC can do it."""

    def suits(self, arm: Arm) -> bool:
        """Return whether the arm can do this work."""
        return (arm.works is None or self.name in arm.works) and (arm.quic or not self.quic_only)

    @abstractmethod
    def request(self, workspace: Workspace, seed: int) -> dict[str, Any]:
        """The request to the client."""

    def run(self, perform: Perform, workspace: Workspace, link: Link, seed: int) -> Figures:
        """Have it done."""
        return perform({"work": self.name, **self.request(workspace, seed)}, lambda event: None)

    def check(self, figures: Figures, workspace: Workspace) -> list[str]:
        """Return the faults of the result, and clean up."""
        return []
