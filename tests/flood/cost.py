"""The server's time for a byte of an unauthenticated client, beside one of a handshake."""

import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.flood.attack import HONEST
from tests.flood.common import BYTES
from tests.flood.run import AttackPlan, attacking, cpu_seconds, served

MOST = 5.0
"""How many times as much as a byte of an honest handshake one of an attack may cost."""
ATTACKERS = 16
"""Few, so that it is their packets that cost, and not their handshakes."""


@dataclass(frozen=True, slots=True)
class Cost:
    """The processor's time that a server took for so many bytes of datagrams."""

    attack: str
    engine: str
    seconds: float
    bytes: int

    @property
    def of_byte(self) -> float:
        """Seconds; 0 if nothing was sent."""
        return self.seconds / self.bytes if self.bytes else 0.0

    def report(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "of_byte": self.of_byte}


def measure(attack: str, engine: str, *, seconds: float, rate: float) -> Cost:
    """Attack a server that has nobody else."""
    plan = AttackPlan(attack, engine=engine, seconds=seconds, rate=rate, count=ATTACKERS)
    with (
        tempfile.TemporaryDirectory() as name,
        served(plan, Path(name)) as found,
        attacking(plan, found) as attackers,
    ):
        pid = found.server.pid
        before = cpu_seconds(pid)
        attackers.start()
        sent = json.loads(attackers.read_line())
        return Cost(attack, engine, cpu_seconds(pid) - before, sent.get(BYTES, 0))


def honest(engine: str, *, seconds: float) -> Cost:
    """Handshakes of honest clients, one after the other."""
    return measure(HONEST, engine, seconds=seconds, rate=0.0)
