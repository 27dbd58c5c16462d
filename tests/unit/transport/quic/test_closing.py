"""How the peer is told of the end, and the application."""

import pytest

from smbquic.errors import ConnectionClosed
from smbquic.transport.quic import closing
from smbquic.transport.quic.engine import Ending
from tests.unit.transport.quic.bench import Bench


async def test_connection_close_is_repeated_but_not_forever(bench: Bench) -> None:
    bench.transport.close("done")
    await bench.transport.wait_closed()
    sent = len(bench.endpoint.sent)
    for _ in range(closing.MAX_CLOSE_REPEATS + 10):
        bench.feed(b"still talking")

    assert len(bench.endpoint.sent) == sent + closing.MAX_CLOSE_REPEATS
    assert bench.endpoint.sent[-1] == b"bye 0 done"


async def test_an_error_code_is_told_where_there_is_no_reason(bench: Bench) -> None:
    bench.engine.ending = Ending(7, "")
    bench.transport.batch_received(1.0)
    with pytest.raises(ConnectionClosed, match="closed the connection: error 7"):
        await bench.transport.receive()
