"""SMB messages over the stream of a QUIC connection.

The memory of a connection whose messages nobody fetches is bounded. The peer may send `window`
bytes (16 MiB) ahead of the application; the window moves when a message is fetched, and never by
itself. A client that has not logged on may send much less. At most `QUEUE_LIMIT` of these bytes
(4 MiB, with 256 bytes extra for each message) wait as messages, the rest as bytes. What this end
sends is kept until it is acknowledged: at most `SEND_LIMIT` (1 MiB) and one message that were never
sent, and what is in flight, which the peer's window limits.
"""

from collections.abc import Coroutine
from typing import Any

from smbquic.errors import ConnectionClosed, RemoteProtocolError
from smbquic.transport import framing
from smbquic.transport.base import Flow, PathStatistics
from smbquic.transport.quic.connection import QuicConnection
from smbquic.transport.quic.inbound import InboundStream
from smbquic.wire.cursor import Buffer

FRAMING_ERROR = 1
"""The application error code that a peer is sent which does not frame its messages."""


class QuicTransport:
    """A `MessageTransport` over a connection whose handshake is complete."""

    def __init__(self, connection: QuicConnection, max_message_size: int) -> None:
        self.peer = connection.peer
        self.connection = connection
        self._lifecycle = connection.lifecycle
        self._flow_control = connection.flow_control
        self._inbound = connection.inbound = InboundStream(
            connection.capacity, max_message_size, connection.release, self._not_a_message
        )
        self._inbox = self._inbound.inbox
        self._sent = 0

    def authenticated(self) -> None:
        """Lift the limits for peers that have not logged on; see `MessageTransport`."""
        self.connection.authenticated()

    @property
    def max_message_size(self) -> int:
        """Bytes of the largest message that is accepted; see `MessageTransport`."""
        return self._inbound.max_message_size

    @max_message_size.setter
    def max_message_size(self, size: int) -> None:
        self._inbound.max_message_size = size

    @property
    def keep_alive(self) -> bool:
        """Whether PINGs keep a quiet connection up; see `MessageTransport`."""
        return self.connection.keep_alive.wanted

    @keep_alive.setter
    def keep_alive(self, wanted: bool) -> None:
        self.connection.keep_alive.wanted = wanted

    def statistics(self) -> PathStatistics:
        """Return what was measured on the path; see `MessageTransport.statistics`."""
        return self.connection.statistics()

    def flow(self) -> Flow:
        """Return how far the messages have got; see `MessageTransport.flow`."""
        inbound, inbox = self._inbound, self._inbox
        untaken, held, in_engine = self.connection.buffered()
        partial = inbound.partial + in_engine
        return Flow(
            sent=self._sent,
            untaken=untaken,
            kept=untaken,
            received=inbox.received + partial,
            unfetched=inbox.cost + partial + held,
            messages=inbox.count,
            unfinished=inbound.awaits_rest or (in_engine > 0 and not inbound.partial),
        )

    def send_now(self, *buffers: Buffer) -> bool:
        """Send one message if there is room; see `MessageTransport.send_now`."""
        if self._lifecycle.error is not None or self._flow_control.blocked:
            return False
        message = framing.framed(buffers)
        self._sent += sum(map(len, message))
        self.connection.write(message)
        return True

    async def send(self, *buffers: Buffer) -> None:
        """Send one message; see `MessageTransport.send`."""
        message = framing.framed(buffers)
        if self._lifecycle.error is None and self._flow_control.blocked:
            await self._flow_control.wait()
        if self._lifecycle.error is not None:
            raise ConnectionClosed(str(self._lifecycle.error))
        self._sent += sum(map(len, message))
        self.connection.write(message)
        if self._flow_control.waiters:
            self._flow_control.wake()

    def receive(self) -> Coroutine[Any, Any, memoryview]:
        """Wait for one message; see `MessageTransport.receive`."""
        return self._inbox.get()

    def _not_a_message(self, error: RemoteProtocolError) -> None:
        # Without the framing there is no way to find the next message: the connection has to end.
        self.connection.fail(error, FRAMING_ERROR, "not an SMB message")

    def close(self, reason: str = "", *, answered: bool = False) -> None:
        """Begin an orderly end; see `MessageTransport.close`."""
        self._inbound.discard()
        self.connection.close(reason, answered=answered)

    def drop(self, reason: str) -> None:
        """End it now; see `MessageTransport.drop`."""
        self._inbound.discard()
        self.connection.abort(ConnectionClosed(reason))

    async def wait_closed(self) -> None:
        """Wait until one end has sent CONNECTION_CLOSE, or the connection has timed out."""
        await self.connection.lifecycle.wait_closed()
