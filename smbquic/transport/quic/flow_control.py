"""Makes the callers of `send` wait while an engine has much data that was never sent."""

import asyncio
from collections import deque

from smbquic.transport.quic.engine import SEND_LIMIT, Engine


class SendFlowControl:
    """The queue of the callers of `send`, which write to an engine in the order of their calls."""

    def __init__(self, engine: Engine) -> None:
        self.waiters: deque[asyncio.Future[None]] = deque()
        """The callers that wait; the first one is woken by `wake`."""
        self._engine = engine
        self._loop = asyncio.get_running_loop()
        self._ended = False

    @property
    def blocked(self) -> bool:
        """Whether a caller has to wait before it may write."""
        return bool(self.waiters) or self._engine.unsent >= SEND_LIMIT

    async def wait(self) -> None:
        """Wait until the caller may write, or the connection has ended."""
        waiter = self._loop.create_future()
        self.waiters.append(waiter)
        try:
            await waiter
        finally:
            # A caller that is cancelled once it was woken has to wake the next one.
            self.waiters.remove(waiter)
            self.wake()

    def wake(self) -> None:
        """Wake the first caller if there is room.

        Only one at a time, because nobody knows how much it will write.
        """
        waiters = self.waiters
        if waiters and not waiters[0].done() and (self._ended or self._engine.unsent < SEND_LIMIT):
            waiters[0].set_result(None)

    def end(self) -> None:
        """Wake all callers, as nothing is sent any more."""
        self._ended = True
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(None)
