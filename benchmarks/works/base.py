"""What a work is: a request to the client, a look at what came of it, and its main figure."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from benchmarks.link import Link
from benchmarks.place import Place

Figures = dict[str, Any]
Perform = Callable[[dict[str, Any], Callable[[str], None]], Figures]
"""Has the client do something; the second argument is called with the events that it tells."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure of a work: its `key` in the figures, what it is called, and in what it is shown."""

    key: str
    title: str
    unit: str
    scale: float = 1.0
    """What the raw figure is multiplied with to be shown."""
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

    @abstractmethod
    def request(self, place: Place, seed: int) -> dict[str, Any]:
        """What the client is told."""

    def run(self, perform: Perform, place: Place, link: Link, seed: int) -> Figures:
        """Have it done."""
        return perform({"work": self.name, **self.request(place, seed)}, lambda event: None)

    def check(self, figures: Figures, place: Place) -> list[str]:
        """What is wrong with what was done; cleans up."""
        return []
