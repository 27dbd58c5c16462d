"""The credit window of a client: which request may be sent now, and which has to wait.

A credit is the right to use one message id, and so to send one request of up to 64 KiB. The server
grants credits with its responses; the client asks for them with its requests, and holds none that
it was not granted. [MS-SMB2] 3.2.4.1.2, 3.2.5.1.4
"""

import asyncio
from collections import deque
from collections.abc import Callable

from smbquic.client.response_waiters import ResponseWaiters, fail_future
from smbquic.errors import LocalProtocolError, SmbError
from smbquic.protocol.credits import CREDIT_SIZE, CreditPool

_NEVER = -1


class CreditQueue:
    """Gives the credits of a connection to its requests, in the order in which they ask.

    `outstanding` are the requests whose responses may still bring credits. `request_credits` sends
    a request, which costs one credit, for the sake of those that its response grants.
    """

    def __init__(
        self, pool: CreditPool, outstanding: ResponseWaiters, request_credits: Callable[[], None]
    ) -> None:
        # A new connection has one message id, that of NEGOTIATE. [MS-SMB2] 3.2.4.2.1
        self.limit = 1
        """The most credits that the server has let the client hold so far, spent or not."""
        self._pool = pool
        self._outstanding = outstanding
        self._request_credits = request_credits
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()
        # Given to tasks that have not run since. Until they run and spend them, the credits are
        # still in the pool, and must not be given to a request that comes in between.
        self._reserved = 0
        # Credits there were when `request_credits` was last called.
        self._available_before = _NEVER

    @property
    def available(self) -> int:
        """Credits that were granted and that no request was given yet."""
        return self._pool.available - self._reserved

    async def acquire(self, charge: int) -> None:
        """Wait until `charge` credits are there; the caller spends them before another await.

        Raises `LocalProtocolError` if the server does not grant as many.
        """
        # Strictly in order, although a small request may overtake one that needs more credits
        # ([MS-SMB2] 3.2.4.1.3): else small ones, of which more always come, would keep a large one
        # waiting for ever.
        if not self._queue and charge <= self.available:
            return
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((charge, granted))
        self._request_more()
        try:
            await granted
        except asyncio.CancelledError:
            # The task may be cancelled in between, when it was given its credits and has not run.
            if not granted.cancelled() and granted.exception() is None:
                self._reserved -= charge
            self._serve()  # those behind it may have enough now
            raise
        self._reserved -= charge

    def update(self) -> None:
        """Give out what a message of the server granted."""
        # What is spent counts, too: how much the server lets us have under way decides how large
        # a READ or WRITE should be.
        self.limit = max(self.limit, self._pool.available + self._outstanding.charge)
        if self._queue:
            self._serve()

    def _serve(self) -> None:
        """Give credits to those who wait, as far as they last."""
        while self._queue:
            charge, granted = self._queue[0]
            if not granted.done():
                if charge > self.available:
                    break
                self._reserved += charge
                granted.set_result(None)
            self._queue.popleft()  # a task that was cancelled has left its place behind
        self._request_more()

    def _request_more(self) -> None:
        """Ask the server for credits where nothing else would bring any.

        A response that is still to come may grant some, and so may that to a request that was
        given its credits. With neither, the first of the queue would wait for ever.
        """
        if not self._queue or self._outstanding or self._reserved:
            return
        available = self._pool.available
        # Without a credit nothing can be asked. And where the last request for credits has left us
        # with as many as before, the server grants no more than that, and another changes nothing.
        if available in (0, self._available_before):
            self._available_before = _NEVER
            charge, granted = self._queue.popleft()
            if not granted.done():
                granted.set_exception(
                    LocalProtocolError(
                        f"the request takes {charge} credits, and the server grants only"
                        f" {available}"
                    )
                )
            self._serve()
        else:
            self._available_before = available
            self._request_credits()

    def limit_payload(self, size: int) -> int:
        """Return how many of `size` payload bytes one request should move.

        A quarter of what the server lets us have under way: then several requests are, so that the
        link is not idle while one is answered, and a small request finds a credit.
        """
        return min(size, CREDIT_SIZE * max(1, self.limit // 4))

    def fail(self, error: Callable[[], SmbError]) -> None:
        """Raise an error, a fresh one for each, in the tasks that wait."""
        for _, granted in self._queue:
            fail_future(granted, error())
        self._queue.clear()
