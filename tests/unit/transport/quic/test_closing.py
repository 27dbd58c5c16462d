"""How the peer is told of the end, and the application."""

import pytest

from smbquic.errors import ConnectionClosed
from smbquic.transport.quic.engine import CloseReason
from tests.unit.transport.quic.harness import TransportHarness

# The numbers themselves, so that a change of one of them is noticed.
MAX_CLOSE_REPEATS = 16


async def test_connection_close_is_repeated_but_not_forever(harness: TransportHarness) -> None:
    harness.transport.close("done")
    await harness.transport.wait_closed()
    sent = len(harness.endpoint.sent)
    for _ in range(MAX_CLOSE_REPEATS + 10):
        harness.feed(b"still talking")

    assert len(harness.endpoint.sent) == sent + MAX_CLOSE_REPEATS
    assert harness.endpoint.sent[-1] == b"bye 0 done"


async def test_an_error_code_is_told_where_there_is_no_reason(harness: TransportHarness) -> None:
    harness.engine.close_reason = CloseReason(7, "")
    harness.transport.batch_received(1.0)
    with pytest.raises(ConnectionClosed, match="closed the connection: error 7"):
        await harness.transport.receive()
