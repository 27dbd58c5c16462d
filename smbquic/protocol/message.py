"""Taking transport messages apart into SMB2 elements, and putting answers together.

A transport message holds one SMB2 element or a compound of several, each at a multiple of 8
bytes and pointing at the next. [MS-SMB2] 2.2.1, 3.3.4.1.3
"""

from collections.abc import Iterable, Iterator

from smbquic.errors import WireError
from smbquic.wire.cursor import HEADER_SIZE, Buffer
from smbquic.wire.header import Header

MAX_COMPOUND = 64
"""Elements that one message may hold. Windows' clients use a handful."""


UNSOLICITED = (1 << 64) - 1
"""The message id of what a server sends unasked: oplock and lease breaks."""


def elements(message: memoryview) -> Iterable[tuple[Header, memoryview]]:
    """Return each element's header and bytes (header and padding included), in order.

    Raises `WireError` for a header that is none, or a chain that does not hold.
    """
    header = Header.decode(message)
    return _chain(message) if header.next_command else ((header, message),)


def _chain(message: memoryview) -> Iterator[tuple[Header, memoryview]]:
    start = 0
    for _ in range(MAX_COMPOUND):
        header = Header.decode(message[start:])
        size = header.next_command
        if size == 0:
            yield header, message[start:]
            return
        if size % 8 or size < HEADER_SIZE or start + size > len(message):
            raise WireError(f"an element that claims {size} bytes in a compound")
        yield header, message[start : start + size]
        start += size
    raise WireError(f"a compound of more than {MAX_COMPOUND} elements")


def padding(size: int) -> bytes:
    """Return what fills `size` bytes up to a multiple of 8."""
    return bytes(-size % 8)


def total(buffers: list[Buffer]) -> int:
    """Return the number of bytes in all of the buffers."""
    return sum(map(len, buffers))
