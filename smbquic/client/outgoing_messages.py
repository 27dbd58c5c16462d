"""Messages on their way to the transport."""

import asyncio
from collections import deque
from collections.abc import Sequence

from smbquic.transport.base import MessageTransport
from smbquic.wire.cursor import Buffer


class OutgoingMessages:
    """Sends messages in their order: at once while the transport takes them, else by `run`.

    Most are sent without a switch to another task, which costs as much as a small request itself.
    """

    def __init__(self, transport: MessageTransport) -> None:
        self._transport = transport
        self._queue: deque[Sequence[Buffer]] = deque()
        self._queued = asyncio.Event()
        self.blocked = False
        """Whether messages wait for the transport, and others have to queue up."""

    def send(self, buffers: Sequence[Buffer]) -> None:
        """Send a message after those before it."""
        if self.blocked or not self._transport.send_now(*buffers):
            self.blocked = True
            self._queue.append(buffers)
            self._queued.set()

    async def run(self) -> None:
        """Send what the transport did not take at once. Raises what the transport raises."""
        while True:
            await self._queued.wait()
            self._queued.clear()
            while self._queue:
                await self._transport.send(*self._queue.popleft())
            self.blocked = False
