"""The framing of Direct TCP, which QUIC has as well, and the queue of messages behind it.

Every message is preceded by a zero byte and its length in 3 bytes, big-endian ([MS-SMB2] 2.1).
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from smbquic.errors import LocalProtocolError, RemoteProtocolError
from smbquic.wire.cursor import Buffer

PREFIX_SIZE = 4
LARGEST_MESSAGE = 0xFFFFFF
"""The largest length in 3 bytes."""
MAX_MESSAGE_SIZE = (8 << 20) + (64 << 10)
"""Default limit on messages from the peer: 8 MiB of payload and room for the headers."""
QUEUE_LIMIT = 4 << 20
"""Bytes of whole messages that wait to be fetched before a transport stops reading."""
JOIN_LIMIT = 16 << 10
"""Bytes up to which the parts of a message are joined: a copy is cheaper than more calls then."""
MESSAGE_COST = 256
"""Bytes that a queued message counts besides its own, as many tiny ones take more memory."""


def prefix(length: int) -> bytes:
    """Return the 4 bytes before a message of `length` bytes.

    Raises `LocalProtocolError` if the length does not fit into 3 bytes.
    """
    if length > LARGEST_MESSAGE:
        raise LocalProtocolError(f"a message of {length} bytes is too long for its prefix")
    return length.to_bytes(PREFIX_SIZE, "big")


def framed(buffers: Sequence[Buffer]) -> Sequence[Buffer]:
    """Return a message with its prefix, a small one in one buffer; raises as `prefix` does."""
    length = sum(map(len, buffers))
    head = prefix(length)
    return (b"".join((head, *buffers)),) if length <= JOIN_LIMIT else (head, *buffers)


def message_length(head: Buffer, limit: int) -> int:
    """Return the length in the first 4 bytes of `head`.

    Raises `RemoteProtocolError` if the first byte is not zero (a NetBIOS session request, or
    another protocol altogether), or if the length exceeds `limit` bytes.
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
    """An assembler of messages from a stream in pieces, which calls `deliver` with each message.

    Each byte is copied once, into memory that grows with what has arrived and never ahead of it.
    """

    def __init__(self, deliver: Callable[[memoryview], None]) -> None:
        self._deliver = deliver
        self._head = bytearray()
        self._message = bytearray()
        self._missing = -1

    @property
    def unfinished(self) -> bool:
        """Whether the stream has stopped in the middle of a message so far."""
        return self._missing >= 0 or bool(self._head)

    @property
    def held(self) -> int:
        """Bytes of the message that is not complete yet."""
        return len(self._message) + len(self._head)

    def clear(self) -> None:
        """Free the message that is not complete; `feed` must not be called any more."""
        self._head.clear()
        self._message = bytearray()

    def feed(self, data: Buffer, limit: int) -> None:
        """Process the next piece; messages may have up to `limit` bytes.

        A `bytearray` that is one whole message becomes its memory.

        Raises `RemoteProtocolError` as `message_length` does; the rest of the stream is lost then.
        """
        size, missing = len(data), self._missing
        if size < missing:
            self._message += data
            self._missing = missing - size
        elif (
            size >= PREFIX_SIZE
            and missing < 0
            and not self._head
            and message_length(data, limit) == size - PREFIX_SIZE
        ):
            # Mostly a small message arrives alone and whole: one copy, and no cutting.
            whole = data if isinstance(data, bytearray) else bytearray(data)
            self._deliver(memoryview(whole)[PREFIX_SIZE:])
        else:
            self._cut(memoryview(data), limit)

    def _cut(self, data: memoryview, limit: int) -> None:
        start, end = 0, len(data)
        while start < end:
            if self._missing < 0:
                # The prefix itself may be cut, too.
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
    """The queue of whole messages until `receive()`, with the end of the connection behind them.

    `on_fetch` is called with the size of each message that is fetched. `received` is how many bytes
    all messages so far had, and `count` how many there were.
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
        """Bytes of memory that the messages in the queue take."""
        return self._cost

    @property
    def full(self) -> bool:
        """Whether more than the limit waits to be fetched."""
        return self._cost > self._limit

    @property
    def has_room(self) -> bool:
        """Whether so little waits that a transport should read again."""
        return self._cost <= self._limit // 4

    @property
    def waking(self) -> bool:
        """Whether a task that has waited for a message is about to run."""
        return self._waiter is not None and self._waiter.done()

    def put(self, message: memoryview) -> None:
        """Append a message."""
        self._messages.append(message)
        size = len(message)
        self._cost += size + MESSAGE_COST
        self.received += size
        self.count += 1
        self._wake()

    def end(self, error: Exception) -> None:
        """Have `get` raise `error` after the last message; only the first error counts."""
        if self._end is None:
            self._end = error
            self._wake()

    def clear(self) -> None:
        """Free the messages, as nobody will fetch them."""
        self._messages.clear()
        self._cost = 0
        # The traceback of an error that was raised refers to the frames, with their messages.
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
