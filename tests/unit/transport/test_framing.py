"""Prefixes, messages out of pieces, and the queue in front of receive()."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import ConnectionClosed, LocalProtocolError, RemoteProtocolError
from smbquic.transport import framing
from smbquic.transport.framing import Assembler, Inbox, framed, message_length, prefix

# The numbers themselves, so that a change of one of them is noticed.
JOIN_LIMIT = 16 << 10
MESSAGE_COST = 256

LIMIT = 1 << 20


def test_a_prefix_is_a_zero_byte_and_three_bytes_of_length() -> None:
    assert prefix(0) == b"\0\0\0\0"
    assert prefix(0x123456) == b"\0\x12\x34\x56"
    assert prefix(0xFFFFFF) == b"\0\xff\xff\xff"
    with pytest.raises(LocalProtocolError, match="16777216 bytes"):
        prefix(0x1000000)


@pytest.mark.parametrize(("size", "pieces"), [(0, 1), (JOIN_LIMIT - 3, 1), (JOIN_LIMIT, 3)])
def test_a_small_message_is_framed_in_one_piece(size: int, pieces: int) -> None:
    payload = memoryview(bytes(size))
    parts = framed([b"abc", payload])
    assert len(parts) == pieces
    assert b"".join(parts) == prefix(3 + size) + b"abc" + payload
    assert pieces == 1 or parts[-1] is payload


@given(st.binary(min_size=4, max_size=8), st.integers(0, 0xFFFFFF))
def test_a_head_is_a_length_or_an_error(head: bytes, limit: int) -> None:
    length = int.from_bytes(head[1:4], "big")
    if head[0]:
        with pytest.raises(RemoteProtocolError, match=f"first byte 0x{head[0]:02x}"):
            message_length(head, limit)
    elif length > limit:
        with pytest.raises(RemoteProtocolError, match=f"{length} bytes, more than the {limit}"):
            message_length(head, limit)
    else:
        assert message_length(head, limit) == length


@given(
    st.lists(st.binary(max_size=300), max_size=20),
    st.lists(st.integers(0, 700), max_size=30),
    st.booleans(),
)
def test_messages_survive_any_division_into_pieces(
    messages: list[bytes], cuts: list[int], by_byte: bool
) -> None:
    stream = b"".join(prefix(len(message)) + message for message in messages)
    got: list[memoryview] = []
    assembler = Assembler(got.append)
    if by_byte:
        cuts = [1] * len(stream)
    for cut in cuts:
        piece, stream = stream[:cut], stream[cut:]
        assembler.feed(piece, LIMIT)
    assembler.feed(stream, LIMIT)

    assert [bytes(message) for message in got] == messages
    assert not any(message.readonly for message in got)
    assert not assembler.unfinished


@given(st.binary(max_size=100), st.integers(1, 103))
def test_a_stream_that_stops_within_a_message_is_unfinished(message: bytes, cut: int) -> None:
    stream = prefix(len(message)) + message
    assembler = Assembler(lambda message: None)
    assembler.feed(stream[:cut], LIMIT)

    assert assembler.unfinished is (cut < len(stream))


def test_messages_before_the_error_are_delivered() -> None:
    got: list[memoryview] = []
    assembler = Assembler(got.append)
    with pytest.raises(RemoteProtocolError):
        assembler.feed(b"\0\0\0\2ok" + b"\0\0\0\4five!", 3)

    assert got == [b"ok"]


def test_what_is_announced_costs_nothing_before_it_arrives() -> None:
    assembler = Assembler(lambda message: None)
    assembler.feed(prefix(8 << 20) + b"just a few bytes", framing.MAX_MESSAGE_SIZE)

    assert assembler.held == 16


async def test_an_inbox_gives_what_it_got_in_order() -> None:
    fetched: list[int] = []
    inbox = Inbox(fetched.append)
    inbox.put(memoryview(b"one"))
    inbox.put(memoryview(b"three"))

    assert bytes(await inbox.get()) == b"one"
    assert bytes(await inbox.get()) == b"three"
    assert fetched == [3, 5]


async def test_get_waits_for_a_message() -> None:
    inbox = Inbox(lambda size: None)
    waiting = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    assert not waiting.done()
    inbox.put(memoryview(b"here"))
    inbox.put(memoryview(b"more"))

    assert bytes(await waiting) == b"here"


async def test_a_cancelled_get_leaves_the_message() -> None:
    inbox = Inbox(lambda size: None)
    waiting = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    inbox.put(memoryview(b"late"))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert bytes(await inbox.get()) == b"late"


async def test_the_end_comes_after_the_messages_and_the_first_counts() -> None:
    inbox = Inbox(lambda size: None)
    inbox.put(memoryview(b"last"))
    inbox.end(ConnectionClosed("first"))
    inbox.end(ConnectionClosed("second"))

    assert bytes(await inbox.get()) == b"last"
    for _ in range(2):
        with pytest.raises(ConnectionClosed, match="first"):
            await inbox.get()


async def test_the_end_wakes_who_waits() -> None:
    inbox = Inbox(lambda size: None)
    waiting = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    inbox.end(ConnectionClosed("over"))
    inbox.end(ConnectionClosed("again"))
    with pytest.raises(ConnectionClosed, match="over"):
        await waiting


async def test_only_one_may_wait() -> None:
    inbox = Inbox(lambda size: None)
    waiting = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    with pytest.raises(LocalProtocolError):
        await inbox.get()
    inbox.put(memoryview(b""))

    assert bytes(await waiting) == b""


async def test_whether_somebody_is_about_to_fetch_a_message() -> None:
    inbox = Inbox(lambda size: None)
    assert not inbox.waking
    waiting = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    assert not inbox.waking
    inbox.put(memoryview(b"1"))
    assert inbox.waking
    await waiting
    assert not inbox.waking


async def test_full_and_room_count_bytes_and_messages() -> None:
    inbox = Inbox(lambda size: None, limit=4 * MESSAGE_COST)
    for _ in range(4):
        inbox.put(memoryview(b""))
    assert not inbox.full
    assert not inbox.has_room
    inbox.put(memoryview(b"x"))
    assert inbox.full
    for _ in range(4):
        await inbox.get()
    assert not inbox.full
    assert not inbox.has_room
    await inbox.get()

    assert inbox.has_room


def test_the_largest_message_by_default() -> None:
    largest = 8 * 1024 * 1024 + 64 * 1024
    assert message_length(prefix(largest), framing.MAX_MESSAGE_SIZE) == largest
    with pytest.raises(RemoteProtocolError, match=f"more than the {largest}"):
        message_length(prefix(largest + 1), framing.MAX_MESSAGE_SIZE)


async def test_how_much_waits_to_be_fetched_by_default() -> None:
    inbox = Inbox(lambda size: None)
    inbox.put(memoryview(bytes((4 << 20) - MESSAGE_COST)))
    assert not inbox.full
    inbox.put(memoryview(b""))
    assert inbox.full
