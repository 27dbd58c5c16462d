"""Two ends of a transport, connected over loopback, on either event loop."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
import uvloop

from smbquic.pki import PkiDirectory
from smbquic.transport import quic, tcp
from smbquic.transport.base import Listener, MessageTransport
from tests.engines import ENGINES
from tests.integration.handshaking import EchoServer
from tests.integration.pairing import PAIRINGS, Pairing


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Two engines at once meet on one event loop only: nothing that differs there is in both."""
    items[:] = [item for item in items if "uvloop" not in item.name or not _is_mixed(item)]


def _is_mixed(item: pytest.Item) -> bool:
    return any(f"{one}-{other}" in item.name for one in ENGINES for other in ENGINES)


@pytest.fixture(params=PAIRINGS)
def pairing(request: pytest.FixtureRequest) -> Pairing:
    """Which engines talk to each other."""
    return Pairing.parse(request.param)


class Links:
    """Makes connections and ends them; `client` and `server` are the ends of the last one."""

    def __init__(self, kind: str, pki: PkiDirectory) -> None:
        self.kind, _, engines = kind.partition("-")
        self.pairing = Pairing.parse(engines)
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
            listener = await self.pairing.listen(
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
            transport = await self.pairing.connect("127.0.0.1", port, trust=trust, **options)
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


@pytest.fixture(params=["tcp", *(f"quic-{engines}" for engines in PAIRINGS)])
def kind(request: pytest.FixtureRequest) -> str:
    """Which transport a test runs over, and on which engines."""
    name: str = request.param
    return name


@pytest.fixture
async def links(kind: str, pki: PkiDirectory) -> AsyncIterator[Links]:
    """Connections over the transport of the test."""
    made = Links(kind, pki)
    yield made
    await made.close()


@pytest.fixture
async def echo_server(pairing: Pairing) -> AsyncIterator[EchoServer]:
    """A QUIC server that sends back what it receives, once the test has started it."""
    made = EchoServer(pairing)
    yield made
    if hasattr(made, "listener"):
        await made.listener.close()


@pytest.fixture
def identity(pki: PkiDirectory) -> quic.ServerTls:
    """The certificate of a server."""
    return quic.ServerTls(pki.server.certificate, pki.server.key)
