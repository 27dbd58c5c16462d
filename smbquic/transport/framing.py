"""The Direct-TCP framing, which QUIC uses too, and the queue of messages it yields.

Every message is preceded by a zero byte and its length in 3 bytes, big-endian
([MS-SMB2] 2.1, [RFC1001] 4.3.1 names the zero byte a session message).
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from smbquic.errors import LocalProtocolError, RemoteProtocolError
from smbquic.wire.cursor import Buffer

PREFIX_SIZE = 4
LARGEST_MESSAGE = 0xFFFFFF
"""What 3 bytes of length can say."""
MAX_MESSAGE_SIZE = (8 << 20) + (64 << 10)
"""Default limit on messages from the peer: 8 MiB of payload and room for the headers."""
QUEUE_LIMIT = 4 << 20
"""Bytes of whole messages that wait to be fetched before a transport stops reading."""
JOIN_LIMIT = 16 << 10
MESSAGE_COST = 256
"""What a queued message costs besides its bytes, so that many tiny ones are counted fairly."""


def prefix(length: int) -> bytes:
    """The 4 bytes before a message of `length` bytes.

    Raises `LocalProtocolError` where 3 bytes cannot say the length.
    """
    if length > LARGEST_MESSAGE:
        raise LocalProtocolError(f"a message of {length} bytes is too long for its prefix")
    return length.to_bytes(PREFIX_SIZE, "big")


def framed(buffers: Sequence[Buffer]) -> Sequence[Buffer]:
    """A message behind its prefix; raises what `prefix` does.

    A small message comes in one piece, because a copy of it is cheaper than a few calls more.
    """
    length = sum(map(len, buffers))
    head = prefix(length)
    return (b"".join((head, *buffers)),) if length <= JOIN_LIMIT else (head, *buffers)


def message_length(head: Buffer, limit: int) -> int:
    """The length that the first 4 bytes of `head` announce.

    Raises `RemoteProtocolError` where the first byte is not zero (a NetBIOS session request, or
    another protocol altogether), or the length exceeds `limit` bytes.
    """
    length = int.from_bytes(head[:PREFIX_SIZE], "big")
    if length > LARGEST_MESSAGE:
        raise RemoteProtocolError(
            f"the peer does not frame its messages as SMB does (first byte 0x{length >> 24:02x})"
        )
    if length > limit:
        raise RemoteProtocolError(
            f"the peer announced a message of {length} bytes, more than the {limit} allowed"
        )
    return length


class Assembler:
    """Makes messages of a byte stream that arrives in pieces, and gives each to `deliver`.

    Each byte is copied once, into memory that grows with what arrived and never ahead of it.
    """

    def __init__(self, deliver: Callable[[memoryview], None]) -> None:
        self._deliver = deliver
        self._head = bytearray()
        self._message = bytearray()
        self._missing = -1

    @property
    def unfinished(self) -> bool:
        """Whether the stream stands in the middle of a message."""
        return self._missing >= 0 or bool(self._head)

    @property
    def held(self) -> int:
        """Bytes of the message that is not complete yet."""
        return len(self._message) + len(self._head)

    def clear(self) -> None:
        """Drop the message that is not complete; nothing may be fed any more."""
        self._head.clear()
        self._message = bytearray()

    def feed(self, data: Buffer, limit: int) -> None:
        """Take the next piece; messages may be up to `limit` bytes long.

        Raises `RemoteProtocolError` as `message_length` does; the stream is lost from there on.
        """
        size = len(data)
        if size < self._missing:
            self._message += data
            self._missing -= size
        elif (
            size >= PREFIX_SIZE
            and not self.unfinished
            and message_length(data, limit) == size - PREFIX_SIZE
        ):
            # A small message mostly comes alone and whole.
            self._deliver(memoryview(bytearray(data))[PREFIX_SIZE:])
        else:
            self._cut(memoryview(data), limit)

    def _cut(self, data: memoryview, limit: int) -> None:
        start, end = 0, len(data)
        while start < end:
            if self._missing < 0:
                body = start + PREFIX_SIZE - len(self._head)
                self._head += data[start:body]
                if body > end:
                    return
                self._missing = message_length(self._head, limit)
                self._head.clear()
                start = body
            stop = min(start + self._missing, end)
            self._message += data[start:stop]
            self._missing -= stop - start
            start = stop
            if self._missing == 0:
                message, self._message = self._message, bytearray()
                self._missing = -1
                self._deliver(memoryview(message))


class Inbox:
    """Whole messages on their way to `receive()`, and the end of the connection behind them.

    `on_fetch` is called with the size of each message that was fetched. `received` counts the bytes
    of all messages so far, `count` these.
    """

    def __init__(self, on_fetch: Callable[[int], None], limit: int = QUEUE_LIMIT) -> None:
        self._messages: deque[memoryview] = deque()
        self._cost = 0
        self._limit = limit
        self._on_fetch = on_fetch
        self._waiter: asyncio.Future[None] | None = None
        self._end: Exception | None = None
        self.received = 0
        self.count = 0

    @property
    def cost(self) -> int:
        """What the messages that wait cost, in bytes."""
        return self._cost

    @property
    def full(self) -> bool:
        """Whether more than the limit waits to be fetched."""
        return self._cost > self._limit

    @property
    def has_room(self) -> bool:
        """Whether so little waits that reading on is worth while."""
        return self._cost <= self._limit // 4

    @property
    def waking(self) -> bool:
        """Whether somebody who waited is about to go on."""
        return self._waiter is not None and self._waiter.done()

    def put(self, message: memoryview) -> None:
        """Queue a message."""
        self._messages.append(message)
        size = len(message)
        self._cost += size + MESSAGE_COST
        self.received += size
        self.count += 1
        self._wake()

    def end(self, error: Exception) -> None:
        """Let `get` raise `error` once it has given all messages; only the first error counts."""
        if self._end is None:
            self._end = error
            self._wake()

    def clear(self) -> None:
        """Drop the messages that nobody will fetch, and what the error has seen on its way."""
        self._messages.clear()
        self._cost = 0
        if self._end is not None:
            self._end.with_traceback(None)

    async def get(self) -> memoryview:
        """Wait for the next message; raises the error that `end` was given.

        One at a time: a second caller gets `LocalProtocolError`.
        """
        if self._waiter is not None:
            raise LocalProtocolError("receive() is already waiting for a message")
        while not self._messages:
            if self._end is not None:
                raise self._end.with_traceback(None)
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        message = self._messages.popleft()
        self._cost -= len(message) + MESSAGE_COST
        self._on_fetch(len(message))
        return message

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
