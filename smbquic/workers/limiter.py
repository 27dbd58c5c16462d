"""The limits on clients in a worker: those of handshakes. The main process has all others."""

from smbquic.options.limits import Limits
from smbquic.overload.connection_limiter import ConnectionLimiter
from smbquic.overload.scheduler import Scheduler
from smbquic.transport.base import MessageTransport
from smbquic.transport.refusals import Refusal, Refusals


class CollectedRefusals(Refusals):
    """The refusals of a worker, until the main process is told of them."""

    def __init__(self) -> None:
        super().__init__(lambda *_: None)
        self._untold: dict[Refusal, tuple[str, int]] = {}

    def add(self, reason: Refusal, client: str, count: int = 1) -> None:
        """Count a refusal; see `Refusals`."""
        self.counts[reason] += count
        _, before = self._untold.get(reason, ("", 0))
        self._untold[reason] = client, before + count

    def take(self) -> list[tuple[str, str, int]]:
        """Return the reasons, the last client of each, and how many there were since the last."""
        untold, self._untold = self._untold, {}
        return [(str(reason), client, count) for reason, (client, count) in untold.items()]


class HandshakeLimiter(ConnectionLimiter):
    """The `Limiter` of the listeners of a worker; `collected` are its refusals.

    Connections are counted in the main process, which knows those of all workers.
    """

    def __init__(self, limits: Limits) -> None:
        scheduler = Scheduler(limits)
        self.collected = CollectedRefusals()
        super().__init__(limits, scheduler, self.collected, _close)
        self._user_scheduler = scheduler

    def expect(self, host: str) -> None:
        """Do nothing: the main process counts the connection."""

    def charge_user(self, seconds: float) -> None:
        """Count time that was spent on the messages of accepted connections."""
        self._user_scheduler.user_time += seconds


async def _close(_: MessageTransport) -> None:
    """Leave a connection that is refused to its listener, which closes it."""
