"""A folder with all that is in it, on a share or on this machine: what is copied, and where to."""

import asyncio
import hashlib
import os
import stat
from contextlib import aclosing
from pathlib import Path
from typing import Literal, Protocol

from smbquic.client import share_copy, transfer
from smbquic.client.files import ShareFiles
from smbquic.client.local import WrittenFiles, in_thread, kind_of_file
from smbquic.client.names import from_local, join, parent, split_path, to_local
from smbquic.client.results import Progress
from smbquic.lazy_dataclass import dataclass
from smbquic.options.transfer import TransferOptions
from smbquic.storage.partial import temporary_name

REMOTE_LINK = "a symbolic link, or another reparse point"
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a folder: its name on a share, and its time in nanoseconds since 1970.

    `what` says what it is if it is neither a file nor a folder.
    """

    name: str
    kind: Literal["file", "folder", "other"]
    size: int = 0
    modified: int = 0
    what: str = ""


class FileTree(Protocol):
    """A folder with all that is in it. Paths are relative to it, and as on a share."""

    @property
    def ignores_case(self) -> bool:
        """Whether two names that only differ in case are one."""

    async def list(self, folder: str) -> list[Entry]:
        """Return what is in a folder. Raises `FileNotFoundError`."""

    async def prepare(self) -> None:
        """Make the tree's own folder, with those above it, if it is missing."""

    async def make_folder(self, path: str) -> None:
        """Make a folder with those above it; nothing if it is there."""

    async def remove_file(self, path: str) -> None:
        """Delete a file."""

    async def remove_folder(self, path: str) -> None:
        """Delete an empty folder."""

    async def back_up(self, path: str, backup: str) -> None:
        """Move a file to its place below `backup`, in place of what is there."""

    async def digest(self, path: str) -> bytes:
        """Return a hash of a file's content."""

    def holds(self, other: str) -> str | None:
        """Return the path in this tree of a folder like that of `back_up`; None if elsewhere."""


class RemoteTree:
    """A folder of a share. Made by `Share.folder`."""

    def __init__(self, share: ShareFiles, path: str = "") -> None:
        self.share = share
        self.path = "/".join(split_path(path))

    def at(self, path: str) -> str:
        """Return the path on the share."""
        return join(self.path, path) if path else self.path

    @property
    def ignores_case(self) -> bool:
        """Whether two names that only differ in case are one, as for nearly every server."""
        return True

    async def list(self, folder: str) -> list[Entry]:
        """See `FileTree`."""
        found = []
        async for entry in self.share.scandir(self.at(folder)):
            if entry.is_link:
                found.append(Entry(entry.name, "other", what=REMOTE_LINK))
            elif entry.is_directory:
                found.append(Entry(entry.name, "folder"))
            else:
                found.append(Entry(entry.name, "file", entry.size, entry.last_write_time))
        return found

    async def prepare(self) -> None:
        """See `FileTree`."""
        await self.make_folder("")

    async def make_folder(self, path: str) -> None:
        """See `FileTree`."""
        if self.at(path):
            await self.share.makedirs(self.at(path))

    async def remove_file(self, path: str) -> None:
        """See `FileTree`."""
        await self.share.remove(self.at(path))

    async def remove_folder(self, path: str) -> None:
        """See `FileTree`."""
        await self.share.rmdir(self.at(path))

    async def back_up(self, path: str, backup: str) -> None:
        """See `FileTree`."""
        place = join("/".join(split_path(backup)), path)
        await self.share.makedirs(parent(place))
        await self.share.rename(self.at(path), place, replace=True)

    async def digest(self, path: str) -> bytes:
        """See `FileTree`."""
        found = hashlib.blake2b()
        async with aclosing(transfer.stream(self.share, self.at(path))) as chunks:
            async for chunk in chunks:
                found.update(chunk)
        return found.digest()

    def holds(self, other: str) -> str | None:
        """See `FileTree`."""
        own, parts = split_path(self.path.lower()), split_path(other)
        if [part.lower() for part in parts[: len(own)]] != own:
            return None
        return "/".join(parts[len(own) :])


