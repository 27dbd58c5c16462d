"""How long it took to get to a server, stage by stage."""

from dataclasses import dataclass, field
from time import monotonic
from typing import Literal

Stage = Literal["transport", "negotiate", "session", "tree"]


@dataclass(slots=True)
class Stages:
    """When connecting began, and when each stage of it was over, by `time.monotonic()`.

    `transport` takes in the address of the host and, over QUIC, TLS. The others are SMB's:
    `negotiate`, `session`, which is the logon, and `tree`, the share. Only those are there that
    were gone through.
    """

    begun: float = field(default_factory=monotonic)
    over: dict[Stage, float] = field(default_factory=dict)

    def end(self, stage: Stage) -> None:
        """Note that a stage has ended now."""
        self.over[stage] = monotonic()

    def seconds(self) -> dict[Stage, float]:
        """Return how long each stage took."""
        starts = (self.begun, *self.over.values())
        return {
            stage: end - start
            for start, (stage, end) in zip(starts, self.over.items(), strict=False)
        }
