"""Who may send while the engine has much that was never sent."""

import asyncio

from smbquic.errors import ConnectionClosed
from smbquic.transport.framing import prefix
from smbquic.transport.quic.engine import SEND_LIMIT, CloseReason
from tests.unit.transport.quic.harness import TransportHarness


async def test_senders_take_turns(harness: TransportHarness) -> None:
    harness.engine.unsent = SEND_LIMIT
    waiting = [asyncio.create_task(harness.transport.send(b"%d" % index)) for index in range(3)]
    await asyncio.sleep(0)
    assert harness.engine.written == b""
    waiting[0].cancel()
    for _ in range(3):
        await asyncio.sleep(0)
    # The engine still has as much as it may have.
    assert harness.engine.written == b""
    harness.engine.unsent = 0
    harness.receiver.batch_received(1.0)
    harness.receiver.batch_received(1.0)
    async with asyncio.timeout(20):
        await asyncio.gather(*waiting[1:])

    assert harness.engine.written == prefix(1) + b"1" + prefix(1) + b"2"


async def test_a_sender_that_is_cancelled_once_woken_wakes_the_next_one(
    harness: TransportHarness,
) -> None:
    harness.engine.unsent = SEND_LIMIT
    waiting = [asyncio.create_task(harness.transport.send(b"%d" % index)) for index in range(2)]
    await asyncio.sleep(0)
    harness.engine.unsent = 0
    harness.receiver.batch_received(1.0)
    waiting[0].cancel()
    async with asyncio.timeout(20):
        await waiting[1]

    assert harness.engine.written == prefix(1) + b"1"


async def test_the_end_wakes_all_senders(harness: TransportHarness) -> None:
    harness.engine.unsent = SEND_LIMIT
    waiting = [asyncio.create_task(harness.transport.send(b"x")) for _ in range(3)]
    await asyncio.sleep(0)
    harness.engine.unsent = 0
    harness.receiver.batch_received(1.0)
    harness.engine.unsent = SEND_LIMIT
    harness.engine.close_reason = CloseReason(0, "")
    harness.receiver.batch_received(1.0)
    async with asyncio.timeout(20):
        results = await asyncio.gather(*waiting, return_exceptions=True)

    assert [type(result) for result in results] == [ConnectionClosed] * 3


async def test_send_now_takes_what_needs_no_waiting(harness: TransportHarness) -> None:
    assert harness.transport.send_now(b"a", b"b")
    harness.engine.unsent = SEND_LIMIT
    assert not harness.transport.send_now(b"c")
    waiting = asyncio.create_task(harness.transport.send(b"d"))
    await asyncio.sleep(0)
    harness.engine.unsent = 0
    # Whoever waits comes first.
    assert not harness.transport.send_now(b"e")
    harness.receiver.batch_received(1.0)
    async with asyncio.timeout(20):
        await waiting
    harness.transport.close()
    assert not harness.transport.send_now(b"f")

    assert harness.engine.written == prefix(2) + b"ab" + prefix(1) + b"d"
