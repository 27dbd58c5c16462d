"""An open file whose content is text."""

import asyncio
import codecs
import io
import os
import re
from collections import deque
from types import TracebackType
from typing import NamedTuple

from smbquic.client.buffered_file import BufferedFile

TEXT_CHUNK = 8192
"""Bytes that are decoded at a time."""
_FIELD = 64
"""Bits of a position that stand for an offset in bytes; above them is the decoder's state."""
_MASK = (1 << _FIELD) - 1
_NEWLINES = (None, "", "\n", "\r", "\r\n")


class _Piece(NamedTuple):
    """Bytes that were decoded at once, where they stand, and the decoder's state before them."""

    position: int
    state: int
    data: bytes
    text: str


class TextCoding(NamedTuple):
    """How text is encoded and where its lines end, with the meaning that `open` gives it."""

    encoding: str
    errors: str
    newline: str | None

    @classmethod
    def checked(cls, encoding: str | None, errors: str | None, newline: str | None) -> "TextCoding":
        """Return a coding with defaults. Raises LookupError and ValueError for one that is none."""
        if newline not in _NEWLINES:
            raise ValueError(rf"newline {newline!r}: use None, '', '\n', '\r' or '\r\n'")
        coding = cls(encoding or "utf-8", errors or "strict", newline)
        codecs.lookup(coding.encoding)
        codecs.lookup_error(coding.errors)
        return coding

    def decoder(self) -> codecs.IncrementalDecoder | io.IncrementalNewlineDecoder:
        """Return a new decoder, which translates newlines if they are to be."""
        decoder = codecs.getincrementaldecoder(self.encoding)(self.errors)
        if self.newline:
            return decoder
        return io.IncrementalNewlineDecoder(decoder, translate=self.newline is None)

    def encoder(self, *, at_start: bool) -> codecs.IncrementalEncoder:
        """Return a new encoder, which writes a byte order mark only at the start of a file."""
        encoder = codecs.getincrementalencoder(self.encoding)(self.errors)
        if not at_start:
            encoder.setstate(0)
        return encoder

    def line_end(self) -> re.Pattern[str]:
        """Return what ends a line of decoded text."""
        if self.newline == "":
            return re.compile(r"\r\n|\r|\n")
        return re.compile(re.escape(self.newline or "\n"))

    def translated(self, text: str) -> str:
        """Return text with the newlines that are to be written."""
        newline = os.linesep if self.newline is None else self.newline
        return text if newline in ("", "\n") else text.replace("\n", newline)


