"""Contents of files: ones that differ from each other, and pages that show whether they are whole.

A page has a version that only grows, so a client that gets an older one than before has read what
its cache should have dropped.
"""

import random
import struct
import zlib

from benchmarks.soak.report import DifferenceError

PAGE = 4096
SMALL = (0, 1, 700, 4096, 20_000, 65_536)
"""Sizes of small files."""
LARGE = (4 << 20, 8 << 20, 16 << 20)
"""Sizes of large ones."""
_HEAD = struct.Struct("<QI")


class Source:
    """Makes contents; the same `seed` makes the same."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)
        self._block = self._random.randbytes(max(LARGE))
        self._number = 0

    def content(self, size: int) -> bytes:
        """Return so many bytes; no two contents of 8 bytes and more are the same."""
        self._number += 1
        start = self._random.randrange(len(self._block) - size + 1)
        mark = self._number.to_bytes(8, "little")[:size]
        return mark + self._block[start + len(mark) : start + size]


def page(version: int) -> bytes:
    """Return a whole page of a version."""
    body = version.to_bytes(8, "little") * ((PAGE - _HEAD.size) // 8)
    body = body.ljust(PAGE - _HEAD.size, b"\0")
    return _HEAD.pack(version, zlib.crc32(body)) + body


def version_of(data: bytes | memoryview) -> int:
    """Return the version of a page. Raises `DifferenceError` if it is not whole."""
    if len(data) != PAGE:
        raise DifferenceError(f"a page has {len(data)} bytes in place of {PAGE}")
    version, checksum = _HEAD.unpack_from(data)
    if zlib.crc32(data[_HEAD.size :]) != checksum or page(version) != data:
        raise DifferenceError("a page is not whole")
    return int(version)
