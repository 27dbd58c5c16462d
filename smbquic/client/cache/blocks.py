"""Blocks of the contents of files, those first that were not used for longest."""

from collections import OrderedDict
from collections.abc import Hashable

from smbquic.protocol.credits import CREDIT_SIZE

BLOCK = CREDIT_SIZE
"""Bytes of a block. The last one of a file may be shorter."""


class BlockCache:
    """Blocks of any number of files, in `capacity` bytes."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._blocks: OrderedDict[tuple[Hashable, int], bytes] = OrderedDict()
        self._indices: dict[Hashable, set[int]] = {}
        self.size = 0
        """Bytes of all blocks."""

    def get(self, file: Hashable, index: int) -> bytes | None:
        """Return a block of a file, if it is there."""
        data = self._blocks.get((file, index))
        if data is not None:
            self._blocks.move_to_end((file, index))
        return data

    def put(self, file: Hashable, index: int, data: bytes) -> None:
        """Keep a block, in place of one that is there."""
        self._remove(file, index)
        self._blocks[file, index] = data
        self._indices.setdefault(file, set()).add(index)
        self.size += len(data)
        while self.size > self._capacity:
            self._remove(*next(iter(self._blocks)))

    def drop(self, file: Hashable, first: int = 0) -> None:
        """Drop the blocks of a file from `first` on."""
        for index in [index for index in self._indices.get(file, ()) if index >= first]:
            self._remove(file, index)

    def overwrite(
        self, file: Hashable, offset: int, data: memoryview, *, at_end: bool = False
    ) -> None:
        """Change a range of what is there of a file; `at_end` if nothing follows on it."""
        end = offset + len(data)
        for index in range(offset // BLOCK, -(-end // BLOCK)):
            start = index * BLOCK
            first, last = max(offset, start), min(end, start + BLOCK)
            part = bytes(data[first - offset : last - offset])
            block = self._blocks.get((file, index))
            if len(part) == BLOCK or (block is None and first == start and at_end):
                self.put(file, index, part)
            elif block is not None and first - start <= len(block):
                self.put(file, index, block[: first - start] + part + block[last - start :])
            else:
                # What stands beside it in the block is not known.
                self._remove(file, index)

    def _remove(self, file: Hashable, index: int) -> None:
        data = self._blocks.pop((file, index), None)
        if data is None:
            return
        self.size -= len(data)
        indices = self._indices[file]
        indices.discard(index)
        if not indices:
            del self._indices[file]
