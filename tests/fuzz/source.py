"""The bytes that a fuzzer makes, read as decisions."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

_EDGES = (0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 1 << 31, 1 << 32, 1 << 63)


class Source:
    """Decisions one after the other; all of them are zero once the bytes are used up.

    The same bytes make the same decisions, and a small change of the bytes makes a small one.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def exhausted(self) -> bool:
        """Whether all bytes are used up."""
        return self._at >= len(self._data)

    def blob(self, size: int) -> bytes:
        """The next bytes, at most `size` of them."""
        taken = self._data[self._at : self._at + size]
        self._at += size
        return taken

    def number(self, width: int) -> int:
        """An unsigned number of `width` bytes."""
        return int.from_bytes(self.blob(width), "little")

    def below(self, limit: int) -> int:
        """A number from 0 to `limit`, which is not among them; up to 65536."""
        return self.number(1 if limit <= 256 else 2) % limit

    def pick(self, options: Sequence[T]) -> T:
        """One of `options`."""
        return options[self.below(len(options))]

    def often(self) -> bool:
        """True three times in four, and once nothing more is decided."""
        return self.below(4) < 3

    def seldom(self) -> bool:
        """True once in sixteen times."""
        return self.below(16) == 15

    def edge(self, width: int) -> int:
        """An unsigned number of `width` bytes, most often one where things change."""
        kind = self.below(len(_EDGES) + 4)
        if kind < len(_EDGES):
            return _EDGES[kind] & ((1 << 8 * width) - 1)
        if kind == len(_EDGES):
            return (1 << 8 * width) - 1
        return self.number(min(width, 2) if kind == len(_EDGES) + 1 else width)

    def filled(self, size: int) -> bytes:
        """Exactly `size` bytes."""
        return self.blob(size).ljust(size, b"\0")

    def short(self, limit: int = 64) -> bytes:
        """A few bytes, or none."""
        return self.blob(self.below(limit))


def spoiled(data: bytes, source: Source) -> bytes:
    """`data` with some bytes changed, the end cut off or something added to it."""
    changed = bytearray(data)
    for _ in range(source.below(4) + 1):
        kind = source.below(8)
        if kind == 6:
            del changed[source.below(max(len(changed), 1)) :]
        elif kind == 7 or not changed:
            changed += source.short(32)
        else:
            at = source.below(len(changed)) if len(changed) <= 65536 else source.number(2)
            width = (1, 1, 2, 4, 8, 1)[kind]
            new = source.edge(width).to_bytes(width, "little")
            changed[at : at + width] = new[: max(len(changed) - at, 0)]
    return bytes(changed)
