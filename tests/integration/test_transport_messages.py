"""The contract of both transports about messages, on both event loops."""

import asyncio
import hashlib

import pytest

from smbquic.errors import ConnectionClosed, LocalProtocolError
from smbquic.transport import framing
from smbquic.transport.base import MessageTransport
from tests.integration.conftest import Links

MIB = 1 << 20
SIZES = [0, 1, 100, 4 << 10, (32 << 10) + 1, 64 << 10, MIB, 8 * MIB]


def pattern(size: int, seed: int = 0) -> bytes:
    """Bytes in which a piece that is lost, doubled or moved shows."""
    block = hashlib.shake_128(seed.to_bytes(4, "big")).digest(min(size, 65521))
    return (block * (size // max(len(block), 1) + 1))[:size]


@pytest.mark.parametrize("size", SIZES)
async def test_a_message_comes_back_as_it_was(links: Links, size: int) -> None:
    client, server = await links.open()
    message = pattern(size)

    async def echo() -> None:
        await server.send(await server.receive())

    task = asyncio.create_task(echo())
    await client.send(message[: size // 3], message[size // 3 :])
    answer = await asyncio.wait_for(client.receive(), 20)
    await task

    assert bytes(answer) == message


async def test_a_message_is_writable_and_owns_its_memory(links: Links) -> None:
    client, server = await links.open()
    await client.send(b"first")
    await client.send(b"other")
    first = await server.receive()
    first[:] = b"FIRST"

    assert not first.readonly
    assert bytes(await server.receive()) == b"other"
    assert bytes(first) == b"FIRST"


async def test_many_messages_both_ways_at_once_keep_their_order(links: Links) -> None:
    client, server = await links.open()
    sizes = [(index * 7919) % 5000 for index in range(2000)] + [300_000, 0, 1, 70_000]
    messages = [pattern(size, index) for index, size in enumerate(sizes)]

    async def send_all(transport: MessageTransport) -> None:
        for message in messages:
            await transport.send(message)

    async def receive_all(transport: MessageTransport) -> list[bytes]:
        return [bytes(await transport.receive()) for _ in messages]

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(send_all(client))
        group.create_task(send_all(server))
        at_server = group.create_task(receive_all(server))
        at_client = group.create_task(receive_all(client))

    assert at_server.result() == messages
    assert at_client.result() == messages


async def test_messages_of_concurrent_senders_stay_whole(links: Links) -> None:
    client, server = await links.open()
    messages = [pattern(MIB + index, index) for index in range(12)]

    async def receive_all() -> list[bytes]:
        return [bytes(await server.receive()) for _ in messages]

    receiver = asyncio.create_task(receive_all())
    await asyncio.wait_for(asyncio.gather(*(client.send(each) for each in messages)), 60)

    assert sorted(await receiver) == sorted(messages)


async def test_a_server_may_speak_first(links: Links) -> None:
    client, server = await links.open()
    await server.send(b"welcome")
    await client.send(b"hello")

    assert bytes(await asyncio.wait_for(client.receive(), 20)) == b"welcome"
    assert bytes(await server.receive()) == b"hello"


async def test_a_cancelled_receive_loses_nothing(links: Links) -> None:
    client, server = await links.open()
    for index in range(20):
        waiting = asyncio.create_task(server.receive())
        await asyncio.sleep(0)
        await client.send(b"%d" % index)
        waiting.cancel()
        try:
            message = await waiting
        except asyncio.CancelledError:
            message = await asyncio.wait_for(server.receive(), 20)
        assert bytes(message) == b"%d" % index


async def test_two_receivers_at_once_are_a_mistake(links: Links) -> None:
    client, server = await links.open()
    waiting = asyncio.create_task(server.receive())
    await asyncio.sleep(0)
    with pytest.raises(LocalProtocolError, match="already waiting"):
        await server.receive()
    await client.send(b"for the first")

    assert bytes(await waiting) == b"for the first"


async def test_a_message_that_no_prefix_can_describe_is_not_sent(links: Links) -> None:
    client, server = await links.open()
    half = bytes(framing.LARGEST_MESSAGE // 2 + 1)
    with pytest.raises(LocalProtocolError, match="too long"):
        await client.send(half, half)
    await client.send(b"still fine")

    assert bytes(await server.receive()) == b"still fine"


async def test_closing_delivers_what_was_sent(links: Links) -> None:
    client, server = await links.open()
    messages = [pattern(MIB, index) for index in range(6)]
    for message in messages[:3]:
        await client.send(message)
    sender = asyncio.gather(*(client.send(each) for each in messages[3:]))
    received = [bytes(await server.receive()) for _ in range(3)]
    await sender
    client.close("all done")
    received += [bytes(await asyncio.wait_for(server.receive(), 20)) for _ in range(3)]
    with pytest.raises(ConnectionClosed):
        await server.receive()

    assert received == messages
    await asyncio.wait_for(client.wait_closed(), 20)


async def test_the_end_reaches_both_ends(links: Links) -> None:
    client, server = await links.open()
    waiting = asyncio.create_task(client.receive())
    server.close("going down")
    with pytest.raises(ConnectionClosed):
        await asyncio.wait_for(waiting, 20)
    with pytest.raises(ConnectionClosed):
        await client.receive()
    with pytest.raises(ConnectionClosed, match="going down"):
        await server.receive()
    with pytest.raises(ConnectionClosed):
        await server.send(b"too late")
    with pytest.raises(ConnectionClosed):
        await client.send(b"too late")
    await asyncio.wait_for(server.wait_closed(), 20)
    await asyncio.wait_for(client.wait_closed(), 20)


async def test_closing_twice_is_closing_once(links: Links) -> None:
    client, server = await links.open()
    client.close("first")
    client.close("second")
    with pytest.raises(ConnectionClosed, match="first"):
        await client.receive()
    with pytest.raises(ConnectionClosed):
        await asyncio.wait_for(server.receive(), 20)


async def test_a_message_above_the_limit_ends_the_connection(links: Links) -> None:
    client, server = await links.open()
    await client.send(bytes(2000))
    await server.receive()
    server.max_message_size = 1000
    await client.send(bytes(1000))
    await client.send(bytes(1001))
    assert len(await server.receive()) == 1000
    with pytest.raises(Exception, match="1001 bytes, more than the 1000 allowed") as caught:
        await asyncio.wait_for(server.receive(), 20)
    assert type(caught.value).__name__ == "RemoteProtocolError"
    with pytest.raises(ConnectionClosed):
        await asyncio.wait_for(client.receive(), 20)


async def test_both_ends_know_who_they_talk_to(links: Links) -> None:
    client, server = await links.open()

    assert client.peer.kind == server.peer.kind == links.kind
    assert client.peer.remote == server.peer.local
    assert client.peer.local == server.peer.remote
    assert client.peer.handshake_seconds > 0
    assert client.peer.encrypted is (links.kind == "quic")
    assert client.peer.authenticated is (links.kind == "quic")
    assert not server.peer.authenticated


async def test_keep_alive_can_be_asked_for_and_dropped(links: Links) -> None:
    client, server = await links.open()
    for transport in (client, server):
        assert transport.keep_alive is False
        transport.keep_alive = True
        assert transport.keep_alive is True
        transport.keep_alive = True
        transport.keep_alive = False
        assert transport.keep_alive is False


async def test_one_listener_serves_many(links: Links) -> None:
    listener = await links.listen()
    clients = [await links.connect(listener) for _ in range(5)]
    servers = {(await links.accepted()) for _ in clients}
    for index, client in enumerate(clients):
        await client.send(b"%d" % index)
    received = {bytes(await asyncio.wait_for(server.receive(), 20)) for server in servers}

    assert received == {b"0", b"1", b"2", b"3", b"4"}
