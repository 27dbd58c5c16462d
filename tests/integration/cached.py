"""Clients with a cache, and a server that counts what they send."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import smbquic
from smbquic.client.cache import CacheLimits, LeaseCache
from smbquic.client.share import Share
from smbquic.pki import PkiDirectory
from smbquic.server.dispatch import Dispatcher
from tests.urls import share_url

PASSWORD = "secret"

AT_ONCE = CacheLimits(pause=0)
"""What was broken is asked for again at once."""


@dataclass
class Clients:
    """Connects clients to one server, which counts the messages of all of them."""

    url: str
    pki: PkiDirectory
    stack: AsyncExitStack
    server: Any
    messages: int = 0
    shares: list[Share] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def share(self) -> Share:
        """Another client."""
        share = await self.stack.enter_async_context(
            smbquic.connect(self.url, password=PASSWORD, ca=self.pki.ca)
        )
        self.shares.append(share)
        return share

    async def cache(self, limits: CacheLimits = AT_ONCE, **options: Any) -> LeaseCache:
        """Another client with a cache."""
        cache = LeaseCache(await self.share(), limits, **options)
        self.stack.push_async_callback(cache.aclose)
        return cache

    async def settle(self) -> None:
        """Wait until each client has what the server has sent it so far."""
        for share in self.shares:
            await share.tree.connection.echo()

    async def closed(self) -> None:
        """Wait until nothing is open on the server any more."""
        while len(self.server.files):
            self.arrived.clear()
            await self.arrived.wait()


@asynccontextmanager
async def clients(folder: Path, pki: PkiDirectory, transport: str) -> AsyncIterator[Clients]:
    """A server of the folder over ``tcp`` or ``quic``."""
    async with AsyncExitStack() as stack:
        serving = await stack.enter_async_context(
            smbquic.serve(
                {"data": folder},
                {"alice": PASSWORD},
                [f"{transport}://localhost:0"],
                certificate=pki.server.certificate,
                key=pki.server.key,
            )
        )
        url = share_url(transport, serving.listeners[0].rpartition(":")[2])
        made = Clients(url, pki, stack, serving.server)
        handle = Dispatcher.handle

        async def counting(self: Dispatcher, *arguments: Any, **named: Any) -> Any:
            made.messages += 1
            try:
                return await handle(self, *arguments, **named)
            finally:
                made.arrived.set()

        stack.enter_context(patch.object(Dispatcher, "handle", counting))
        yield made
