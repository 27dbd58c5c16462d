"""A transport without a connection, whose peer is the test."""

import asyncio
from collections import deque

from smbquic.errors import ConnectionClosed
from smbquic.transport.base import Peer


class ScriptedTransport:
    """What the doubles of transports have in common: `say` is what comes next from the peer.

    `sent` are the messages that were sent. It takes nothing while `stuck` is cleared.
    """

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.keep_alive = False
        self.max_message_size = 0
        self.sent: list[bytes] = []
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
            # Whoever asks again is told the same.
            self._coming.appendleft(what)
            raise what
        return memoryview(bytearray(what))

    def close(self, reason: str = "", *, answered: bool = False) -> None:
        self.say(ConnectionClosed(reason))

    async def wait_closed(self) -> None:
        """See `MessageTransport`."""
