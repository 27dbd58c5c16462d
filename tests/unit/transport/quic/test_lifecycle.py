"""The timeouts of a connection, and its end."""

import asyncio
import logging
from typing import cast

import pytest

from smbquic.errors import ConnectError, ConnectionClosed
from smbquic.transport.quic import lifecycle
from smbquic.transport.quic.lifecycle import Lifecycle
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.state import QuicEvent, QuicState
from smbquic.transport.quic.udp import UdpEndpoint
from tests.unit.transport.quic.harness import PATH, FakeEndpoint, TransportHarness


async def test_closing_does_not_wait_forever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lifecycle, "FLUSH_TIMEOUT", 0)
    harness = TransportHarness()
    harness.establish()
    harness.engine.unacknowledged = 10
    harness.transport.close("done")
    await asyncio.wait_for(harness.transport.wait_closed(), 20)

    assert harness.endpoint.sent[-1] == b"bye 0 done"


@pytest.mark.parametrize("unacknowledged", [0, 10])
async def test_who_closes_has_the_peer_acknowledge_at_once(
    harness: TransportHarness, unacknowledged: int
) -> None:
    harness.engine.unacknowledged = unacknowledged
    harness.transport.close()
    assert harness.engine.pings == (unacknowledged > 0)
    harness.transport.close()
    assert harness.engine.pings == (unacknowledged > 0)
    harness.engine.unacknowledged = 0


async def test_the_end_of_the_closing_period_is_reported(harness: TransportHarness) -> None:
    harness.transport.close()
    await harness.transport.wait_closed()
    harness.engine.terminated = True
    harness.pump.tick()

    assert harness.events.reported == ["established", "closed", "terminated"]


async def test_a_handshake_that_takes_too_long_is_given_up() -> None:
    harness = TransportHarness(QuicOptions(handshake_timeout=0))
    await asyncio.wait_for(harness.connection.lifecycle.wait_closed(), 20)

    assert harness.events.reported == ["handshake_failed", "closed"]
    assert isinstance(harness.events.error, ConnectError)
    assert "did not complete the handshake within 0 s" in str(harness.events.error)


async def test_the_first_reason_counts(
    harness: TransportHarness, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        harness.transport.close("first")
        harness.connection.abort(ConnectionClosed("second"))
    with pytest.raises(ConnectionClosed, match="first"):
        await harness.transport.receive()


async def test_only_the_first_end_and_the_first_close_count() -> None:
    endpoint = FakeEndpoint()
    life = Lifecycle(
        "the peer",
        cast(UdpEndpoint, endpoint),
        60.0,
        abort=lambda error: None,
        flush_timed_out=lambda: None,
    )
    first, second = ConnectionClosed("first"), ConnectionClosed("second")
    life.establish()
    assert life.end(first, "done")
    assert not life.end(second, "again")
    assert (life.error, life.reason, life.state) == (first, "done", QuicState.FLUSHING)

    assert life.close(QuicEvent.CLOSE_SENT, [([b"bye"], PATH)])
    assert not life.close(QuicEvent.CLOSE_SENT, [([b"bye again"], PATH)])
    await life.wait_closed()
    life.answer_late_datagrams()
    assert endpoint.sent == [b"bye"]

    assert not life.is_terminated()
    life.terminate()
    assert life.is_terminated()
    life.answer_late_datagrams()
    assert endpoint.sent == [b"bye"]
