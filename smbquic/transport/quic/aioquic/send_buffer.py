"""The bytes of a stream that are still to be sent or acknowledged."""

from bisect import bisect_right

from smbquic.wire.cursor import Buffer


class SendBuffer:
    """Bytes written and not acknowledged yet, in place of the `bytearray` in a stream's sender.

    It has the operations of a bytearray that the sender uses. Appending to a bytearray whose front
    was deleted moves all of it. Here what was written stays where it is, and only what a packet
    takes is copied.
    """

    def __init__(self) -> None:
        # Offsets count from the first byte ever written: the sender counts from the first that is
        # not acknowledged, which is `_start`.
        self._starts: list[int] = []
        self._chunks: list[memoryview] = []
        self._start = 0
        self._stop = 0

    def __len__(self) -> int:
        return self._stop - self._start

    def __iadd__(self, data: Buffer) -> "SendBuffer":
        self._starts.append(self._stop)
        self._chunks.append(memoryview(data))
        self._stop += len(data)
        return self

    def __getitem__(self, part: slice) -> memoryview | bytes:
        start, stop = self._start + part.start, self._start + part.stop
        index = bisect_right(self._starts, start) - 1
        chunk, origin = self._chunks[index], self._starts[index]
        piece = chunk[start - origin : stop - origin]
        # Mostly a packet takes its bytes out of one message.
        if len(piece) == stop - start:
            return piece
        pieces = [piece]
        missing = stop - start - len(piece)
        while missing:
            index += 1
            pieces.append(self._chunks[index][:missing])
            missing -= len(pieces[-1])
        return b"".join(pieces)

    def __delitem__(self, part: slice) -> None:
        self._start += part.stop
        # Only whole messages are freed: a memoryview keeps all of its buffer.
        done = bisect_right(self._starts, self._start) - 1
        if self._start == self._stop:
            done += 1
        if done > 0:
            del self._chunks[:done], self._starts[:done]
