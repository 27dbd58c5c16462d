"""Measures how long each stage of connecting to a server takes."""

from dataclasses import field
from time import monotonic
from typing import Literal

from smbquic.lazy_dataclass import dataclass

Stage = Literal["transport", "negotiate", "session", "tree"]


@dataclass(slots=True)
class Stages:
    """When connecting began, and when each stage of it ended, by `time.monotonic()`.

    `transport` includes the resolution of the name and, over QUIC, TLS. The others are SMB's:
    `negotiate`, `session`, which is the logon, and `tree`, the share. A stage that was not reached
    is missing.
    """

    begun: float = field(default_factory=monotonic)
    over: dict[Stage, float] = field(default_factory=dict)

    def end(self, stage: Stage) -> None:
        """Record that a stage has ended now."""
        self.over[stage] = monotonic()

    def seconds(self) -> dict[Stage, float]:
        """Return how long each stage took."""
        starts = (self.begun, *self.over.values())
        return {
            stage: end - start
            for start, (stage, end) in zip(starts, self.over.items(), strict=False)
        }
