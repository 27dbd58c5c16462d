"""A Unix socket with messages, as over TCP, and records of other types between them."""

from smbquic.errors import RemoteProtocolError
from smbquic.transport.base import Peer
from smbquic.transport.framing import PREFIX_SIZE
from smbquic.transport.unix import UnixTransport
from smbquic.workers.records import MAX_RECORD, RecordKind, kind_of, record


class RecordStream(UnixTransport):
    """One end of the Unix socket of a connection, in the main process or in a worker."""

    def write_record(self, kind: RecordKind, body: bytes = b"") -> None:
        """Send a record behind the messages that were sent; nothing after the end."""
        if not self._transport.is_closing():
            self._transport.write(record(kind, body))

    def record_received(self, kind: RecordKind, body: bytes) -> None:
        """Act on a record that is no message. Raises `RemoteProtocolError` for a wrong one."""
        raise RemoteProtocolError(f"this end does not take records of the type {kind.name}")

    def _record_length(self, head: memoryview) -> int:
        if head[0] == RecordKind.MESSAGE:
            return super()._record_length(head)
        length = int.from_bytes(head[1:PREFIX_SIZE], "big")
        if length > MAX_RECORD:
            raise RemoteProtocolError(f"a record has {length} bytes, more than {MAX_RECORD}")
        return length

    def _take_record(self, kind: int, body: memoryview) -> None:
        if kind == RecordKind.MESSAGE:
            super()._take_record(kind, body)
        else:
            self.record_received(kind_of(kind), bytes(body))

    def _describe(self) -> Peer:
        return Peer(kind="unix", local=("", 0), remote=("", 0))
