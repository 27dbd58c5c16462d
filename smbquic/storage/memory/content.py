"""The bytes of a file in memory, and the bound of all of them together."""

import errno
import itertools
import os
import threading
from collections.abc import Iterator, Sequence
from typing import Final

from smbquic.storage.types import Buffer

PAGE: Final = 1 << 16
"""Bytes of a page. What was never written has none, and reads as zero."""
PAGE_COST: Final = 128
"""Bytes that a page takes besides its content."""

_ZEROS: Final = bytes(PAGE)
_OFFSET_END: Final = 2**63


class Budget:
    """The bytes and files that a storage in memory may have. Safe to use from several threads.

    `file_ids` are those of the files that it makes, from 1 on.
    """

    def __init__(self, max_bytes: int, max_files: int) -> None:
        self.max_bytes: Final = max_bytes
        self.max_files: Final = max_files
        self.bytes = 0
        self.files = 0
        self.file_ids: Final = itertools.count(1)
        self.lock: Final = threading.RLock()

    def change(self, size: int = 0, *, files: int = 0) -> None:
        """Take bytes and files, or give them back; `OSError` (ENOSPC) for more than there are."""
        with self.lock:
            # What there is never exceeds the limits, so that giving back never fails.
            if self.bytes + size > self.max_bytes or self.files + files > self.max_files:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.bytes += size
            self.files += files


class Content:
    """The content of one file or named stream: pages, each as long as what it holds.

    It is `size` bytes long, of which `allocated` are kept.
    """

    __slots__ = ("_budget", "_pages", "allocated", "size")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._pages: dict[int, bytearray] = {}
        self.size = 0
        self.allocated = 0

    def read(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset` on."""
        parts: list[Buffer] = []
        with self._budget.lock:
            end = min(offset + length, self.size)
            while offset < end:
                number, start = divmod(offset, PAGE)
                count = min(PAGE - start, end - offset)
                part = memoryview(self._pages.get(number, b""))[start : start + count]
                parts += (part, _ZEROS[: count - len(part)])
                offset += count
            return b"".join(parts)

    def write(self, offset: int, buffers: Sequence[Buffer]) -> int:
        """Write all of `buffers`, or nothing: `OSError` (ENOSPC, EFBIG)."""
        total = sum(map(len, buffers))
        if not total:
            return 0
        _check_range(offset + total)
        with self._budget.lock:
            self._reserve(offset, offset + total)
            for buffer in buffers:
                rest = memoryview(buffer)
                while rest:
                    number, start = divmod(offset, PAGE)
                    piece = rest[: PAGE - start]
                    self._pages[number][start : start + len(piece)] = piece
                    offset += len(piece)
                    rest = rest[len(piece) :]
            self.size = max(self.size, offset)
        return total

    def _reserve(self, offset: int, end: int) -> None:
        """Have every page of a range as long as that needs."""
        pages = self._pages
        wanted = {
            number: min(PAGE, end - number * PAGE)
            for number in range(offset // PAGE, (end - 1) // PAGE + 1)
        }
        grown = {number: length - len(pages.get(number, b"")) for number, length in wanted.items()}
        made = sum(number not in pages for number in wanted)
        more = sum(count for count in grown.values() if count > 0)
        self._budget.change(more + made * PAGE_COST)
        self.allocated += more
        for number, count in grown.items():
            pages.setdefault(number, bytearray()).extend(_ZEROS[: max(count, 0)])

    def truncate(self, size: int) -> None:
        """Make it `size` bytes long; new bytes take no room."""
        _check_range(size)
        with self._budget.lock:
            if size < self.size:
                self._drop(size, self.size)
            self.size = size

    def zero(self, offset: int, length: int) -> None:
        """Make bytes read as zero, as far as there are any; whole pages are given back."""
        with self._budget.lock:
            self._drop(offset, min(offset + length, self.size))

    def _drop(self, offset: int, end: int) -> None:
        first, last = offset // PAGE, (end - 1) // PAGE
        # Of a range that is mostly holes, the pages are fewer than the numbers.
        if last - first < len(self._pages):
            numbers = [number for number in range(first, last + 1) if number in self._pages]
        else:
            numbers = [number for number in self._pages if first <= number <= last]
        for number in numbers:
            page = self._pages[number]
            start, stop = max(offset - number * PAGE, 0), end - number * PAGE
            before = len(page)
            if stop < before:
                page[start:stop] = _ZEROS[: stop - start]
            else:
                del page[start:]
            self.allocated += len(page) - before
            if page:
                self._budget.change(len(page) - before)
            else:
                del self._pages[number]
                self._budget.change(-before - PAGE_COST)

    def ranges(self, offset: int, length: int) -> Iterator[tuple[int, int]]:
        """Yield where in a range there are pages: offsets and lengths, neighbours in one."""
        with self._budget.lock:
            end = min(offset + length, self.size)
            numbers = sorted(n for n in self._pages if offset < (n + 1) * PAGE and n * PAGE < end)
        begin = stop = -1
        for number in numbers:
            if number * PAGE != stop:
                if stop > 0:
                    yield begin, stop - begin
                begin = max(number * PAGE, offset)
            stop = (number + 1) * PAGE
        if stop > 0:
            yield begin, min(stop, end) - begin


def _check_range(end: int) -> None:
    """Raise `OSError` (EFBIG) beyond 63 bits: offsets on the wire have 64, those of a file 63."""
    if end >= _OFFSET_END:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
