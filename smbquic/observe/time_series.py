"""Samples of a few numbers over time, in bounded memory: each second, and the mean of each minute.

The last ten minutes are there second by second, the last day minute by minute.
"""

from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from smbquic.lazy_dataclass import dataclass

SECONDS: Final = 600
MINUTES: Final = 1_440
"""Samples that are kept, one for each second or minute."""
_MINUTE = 60

Values = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """The values at a time (Unix time). `number` counts the samples of a ring from 1 on."""

    number: int
    time: float
    values: Values


class Ring:
    """The latest samples, one every `interval` seconds."""

    def __init__(self, interval: int, size: int) -> None:
        self.interval = interval
        self._samples: deque[Sample] = deque(maxlen=size)
        self._number = 0

    def add(self, time: float, values: Values) -> None:
        """Add the values at a time."""
        self._number += 1
        self._samples.append(Sample(self._number, time, values))

    def after(self, number: int) -> dict[str, Any]:
        """Return the samples after the one with this number, as plain values.

        `first` is the number of the first one. With another server's number, all are returned.
        """
        if number > self._number:
            number = 0
        found = [each for each in self._samples if each.number > number]
        return {
            "interval": self.interval,
            "first": found[0].number if found else self._number + 1,
            "times": [round(each.time, 1) for each in found],
            "values": [each.values for each in found],
        }


class TimeSeries:
    """Numbers with names, each with its latest samples."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.seconds = Ring(1, SECONDS)
        self.minutes = Ring(_MINUTE, MINUTES)
        self._minute: list[Values] = []

    def add(self, time: float, values: Values) -> None:
        """Add the sample of a second; None stands for a value that is not known."""
        self.seconds.add(time, values)
        self._minute.append(values)
        if len(self._minute) == _MINUTE:
            self.minutes.add(time, tuple(map(_mean, zip(*self._minute, strict=True))))
            self._minute.clear()


def _mean(values: Sequence[float | None]) -> float | None:
    known = [each for each in values if each is not None]
    return round(sum(known) / len(known), 3) if known else None
