"""``/metrics``: all metrics in the text format of Prometheus, made while the event loop goes on."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import chain

from prometheus_client import ProcessCollector, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import CollectorRegistry
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from smbquic.observe.loop_lag import LoopLag
from smbquic.server.server import Server
from smbquic.web.metrics.connections import count_locks, sums_of
from smbquic.web.metrics.families import histogram
from smbquic.web.metrics.gateway import gateway_families
from smbquic.web.metrics.server import server_families
from smbquic.web.metrics.service import service_families
from smbquic.web.source import WebSource

KEPT = 1.0
"""Seconds for which everybody gets the same text, however often it is asked for."""
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def metrics_routes(source: WebSource, lag: LoopLag) -> list[Route]:
    """Return the route of the metrics."""
    exposition = Exposition(source, lag)

    async def metrics(_: Request) -> Response:
        return Response(await exposition.text(), media_type=CONTENT_TYPE)

    return [Route("/metrics", metrics)]


class Exposition:
    """The text with all metrics of a server or a gateway."""

    def __init__(self, source: WebSource, lag: LoopLag) -> None:
        self._source = source
        self._lag = lag
        self._process = ProcessCollector(registry=None)
        self._making = asyncio.Lock()
        self._text = b""
        self._expires = 0.0

    async def text(self) -> bytes:
        """Return the text, which may be as old as `KEPT`."""
        loop = asyncio.get_running_loop()
        async with self._making:
            if loop.time() >= self._expires:
                self._text = b"".join([part async for part in self._parts()])
                self._expires = loop.time() + KEPT
            return self._text

    async def _parts(self) -> AsyncIterator[bytes]:
        """Yield the text of each family; other tasks run in between."""
        for family in await self._families():
            yield generate_latest(_Only(family))
            await asyncio.sleep(0)

    async def _families(self) -> Iterable[Metric]:
        service = self._source.service
        # It counts the descriptors of the process, which may be many.
        process = await asyncio.to_thread(lambda: list(self._process.collect()))
        sums = await sums_of(service)
        if isinstance(service, Server):
            locks = await count_locks(service)
            own = server_families(service, sums, locks)
        else:
            own = gateway_families(service)
        lag = histogram("loop_lag_seconds", "How late the event loop is.", self._lag.lags)
        return chain(process, service_families(self._source, sums), own, [lag])


class _Only(CollectorRegistry):
    """A registry with one family, as prometheus_client writes only whole registries."""

    def __init__(self, family: Metric) -> None:
        super().__init__()
        self._family = family

    def collect(self) -> Iterator[Metric]:
        yield self._family
