"""A transport whose peer is the test."""

import asyncio
from collections import deque

from smbquic.errors import ConnectionClosed
from smbquic.transport.base import Flow, PathStatistics, Peer
from smbquic.wire.cursor import Buffer


class End:
    """A transport whose peer is the test."""

    def __init__(self, port: int) -> None:
        self.peer = Peer("tcp", ("127.0.0.1", 1), ("127.0.0.1", port))
        self.keep_alive = False
        self.max_message_size = 0
        self.sent: list[bytes] = []
        self.send_error: Exception | None = None
        self.reasons: list[str] = []
        self.stuck = asyncio.Event()
        self.stuck.set()
        self._coming: deque[bytes | Exception] = deque()
        self._news = asyncio.Event()

    def say(self, *what: bytes | Exception) -> None:
        self._coming.extend(what)
        self._news.set()

    async def receive(self) -> memoryview:
        while not self._coming:
            self._news.clear()
            await self._news.wait()
        what = self._coming.popleft()
        if isinstance(what, Exception):
            self._coming.appendleft(what)
            raise what
        return memoryview(bytearray(what))

    def authenticated(self) -> None:
        """See `MessageTransport`."""

    def send_now(self, *buffers: Buffer) -> bool:
        return False

    async def send(self, *buffers: Buffer) -> None:
        await self.stuck.wait()
        if self.send_error is not None:
            raise self.send_error
        self.sent.append(b"".join(buffers))

    def close(self, reason: str = "") -> None:
        self.reasons.append(reason)
        self.say(ConnectionClosed(reason))

    def statistics(self) -> PathStatistics:
        return PathStatistics()

    async def wait_closed(self) -> None:
        pass

    def drop(self, reason: str) -> None:
        self.close(reason)

    def flow(self) -> Flow:
        return Flow(
            sent=0, untaken=0, kept=0, received=0, unfetched=0, messages=0, unfinished=False
        )
