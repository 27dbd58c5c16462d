"""Forwarding between two transports that the test plays itself."""

import asyncio

import pytest

from smbquic.errors import ConnectionClosed
from smbquic.gateway.forwarding import Direction, ForwardResult, forward
from tests.unit.gateway.ends import End


async def test_it_says_which_end_has_disconnected_and_why() -> None:
    client, server = End(1), End(2)
    server.say(b"answer", ConnectionClosed("gone"))
    ending = await forward(Direction(client, server), Direction(server, client))
    assert ending == ForwardResult(server, "gone")
    assert client.sent == [b"answer"]


async def test_messages_are_inspected_waited_for_and_charged() -> None:
    client, server = End(1), End(2)
    seen: list[bytes] = []
    charged: list[float] = []

    async def wait() -> None:
        assert server.sent == [b"one"]
        seen.append(b"waited")

    def inspect(message: memoryview) -> object:
        seen.append(bytes(message))
        return wait() if bytes(message) == b"two" else None

    client.say(b"one", b"two", ConnectionClosed("done"))
    await forward(Direction(client, server, inspect, charged.append), Direction(server, client))  # type: ignore[arg-type]

    assert seen == [b"one", b"two", b"waited"]
    assert server.sent == [b"one", b"two"]
    assert len(charged) == 2


async def test_what_inspection_raises_ends_it() -> None:
    client, server = End(1), End(2)

    def inspect(_: memoryview) -> None:
        raise ValueError("no")

    client.say(b"one")
    with pytest.raises(ValueError, match="no"):
        await asyncio.wait_for(
            forward(Direction(client, server, inspect), Direction(server, client)), 20
        )
    assert server.sent == []


async def test_both_ends_are_gone() -> None:
    client, server = End(1), End(2)
    client.send_error = server.send_error = ConnectionClosed("gone")
    client.say(b"one")
    server.say(b"two")
    ending = await forward(Direction(client, server), Direction(server, client))
    assert ending == ForwardResult(None, "")
