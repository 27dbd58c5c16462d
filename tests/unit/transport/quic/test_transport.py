"""Messages over a connection whose engine the test plays itself."""

import asyncio

import pytest

from smbquic.errors import ConnectionClosed
from smbquic.transport.framing import prefix
from smbquic.transport.quic.engine import SEND_LIMIT
from tests.unit.transport.quic.harness import TransportHarness

# The numbers themselves, so that a change of one of them is noticed.
MESSAGE_COST = 256


async def test_what_nobody_will_fetch_is_dropped(harness: TransportHarness) -> None:
    harness.feed(prefix(3) + b"abc" + prefix(9) + b"1234")
    harness.transport.close("enough")

    assert harness.transport.flow().unfetched == 0
    with pytest.raises(ConnectionClosed, match="enough"):
        await harness.transport.receive()


async def test_what_the_engine_holds_waits_too(harness: TransportHarness) -> None:
    harness.engine.held = 1000
    assert harness.transport.flow().unfetched == 1000


async def test_how_far_messages_have_got(harness: TransportHarness) -> None:
    await harness.transport.send(b"12345")
    harness.engine.unacknowledged = 7
    harness.feed(prefix(3) + b"abc" + prefix(9) + b"1234")
    flow = harness.transport.flow()

    assert (flow.sent, flow.untaken) == (9, 7)
    assert (flow.received, flow.messages, flow.unfinished) == (7, 1, True)
    assert flow.unfetched == 3 + MESSAGE_COST + 4
    harness.feed(b"56789")
    assert not harness.transport.flow().unfinished


async def test_whoever_is_dropped_is_not_waited_for(harness: TransportHarness) -> None:
    harness.engine.unsent = harness.engine.unacknowledged = SEND_LIMIT
    sending = asyncio.create_task(harness.transport.send(b"never"))
    await asyncio.sleep(0)
    harness.transport.drop("enough")
    with pytest.raises(ConnectionClosed, match="enough"):
        await sending

    assert harness.endpoint.sent == [b"bye 0 "]
    await harness.transport.wait_closed()


async def test_closing_waits_for_what_is_under_way(harness: TransportHarness) -> None:
    harness.engine.unacknowledged = 10
    harness.transport.close("done")
    await asyncio.sleep(0)
    assert harness.engine.close_reason is None
    harness.engine.unacknowledged = 0
    harness.receiver.batch_received(1.0)
    await asyncio.wait_for(harness.transport.wait_closed(), 20)

    assert harness.endpoint.sent[-1] == b"bye 0 done"
    assert harness.events.reported == ["established", "closed"]


async def test_what_comes_before_the_handshake_is_complete_waits_for_it() -> None:
    harness = TransportHarness()
    harness.feed(prefix(3) + b"abc")
    assert harness.events.transport is None
    harness.establish()

    assert bytes(await harness.transport.receive()) == b"abc"
