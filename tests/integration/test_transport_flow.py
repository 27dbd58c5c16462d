"""Nobody can make an end hold more than it says, and nothing is lost while it is held back."""

import asyncio
import os
import sys

import pytest

from smbquic.errors import ConnectionClosed
from smbquic.transport import framing, low_water_mark, quic, tcp
from smbquic.transport.base import MessageTransport
from smbquic.transport.quic.engine import SEND_LIMIT
from smbquic.transport.quic.transport import QuicTransport
from smbquic.transport.tcp import TcpTransport
from tests.integration.conftest import Links
from tests.integration.internals import engine_of, library_of

MIB = 1 << 20
MESSAGE = 256 << 10
ENOUGH = 100 * MIB
WINDOW = 16 * MIB
"""The default of `QuicOptions`; on qh3 a peer may send three quarters more."""
PACKET = 1448
KERNEL = 40 * MIB
"""The bytes of a TCP connection that the two kernels may hold."""


async def until_stuck(sent: list[int]) -> None:
    """Wait until a sender has made no progress for a while."""
    before = -1
    while len(sent) != before:
        before = len(sent)
        await asyncio.sleep(0.3)


def cost_of_queue(transport: MessageTransport) -> int:
    """Return the bytes that messages count for which nobody has fetched."""
    assert isinstance(transport, TcpTransport | QuicTransport)
    return transport._inbox.cost


