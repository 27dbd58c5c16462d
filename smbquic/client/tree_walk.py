"""Goes through two trees at once, folder by folder, and says what is in which.

Only the folders that are being looked at are in memory, however large the trees are.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from functools import partial

from smbquic.client.concurrency import ByteBudget, JobQueue, run_each
from smbquic.client.file_tree import Entry, FileTree
from smbquic.client.filters import Filters
from smbquic.client.names import join
from smbquic.errors import (
    NameCollisionError,
    PathError,
    RemoteProtocolError,
    SourceChangedError,
    StatusError,
)
from smbquic.storage.names import fold, unescape
from smbquic.storage.partial import is_unfinished

FOLDERS = 32
"""Folders that are looked at at once."""
LARGE = 16 << 20
"""Bytes of a file that count when the number of files under way is decided."""
UNDER_WAY = 4 * LARGE
"""Bytes of all files under way: that many small files at once, but only a few large ones."""

OF_ONE_FILE = (StatusError, OSError, RemoteProtocolError, PathError, SourceChangedError)
"""Errors of one file, after which the others are still copied."""

Work = Callable[[], Awaitable[None]]


class TreeWalk(ABC):
    """Goes through a source and a target; what it finds, its subclass handles.

    Links and devices, the temporary files of transfers, and what the filters exclude are left out.
    With `extras`, what only the target has is looked at too.
    """

    def __init__(
        self,
        source: FileTree,
        target: FileTree,
        filters: Filters,
        *,
        transfers: int,
        extras: bool,
    ) -> None:
        self.source = source
        self.target = target
        self.filters = filters
        self._extras = extras
        self._transfers = transfers
        self._slots = asyncio.Semaphore(transfers)
        self._under_way = ByteBudget(UNDER_WAY)
        self._jobs = JobQueue(FOLDERS)

    # --- what a subclass handles --------------------------------------------------------------

    @abstractmethod
    def pair(self, path: str, entry: Entry, other: Entry | None) -> Work | None:
        """Return what to do about a file of the source, and about `other` at the target."""

    @abstractmethod
    def extra_file(self, path: str) -> Work | None:
        """Return what to do about a file that only the target has."""

    @abstractmethod
    async def missing_folder(self, path: str) -> None:
        """Handle a folder that only the source has, before what is in it."""

    @abstractmethod
    def extra_folder(self, path: str) -> None:
        """Handle a folder that only the target has."""

    @abstractmethod
    def skip(self, path: str, what: str) -> None:
        """Note what is neither a file nor a folder."""

    @abstractmethod
    def fail(self, path: str, error: Exception) -> None:
        """Note what could not be done."""

    # --- the walk ------------------------------------------------------------------------------

    async def run(self) -> None:
        """Go through both trees. Raises what the source's own folder cannot be listed for."""
        await self._jobs.run(self._root)

    async def _root(self) -> None:
        entries = await self.source.list("")
        try:
            others = await self.target.list("")
        except FileNotFoundError:
            await self.missing_folder("")
            others = []
        await self._compare("", entries, others)

    async def _folder(self, path: str, *, missing: bool) -> None:
        """Compare a folder of the source with that of the target."""
        try:
            if missing:
                await self.missing_folder(path)
                entries = await self.source.list(path)
                others: list[Entry] = []
            else:
                entries, others = await asyncio.gather(
                    self.source.list(path), self.target.list(path)
                )
        except OF_ONE_FILE as error:
            self.fail(path, error)
            return
        await self._compare(path, entries, others)

    async def _compare(self, folder: str, entries: list[Entry], others: list[Entry]) -> None:
        by_key = {self._key(other.name): other for other in others}
        claimed: dict[str, str] = {}
        files: list[tuple[int, str, Work]] = []
        for entry in self._in_order(entries, others):
            path, key = join(folder, entry.name), self._key(entry.name)
            if not self._included(path, entry):
                continue
            if (taken := claimed.setdefault(key, path)) != path:
                self.fail(path, _collision(entry.name, taken))
                continue
            work = self._entry(path, entry, by_key.get(key))
            if work is not None:
                files.append((entry.size, path, work))
        if self._extras:
            for other in others:
                path = join(folder, other.name)
                if self._key(other.name) not in claimed and self._included(path, other):
                    work = self._extra(path, other)
                    if work is not None:
                        files.append((0, path, work))
        await self._do(files)

    def _key(self, name: str) -> str:
        return fold(name) if self.target.ignores_case else name

    @staticmethod
    def _in_order(entries: Iterable[Entry], others: Iterable[Entry]) -> list[Entry]:
        """Return the entries by name; of names that are one at the target, its own comes first."""
        there = {other.name for other in others}
        return sorted(entries, key=lambda entry: (entry.name not in there, entry.name))

    def _included(self, path: str, entry: Entry) -> bool:
        if is_unfinished(entry.name):
            return False
        if self.filters.include_everything:
            return True
        if entry.kind == "folder":
            return self.filters.includes_folder(unescape(path))
        return self.filters.includes_file(unescape(path))

    def _entry(self, path: str, entry: Entry, other: Entry | None) -> Work | None:
        """Return what to do about one thing in the source."""
        if entry.kind == "other":
            self.skip(path, entry.what)
            return None
        if other is not None and "folder" in (entry.kind, other.kind) and entry.kind != other.kind:
            there = other.what or f"a {other.kind}"
            self.fail(path, FileExistsError(17, f"the target has {there} of this name", path))
            return None
        if entry.kind == "folder":
            self._jobs.add(partial(self._folder, path, missing=other is None))
            return None
        return self.pair(path, entry, other)

    def _extra(self, path: str, other: Entry) -> Work | None:
        """Return what to do about one thing that only the target has."""
        if other.kind == "folder":
            self._jobs.add(partial(self._extra_folder, path))
            return None
        return self.extra_file(path) if other.kind == "file" else None

    async def _extra_folder(self, path: str) -> None:
        try:
            others = await self.target.list(path)
        except OF_ONE_FILE as error:
            self.fail(path, error)
            return
        self.extra_folder(path)
        await self._compare(path, [], others)

    async def _do(self, files: list[tuple[int, str, Work]]) -> None:
        """Do what there is to do for the files of a folder."""

        async def attempt(one: tuple[int, str, Work]) -> None:
            size, path, work = one
            async with self._slots, self._under_way.hold(min(size, LARGE)):
                try:
                    await work()
                except OF_ONE_FILE as error:
                    self.fail(path, error)

        await run_each(files, attempt, limit=min(self._transfers, len(files)))


def _collision(name: str, taken: str) -> NameCollisionError:
    return NameCollisionError(
        f"left out, its name {unescape(name)!r} is taken by {unescape(taken)!r}, as the target"
        " ignores the case of names; rename one of the two"
    )
