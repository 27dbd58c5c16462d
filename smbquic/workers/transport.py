"""The main process's end of a connection that a worker has handed over."""

import asyncio
from collections.abc import Callable

from smbquic.errors import ConnectionClosed
from smbquic.transport import framing
from smbquic.transport.base import Flow, PathStatistics, Peer
from smbquic.transport.receive_buffers import ReceiveBuffers
from smbquic.transport.tcp import FLUSH_TIMEOUT
from smbquic.workers.records import (
    PEER_LIMIT,
    Progress,
    RecordKind,
    decode_peer,
    end_of,
    size,
    text,
)
from smbquic.workers.stream import RecordStream


class HandedOverTransport(RecordStream):
    """A `MessageTransport` over a QUIC connection that a worker process terminates.

    `on_lost` is called when the socket is closed. `peer` is the client, once `receive_peer` has
    returned.
    """

    # The worker waits as long for the client.
    flush_timeout = 2 * FLUSH_TIMEOUT

    def __init__(
        self, on_lost: Callable[["HandedOverTransport"], object], buffers: ReceiveBuffers
    ) -> None:
        self._described = False
        self._size_limit = PEER_LIMIT
        super().__init__(PEER_LIMIT, buffers=buffers)
        self._on_lost = on_lost
        self._progress = Progress()
        self._wants_keep_alive = False
        self._client_ended = False
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def receive_peer(self) -> None:
        """Wait for the worker's description of the client. Raises as `receive` does."""
        self.peer: Peer = decode_peer(await self.receive())
        self._described = True
        self._size_limit = framing.MAX_MESSAGE_SIZE

    @property
    def max_message_size(self) -> int:
        """Bytes of the largest message that is accepted; see `MessageTransport`."""
        return self._size_limit

    @max_message_size.setter
    def max_message_size(self, value: int) -> None:
        self._size_limit = value
        if self._described:
            self.write_record(RecordKind.MAX_MESSAGE_SIZE, size(value))

    @property
    def keep_alive(self) -> bool:
        """Whether the worker keeps a quiet connection up; see `MessageTransport`."""
        return self._wants_keep_alive

    @keep_alive.setter
    def keep_alive(self, wanted: bool) -> None:
        if wanted != self._wants_keep_alive:
            self._wants_keep_alive = wanted
            self.write_record(RecordKind.KEEP_ALIVE, bytes([wanted]))

    def authenticated(self) -> None:
        """Lift the limits for clients that have not logged on; see `MessageTransport`."""
        self.write_record(RecordKind.AUTHENTICATED)

    def statistics(self) -> PathStatistics:
        """Return what the worker has last reported; see `MessageTransport.statistics`."""
        return self._progress.path

    def flow(self) -> Flow:
        """Return how far the messages have got; see `MessageTransport.flow`."""
        here, there = super().flow(), self._progress
        # While nothing is read from the worker, as too much waits here, its reports wait, too. A
        # client must not count as slow for that.
        untaken = max(self._sent - there.taken, 0) if self._reading else here.untaken
        return Flow(
            sent=self._sent,
            untaken=untaken,
            kept=untaken,
            received=there.received,
            unfetched=here.unfetched + there.unfetched,
            messages=there.messages,
            unfinished=there.unfinished,
        )

    def close(self, reason: str = "", *, answered: bool = False) -> None:
        """Close the connection; see `MessageTransport.close`."""
        if not self._closing:
            # The socket stays open until the worker closes it, which reads all that was sent first.
            self.write_record(RecordKind.CLOSE, text(reason))
            self._end(ConnectionClosed(reason or "the connection was closed"))
            if not self._reading:
                self._reading = True
                self._transport.resume_reading()
        elif self._client_ended:
            self._transport.close()

    async def wait_closed(self) -> None:
        """Wait until the client or the worker has ended the connection."""
        await asyncio.shield(self._over)

    def record_received(self, kind: RecordKind, body: bytes) -> None:
        """Act on a record of the worker; see `RecordStream`."""
        if kind is RecordKind.PROGRESS:
            self._progress = Progress.decode(body)
        elif kind is RecordKind.ENDED:
            self._client_ended = True
            self._end(end_of(body))
            self._set_over()
        else:
            super().record_received(kind, body)

    # Methods that asyncio calls.

    def eof_received(self) -> None:
        """End the connection, as the worker has closed it or is gone."""
        self._end(ConnectionClosed("the worker process of the connection has ended"))
        self._set_over()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the connection, whose socket is closed."""
        super().connection_lost(exc)
        self._set_over()
        self._on_lost(self)

    def _set_over(self) -> None:
        if not self._over.done():
            self._over.set_result(None)
