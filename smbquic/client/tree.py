"""Folders with all that is in them, several files at a time."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing
from functools import partial
from operator import itemgetter
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from smbquic.client import share_copy, transfer
from smbquic.client.concurrency import ByteBudget, JobQueue, run_each
from smbquic.client.file_tree import REMOTE_LINK
from smbquic.client.files import ShareFiles
from smbquic.client.local import WrittenFiles, in_thread, kind_of_file, sync_folder
from smbquic.client.names import TargetNames, from_local, join, split_path, to_local
from smbquic.client.results import Progress, TreeProgress, TreeResult, Usage
from smbquic.client.stat import Stat
from smbquic.client.tree_walk import LARGE, OF_ONE_FILE, UNDER_WAY
from smbquic.errors import (
    NameCollisionError,
    PathError,
)
from smbquic.options.transfer import DEFAULTS, TransferOptions
from smbquic.storage.partial import is_unfinished

CONCURRENCY = 16
"""Folders that are listed, and files that are deleted, at once."""


class _TreeCopy:
    """Keeps the books while a tree is copied."""

    def __init__(self, progress: TreeProgress | None, options: TransferOptions) -> None:
        self.jobs = JobQueue(options.transfers)
        self.result = TreeResult()
        self.options = options
        self._progress = progress
        self._under_way = ByteBudget(UNDER_WAY)

    def report(self) -> None:
        if self._progress is not None:
            self._progress(self.result)

    def skip(self, path: str, what: str) -> None:
        self.result.skipped.append((path, what))

    async def attempt(self, path: str, work: Awaitable[None]) -> bool:
        """Do something that may fail without ending the whole."""
        try:
            await work
        except OF_ONE_FILE as error:
            self.fail(path, error)
            return False
        return True

    def fail(self, path: str, error: Exception) -> None:
        self.result.failures.append((path, error))
        self.report()

    def claim(self, names: TargetNames, name: str, source: str) -> bool:
        """Take a name for the copy of `source`; if it is taken, that is a failure of this one."""
        try:
            names.claim(name, source)
        except NameCollisionError as error:
            self.fail(source, error)
            return False
        return True

    def add_folder(self, path: str, work: Callable[[], Awaitable[None]]) -> None:
        async def job() -> None:
            if await self.attempt(path, work()):
                self.result.folders += 1
                self.report()

        self.jobs.add(job)

    def add_file(self, path: str, size: int, work: Callable[[Progress], Awaitable[None]]) -> None:
        self.result.total_files += 1
        self.result.total_bytes += size

        async def job() -> None:
            before = 0

            def count(done: int, _: int) -> None:
                nonlocal before
                self.result.bytes += done - before
                before = done
                self.report()

            async with self._under_way.hold(min(size, LARGE)):
                if await self.attempt(path, work(count)):
                    self.result.files += 1
                    self.report()

        self.jobs.add(job)


async def get(
    share: ShareFiles,
    path: str,
    target: Path,
    *,
    progress: TreeProgress | None = None,
    options: TransferOptions = DEFAULTS,
) -> TreeResult:
    """See `Share.get_tree`.

    Names come from the server: `to_local` lets none pass that leads out of its folder, and a
    link that lies where a folder should be is not followed.
    """
    copying = _TreeCopy(progress, options)
    written = WrittenFiles()

    async def folder(source: str, local: Path, entries: AsyncIterator[Stat] | None = None) -> None:
        await in_thread(written.make_folder, local)
        async for entry in share.scandir(source) if entries is None else entries:
            inner, beside = join(source, entry.name), local / to_local(entry.name)
            if is_unfinished(entry.name):
                continue
            if entry.is_link:
                copying.skip(inner, REMOTE_LINK)
            elif entry.is_directory:
                copying.add_folder(inner, partial(folder, inner, beside))
            else:
                copying.add_file(inner, entry.size, partial(file, inner, beside, entry.size))
        folders.append(local)

    async def file(source: str, local: Path, size: int, count: Progress) -> None:
        await transfer.get(
            share, source, local, progress=count, expected=size, written=written, options=options
        )

    folders: list[Path] = []
    async with aclosing(share.scandir(path)) as entries:
        # Before anything is made here: there may be no such folder.
        first = await anext(entries, None)
        root = await in_thread(_make_root, target)
        await copying.jobs.run(partial(folder, path, root, _preceded(first, entries)))
    if options.fsync:
        await in_thread(_sync_folders, folders)
    return copying.result


async def _preceded(first: Stat | None, others: AsyncIterator[Stat]) -> AsyncIterator[Stat]:
    if first is not None:
        yield first
        async for entry in others:
            yield entry


async def get_files(
    share: ShareFiles,
    selected: Iterable[tuple[str, Path, Stat]],
    *,
    progress: TreeProgress | None = None,
    options: TransferOptions = DEFAULTS,
) -> TreeResult:
    """Copy files and folders that were listed, each to a path on this machine.

    A folder comes before what is in it. Links are left out. Nothing is written into a folder that
    could not be made, as where there is a link in its place.
    """
    copying = _TreeCopy(progress, options)
    written = WrittenFiles()
    missing: set[Path] = set()

    async def file(source: str, local: Path, size: int, count: Progress) -> None:
        await transfer.get(
            share, source, local, progress=count, expected=size, written=written, options=options
        )

    async def add_all() -> None:
        for path, local, entry in selected:
            if local.parent in missing:
                missing.add(local)
            elif entry.is_link:
                copying.skip(path, REMOTE_LINK)
            elif not entry.is_directory:
                copying.add_file(path, entry.size, partial(file, path, local, entry.size))
            elif await copying.attempt(path, in_thread(written.make_folder, local)):
                copying.result.folders += 1
            else:
                missing.add(local)

    await copying.jobs.run(add_all)
    return copying.result


def _make_root(path: Path) -> Path:
    """Make the folder that everything goes into; only the path to it may have links."""
    path.mkdir(parents=True, exist_ok=True)
    return path.resolve()


def _sync_folders(paths: list[Path]) -> None:
    for path in paths:
        sync_folder(path)


async def put(
    share: ShareFiles,
    source: Path,
    path: str,
    *,
    progress: TreeProgress | None = None,
    options: TransferOptions = DEFAULTS,
) -> TreeResult:
    """See `Share.put_tree`."""
    copying = _TreeCopy(progress, options)

    async def folder(local: Path, target: str) -> None:
        entries = await in_thread(_list, local)
        await share.makedirs(target)
        names = TargetNames()
        for entry, status in entries:
            beside, name = str(local / entry), from_local(entry)
            if is_unfinished(entry):
                continue
            if not S_ISDIR(status.st_mode) and not S_ISREG(status.st_mode):
                copying.skip(beside, kind_of_file(status.st_mode))
                continue
            if not copying.claim(names, name, beside):
                continue
            inner = join(target, name)
            if S_ISDIR(status.st_mode):
                copying.add_folder(beside, partial(folder, local / entry, inner))
            else:
                size = status.st_size
                copying.add_file(beside, size, partial(file, local / entry, inner, size))

    async def file(local: Path, target: str, size: int, count: Progress) -> None:
        await transfer.put(share, local, target, progress=count, expected=size, options=options)

    await copying.jobs.run(partial(folder, source, path))
    return copying.result


async def put_files(
    share: ShareFiles,
    selected: Iterable[tuple[Path, str, os.stat_result]],
    *,
    progress: TreeProgress | None = None,
    options: TransferOptions = DEFAULTS,
) -> TreeResult:
    """Copy files and folders of this machine, each to a path on the share.

    A folder comes before what is in it. What is neither a file nor a folder is left out, and of
    names that only differ in case all but the first fail.
    """
    copying = _TreeCopy(progress, options)
    names = TargetNames()
    missing: set[str] = set()

    async def file(local: Path, target: str, size: int, count: Progress) -> None:
        await transfer.put(share, local, target, progress=count, expected=size, options=options)

    async def make_folder(local: Path, target: str) -> None:
        names.claim(target, str(local))
        await share.makedirs(target)

    async def add_all() -> None:
        for local, target, status in selected:
            beside = str(local)
            if target.rpartition("/")[0] in missing:
                missing.add(target)
            elif S_ISDIR(status.st_mode):
                if await copying.attempt(beside, make_folder(local, target)):
                    copying.result.folders += 1
                else:
                    missing.add(target)
            elif not S_ISREG(status.st_mode):
                copying.skip(beside, kind_of_file(status.st_mode))
            elif copying.claim(names, target, beside):
                size = status.st_size
                copying.add_file(beside, size, partial(file, local, target, size))

    await copying.jobs.run(add_all)
    return copying.result


def _list(folder: Path) -> list[tuple[str, os.stat_result]]:
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries]
    return sorted(found, key=itemgetter(0))


async def copy(
    share: ShareFiles,
    path: str,
    new_path: str,
    *,
    progress: TreeProgress | None = None,
    options: TransferOptions = DEFAULTS,
) -> TreeResult:
    """See `Share.copy_tree`."""
    source, target = split_path(path), split_path(new_path)
    if [part.lower() for part in target[: len(source)]] == [part.lower() for part in source]:
        raise PathError(f"{new_path!r} lies in {path!r}: a folder cannot be copied into itself")
    copying = _TreeCopy(progress, options)

    async def folder(old: str, new: str) -> None:
        await share.makedirs(new)
        names = TargetNames()
        async for entry in share.scandir(old):
            inner, beside = join(old, entry.name), join(new, entry.name)
            if is_unfinished(entry.name):
                continue
            if entry.is_link:
                copying.skip(inner, REMOTE_LINK)
                continue
            if not copying.claim(names, entry.name, inner):
                continue
            if entry.is_directory:
                copying.add_folder(inner, partial(folder, inner, beside))
            else:
                copying.add_file(inner, entry.size, partial(file, inner, beside))

    async def file(old: str, new: str, count: Progress) -> None:
        await share_copy.copy(share, old, new, progress=count)

    await copying.jobs.run(partial(folder, path, new_path))
    return copying.result


async def _scan(share: ShareFiles, path: str, seen: Callable[[str, Stat], None]) -> None:
    """Show every entry below a folder, with its path, in no particular order."""
    jobs = JobQueue(CONCURRENCY)

    async def folder(name: str) -> None:
        async for entry in share.scandir(name):
            inner = join(name, entry.name)
            seen(inner, entry)
            if entry.is_directory and not entry.is_link:
                jobs.add(partial(folder, inner))

    await jobs.run(partial(folder, path))


async def usage(share: ShareFiles, path: str) -> Usage:
    """See `Share.usage`."""
    result = Usage()

    def count(_: str, entry: Stat) -> None:
        if entry.is_directory:
            result.folders += 1
        else:
            result.files += 1
            result.bytes += entry.size
            result.allocated += entry.allocation_size

    await _scan(share, path, count)
    return result


async def remove(share: ShareFiles, path: str) -> None:
    """See `Share.rmtree`: the files first, then the folders, the deepest first."""
    if not split_path(path):
        raise PathError("the root of a share cannot be deleted")
    files: list[str] = []
    levels: dict[int, list[str]] = {}

    def collect(inner: str, entry: Stat) -> None:
        if entry.is_directory:
            levels.setdefault(inner.count("/"), []).append(inner)
        else:
            files.append(inner)

    await _scan(share, path, collect)
    await run_each(files, share.remove, limit=CONCURRENCY)
    for level in sorted(levels, reverse=True):
        await run_each(levels[level], share.rmdir, limit=CONCURRENCY)
    await share.rmdir(path)
