"""How many requests a server has answered, by command and status, and how long that took."""

from smbquic.observe.histogram import Histogram
from smbquic.wire.header import Command

LATENCIES = (
    *(0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1),
    *(0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
"""The bounds of the histograms, in seconds."""
MAX_STATUSES = 64
"""Statuses of a command that are counted apart; a storage may raise any."""
OTHER_STATUS = -1
"""The status of all others together."""


class CommandCounts:
    """The requests of one command. `statuses` are how many of them were answered with each one."""

    __slots__ = ("latencies", "name", "statuses")

    def __init__(self, name: str) -> None:
        self.name = name
        self.statuses: dict[int, int] = {0: 0}
        self.latencies = Histogram(LATENCIES)

    def add(self, status: int, seconds: float) -> None:
        """Count one."""
        statuses = self.statuses
        if status not in statuses and len(statuses) >= MAX_STATUSES:
            status = OTHER_STATUS
        statuses[status] = statuses.get(status, 0) + 1
        self.latencies.add(seconds)


class RequestCounts:
    """The requests of all commands: `commands` has one for each, and one for unknown commands."""

    def __init__(self) -> None:
        self.commands = [CommandCounts(each.name) for each in sorted(Command)]
        self.commands.append(CommandCounts("other"))

    def add(self, command: int, status: int, seconds: float) -> None:
        """Count a request that was answered `seconds` after it was received."""
        # The commands are numbered from 0 on. Any number may come from a client.
        commands = self.commands
        commands[min(command, len(commands) - 1)].add(status, seconds)
