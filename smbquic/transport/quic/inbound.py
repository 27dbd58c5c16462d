"""From the bytes of a stream to messages that wait to be fetched."""

from collections.abc import Callable

from smbquic.errors import RemoteProtocolError, SmbError
from smbquic.transport import framing

SLICE = 64 << 10
"""Bytes of stream data that are made into messages before the queue is looked at again."""


class InboundStream:
    """Makes messages of what an engine received, as long as there is room for them.

    `capacity` is what the engine keeps for the application, in bytes; a message cannot be larger.
    `on_fetch` is called with the size of each message that was fetched, `on_error` with what was
    wrong where the peer sent what is no message.
    """

    def __init__(
        self,
        capacity: int,
        max_message_size: int,
        on_fetch: Callable[[int], None],
        on_error: Callable[[RemoteProtocolError], None],
    ) -> None:
        self.max_message_size = max_message_size
        self.inbox = framing.Inbox(self._fetched)
        self._capacity = capacity
        self._on_fetch = on_fetch
        self._on_error = on_error
        self._assembler = framing.Assembler(self.inbox.put)
        # What arrived while the inbox was full. The engine's window limits it.
        self._receive_buffer = bytearray()
        self._end: SmbError | None = None

    @property
    def partial(self) -> int:
        """Bytes that are not yet part of a whole message."""
        return self._assembler.held + len(self._receive_buffer)

    @property
    def in_message(self) -> bool:
        """Whether the stream stands in the middle of a message."""
        return self._assembler.unfinished

    @property
    def awaits_rest(self) -> bool:
        """Whether the rest of a message is awaited from the peer, and nothing waits for us."""
        return self._assembler.unfinished and not self._receive_buffer

    def take(self, piece: bytes) -> None:
        """Take the next bytes of the stream."""
        if self._end is not None:
            return
        if self._receive_buffer or len(piece) > SLICE or self.inbox.full:
            self._receive_buffer += piece
            self._process_buffer()
        else:
            self._assemble(piece)

    def end(self, error: SmbError) -> None:
        """Take nothing more; `error` comes after all messages that have arrived."""
        self._end = error
        if not self._receive_buffer:
            self.inbox.end(error)

    def discard(self) -> None:
        """Free what was received and nobody will fetch."""
        self._receive_buffer.clear()
        self._assembler.clear()
        self.inbox.clear()
        if self._end is not None:
            self.inbox.end(self._end)

    def _process_buffer(self) -> None:
        """Make messages of what arrived, as long as there is room for them."""
        while self._receive_buffer and not self.inbox.full:
            piece = bytes(self._receive_buffer[:SLICE])
            del self._receive_buffer[:SLICE]
            self._assemble(piece)
        if self._end is not None and not self._receive_buffer:
            self.inbox.end(self._end)

    def _assemble(self, piece: bytes) -> None:
        limit = min(self.max_message_size, self._capacity - framing.PREFIX_SIZE)
        try:
            self._assembler.feed(piece, limit)
        except RemoteProtocolError as error:
            # What follows cannot be told apart any more.
            self._receive_buffer.clear()
            self._on_error(error)

    def _fetched(self, size: int) -> None:
        if self._receive_buffer and self.inbox.has_room:
            self._process_buffer()
        self._on_fetch(size)
