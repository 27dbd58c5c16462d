"""A worker's end of a connection that it has handed over to the main process."""

import select

from smbquic.errors import ConnectionClosed
from smbquic.transport import framing
from smbquic.transport.base import MessageTransport
from smbquic.transport.receive_buffers import ReceiveBuffers
from smbquic.workers.records import Progress, RecordKind, end, size_of, text_of
from smbquic.workers.stream import RecordStream

REPORT_SIZE = 1 << 20
"""Bytes of messages after which the progress is reported at once: as much is unknown to the main
process of what waits in memory."""
DROPPED = "the main process has dropped the connection"


class WorkerLink(RecordStream):
    """The Unix socket of the connection of `client`, whose other end the main process has.

    `close_reason` is what the main process gave when it closed the connection; None if it has not.
    """

    def __init__(self, client: MessageTransport, buffers: ReceiveBuffers) -> None:
        super().__init__(framing.LARGEST_MESSAGE, buffers=buffers)
        self.close_reason: str | None = None
        self._client = client
        self._client_ended = False
        self._reported = Progress()
        self._unreported = 0

    def moved(self, message: memoryview) -> None:
        """Count a message that was forwarded, and report the progress if that is due."""
        self._unreported += len(message)
        if self._unreported >= REPORT_SIZE:
            self.report()

    def report(self) -> bool:
        """Report the progress if it has changed; return whether it may change again soon."""
        self._unreported = 0
        self._check_main_process()
        flow = self._client.flow()
        progress = Progress(
            taken=flow.sent - flow.untaken,
            received=flow.received,
            unfetched=flow.unfetched,
            messages=flow.messages,
            unfinished=flow.unfinished,
            path=self._client.statistics(),
        )
        changed = progress != self._reported
        # A main process that reads nothing for now is not sent more and more of them.
        if changed and self._writable is None and not self._client_ended:
            self._reported = progress
            self.write_record(RecordKind.PROGRESS, progress.encode())
        return changed or flow.untaken > 0 or flow.unfinished

    def client_ended(self, error: Exception) -> None:
        """Tell the main process, behind all messages, that the client's connection has ended."""
        self._client_ended = True
        self.write_record(RecordKind.ENDED, end(error))

    def record_received(self, kind: RecordKind, body: bytes) -> None:
        """Act on a record of the main process; see `RecordStream`."""
        if kind is RecordKind.CLOSE:
            self.close_reason = text_of(body)
            self._inbox.end(ConnectionClosed("the main process has closed the connection"))
        elif kind is RecordKind.AUTHENTICATED:
            self._client.authenticated()
        elif kind is RecordKind.KEEP_ALIVE:
            self._client.keep_alive = body != b"\0"
        elif kind is RecordKind.MAX_MESSAGE_SIZE:
            self._client.max_message_size = size_of(body)
        else:
            super().record_received(kind, body)

    def eof_received(self) -> None:
        """End the connection, as the main process has."""
        super().eof_received()
        self._drop_client()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the connection, whose socket is closed."""
        super().connection_lost(exc)
        self._drop_client()

    def _check_main_process(self) -> None:
        """Notice that the main process has closed the socket while nothing is read from it."""
        # Nobody reads from it while the client takes nothing; that is when a client is dropped.
        if self._reading or self._transport.is_closing():
            return
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLHUP)
        if poll.poll(0):
            self.drop(DROPPED)
            self._drop_client()

    def _drop_client(self) -> None:
        if self.close_reason is None and not self._client_ended:
            self._client.drop(DROPPED)
