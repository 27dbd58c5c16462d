"""A folder with all below it, listed ahead of the program that goes through it."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from smbquic.client.files import ShareFiles
from smbquic.client.names import join
from smbquic.client.stat import Stat
from smbquic.errors import StatusError

T = TypeVar("T")

AHEAD = 16
"""Folders that are listed before the program comes to them."""

OnError = Callable[[StatusError], None]
Folder = tuple[str, list[Stat], list[Stat]]
"""The path of a folder, its folders, and what else is in it."""


class ListedAhead(Generic[T]):
    """A stack of folders, of which those on top are listed by tasks.

    `list_folder` lists one of them. A folder whose listing fails raises when it is its turn.
    """

    def __init__(self, list_folder: Callable[[T], Awaitable[list[Stat]]]) -> None:
        self._list_folder = list_folder
        self._stack: list[tuple[T, asyncio.Future[list[Stat]] | None]] = []
        self._started = 0

    @classmethod
    @asynccontextmanager
    async def of(
        cls, list_folder: Callable[[T], Awaitable[list[Stat]]], first: T
    ) -> "AsyncGenerator[ListedAhead[T], None]":
        """Make one that begins with the folder `first`; cancels its tasks at the end."""
        ahead = cls(list_folder)
        ahead.push([first])
        try:
            yield ahead
        finally:
            await ahead._cancel()

    def __bool__(self) -> bool:
        return bool(self._stack)

    def push(self, folders: Sequence[T]) -> None:
        """Put folders on top, the first of them to come next."""
        self._stack += [(folder, None) for folder in reversed(folders)]

    async def pop(self) -> tuple[T, list[Stat]]:
        """Take the folder on top with what is in it. Raises `StatusError` for one that fails."""
        self._start()
        folder, listing = self._stack.pop()
        assert listing is not None
        self._started -= 1
        return folder, await listing

    def _start(self) -> None:
        """List the folders on top: as many as may be listed ahead, and the first in any case."""
        for index in range(len(self._stack) - 1, -1, -1):
            folder, listing = self._stack[index]
            is_first = index == len(self._stack) - 1
            if self._started >= AHEAD and not is_first:
                return
            if listing is None:
                task = asyncio.ensure_future(self._list_folder(folder))
                task.add_done_callback(lambda done: done.cancelled() or done.exception())
                self._stack[index] = folder, task
                self._started += 1

    async def _cancel(self) -> None:
        tasks = [listing for _, listing in self._stack if listing is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def walk(
    share: ShareFiles, path: str, *, topdown: bool, onerror: OnError | None
) -> AsyncGenerator[Folder, None]:
    """See `Share.walk`."""

    async def listed(folder: str) -> list[Stat]:
        return [entry async for entry in share.scandir(folder)]

    above = _Above()
    async with ListedAhead.of(listed, path) as ahead:
        while ahead:
            try:
                place, entries = await ahead.pop()
            except StatusError as error:
                if onerror is None:
                    raise
                onerror(error)
                for done in above.finished():
                    yield done
                continue
            folders = [entry for entry in entries if entry.is_directory]
            found = place, folders, [entry for entry in entries if not entry.is_directory]
            if topdown:
                yield found
            below = [join(place, entry.name) for entry in folders if not entry.is_link]
            ahead.push(below)
            if not topdown:
                for done in above.entered(found, len(below)):
                    yield done


class _Above:
    """The folders above the one that is listed, if they come after what is in them."""

    def __init__(self) -> None:
        self._folders: list[Folder] = []
        self._to_come: list[int] = []

    def entered(self, folder: Folder, below: int) -> Iterator[Folder]:
        """Note a folder with so many folders in it, and yield those that are complete with it."""
        self._folders.append(folder)
        self._to_come.append(below)
        if not below:
            self._to_come.pop()
            yield self._folders.pop()
            yield from self.finished()

    def finished(self) -> Iterator[Folder]:
        """Note that one folder is done; yield those above it that are complete."""
        while self._folders:
            self._to_come[-1] -= 1
            if self._to_come[-1]:
                return
            self._to_come.pop()
            yield self._folders.pop()
