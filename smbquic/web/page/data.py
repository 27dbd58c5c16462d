"""The data of the status page: one document for each of its sections."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from math import inf
from time import monotonic, time
from typing import Any, Final

from smbquic.gateway.gateway import Gateway
from smbquic.observe.connections import ENDED_CONNECTIONS
from smbquic.observe.time_series import TimeSeries
from smbquic.server.server import Server
from smbquic.web.page import files, overview
from smbquic.web.page.actions import available
from smbquic.web.page.audit import audit
from smbquic.web.page.connections import connections, lost_packets
from smbquic.web.page.paging import Query
from smbquic.web.page.sampling import SERIES, Sampler
from smbquic.web.page.volumes import Volumes
from smbquic.web.source import WebSource

SUMMARY_AGE: Final = 1.0
"""Seconds after which the summary is made anew, which asks the system for the memory."""
LOST_AGE: Final = 10.0
"""Seconds, at least, until connections are asked again how many packets they have lost."""
LOST_SHARE: Final = 0.01
"""The part of the time, at most, that they are being asked."""


class PageData:
    """What the status page shows of `source`, which has to be sampled meanwhile."""

    def __init__(self, source: WebSource) -> None:
        self.source = source
        self.series = TimeSeries(SERIES)
        self._volumes = Volumes()
        self._summary: dict[str, Any] = {}
        self._summary_time = self._lost_due = 0.0
        self._lost = 0
        source.service.ended_connections = deque(maxlen=ENDED_CONNECTIONS)

    @asynccontextmanager
    async def sampling(self) -> AsyncIterator[None]:
        """Take a sample every second inside of the ``async with``."""
        sampler = Sampler(self.source.service, self.series, self.source.workers)
        task = asyncio.create_task(sampler.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def overview(self, seconds: int, minutes: int) -> dict[str, Any]:
        """Return the state of all, and the samples after those with these numbers."""
        source, service = self.source, self.source.service
        if time() - self._summary_time > SUMMARY_AGE:
            self._summary, self._summary_time = source.summary(), time()
        await self._count_lost()
        return {
            "kind": "server" if isinstance(service, Server) else "gateway",
            "version": version("smbquic"),
            "now": round(time(), 3),
            "started": round(source.controls.started, 3),
            "unready": source.unready(),
            "counts": {**overview.counts(service), "lost_packets": self._lost},
            "event_loop": overview.event_loop(service),
            "actions": available(source),
            **{
                name: self._summary.get(name)
                for name in ("name", "pid", "listeners", "workers", "memory", "open_files")
            },
            "series": {
                "names": self.series.names,
                "seconds": self.series.seconds.after(seconds),
                "minutes": self.series.minutes.after(minutes),
            },
        }

    async def _count_lost(self) -> None:
        """Ask the connections how many packets they have lost, unless that was done lately."""
        started = monotonic()
        if started < self._lost_due:
            return
        # Another browser need not ask meanwhile.
        self._lost_due = inf
        try:
            self._lost = await lost_packets(self.source.service)
        finally:
            now = monotonic()
            self._lost_due = now + max(LOST_AGE, (now - started) / LOST_SHARE)

    async def connections(self, query: Query) -> dict[str, Any]:
        """Return a page of the connections."""
        return {"now": round(time(), 3), **await connections(self.source.service, query)}

    async def sessions(self, query: Query) -> dict[str, Any]:
        """Return a page of the sessions. Raises `LookupError` for a gateway."""
        return await files.sessions(self._server(), query)

    async def opens(self, query: Query) -> dict[str, Any]:
        """Return a page of the open files. Raises `LookupError` for a gateway."""
        return await files.opens(self._server(), query)

    async def shares(self) -> dict[str, Any]:
        """Return the shares of a server, or the pools of a gateway."""
        service = self.source.service
        if isinstance(service, Gateway):
            return {"pools": overview.pools(service)}
        return {"shares": await overview.shares(self._server(), self._volumes)}

    async def access(self) -> dict[str, Any]:
        """Return the certificates with the rules for clients."""
        found = await overview.certificates(self.source.certificates)
        return {"now": round(time(), 3), "certificates": found}

    async def limits(self) -> dict[str, Any]:
        """Return the limits, who was refused, and who is locked out."""
        return overview.limits(self.source.service)

    async def audit(self, query: Query, *, refused: bool) -> dict[str, Any]:
        """Return a page of the recent audit records."""
        records = self.source.service.audit.recent
        if records is None:
            raise LookupError("no audit records are kept")
        return await audit(records, query, refused=refused)

    def _server(self) -> Server:
        service = self.source.service
        if not isinstance(service, Server):
            raise LookupError("a gateway sees neither sessions nor files")
        return service
