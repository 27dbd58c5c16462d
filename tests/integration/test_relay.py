"""TCP in, QUIC out, over real sockets."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import smbquic
from smbquic.api.relay import relay
from smbquic.errors import ConnectionClosed, ListenError
from smbquic.gateway.relay import Relay
from smbquic.pki import PkiDirectory
from smbquic.transport import quic, tcp
from smbquic.transport.base import MessageTransport

MIB = 1 << 20


class QuicBackend:
    """A QUIC server that leaves its connections to the test."""

    def __init__(self) -> None:
        self.accepted: asyncio.Queue[MessageTransport] = asyncio.Queue()

    async def serve(self, transport: MessageTransport) -> None:
        self.accepted.put_nowait(transport)
        await transport.wait_closed()

    async def connection(self) -> MessageTransport:
        return await asyncio.wait_for(self.accepted.get(), 20)


class Setup:
    """A server, a relay to it, and how to reach the relay."""

    def __init__(self, server: QuicBackend, listener: quic.QuicListener, relay: Relay) -> None:
        self.server, self.listener, self.relay = server, listener, relay

    async def connect(self) -> MessageTransport:
        return await tcp.connect("127.0.0.1", int(self.relay.url.rpartition(":")[2]))


@pytest.fixture
async def setup(pki: PkiDirectory) -> AsyncIterator[Setup]:
    server = QuicBackend()
    identity = quic.ServerTls(pki.server.certificate, pki.server.key)
    listener = await quic.listen("127.0.0.1", 0, server.serve, certificate=identity)
    port = int(listener.url.rpartition(":")[2])

    async def upstream() -> MessageTransport:
        return await quic.connect("127.0.0.1", port, trust=quic.ClientTls(ca=pki.ca), timeout=60)

    relay = await Relay.start("127.0.0.1", 0, upstream, max_connections=3)
    yield Setup(server, listener, relay)
    await relay.close()
    await listener.close()


async def test_messages_pass_both_ways(setup: Setup) -> None:
    client = await setup.connect()
    server = await setup.server.connection()
    messages = [random.Random(size).randbytes(size) for size in (0, 1, 100, MIB, 8 * MIB)]
    for message in messages:
        await client.send(message)
    for message in messages:
        received = await asyncio.wait_for(server.receive(), 20)
        assert received == message
        await server.send(received)
    for message in messages:
        assert await asyncio.wait_for(client.receive(), 20) == message
    client.close()


async def test_each_client_has_a_connection_of_its_own(setup: Setup) -> None:
    clients = [await setup.connect() for _ in range(3)]
    servers = [await setup.server.connection() for _ in clients]
    for index, client in enumerate(clients):
        await client.send(b"%d" % index)
    received = sorted([bytes(await asyncio.wait_for(each.receive(), 20)) for each in servers])
    refused = await setup.connect()
    with pytest.raises(ConnectionClosed):
        await asyncio.wait_for(refused.receive(), 20)

    assert received == [b"0", b"1", b"2"]
    for client in clients:
        client.close()


async def test_a_client_that_leaves_takes_its_connection_along(setup: Setup) -> None:
    client = await setup.connect()
    server = await setup.server.connection()
    await client.send(b"my last words")
    client.close()

    assert bytes(await asyncio.wait_for(server.receive(), 20)) == b"my last words"
    with pytest.raises(ConnectionClosed):
        await asyncio.wait_for(server.receive(), 20)


async def test_a_server_that_hangs_up_is_passed_on(setup: Setup) -> None:
    client = await setup.connect()
    server = await setup.server.connection()
    await client.send(b"hello")
    await server.receive()
    await server.send(b"goodbye")
    server.close()

    assert bytes(await asyncio.wait_for(client.receive(), 20)) == b"goodbye"
    with pytest.raises(ConnectionClosed):
        await asyncio.wait_for(client.receive(), 20)


async def test_a_server_out_of_reach_closes_the_local_connection(
    setup: Setup, caplog: pytest.LogCaptureFixture
) -> None:
    await setup.listener.close()
    client = await setup.connect()
    with pytest.raises(ConnectionClosed):
        await asyncio.wait_for(client.receive(), 20)

    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "nothing listens on this UDP port" in caplog.text


async def test_backpressure_goes_all_the_way(setup: Setup) -> None:
    client = await setup.connect()
    server = await setup.server.connection()
    sent: list[int] = []

    async def flood() -> None:
        for index in range(200):
            await client.send(index.to_bytes(4, "big"), bytes(MIB - 4))
            sent.append(index)

    flooding = asyncio.create_task(flood())
    before = -1
    while len(sent) != before:
        before = len(sent)
        await asyncio.sleep(0.5)
    assert len(sent) < 100

    for index in range(200):
        message = await asyncio.wait_for(server.receive(), 20)
        assert int.from_bytes(message[:4], "big") == index
    await flooding
    client.close()


async def test_closing_the_relay_ends_everything(setup: Setup) -> None:
    client = await setup.connect()
    server = await setup.server.connection()
    await setup.relay.close()
    with pytest.raises(ConnectionClosed):
        await asyncio.wait_for(client.receive(), 20)
    with pytest.raises(ConnectionClosed):
        await asyncio.wait_for(server.receive(), 20)


@pytest.mark.parametrize("transport", ["tcp", "quic"])
async def test_a_port_that_is_taken_is_named(
    pki: PkiDirectory, tmp_path: Path, transport: str
) -> None:
    users = {"alice": "secret"}
    given: dict[str, Any] = {"certificate": pki.server.certificate, "key": pki.server.key}
    async with smbquic.serve(
        {"data": tmp_path}, users, [f"{transport}://127.0.0.1:0"], **given
    ) as serving:
        (taken,) = serving.listeners
        again = smbquic.serve({"data": tmp_path}, users, [taken], **given)
        with pytest.raises(ListenError, match=f"cannot listen on {taken}: another program"):
            await again.__aenter__()
        if transport == "tcp":
            url = taken.replace("tcp", "smb")
            with pytest.raises(ListenError, match=f"cannot listen on {taken}: another program"):
                await relay(url, listen=taken).__aenter__()
