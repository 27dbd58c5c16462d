"""The states of a QUIC connection, their timeouts, and what is left of it at the end."""

import asyncio
from collections.abc import Callable

from smbquic.errors import ConnectError, SmbError, TransportError
from smbquic.state_table import next_state
from smbquic.transport.quic.closing import ConnectionClose
from smbquic.transport.quic.state import OVER, TRANSITIONS, QuicEvent, QuicState
from smbquic.transport.quic.udp import Batch, UdpEndpoint

FLUSH_TIMEOUT = 2.0
"""Seconds that a connection which is closed waits for what it sent to be acknowledged."""


class Lifecycle:
    """The state of one connection with the peer that is called `name`.

    `error` is what is raised for this end once the connection has ended, and `reason` the reason
    phrase of the CONNECTION_CLOSE for the peer. `abort` ends the connection if the handshake takes
    longer than `handshake_timeout` seconds. `flush_timed_out` is called if the peer does not
    acknowledge in time what was sent before the end.
    """

    def __init__(
        self,
        name: str,
        endpoint: UdpEndpoint,
        handshake_timeout: float,
        *,
        abort: Callable[[TransportError], None],
        flush_timed_out: Callable[[], None],
    ) -> None:
        self.state = QuicState.HANDSHAKE
        self.error: SmbError | None = None
        self.reason = ""
        self._name = name
        self._endpoint = endpoint
        self._handshake_timeout = handshake_timeout
        self._abort = abort
        self._flush_timed_out = flush_timed_out
        self._loop = asyncio.get_running_loop()
        self._closed: asyncio.Future[None] = self._loop.create_future()
        self._connection_close = ConnectionClose([], endpoint)
        # The handshake timeout, and after the end the flush timeout.
        self._timeout = self._loop.call_later(handshake_timeout, self._handshake_timed_out)

    def establish(self) -> None:
        """Enter the state after a complete handshake."""
        self._change(QuicEvent.HANDSHAKE_COMPLETED)
        self._timeout.cancel()

    def end(self, error: SmbError, reason: str = "") -> bool:
        """Begin the end of the connection; return False if it has begun before."""
        if self.error is not None:
            # The first reason counts: others follow from it.
            return False
        self._change(QuicEvent.ENDED)
        self.error, self.reason = error, reason
        self._timeout.cancel()
        self._timeout = self._loop.call_later(FLUSH_TIMEOUT, self._flush_timed_out)
        return True

    def close(self, event: QuicEvent, connection_close: list[Batch]) -> bool:
        """Enter the closing or draining period; return False if it has begun before.

        `connection_close` is sent again to a peer that goes on sending.
        """
        if self.state in OVER:
            return False
        self._change(event)
        self._timeout.cancel()
        self._connection_close = ConnectionClose(connection_close, self._endpoint)
        self._closed.set_result(None)
        return True

    def answer_late_datagrams(self) -> None:
        """Send CONNECTION_CLOSE again: the peer may not have received it."""
        self._connection_close.repeat()

    def terminate(self) -> None:
        """End the closing or draining period."""
        self._change(QuicEvent.PERIOD_OVER)
        self._connection_close = ConnectionClose([], self._endpoint)

    def is_terminated(self) -> bool:
        """Return whether nothing is sent any more, and the engine is freed."""
        return self.state is QuicState.TERMINATED

    async def wait_closed(self) -> None:
        """Wait until one end has sent CONNECTION_CLOSE, or the connection has timed out."""
        await asyncio.shield(self._closed)

    def _handshake_timed_out(self) -> None:
        seconds = self._handshake_timeout
        reason = f"{self._name} did not complete the handshake within {seconds:g} s"
        self._abort(ConnectError(reason))

    def _change(self, event: QuicEvent) -> None:
        self.state = next_state(TRANSITIONS, self.state, event)
