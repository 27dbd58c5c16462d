"""Two ends of a transport, connected over loopback, on either event loop."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
import uvloop

from smbquic.pki import PkiDirectory
from smbquic.transport import quic, tcp
from smbquic.transport.base import Listener, MessageTransport


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The tests of the transports run on both event loops."""
    factories: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
        "asyncio": asyncio.new_event_loop
    }
    if "test_transport_" in item.nodeid:
        factories["uvloop"] = uvloop.new_event_loop
    return factories


class Links:
    """Makes connections and ends them; `client` and `server` are the ends of the last one."""

    def __init__(self, kind: str, pki: PkiDirectory) -> None:
        self.kind = kind
        self.pki = pki
        self.listeners: list[Listener] = []
        self.transports: list[MessageTransport] = []
        self._accepted: asyncio.Queue[MessageTransport] = asyncio.Queue()
        self._finished = asyncio.Event()

    async def _serve(self, transport: MessageTransport) -> None:
        self._accepted.put_nowait(transport)
        await self._finished.wait()

    async def listen(self, port: int = 0, **options: Any) -> Listener:
        """A listener on loopback."""
        if self.kind == "tcp":
            listener = await tcp.listen("127.0.0.1", port, self._serve, **options)
        else:
            identity = quic.ServerTls(self.pki.server.certificate, self.pki.server.key)
            listener = await quic.listen(
                "127.0.0.1", port, self._serve, certificate=identity, **options
            )
        self.listeners.append(listener)
        return listener

    async def connect(self, listener: Listener, **options: Any) -> MessageTransport:
        """A client of `listener`."""
        port = int(listener.url.rpartition(":")[2])
        if self.kind == "tcp":
            transport = await tcp.connect("127.0.0.1", port, **options)
        else:
            trust = quic.ClientTls(ca=self.pki.ca)
            transport = await quic.connect("127.0.0.1", port, trust=trust, **options)
        self.transports.append(transport)
        return transport

    async def accepted(self) -> MessageTransport:
        """The server's end of the next connection."""
        return await asyncio.wait_for(self._accepted.get(), 20)

    async def open(self, **options: Any) -> tuple[MessageTransport, MessageTransport]:
        """A connection: the client's end and the server's."""
        listener = await self.listen(**options)
        client = await self.connect(listener, **options)
        return client, await self.accepted()

    async def close(self) -> None:
        """End everything."""
        self._finished.set()
        for transport in self.transports:
            transport.close()
            await transport.wait_closed()
        for listener in self.listeners:
            await listener.close()


@pytest.fixture(params=["tcp", "quic"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which transport a test runs over."""
    name: str = request.param
    return name


@pytest.fixture
async def links(kind: str, pki: PkiDirectory) -> AsyncIterator[Links]:
    """Connections over the transport of the test."""
    made = Links(kind, pki)
    yield made
    await made.close()
