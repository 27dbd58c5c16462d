import asyncio
from collections.abc import AsyncIterator

import pytest

from smbquic.client.outgoing_messages import OutgoingMessages
from smbquic.errors import ConnectionClosed
from smbquic.wire.echo import EchoRequest
from smbquic.wire.header import Command, Header
from tests.unit.client.fakes import FakeTransport


def message(message_id: int) -> list[bytes]:
    return [Header(Command.ECHO, message_id=message_id).encode(), EchoRequest().encode()]


@pytest.fixture
async def outgoing(transport: FakeTransport) -> AsyncIterator[OutgoingMessages]:
    made = OutgoingMessages(transport)
    task = asyncio.create_task(made.run())
    yield made
    task.cancel()
    await asyncio.wait([task])


async def test_a_message_is_sent_at_once(
    transport: FakeTransport, outgoing: OutgoingMessages
) -> None:
    outgoing.send(message(0))
    assert not transport.arrived.empty()


async def test_messages_keep_their_order_while_the_transport_takes_no_more(
    transport: FakeTransport, outgoing: OutgoingMessages
) -> None:
    transport.gate.clear()
    outgoing.send(message(0))
    transport.gate.set()
    outgoing.send(message(1))  # there would be room for it now, but not before the other
    assert transport.arrived.empty()
    assert [(await transport.next()).id for _ in range(2)] == [0, 1]
    await asyncio.sleep(0)
    outgoing.send(message(2))
    assert not transport.arrived.empty()


async def test_run_raises_what_the_transport_raises(
    transport: FakeTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def send(*buffers: object) -> None:
        raise ConnectionClosed("the pipe is broken")

    transport.gate.clear()
    monkeypatch.setattr(transport, "send", send)
    outgoing = OutgoingMessages(transport)
    outgoing.send(message(0))
    with pytest.raises(ConnectionClosed, match="the pipe is broken"):
        await outgoing.run()
