"""Makes messages of the bytes of a stream, as far as there is room for them."""

from collections.abc import Callable

from smbquic.errors import RemoteProtocolError, SmbError
from smbquic.transport import framing

SLICE = 64 << 10
"""Bytes of the stream that are made into messages before the queue is checked again."""


class InboundStream:
    """The received bytes of a stream, of which it makes messages; the rest is kept as bytes.

    `capacity` is what the engine keeps for the application, in bytes; a message cannot be larger.
    `on_fetch` is called with the size of each message that is fetched, with its prefix, and
    `on_error` if the peer has sent something that is no message.
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
        # A larger message than the engine's capacity would wait forever for its rest.
        self._largest = capacity - framing.PREFIX_SIZE
        self._on_fetch = on_fetch
        self._on_error = on_error
        self._assembler = framing.Assembler(self.inbox.put)
        # Bytes that have arrived while the inbox was full. The peer's window limits them.
        self._receive_buffer = bytearray()
        self._end: SmbError | None = None

    @property
    def partial(self) -> int:
        """Bytes that are not yet part of a whole message."""
        return self._assembler.held + len(self._receive_buffer)

    @property
    def in_message(self) -> bool:
        """Whether the stream has stopped in the middle of a message so far."""
        return self._assembler.unfinished

    @property
    def awaits_rest(self) -> bool:
        """Whether the peer has to send the rest of a message, and nothing waits to be processed."""
        return self._assembler.unfinished and not self._receive_buffer

    def take(self, piece: bytes | bytearray) -> None:
        """Process the next bytes of the stream; a `bytearray` is one whole message."""
        if self._end is not None:
            return
        whole = isinstance(piece, bytearray)
        # A large piece may have many small messages, for not all of which there is room.
        if self._receive_buffer or (len(piece) > SLICE and not whole) or self.inbox.full:
            self._receive_buffer += piece
            self._process_buffer()
        elif whole and len(piece) <= self.max_message_size:
            self.inbox.put(memoryview(piece)[framing.PREFIX_SIZE :])
        else:
            self._assemble(piece)

    def end(self, error: SmbError) -> None:
        """Accept no more bytes; raise `error` for readers after all messages that have arrived."""
        self._end = error
        if not self._receive_buffer:
            self.inbox.end(error)

    def discard(self) -> None:
        """Free what was received, as nobody fetches it any more."""
        self._receive_buffer.clear()
        self._assembler.clear()
        self.inbox.clear()
        if self._end is not None:
            self.inbox.end(self._end)

    def _process_buffer(self) -> None:
        """Make messages of the buffer, as long as there is room for them."""
        while self._receive_buffer and not self.inbox.full:
            piece = bytes(self._receive_buffer[:SLICE])
            del self._receive_buffer[:SLICE]
            self._assemble(piece)
        if self._end is not None and not self._receive_buffer:
            self.inbox.end(self._end)

    def _assemble(self, piece: bytes | bytearray) -> None:
        limit, largest = self.max_message_size, self._largest
        try:
            self._assembler.feed(piece, limit if limit < largest else largest)
        except RemoteProtocolError as error:
            # There is no way to find where the next message begins.
            self._receive_buffer.clear()
            self._on_error(error)

    def _fetched(self, size: int) -> None:
        # With some hysteresis, so that the queue is filled in large portions.
        if self._receive_buffer and self.inbox.has_room:
            self._process_buffer()
        self._on_fetch(size + framing.PREFIX_SIZE)
