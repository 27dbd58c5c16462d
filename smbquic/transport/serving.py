"""Serves the connections that a listener has accepted, or refuses them."""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from smbquic.errors import RemoteProtocolError, TransportError
from smbquic.options.limits import DEFAULT_LIMITS
from smbquic.transport.base import MessageTransport, OnConnection
from smbquic.transport.refusals import ListenerRefusal, Refusals, log_refusal

MAX_CONNECTIONS = DEFAULT_LIMITS.connections
"""Default limit on connections of one listener at a time.

An idle one holds up to 80 KiB, so that these take a third of a GiB at most; the rest of one GiB is
for those with requests in progress.
"""
CLOSE_TIMEOUT = 5.0
"""Seconds that a closing listener waits for its connections before it cancels them."""
MAX_REFUSING = 256
"""Clients that get a response to their refusal at a time; further ones are just disconnected."""
REFUSAL_TIMEOUT = 2.0
"""Seconds that such a client may take to send its first request and to read the response."""

logger = logging.getLogger(__name__)


class Limiter(Protocol):
    """The limits of a server's listeners: which clients to accept, before they take memory."""

    refusals: Refusals

    @property
    def busy(self) -> bool:
        """Whether clients that have not logged on have used up their share of the processor."""

    def postpone(self, host: str, size: int, receive: Callable[[], object]) -> bool:
        """Queue received bytes of an unauthenticated address; `receive` is called for them later.

        `size` is the number of bytes. Returns False, and counts a refusal, where the queue is full
        and these bytes are dropped.
        """

    def admits(self, host: str) -> bool:
        """Return whether to accept one more connection from this address; count it if not."""

    def expect(self, host: str) -> None:
        """Count a connection that was accepted and will be served in a moment."""

    async def refuse(self, transport: MessageTransport) -> None:
        """Answer a client that was refused, in its protocol, that it may try again."""

    def charge(self, seconds: float) -> None:
        """Charge processor time that an unauthenticated client has cost."""


class Connections:
    """The accepted connections: `on_connection` runs for each transport in a task of its own."""

    def __init__(
        self,
        on_connection: OnConnection,
        limit: int = MAX_CONNECTIONS,
        limiter: Limiter | None = None,
    ) -> None:
        self._on_connection = on_connection
        self._limit = limit
        self._limiter = limiter
        self._refusals = Refusals(log_refusal) if limiter is None else limiter.refusals
        self._running: dict[asyncio.Task[None], MessageTransport] = {}
        self._refusing: set[asyncio.Task[None]] = set()
        self._closing = False

    def start(self, transport: MessageTransport) -> None:
        """Serve an accepted connection, or refuse it where a limit is reached."""
        host, port = transport.peer.remote
        if self._closing or len(self._running) >= self._limit:
            self._refusals.add(ListenerRefusal.CONNECTIONS, f"{host}:{port}")
            self._refuse(transport, "too many connections")
            return
        if self._limiter is not None:
            if not self._limiter.admits(host):
                self._refuse(transport, "too many connections from this address")
                return
            self._limiter.expect(host)
        task = asyncio.get_running_loop().create_task(self._serve(transport))
        self._running[task] = transport
        task.add_done_callback(self._running.pop)

    def _refuse(self, transport: MessageTransport, reason: str) -> None:
        """Close a connection; the client gets a response, unless too many are being answered."""
        if self._closing or self._limiter is None or len(self._refusing) >= MAX_REFUSING:
            transport.close(reason)
            return
        task = asyncio.get_running_loop().create_task(
            self._answer_refused(transport, reason, self._limiter)
        )
        self._refusing.add(task)
        task.add_done_callback(self._refusing.discard)

    @staticmethod
    async def _answer_refused(transport: MessageTransport, reason: str, limiter: Limiter) -> None:
        try:
            async with asyncio.timeout(REFUSAL_TIMEOUT):
                await limiter.refuse(transport)
        except (TimeoutError, TransportError, RemoteProtocolError):
            return  # the connection ends without a response
        finally:
            transport.close(reason)

    async def _serve(self, transport: MessageTransport) -> None:
        host, port = transport.peer.remote
        reason = ""
        try:
            await self._on_connection(transport)
        except RemoteProtocolError as error:
            logger.warning("%s:%d broke the protocol: %s", host, port, error)
            reason = "protocol error"
        except TransportError as error:
            logger.info("%s:%d disconnected: %s", host, port, error)
        except Exception:
            logger.exception("the connection from %s:%d failed", host, port)
            reason = "internal error"
        finally:
            transport.close(reason)
        await transport.wait_closed()

    def drop(self, reason: str) -> None:
        """End all connections at once; what clients were still to be sent is dropped."""
        for transport in self._running.values():
            transport.drop(reason)

    async def close(self) -> None:
        """End all connections and wait for them; those that take too long are cancelled."""
        self._closing = True
        for transport in self._running.values():
            transport.close("the server is stopping")
        for task in self._refusing:
            task.cancel()
        tasks = list(self._running)
        if tasks:
            _, unfinished = await asyncio.wait(tasks, timeout=CLOSE_TIMEOUT)
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
