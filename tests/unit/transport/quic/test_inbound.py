"""From the bytes of a stream to messages that wait to be fetched."""

import pytest

from smbquic.errors import ConnectionClosed, RemoteProtocolError
from smbquic.transport import framing
from smbquic.transport.framing import prefix
from smbquic.transport.quic import connection
from smbquic.transport.quic.engine import Ending
from tests.unit.transport.quic.bench import Bench


async def test_what_comes_before_the_end_is_received_before_it(bench: Bench) -> None:
    count = 3 * framing.QUEUE_LIMIT // framing.MESSAGE_COST
    bench.feed(prefix(0) * count + prefix(4) + b"last" + prefix(3) + b"br")
    assert bench.transport._inbound._receive_buffer
    bench.engine.ending = Ending(0, "bye")
    bench.transport.batch_received(2.0)
    for _ in range(count):
        assert bytes(await bench.transport.receive()) == b""
    assert bytes(await bench.transport.receive()) == b"last"
    with pytest.raises(ConnectionClosed, match=r"the peer closed the connection.*: bye"):
        await bench.transport.receive()


async def test_what_comes_after_the_end_is_nobodys(bench: Bench) -> None:
    bench.engine.unacknowledged = 1
    bench.transport.close("enough")
    bench.feed(prefix(1) + b"x")
    with pytest.raises(ConnectionClosed, match="enough"):
        await bench.transport.receive()


async def test_garbage_in_the_receive_buffer_ends_the_connection(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    count = framing.QUEUE_LIMIT // framing.MESSAGE_COST + 1
    bench.feed(prefix(0) * count, b"GET / HTTP/1.1")
    for _ in range(count):
        await bench.transport.receive()
    with pytest.raises(RemoteProtocolError, match="first byte 0x47"):
        await bench.transport.receive()

    assert bench.engine.ending is not None
    assert bench.engine.ending.code == connection.PROTOCOL_BROKEN
    assert len(caplog.records) == 1


async def test_the_window_moves_by_what_was_fetched(bench: Bench) -> None:
    bench.feed(prefix(5) + b"12345" + prefix(0))
    assert bench.engine.released == 0
    await bench.transport.receive()
    assert bench.engine.released == 9
    await bench.transport.receive()
    assert bench.engine.released == 13


async def test_a_message_larger_than_the_window_is_refused() -> None:
    bench = Bench(window=1 << 20)
    bench.establish()
    bench.feed(prefix((1 << 20) - 4))
    assert bench.engine.ending is None
    bench = Bench(window=1 << 20)
    bench.establish()
    bench.feed(prefix((1 << 20) - 3))
    with pytest.raises(RemoteProtocolError, match="more than the 1048572 allowed"):
        await bench.transport.receive()


async def test_a_peer_whose_messages_wait_for_us_is_not_said_to_be_late(bench: Bench) -> None:
    count = 2 * framing.QUEUE_LIMIT // framing.MESSAGE_COST
    bench.feed(prefix(0) * count + prefix(3) + b"br")

    assert bench.transport._inbound._receive_buffer
    assert not bench.transport.flow().unfinished