class TextFile:
    """An open file of text, used as one of the builtin `open`, but with `await`.

    `buffer` is the file of bytes below. Several tasks may use one file: each call is done before
    the next begins.
    """

    def __init__(
        self, buffer: BufferedFile, coding: TextCoding, *, line_buffering: bool = False
    ) -> None:
        self.buffer = buffer
        self._coding = coding
        self._line_buffering = line_buffering
        self._line_end = coding.line_end()
        self._in_use = asyncio.Lock()
        self._decoder = coding.decoder()
        self._encoder: codecs.IncrementalEncoder | None = None
        # What was decoded and not returned yet: all of it but `_used` characters of the first.
        self._pieces: deque[_Piece] = deque()
        self._used = 0

    @property
    def path(self) -> str:
        """The path of the file in its share."""
        return self.buffer.path

    @property
    def encoding(self) -> str:
        """The name of the encoding."""
        return self._coding.encoding

    @property
    def errors(self) -> str:
        """The treatment of bytes and characters that the encoding does not have."""
        return self._coding.errors

    @property
    def closed(self) -> bool:
        """Whether the file is closed."""
        return self.buffer.closed

    # --- reading ------------------------------------------------------------------------------

    async def read(self, size: int = -1) -> str:
        """Up to `size` characters from the position on, everything for -1; less only at the end."""
        async with self._in_use:
            if size < 0:
                data = await self.buffer.read()
                rest = self._rest() + self._decoder.decode(data, final=True)
                self._pieces.clear()
                self._used = 0
                return rest
            text = self._rest()
            while len(text) < size and (more := await self._fill()) is not None:
                text += more
            return self._consume(text[:size])

    async def readline(self, size: int = -1) -> str:
        """One line with its newline, or up to `size` characters of it; nothing at the end."""
        async with self._in_use:
            text, searched = self._rest(), 0
            while True:
                end = self._line_end.search(text, searched)
                if end is not None or 0 <= size <= len(text):
                    break
                searched = max(len(text) - 1, 0)  # the first half of a \r\n may be there already
                more = await self._fill()
                if more is None:
                    break
                text += more
            line = text if end is None else text[: end.end()]
            return self._consume(line if size < 0 else line[:size])

    def __aiter__(self) -> "TextFile":
        return self

    async def __anext__(self) -> str:
        line = await self.readline()
        if not line:
            raise StopAsyncIteration
        return line

    async def _fill(self) -> str | None:
        """Decode more of the file, and return it; None at the end."""
        pending, state = self._decoder.getstate()
        position = self.buffer.tell() - len(pending)
        data = await self.buffer.read(TEXT_CHUNK)
        text = self._decoder.decode(data, final=not data)
        if text:
            self._pieces.append(_Piece(position, state, pending + data, text))
        return text if text or data else None

    def _rest(self) -> str:
        """Return what was decoded and not returned yet."""
        return "".join(piece.text for piece in self._pieces)[self._used :]

    def _consume(self, text: str) -> str:
        """Return `text`, which is the beginning of the rest, and note that it was returned."""
        self._used += len(text)
        while self._pieces and self._used >= len(self._pieces[0].text):
            self._used -= len(self._pieces.popleft().text)
        return text

    # --- writing ------------------------------------------------------------------------------

    async def write(self, text: str) -> int:
        """Write all of `text` at the position and move it on; the number of characters."""
        async with self._in_use:
            if self._pieces or self._decoder.getstate()[0]:
                # The file of bytes has been read further than the text was.
                await self._seek(self.tell())
            if self._encoder is None:
                self._encoder = self._coding.encoder(at_start=self.buffer.tell() == 0)
            await self.buffer.write(self._encoder.encode(self._coding.translated(text)))
            if self._line_buffering and ("\n" in text or "\r" in text):
                await self.buffer.drain()
            return len(text)

    # --- both ---------------------------------------------------------------------------------

    async def seek(self, position: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position that `tell` has returned, to the start, or to the end.

        From where it is and from the end, only 0 can be moved.
        """
        async with self._in_use:
            if whence != os.SEEK_SET and position:
                raise io.UnsupportedOperation("text can be sought from its start only")
            if whence == os.SEEK_CUR:
                position = self.tell()
            elif whence == os.SEEK_END:
                position = await self.buffer.size()
            elif whence != os.SEEK_SET:
                raise ValueError(f"whence is 0, 1 or 2, not {whence}")
            await self._seek(position)
            return position

    async def _seek(self, position: int) -> None:
        await self.buffer.seek(position & _MASK if position >= 0 else position)
        self._decoder.reset()
        if position & _MASK:
            self._decoder.setstate((b"", position >> _FIELD & _MASK))
        self._encoder = None
        self._pieces.clear()
        self._used = 0
        skipped = position >> 2 * _FIELD
        text = ""
        while len(text) < skipped and (more := await self._fill()) is not None:
            text += more
        self._consume(text[:skipped])

    def tell(self) -> int:
        """The position, for `seek`. For most encodings it is a number of bytes."""
        # The piece that was returned in part is decoded again, as far as it was returned. Where the
        # decoder keeps something back, the position has its state, and the characters to skip.
        if not self._pieces:
            pending, state = self._decoder.getstate()
            return _position(self.buffer.tell() - len(pending), state)
        piece, decoder = self._pieces[0], self._coding.decoder()
        decoder.setstate((b"", piece.state))
        offset, state, decoded, produced = 0, piece.state, 0, 0
        for index in range(len(piece.data)):
            if produced >= self._used:
                break
            produced += len(decoder.decode(piece.data[index : index + 1]))
            pending, flags = decoder.getstate()
            if not pending and produced <= self._used:
                offset, state, decoded = index + 1, flags, produced
        return _position(piece.position + offset, state, self._used - decoded)

    async def truncate(self, size: int | None = None) -> int:
        """Make the file `size` bytes long, by default as long as the position; the new size."""
        async with self._in_use:
            return await self.buffer.truncate(self.tell() & _MASK if size is None else size)

    async def flush(self) -> None:
        """Have the server put the file on its disk, with all that was written."""
        await self.buffer.flush()

    async def close(self) -> None:
        """Send what was written and close the file; does nothing the second time."""
        await self.buffer.close()

    async def __aenter__(self) -> "TextFile":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.buffer.__aexit__(kind, error, trace)


def _position(offset: int, state: int, skipped: int = 0) -> int:
    """Return a position for `tell`; at the start of the file, a decoder has no state yet."""
    return offset | (state if offset else 0) << _FIELD | skipped << 2 * _FIELD
