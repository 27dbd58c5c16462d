"""Handing connections over to the main process, which the test plays."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from smbquic.errors import ConnectionClosed, IdleTimeout
from smbquic.transport.base import Flow, PathStatistics
from smbquic.transport.receive_buffers import ReceiveBuffers
from smbquic.workers.handing_over import CHECK_ALL, HandingOver, ProgressReporter
from smbquic.workers.transport import HandedOverTransport
from tests.polling import eventually
from tests.unit.workers.joined import PEER, TIMEOUT, Client, joined


class Main:
    """The main process: what it is handed over."""

    def __init__(self, sockets: socket.socket) -> None:
        self._sockets = sockets

    async def accept(self) -> tuple[int, HandedOverTransport]:
        data, descriptors, _, _ = socket.recv_fds(self._sockets, 10, 10)
        [descriptor] = descriptors
        _, transport = await asyncio.get_running_loop().create_unix_connection(
            lambda: HandedOverTransport(lambda _: None, ReceiveBuffers()),
            sock=socket.socket(fileno=descriptor),
        )
        await transport.receive_peer()
        return data[0], transport


@asynccontextmanager
async def handed_over(
    client: Client, charged: list[float]
) -> AsyncIterator[tuple[HandedOverTransport, "asyncio.Task[None]"]]:
    """A connection that a worker serves: the main process's end, and the worker's task."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with here, there:
        serving = asyncio.create_task(HandingOver(here, charged.append).serve(3, client))
        await asyncio.sleep(0)
        there.settimeout(TIMEOUT)
        listener, transport = await Main(there).accept()
        assert listener == 3
        async with asyncio.timeout(TIMEOUT):
            try:
                yield transport, serving
            finally:
                transport.drop("the test is over")
                await serving


async def test_messages_in_both_directions() -> None:
    client, charged = Client(), list[float]()
    async with handed_over(client, charged) as (transport, _):
        assert transport.peer == PEER
        client.say(b"request")
        assert bytes(await transport.receive()) == b"request"
        await transport.send(b"response")
        await eventually(lambda: client.sent == [b"response"])
        assert len(charged) == 2


async def test_the_path_is_known_from_the_start() -> None:
    client = Client()
    client.measured = PathStatistics(0.25, 1400, 0)
    async with handed_over(client, []) as (transport, _):
        client.say(b"request")
        await transport.receive()
        assert transport.statistics() == client.measured


async def test_the_client_disconnects() -> None:
    client = Client()
    async with handed_over(client, []) as (transport, serving):
        client.say(b"last", IdleTimeout("idle"))
        assert bytes(await transport.receive()) == b"last"
        with pytest.raises(IdleTimeout, match="idle"):
            await transport.receive()
        assert not serving.done()
        transport.close()
        await serving
    assert client.ends == []


async def test_the_main_process_closes_the_connection() -> None:
    client = Client()
    async with handed_over(client, []) as (transport, serving):
        client.stuck.clear()
        transport.send_now(b"last")
        transport.close("bye")
        await asyncio.sleep(0)
        assert client.ends == []
        client.stuck.set()
        await serving
        await transport.wait_closed()
    assert client.sent == [b"last"]
    assert client.ends == ["closed: bye"]


async def test_the_main_process_drops_a_client_that_takes_nothing() -> None:
    client = Client()
    client.state = Flow(10, 10, 10, 0, 0, 0, unfinished=False)
    async with handed_over(client, []) as (transport, serving):
        client.stuck.clear()
        for _ in range(12):
            filling = asyncio.create_task(transport.send(bytes(1 << 20)))
            await asyncio.wait((filling,), timeout=0.05)
        transport.drop("too slow")
        await serving
        filling.cancel()
    assert client.ends[0].startswith("dropped")


async def test_requests_wait_while_the_main_process_takes_none() -> None:
    client = Client()
    async with handed_over(client, []) as (transport, _):
        for _ in range(30):
            client.say(bytes(1 << 20))
        client.say(ConnectionClosed("gone"))
        await eventually(lambda: transport.flow().unfetched > 4 << 20)
        assert transport.flow().unfetched < 8 << 20
        for _ in range(30):
            assert len(await transport.receive()) == 1 << 20
        with pytest.raises(ConnectionClosed, match="gone"):
            await transport.receive()


async def test_a_main_process_that_accepts_none(caplog: pytest.LogCaptureFixture) -> None:
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    there.close()
    with here:
        await HandingOver(here, lambda _: None).serve(0, Client())
    assert "cannot be handed over" in caplog.text


async def test_a_client_that_begins_a_message_is_seen_within_a_round() -> None:
    async with joined() as ends:
        reporter = ProgressReporter()
        reporter.add(ends.link)
        reporter.moved(ends.link, memoryview(b"message"))
        reporter.report()
        reporter.report()
        ends.client.state = Flow(0, 0, 0, 5, 0, 0, unfinished=True)
        for _ in range(CHECK_ALL):
            reporter.report()
        await ends.progress()
        assert ends.transport.flow().unfinished
        reporter.remove(ends.link)