async def flood(transport: MessageTransport, sent: list[int]) -> None:
    for index in range(ENOUGH // MESSAGE):
        await transport.send(index.to_bytes(4, "big"), bytes(MESSAGE - 4))
        sent.append(index)


@pytest.mark.parametrize("direction", ["to the server", "to the client"])
async def test_messages_nobody_fetches_hold_the_sender_back(links: Links, direction: str) -> None:
    client, server = await links.open()
    await client.send(b"open the stream")
    await server.receive()
    sender, receiver = (client, server) if direction == "to the server" else (server, client)
    sent: list[int] = []
    flooding = asyncio.create_task(flood(sender, sent))
    await until_stuck(sent)
    if links.kind == "quic":
        assert isinstance(receiver, QuicTransport)
        ahead = WINDOW if engine_of(receiver).capacity == WINDOW else WINDOW * 7 // 4
        bound = ahead + SEND_LIMIT + 2 * MESSAGE
    else:
        bound = framing.QUEUE_LIMIT + KERNEL
    assert not flooding.done()
    assert len(sent) * MESSAGE <= bound
    assert cost_of_queue(receiver) <= framing.QUEUE_LIMIT + MESSAGE + framing.MESSAGE_COST

    for index in range(ENOUGH // MESSAGE):
        message = await asyncio.wait_for(receiver.receive(), 20)
        assert int.from_bytes(message[:4], "big") == index
    await flooding


async def test_a_slow_reader_does_not_stop_the_other_direction(links: Links) -> None:
    client, server = await links.open()
    await client.send(b"open the stream")
    await server.receive()
    sent: list[int] = []
    flooding = asyncio.create_task(flood(client, sent))
    await until_stuck(sent)
    await server.send(b"are you there?")

    assert bytes(await asyncio.wait_for(client.receive(), 20)) == b"are you there?"
    flooding.cancel()


async def test_tiny_messages_are_counted_for_what_they_cost(links: Links) -> None:
    options = {"options": quic.QuicOptions(window=256 << 10)} if links.kind == "quic" else {}
    client, server = await links.open(**options)
    count = 60_000
    done: list[int] = []

    async def send_nothing() -> None:
        for _ in range(count):
            await client.send()
            done.append(0)

    sending = asyncio.create_task(send_nothing())
    await until_stuck(done)
    one_read = (64 << 10) // framing.PREFIX_SIZE * framing.MESSAGE_COST
    assert cost_of_queue(server) <= framing.QUEUE_LIMIT + one_read

    for _ in range(count):
        assert len(await asyncio.wait_for(server.receive(), 20)) == 0
    await sending


async def test_a_waiting_sender_can_be_cancelled(links: Links) -> None:
    client, server = await links.open()
    sent: list[int] = []
    flooding = asyncio.create_task(flood(client, sent))
    await until_stuck(sent)
    flooding.cancel()
    last = asyncio.create_task(client.send(b"last"))
    await asyncio.gather(flooding, return_exceptions=True)
    received = bytearray()
    while received != b"last":
        received = bytearray(await asyncio.wait_for(server.receive(), 20))

    await asyncio.wait_for(last, 20)


async def test_closing_wakes_senders_that_wait(links: Links) -> None:
    client, server = await links.open()
    sent: list[int] = []
    flooding = [asyncio.create_task(flood(client, sent)) for _ in range(3)]
    await until_stuck(sent)
    server.close()
    results = await asyncio.wait_for(asyncio.gather(*flooding, return_exceptions=True), 20)

    assert [type(result) for result in results] == [ConnectionClosed] * 3


async def test_closing_does_not_wait_for_a_peer_that_takes_nothing(links: Links) -> None:
    client, _ = await links.open()
    sent: list[int] = []
    flooding = asyncio.create_task(flood(client, sent))
    await until_stuck(sent)
    client.close("enough")
    await asyncio.wait_for(client.wait_closed(), 20)
    with pytest.raises(ConnectionClosed, match="enough"):
        await flooding


async def test_memory_stays_bounded_while_much_passes_through(links: Links) -> None:
    client, server = await links.open()
    payload = os.urandom(MIB)
    rounds = 60

    async def pump() -> None:
        for _ in range(rounds):
            await client.send(payload)

    pumping = asyncio.create_task(pump())
    for _ in range(rounds):
        assert await asyncio.wait_for(server.receive(), 20) == payload
    await pumping
    if links.kind == "quic" and links.pairing.server == "aioquic":
        # The window moved as messages were fetched, and is as wide as it was.
        assert isinstance(server, QuicTransport)
        engine = library_of(server)
        ahead = engine._local_max_data.value - engine._local_max_data.used
        assert (16 << 20) * 7 // 8 <= ahead <= 16 << 20
        assert engine._streams[0].max_stream_data_local == engine._local_max_data.value


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux waits for more than one byte")
async def test_a_large_message_does_not_wake_its_receiver_for_each_packet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(low_water_mark, "MARK_PERIOD", 60.0)
    reads: list[int] = []
    original = TcpTransport.buffer_updated

    def note(transport: TcpTransport, nbytes: int) -> None:
        reads.append(nbytes)
        original(transport, nbytes)

    monkeypatch.setattr(TcpTransport, "buffer_updated", note)
    messages = [os.urandom(MIB), b"small", os.urandom(MIB)]
    accepted: asyncio.Queue[MessageTransport] = asyncio.Queue()
    received: asyncio.Queue[bytes] = asyncio.Queue()

    async def serve(transport: MessageTransport) -> None:
        accepted.put_nowait(transport)
        for _ in messages:
            received.put_nowait(bytes(await transport.receive()))

    listener = await tcp.listen("127.0.0.1", 0, serve)
    port = int(listener.url.rpartition(":")[2])
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    receiver = await accepted.get()
    stream = b"".join(framing.prefix(len(message)) + message for message in messages)
    for start in range(0, len(stream) - PACKET, PACKET):
        writer.write(stream[start : start + PACKET])
        # As on a slow path: the next packet arrives when the receiver has seen this one.
        async with asyncio.timeout(20):
            while receiver.flow().received < start:  # noqa: ASYNC110
                await asyncio.sleep(0)
    writer.write(stream[start + PACKET :])

    assert [await received.get() for _ in messages] == messages
    assert len(reads) < len(stream) / PACKET / 10
    writer.close()
    await writer.wait_closed()
    await listener.close()
