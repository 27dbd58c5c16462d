"""The main process's end of a connection, with the worker's end of it."""

import asyncio
import socket

import pytest

from smbquic.errors import ConnectionClosed, IdleTimeout, RemoteProtocolError
from smbquic.transport import framing
from smbquic.transport.base import Flow, PathStatistics
from smbquic.transport.receive_buffers import ReceiveBuffers
from smbquic.workers.records import RecordKind, record
from smbquic.workers.transport import HandedOverTransport
from tests.polling import eventually
from tests.unit.workers.joined import PEER, joined


async def test_it_is_the_connection_of_the_client() -> None:
    async with joined() as ends:
        assert ends.transport.peer == PEER
        await ends.transport.send(b"request", b" and more")
        assert bytes(await ends.link.receive()) == b"request and more"
        await ends.link.send(b"response")
        assert bytes(await ends.transport.receive()) == b"response"


async def test_the_worker_does_what_the_server_asks_for() -> None:
    async with joined() as ends:
        transport, client = ends.transport, ends.client
        transport.authenticated()
        transport.keep_alive = True
        transport.max_message_size = 12345
        assert (transport.keep_alive, transport.max_message_size) == (True, 12345)
        await eventually(lambda: client.max_message_size == 12345)
        assert client.is_authenticated
        assert client.keep_alive
        transport.keep_alive = False
        await eventually(lambda: not client.keep_alive)


async def test_it_takes_no_larger_messages_itself() -> None:
    async with joined() as ends:
        assert ends.transport.max_message_size == framing.MAX_MESSAGE_SIZE
        ends.transport.max_message_size = 10
        ends.link.send_now(bytes(11))
        with pytest.raises(RemoteProtocolError, match="11 bytes"):
            await ends.transport.receive()


async def test_what_the_worker_reports() -> None:
    async with joined() as ends:
        ends.transport.send_now(bytes(96))
        assert ends.transport.statistics() == PathStatistics()
        assert ends.transport.flow().untaken == 100
        ends.client.state = Flow(70, 10, 10, 555, 44, 3, unfinished=True)
        ends.client.measured = PathStatistics(0.25, 1400, 7)
        assert ends.link.report()
        await ends.progress()
        assert ends.transport.statistics() == PathStatistics(0.25, 1400, 7)
        assert ends.transport.flow() == Flow(100, 40, 40, 555, 44, 3, unfinished=True)


async def test_a_main_process_that_reads_nothing_does_not_find_the_client_slow() -> None:
    async with joined() as ends, ends.filling(ends.link, ends.transport):
        ends.transport.send_now(bytes(96))
        await eventually(lambda: ends.transport.flow().untaken == 0)


async def test_it_closes_once_the_worker_has_sent_everything() -> None:
    async with joined() as ends:
        ends.transport.send_now(b"last")
        ends.transport.close("bye")
        ends.transport.close("again")
        assert not ends.transport.send_now(b"too late")
        assert bytes(await ends.link.receive()) == b"last"
        with pytest.raises(ConnectionClosed):
            await ends.link.receive()
        assert ends.link.close_reason == "bye"
        assert ends.lost == []
        ends.link.close()
        await ends.transport.wait_closed()
        await eventually(lambda: ends.lost == [ends.transport])
        assert ends.client.ends == []


async def test_it_closes_while_much_waits() -> None:
    async with joined() as ends, ends.filling(ends.link, ends.transport):
        ends.transport.close()
        with pytest.raises(ConnectionClosed):
            await ends.link.receive()
        assert ends.link.close_reason == ""


@pytest.mark.parametrize("error", [IdleTimeout("idle"), RemoteProtocolError("no message")])
async def test_the_client_has_gone(error: Exception) -> None:
    async with joined() as ends:
        ends.link.send_now(b"last")
        ends.link.client_ended(error)
        await ends.transport.wait_closed()
        assert not ends.transport.send_now(b"too late")
        assert bytes(await ends.transport.receive()) == b"last"
        with pytest.raises(type(error), match=str(error)):
            await ends.transport.receive()
        assert ends.lost == []
        ends.transport.close()
        await eventually(lambda: ends.lost == [ends.transport])
        assert ends.client.ends == []


async def test_the_worker_is_gone() -> None:
    async with joined() as ends:
        ends.link.drop("killed")
        with pytest.raises(ConnectionClosed, match="worker process"):
            await ends.transport.receive()
        await ends.transport.wait_closed()


async def test_a_client_is_dropped() -> None:
    async with joined() as ends:
        ends.transport.drop("too slow")
        await eventually(lambda: bool(ends.client.ends))
        assert ends.client.ends[0].startswith("dropped")


@pytest.mark.parametrize("what", [record(RecordKind.CLOSE), record(RecordKind.PROGRESS, b"1")])
async def test_records_that_no_worker_sends(what: bytes) -> None:
    here, there = socket.socketpair()
    with there:
        _, transport = await asyncio.get_running_loop().create_unix_connection(
            lambda: HandedOverTransport(lambda _: None, ReceiveBuffers()), sock=here
        )
        there.sendall(what)
        with pytest.raises(RemoteProtocolError):
            await transport.receive_peer()
    await transport.wait_closed()