class LocalTree:
    """A folder of this machine. Links in it are not followed."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.written: WrittenFiles | None = None
        """The files written so far, on a disk where names that differ may be one."""
        self._ignores_case: bool | None = None

    def at(self, path: str) -> Path:
        """Return the path on this machine."""
        return self.path.joinpath(*map(to_local, split_path(path)))

    @property
    def ignores_case(self) -> bool:
        """Whether two names that only differ in case are one; known after `prepare`."""
        return bool(self._ignores_case)

    async def list(self, folder: str) -> list[Entry]:
        """See `FileTree`."""
        return await in_thread(_list, self.at(folder))

    async def prepare(self) -> None:
        """See `FileTree`. Only the path to it may have links."""
        await in_thread(self._prepare)

    def _prepare(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        self.path = self.path.resolve()
        if self._ignores_case is None:
            self._ignores_case = _disk_ignores_case(self.path)
        if self._ignores_case:
            self.written = WrittenFiles()

    async def make_folder(self, path: str) -> None:
        """See `FileTree`."""
        await in_thread(self._make_folder, path)

    def _make_folder(self, path: str) -> None:
        written = self.written or WrittenFiles()
        parts = split_path(path)
        for count in range(1, len(parts) + 1):
            written.make_folder(self.at("/".join(parts[:count])))

    async def remove_file(self, path: str) -> None:
        """See `FileTree`. A file that this transfer has written under another name stays."""
        await in_thread(self._remove_file, self.at(path))

    def _remove_file(self, path: Path) -> None:
        if self.written is None or not self.written.has(path):
            path.unlink()

    async def remove_folder(self, path: str) -> None:
        """See `FileTree`."""
        await in_thread(self.at(path).rmdir)

    async def back_up(self, path: str, backup: str) -> None:
        """See `FileTree`."""
        await in_thread(self._back_up, self.at(path), LocalTree(backup).at(path))

    @staticmethod
    def _back_up(path: Path, place: Path) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        path.replace(place)

    async def digest(self, path: str) -> bytes:
        """See `FileTree`."""
        return await in_thread(_digest, self.at(path))

    def holds(self, other: str) -> str | None:
        """See `FileTree`."""
        own, there = self.path.resolve(), Path(other).resolve()
        if not there.is_relative_to(own):
            return None
        return "/".join(map(from_local, there.relative_to(own).parts))


def _list(folder: Path) -> list[Entry]:
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            status, name = entry.stat(follow_symlinks=False), from_local(entry.name)
            if stat.S_ISDIR(status.st_mode):
                found.append(Entry(name, "folder"))
            elif stat.S_ISREG(status.st_mode):
                found.append(Entry(name, "file", status.st_size, status.st_mtime_ns))
            else:
                found.append(Entry(name, "other", what=kind_of_file(status.st_mode)))
    return found


def _digest(path: Path) -> bytes:
    found = hashlib.blake2b()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return found.digest()


def _disk_ignores_case(folder: Path) -> bool:
    """Return whether a folder has one file under two names that differ in case."""
    probe = folder / temporary_name()
    probe.touch(exist_ok=False)
    try:
        return probe.with_name(probe.name.upper()).exists()
    finally:
        probe.unlink(missing_ok=True)


async def copy_file(
    source: FileTree,
    target: FileTree,
    path: str,
    size: int,
    *,
    progress: Progress,
    options: TransferOptions,
) -> None:
    """Copy the file that has this path in one tree, and this size, to the other tree."""
    if isinstance(source, LocalTree) and isinstance(target, RemoteTree):
        await transfer.put(
            target.share,
            source.at(path),
            target.at(path),
            progress=progress,
            expected=size,
            options=options,
        )
    elif isinstance(source, RemoteTree) and isinstance(target, LocalTree):
        await transfer.get(
            source.share,
            source.at(path),
            target.at(path),
            progress=progress,
            expected=size,
            written=target.written,
            options=options,
        )
    elif isinstance(source, RemoteTree) and isinstance(target, RemoteTree):
        await share_copy.copy(
            source.share, source.at(path), target.at(path), progress=progress, to=target.share
        )
    else:
        raise ValueError("one of the two trees has to be on a share")


async def same_content(source: FileTree, target: FileTree, path: str, other: str) -> bool:
    """Return whether two files have the same content."""
    one, two = await asyncio.gather(source.digest(path), target.digest(other))
    return one == two


def overlap(source: FileTree, target: FileTree) -> bool:
    """Return whether one of two folders of a share lies in the other."""
    return (
        isinstance(source, RemoteTree)
        and isinstance(target, RemoteTree)
        and source.share is target.share
        and not (source.holds(target.path) is None and target.holds(source.path) is None)
    )
