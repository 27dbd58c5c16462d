"""From the bytes of a stream to messages that wait to be fetched."""

import pytest

from smbquic.errors import ConnectionClosed, RemoteProtocolError
from smbquic.transport.framing import prefix
from smbquic.transport.quic import transport
from smbquic.transport.quic.engine import CloseReason
from smbquic.transport.quic.options import QuicOptions
from tests.unit.transport.quic.harness import TransportHarness

# The numbers themselves, so that a change of one of them is noticed.
QUEUE_LIMIT = 4 << 20
MESSAGE_COST = 256


async def test_what_comes_before_the_end_is_received_before_it(harness: TransportHarness) -> None:
    count = 3 * QUEUE_LIMIT // MESSAGE_COST
    harness.feed(prefix(0) * count + prefix(4) + b"last" + prefix(3) + b"br")
    assert harness.transport.flow().messages < count
    harness.engine.close_reason = CloseReason(0, "bye")
    harness.receiver.batch_received(2.0)
    for _ in range(count):
        assert bytes(await harness.transport.receive()) == b""
    assert bytes(await harness.transport.receive()) == b"last"
    with pytest.raises(ConnectionClosed, match=r"the peer closed the connection.*: bye"):
        await harness.transport.receive()


async def test_what_comes_after_the_end_is_nobodys(harness: TransportHarness) -> None:
    harness.engine.unacknowledged = 1
    harness.transport.close("enough")
    harness.feed(prefix(1) + b"x")
    with pytest.raises(ConnectionClosed, match="enough"):
        await harness.transport.receive()


async def test_garbage_in_the_receive_buffer_ends_the_connection(
    harness: TransportHarness, caplog: pytest.LogCaptureFixture
) -> None:
    count = QUEUE_LIMIT // MESSAGE_COST + 1
    harness.feed(prefix(0) * count, b"GET / HTTP/1.1")
    for _ in range(count):
        await harness.transport.receive()
    with pytest.raises(RemoteProtocolError, match="first byte 0x47"):
        await harness.transport.receive()

    assert harness.engine.close_reason is not None
    assert harness.engine.close_reason.code == transport.FRAMING_ERROR
    assert len(caplog.records) == 1


async def test_the_window_moves_by_what_was_fetched(harness: TransportHarness) -> None:
    harness.feed(prefix(5) + b"12345" + prefix(0))
    assert harness.engine.released == 0
    await harness.transport.receive()
    assert harness.engine.released == 9
    await harness.transport.receive()
    assert harness.engine.released == 13


async def test_a_message_larger_than_the_window_is_refused() -> None:
    harness = TransportHarness(QuicOptions(window=1 << 20))
    harness.establish()
    harness.feed(prefix((1 << 20) - 4))
    assert harness.engine.close_reason is None
    harness = TransportHarness(QuicOptions(window=1 << 20))
    harness.establish()
    harness.feed(prefix((1 << 20) - 3))
    with pytest.raises(RemoteProtocolError, match="more than the 1048572 allowed"):
        await harness.transport.receive()


async def test_a_peer_whose_messages_wait_for_us_is_not_said_to_be_late(
    harness: TransportHarness,
) -> None:
    count = 2 * QUEUE_LIMIT // MESSAGE_COST
    harness.feed(prefix(0) * count + prefix(3) + b"br")

    assert harness.transport.flow().received == 6
    assert not harness.transport.flow().unfinished


async def test_a_whole_message_of_the_engine_is_not_copied(harness: TransportHarness) -> None:
    message = bytearray(prefix(100_000) + bytes(100_000))
    harness.feed(message)
    received = await harness.transport.receive()

    assert received.obj is message
    assert received == bytes(100_000)


async def test_whole_messages_wait_for_room_as_all_others_do(harness: TransportHarness) -> None:
    size = QUEUE_LIMIT // 4
    for number in range(8):
        harness.feed(bytearray(prefix(size) + bytes([number]) * size))
    assert harness.transport.flow().messages < 8
    for number in range(8):
        assert (await harness.transport.receive())[0] == number


async def test_what_the_engine_keeps_of_a_message_is_progress(harness: TransportHarness) -> None:
    before = harness.transport.flow()
    harness.engine.partial = 1000
    flow = harness.transport.flow()

    assert not before.unfinished
    assert flow.unfinished
    assert (flow.received, flow.unfetched) == (before.received + 1000, before.unfetched + 1000)
    harness.engine.close_reason = CloseReason(0, "bye")
    harness.receiver.batch_received(2.0)
    with pytest.raises(ConnectionClosed, match="in the middle of a message"):
        await harness.transport.receive()


async def test_a_whole_message_that_is_too_large_ends_the_connection(
    harness: TransportHarness,
) -> None:
    harness.transport.max_message_size = 100
    harness.feed(bytearray(prefix(100) + bytes(100)), bytearray(prefix(101) + bytes(101)))
    assert len(await harness.transport.receive()) == 100
    with pytest.raises(RemoteProtocolError, match="a message of 101 bytes"):
        await harness.transport.receive()
