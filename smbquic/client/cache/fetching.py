"""Blocks of a file on their way from the server, each once for all who want it."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from smbquic.client.cache.blocks import BLOCK, BlockCache

ReadBlocks = Callable[[int, int], Coroutine[Any, Any, dict[int, bytes]]]
"""Reads blocks from the server: the first one's number, and how many; they come by number."""

_Task = asyncio.Task[dict[int, bytes]]


class BlockFetcher:
    """Gets the blocks of one file that `blocks` has not got, at most `longest` with one call."""

    def __init__(self, file: object, blocks: BlockCache, read: ReadBlocks) -> None:
        self._file = file
        self._blocks = blocks
        self._read = read
        self._coming: dict[int, _Task] = {}
        """READs of blocks that whoever wants one may wait for."""
        self._tasks: set[_Task] = set()

    async def get(self, indices: range, size: int, longest: int) -> list[bytes]:
        """Return blocks of a file that has `size` bytes."""
        tasks = self.start(indices, size, longest)
        fetched: dict[int, bytes] = {}
        # A task brings many blocks: each once, in their order.
        for task in dict.fromkeys(tasks.values()):
            # Others may wait for the same blocks: they are fetched even if this task is cancelled.
            fetched.update(await asyncio.shield(task))
        blocks = []
        for index in indices:
            data = fetched[index] if index in tasks else self._blocks.get(self._file, index)
            if data is None:
                # It was dropped while others were waited for.
                data = (await self._read(index, 1))[index]
            blocks.append(data)
        return blocks

    def start(self, indices: range, size: int, longest: int) -> dict[int, _Task]:
        """Have blocks on their way; return a task for each that is not there, by its number."""
        tasks: dict[int, _Task] = {}
        missing: list[int] = []
        for index in indices:
            task = self._coming.get(index)
            if task is not None:
                tasks[index] = task
            elif not self._is_there(index, size):
                missing.append(index)
        for first, count in _runs(missing, longest):
            task = asyncio.create_task(self._read(first, count))
            self._tasks.add(task)
            task.add_done_callback(self._done)
            for index in range(first, first + count):
                self._coming[index] = tasks[index] = task
        return tasks

    def _is_there(self, index: int, size: int) -> bool:
        block = self._blocks.get(self._file, index)
        return block is not None and len(block) >= min(BLOCK, size - index * BLOCK)

    def _done(self, task: _Task) -> None:
        self._tasks.discard(task)
        # Not by its numbers: after `forget` another task may be on its way with the same ones.
        self._coming = {index: other for index, other in self._coming.items() if other is not task}
        if not task.cancelled():
            task.exception()  # who reads ahead is not told

    def forget(self) -> None:
        """Have nobody else wait for what is on its way: the file has changed."""
        self._coming = {}

    def cancel(self) -> None:
        """Wait for nothing any more."""
        for task in self._tasks:
            task.cancel()


def _runs(numbers: Iterable[int], longest: int) -> list[tuple[int, int]]:
    """Return numbers that follow on each other as pairs of the first and how many."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number == sum(runs[-1]) and runs[-1][1] < longest:
            runs[-1] = runs[-1][0], runs[-1][1] + 1
        else:
            runs.append((number, 1))
    return runs
