"""A transport without a network: two ends in one process."""

import asyncio
from typing import Literal

from smbquic.errors import ConnectionClosed
from smbquic.transport.base import Flow, PathStatistics, Peer
from smbquic.transport.framing import MAX_MESSAGE_SIZE
from smbquic.wire.cursor import Buffer


class FuzzTransport:
    """One end of a `MessageTransport`; `pair` makes both."""

    def __init__(self, kind: Literal["quic", "tcp"]) -> None:
        self.peer = Peer(kind, ("127.0.0.1", 445), ("127.0.0.1", 50000), encrypted=kind == "quic")
        self.keep_alive = False
        self.max_message_size = MAX_MESSAGE_SIZE
        self.other = self
        self._inbox: asyncio.Queue[memoryview | None] = asyncio.Queue()
        self._closed = ""
        self._over = asyncio.Event()

    def authenticated(self) -> None:
        """See `MessageTransport`."""

    def send_now(self, *buffers: Buffer) -> bool:
        """See `MessageTransport`."""
        return False

    async def send(self, *buffers: Buffer) -> None:
        """See `MessageTransport`."""
        if self._closed:
            raise ConnectionClosed(self._closed)
        self.other._inbox.put_nowait(memoryview(bytearray(b"".join(buffers))))

    async def receive(self) -> memoryview:
        """See `MessageTransport`."""
        message = await self._inbox.get()
        if message is None:
            self._inbox.put_nowait(None)
            raise ConnectionClosed(self._closed)
        return message

    def close(self, reason: str = "", *, answered: bool = False) -> None:
        """See `MessageTransport`."""
        for end in (self, self.other):
            if not end._closed:
                end._closed = reason or "closed"
                end._over.set()
                end._inbox.put_nowait(None)

    def drop(self, reason: str) -> None:
        """See `MessageTransport`."""
        self.close(reason)

    def flow(self) -> Flow:
        """See `MessageTransport`; nothing waits here."""
        return Flow(
            sent=0, untaken=0, kept=0, received=0, unfetched=0, messages=0, unfinished=False
        )

    def statistics(self) -> PathStatistics:
        """See `MessageTransport`."""
        return PathStatistics()

    async def wait_closed(self) -> None:
        """See `MessageTransport`."""
        await self._over.wait()


def pair(kind: Literal["quic", "tcp"]) -> tuple[FuzzTransport, FuzzTransport]:
    """Both ends of a connection."""
    one, other = FuzzTransport(kind), FuzzTransport(kind)
    one.other, other.other = other, one
    return one, other
