"""Options of the client's works, and their connections to the server."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.ends.options import SHARE, EndOptions
from benchmarks.statistics import quantile
from smbquic import EncryptionPolicy, Share, TicketCache, connect

BLOCK = 4096
"""Bytes of a small read."""
T = TypeVar("T")
Figures = dict[str, Any]
Request = dict[str, Any]


def latencies(seconds: Sequence[float]) -> Figures:
    """Return the distribution of some operations' times, in seconds."""
    ordered = sorted(seconds)
    found: Figures = {f"p{n}": quantile(ordered, n / 100) for n in (50, 90, 99)}
    return {**found, "max": ordered[-1], "operations": len(ordered)}


class Client:
    """The state of the client's process. `lost` counts the packets that QUIC declared lost."""

    def __init__(self, options: EndOptions) -> None:
        self.options = options
        self.folder = Path(options.folder)
        self.lost = 0
        self.tickets = TicketCache()
        self._kept: list[object] = []

    def keep(self, it: T) -> T:
        """Keep a task or an open connection until the process ends."""
        self._kept.append(it)
        return it

    @asynccontextmanager
    async def connected(self, *, resume: bool = False) -> AsyncIterator[Share]:
        """Connect to the share, with a new session of QUIC unless it is to be resumed."""
        options = self.options
        scheme = "smb" if options.transport == "tcp" else "smb+quic"
        encrypted = options.encrypt or options.double
        async with connect(
            f"{scheme}://{options.user}@{options.host}:{options.port}/{SHARE}",
            password=options.password,
            # A client over TCP would read it, too, to say if it is wrong.
            ca=options.certificate if options.transport == "quic" else None,
            client_certificate=options.client_certificate or None,
            client_key=options.client_key or None,
            engine=options.engine,
            congestion=options.congestion,
            datagram_size=options.datagram_size or None,
            encryption=EncryptionPolicy.REQUIRED if encrypted else EncryptionPolicy.ALLOWED,
            tickets=self.tickets if resume else TicketCache(),
        ) as share:
            try:
                yield share
            finally:
                self.lost += share.statistics().lost_packets or 0
