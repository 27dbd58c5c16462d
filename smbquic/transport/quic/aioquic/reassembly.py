"""Reassembly of a stream: what was received out of order is kept in segments, without the gaps.

aioquic fills a gap with zeros, so that one packet of 40 bytes can take as much memory as the whole
window. It goes through all ranges for each frame, and there may be any number of them.
"""

from bisect import bisect_right
from typing import Any

from aioquic.quic.connection import QuicConnectionError
from aioquic.quic.events import StreamDataReceived
from aioquic.quic.packet import QuicErrorCode, QuicFrameType, QuicStreamFrame
from aioquic.quic.stream import FinalSizeError, QuicStreamReceiver

MAX_SEGMENTS = 4096
"""Segments of the data stream that may wait for what is before them. One follows each loss: with a
window of 16 MiB that is a tenth of the packets and more."""
MAX_UNAUTHENTICATED_SEGMENTS = 256
"""The same for a peer that has not logged on, whose window is small."""
MAX_CRYPTO_SEGMENTS = 64
"""The same for a handshake, which fits into a few packets."""
MAX_CRYPTO_PENDING = 64 << 10
"""Bytes of a handshake after what came in order ([RFC9000] 7.5); the longest chains of certificates
have less."""
SEGMENT_COST = 128
"""Bytes of a segment besides its data."""


class TooManySegmentsError(QuicConnectionError):
    """The peer sends more out of order than is kept.

    `stream_id` is None in a handshake. The library closes the connection with the error's code.
    """

    def __init__(self, stream_id: int | None) -> None:
        # A limit of its own has an error code for the handshake only ([RFC9000] 7.5).
        if stream_id is None:
            code, frame, what = (
                QuicErrorCode.CRYPTO_BUFFER_EXCEEDED,
                QuicFrameType.CRYPTO,
                "handshake",
            )
        else:
            code, frame, what = QuicErrorCode.INTERNAL_ERROR, QuicFrameType.STREAM_BASE, "stream"
        super().__init__(code, frame, f"too much of the {what} is out of order")


class Segments:
    """Bytes at offsets, without overlaps; what follows a segment is joined to it.

    `size` is the sum of their bytes.
    """

    def __init__(self) -> None:
        # Sorted, so that a segment is found by bisection.
        self._starts: list[int] = []
        self._data: list[bytearray] = []
        self.size = 0

    def __len__(self) -> int:
        return len(self._starts)

    def add(self, start: int, data: bytes) -> None:
        """Keep what is new in `data`; of bytes that are known, the first version counts.

        A peer may not send other bytes at an offset than before ([RFC9000] 2.2).
        """
        stop = start + len(data)
        # The segment that begins at `start` or before is the first that may overlap.
        index = max(0, bisect_right(self._starts, start) - 1)
        at = start
        while at < stop:
            index, end = self._after(index, at)
            if end > at:
                # The segment before has these bytes already.
                at = end
                continue
            # Up to the next segment: its bytes are known, too.
            following = self._starts[index] if index < len(self._starts) else stop
            until = min(stop, following)
            self._insert(index, at, data[at - start : until - start])
            at = until

    def _after(self, index: int, at: int) -> tuple[int, int]:
        """Return the first segment that begins after `at`, and where the one before it ends."""
        while index < len(self._starts) and self._starts[index] <= at:
            index += 1
        end = self._starts[index - 1] + len(self._data[index - 1]) if index else 0
        return index, end

    def _insert(self, index: int, start: int, data: bytes) -> None:
        self.size += len(data)
        if index and self._starts[index - 1] + len(self._data[index - 1]) == start:
            # After one loss a whole window arrives in order, and stays one segment.
            self._data[index - 1] += data
        else:
            self._starts.insert(index, start)
            self._data.insert(index, bytearray(data))

    def take(self, offset: int) -> bytes:
        """Remove and return the bytes from `offset` on, up to the next gap.

        There are none if `offset` is in a gap. No segment may begin before it.
        """
        count = 0
        end = offset
        while count < len(self._starts) and self._starts[count] == end:
            end += len(self._data[count])
            count += 1
        data = b"".join(self._data[:count])
        del self._starts[:count], self._data[:count]
        self.size -= len(data)
        return data


class StreamReceiver(QuicStreamReceiver):
    """The receiving end of a stream, which keeps at most `max_segments` segments out of order.

    With `max_pending` they end at most so many bytes after what was received in order; without it,
    flow control is the limit.
    """

    def __init__(
        self, stream_id: int | None, max_segments: int, max_pending: int | None = None
    ) -> None:
        super().__init__(stream_id=stream_id, readable=True)
        self._segments = Segments()
        self._max_pending = max_pending
        self.max_segments = max_segments

    @property
    def held(self) -> int:
        """Bytes of memory for segments that wait for what is before them."""
        return self._segments.size + SEGMENT_COST * len(self._segments)

    def clear(self) -> None:
        """Drop what waits, as what is before it is not received any more."""
        self._segments = Segments()

    def handle_frame(self, frame: QuicStreamFrame) -> StreamDataReceived | None:
        """Process the data of a frame; return what is in order now, and the end of the stream.

        Raises `FinalSizeError` ([RFC9000] 4.5) and `TooManySegmentsError`.
        """
        stop = frame.offset + len(frame.data)
        # CRYPTO frames have no flow control ([RFC9000] 7.5).
        if self._max_pending is not None and stop - self._buffer_start > self._max_pending:
            raise TooManySegmentsError(self._stream_id)
        self._check_final_size(frame, stop)
        # The end of the stream may be known before all of its data ([RFC9000] 4.5).
        if frame.fin:
            self._final_size = stop
        self.highest_offset = max(self.highest_offset, stop)
        # A frame may be repeated after all has been received.
        if self.is_finished:
            return None
        data = self._in_order(frame, stop)
        self._buffer_start += len(data)
        self.is_finished = self._buffer_start == self._final_size
        if not data and not self.is_finished:
            return None
        number: Any = self._stream_id  # which is None for a handshake, here as in the library
        return StreamDataReceived(data=data, end_stream=self.is_finished, stream_id=number)

    def _in_order(self, frame: QuicStreamFrame, stop: int) -> bytes:
        # Bytes that were delivered already are skipped: a retransmission may overlap them.
        new = max(0, self._buffer_start - frame.offset)
        if stop <= self._buffer_start:
            return b""
        if frame.offset + new == self._buffer_start and not self._segments:
            # Mostly all is in order, and no byte is copied.
            return frame.data[new:] if new else frame.data
        self._segments.add(frame.offset + new, frame.data[new:])
        data = self._segments.take(self._buffer_start)
        # After taking: the frame may have closed a gap.
        if len(self._segments) > self.max_segments:
            raise TooManySegmentsError(self._stream_id)
        return data

    def _check_final_size(self, frame: QuicStreamFrame, stop: int) -> None:
        # The library's own rules, in its words ([RFC9000] 4.5).
        if self._final_size is not None and stop > self._final_size:
            raise FinalSizeError("Data received beyond final size")
        if frame.fin and self._final_size not in (None, stop):
            raise FinalSizeError("Cannot change final size")
        if frame.fin and stop < self.highest_offset:
            raise FinalSizeError("Data received beyond final size")
