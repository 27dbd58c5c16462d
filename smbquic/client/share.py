"""A share as a program uses it: everything that can be done with it, and with what is in it.

What copies files and trees is imported by the methods that use it: a program that lists a folder
starts earlier without it.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from datetime import datetime
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from smbquic.client.files import ShareFiles
from smbquic.client.local import WrittenFiles
from smbquic.client.reconnect import Reconnector, ShareTree
from smbquic.client.results import Progress, TreeProgress, TreeResult, Usage
from smbquic.client.session import Session
from smbquic.client.stages import Stages
from smbquic.client.stat import Stat, StreamEntry, Volume
from smbquic.client.tree_connect import TreeConnect
from smbquic.errors import StatusError
from smbquic.options.transfer import DEFAULTS, TransferOptions
from smbquic.transport.base import PathStatistics, Peer
from smbquic.wire.change_notify import CompletionFilter
from smbquic.wire.cursor import Buffer

if TYPE_CHECKING:
    from smbquic.client.file_tree import RemoteTree
    from smbquic.client.watch import ShareWatch


class Share(ShareFiles):
    """A connected share. Made by `smbquic.connect`."""

    def __init__(
        self, session: Session, tree: TreeConnect, reconnector: Reconnector | None = None
    ) -> None:
        super().__init__(ShareTree(session, tree, reconnector))

    @property
    def name(self) -> str:
        """The share's name."""
        return self.tree.name

    @property
    def session(self) -> Session:
        """The logon that the share is used with; it can reach other shares of the server.

        It ends with its connection. When the share has another one, this is another session.
        """
        return self.share_tree.session

    @property
    def peer(self) -> Peer:
        """Who is at the other end, and over which transport."""
        return self.tree.connection.transport.peer

    @property
    def stages(self) -> Stages:
        """How long it took to get here, stage by stage."""
        return self.tree.connection.stages

    def statistics(self) -> PathStatistics:
        """Return what the connection has measured of its path so far, losses too."""
        return self.tree.connection.transport.statistics()

    async def volume(self) -> Volume:
        """How large and how full the volume behind the share is, and what it is."""
        from smbquic.client.volume import read_volume

        return await read_volume(self)

    async def usage(self, path: str = "") -> Usage:
        """How many files, folders and bytes there are from `path` down."""
        from smbquic.client import tree

        return await tree.usage(self, path)

    async def write_bytes(self, path: str, data: bytes) -> None:
        """Make a file of `data`, in place of one that is there; it appears when it is whole."""
        from smbquic.client import transfer

        await transfer.put_bytes(self, data, path)

    async def rmtree(self, path: str) -> None:
        """Delete a folder and all that is in it; links are deleted, not followed."""
        from smbquic.client import tree

        await tree.remove(self, path)

    def limit_rate(self, rate: float | None) -> None:
        """Transfer no more than `rate` further bytes in a second; None for no limit."""
        self.memory.limit_rate(rate)

    def folder(self, path: str = "") -> "RemoteTree":
        """Return a folder with all that is in it, for `sync_tree` and `check_tree`."""
        from smbquic.client.file_tree import RemoteTree

        return RemoteTree(self, path)

    def walk(
        self,
        path: str = "",
        *,
        topdown: bool = True,
        onerror: Callable[[StatusError], None] | None = None,
    ) -> AsyncGenerator[tuple[str, list[Stat], list[Stat]], None]:
        """Yield each folder from `path` down with its folders and files; links are not followed.

        A folder removed from the second value is not entered. Without `topdown`, a folder comes
        after all below it. `onerror` is called for a folder that cannot be listed; without it,
        its error is raised.
        """
        from smbquic.client import walk

        return walk.walk(self, path, topdown=topdown, onerror=onerror)

    def glob(self, pattern: str) -> AsyncGenerator[tuple[str, Stat], None]:
        """Yield what matches a pattern, each with its path: ``*``, ``?``, ``[a-z]``, ``**``.

        As of pathlib: a part of ``**`` stands for any number of folders, and one at the end for
        all that is in them; with a slash at its end, the pattern matches folders only. The case of
        letters is ignored, and links are not followed. Only folders that may have a match are
        listed.
        """
        from smbquic.client import glob

        return glob.glob(self, pattern)

    async def streams(self, path: str) -> list[StreamEntry]:
        """Return the named streams of a file or folder; the content of a file is none of them."""
        from smbquic.client import named_streams

        return await named_streams.streams(self, path)

    async def snapshots(self, path: str = "") -> list[datetime]:
        """Return the times (UTC) of which there are previous versions, the newest first.

        `open`, `stat` and `scandir` take one of them as `snapshot`. A server without any has none.
        """
        from smbquic.client import snapshots

        return await snapshots.snapshots(self, path)

    # --- extended attributes and links --------------------------------------------------------

    async def listxattr(self, path: str) -> list[str]:
        """Return the names of the extended attributes of a file or folder."""
        from smbquic.client import extended_attributes

        return await extended_attributes.names(self, path)

    async def getxattr(self, path: str, name: str) -> bytes:
        """Return an extended attribute; the case of its name is ignored.

        Raises `NotFoundError` if there is none of the name.
        """
        from smbquic.client import extended_attributes

        return await extended_attributes.value(self, path, name)

    async def setxattr(self, path: str, name: str, value: bytes) -> None:
        """Set an extended attribute. Raises ValueError for an empty value, which SMB has not."""
        from smbquic.client import extended_attributes

        if not value:
            raise ValueError(f"{name}: an empty value removes an attribute; use removexattr")
        await extended_attributes.write(self, path, name, value)

    async def removexattr(self, path: str, name: str) -> None:
        """Remove an extended attribute; does nothing if there is none of the name."""
        from smbquic.client import extended_attributes

        await extended_attributes.write(self, path, name, b"")

    async def readlink(self, path: str) -> str:
        """Return the path that a symbolic link leads to, as the link has it.

        That is the word of whoever made it, and may lead out of the share. Raises `StatusError`
        if it is no symbolic link.
        """
        from smbquic.client import links

        return await links.readlink(self, path)

    async def symlink(self, target: str, path: str, *, target_is_directory: bool = False) -> None:
        """Make a symbolic link with the name `path` that leads to `target`.

        A relative `target` is seen from the folder of the link. Raises `ExistsError`, and
        `StatusError` if the server has no links, or not for this user.
        """
        from smbquic.client import links

        await links.symlink(self, target, path, folder=target_is_directory)

    async def link(self, path: str, new_path: str) -> None:
        """Give a file another name on the share: a hard link. Raises `ExistsError`."""
        from smbquic.client import links

        await links.link(self, path, new_path)

    async def short_name(self, path: str) -> str:
        """Return the 8.3 name of a file or folder; "" if the server has made none."""
        from smbquic.client import queries

        return await queries.short_name(self, path)

    def watch(
        self,
        path: str = "",
        *,
        recursive: bool = False,
        changes: CompletionFilter | None = None,
    ) -> "ShareWatch":
        """Report the changes in a folder: ``async for change in share.watch(path)``.

        `recursive` is for all folders below it, too. `changes` says what counts: by default names,
        sizes, times of writing, and attributes. Inside ``async with share.watch(path) as watch``,
        no change is lost from the beginning on, and a program that lists the folder then misses
        nothing. An ``OVERFLOW`` among the changes says that it has to be listed again.

        Raises `NotFoundError` once the folder is deleted, `SecurityError` for a name that could
        lead out of it.
        """
        from smbquic.client.watch import DEFAULT_CHANGES, ShareWatch

        filters = DEFAULT_CHANGES if changes is None else changes
        return ShareWatch(self.share_tree, path, recursive=recursive, changes=filters)

    # --- whole files and trees ----------------------------------------------------------------

    async def get(
        self,
        path: str,
        target: str | PathLike[str],
        *,
        progress: Progress | None = None,
        written: WrittenFiles | None = None,
        options: TransferOptions = DEFAULTS,
    ) -> int:
        """Copy a file from the share to this machine, with its modification time; its size.

        It appears as `target` only when it is whole. Raises `SourceChangedError` if it was changed
        meanwhile. Calls with the same `written` do not overwrite each other's files:
        that is a `NameCollisionError`.
        """
        from smbquic.client import transfer

        return await transfer.get(
            self, path, Path(target), progress=progress, written=written, options=options
        )

    def stream(
        self, path: str, *, progress: Progress | None = None
    ) -> AsyncGenerator[memoryview, None]:
        """The content of a file from its start to its end, in chunks, with many READs under way.

        Raises `SourceChangedError` at the end if the file was changed meanwhile.
        """
        from smbquic.client import transfer

        return transfer.stream(self, path, progress=progress)

    async def put(
        self,
        source: str | PathLike[str],
        path: str,
        *,
        progress: Progress | None = None,
        options: TransferOptions = DEFAULTS,
    ) -> int:
        """Copy a file from this machine to the share, with its modification time; its size.

        It appears as `path` only when it is whole and the server has it on its disk. Raises
        `SourceChangedError` if it was changed meanwhile. A FIFO is read to its end.
        """
        from smbquic.client import transfer

        return await transfer.put(self, Path(source), path, progress=progress, options=options)

    async def put_stream(
        self, chunks: AsyncIterator[Buffer], path: str, *, progress: Progress | None = None
    ) -> int:
        """Make a file of chunks that come one after the other; the number of bytes.

        It appears as `path` only when all have come and the server has it on its disk.
        """
        from smbquic.client import transfer

        return await transfer.put_stream(self, chunks, path, progress=progress)

    async def copy(self, path: str, new_path: str, *, progress: Progress | None = None) -> int:
        """Copy a file within the share; its size.

        The server does it where it can, else the content goes through this machine. It appears when
        it is whole. Raises `SourceChangedError` if it was changed meanwhile.
        """
        from smbquic.client import share_copy

        return await share_copy.copy(self, path, new_path, progress=progress)

    async def get_tree(
        self,
        path: str,
        target: str | PathLike[str],
        *,
        progress: TreeProgress | None = None,
        options: TransferOptions = DEFAULTS,
    ) -> TreeResult:
        """Copy what is in a folder into `target`, which is made if it is missing.

        Links and the temporary files of other transfers are left out. What fails is in the
        result, and does not stop the rest. Raises `NotFoundError` and `DirectoryExpectedError`
        before anything is made.
        """
        from smbquic.client import tree

        return await tree.get(self, path, Path(target), progress=progress, options=options)

    async def put_tree(
        self,
        source: str | PathLike[str],
        path: str,
        *,
        progress: TreeProgress | None = None,
        options: TransferOptions = DEFAULTS,
    ) -> TreeResult:
        """Copy what is in a folder of this machine into `path`, which is made if it is missing.

        Links and the temporary files of other transfers are left out, and of names that only
        differ in case all but the first fail. What fails is in the result, and does not stop
        the rest.
        """
        from smbquic.client import tree

        return await tree.put(self, Path(source), path, progress=progress, options=options)

    async def copy_tree(
        self,
        path: str,
        new_path: str,
        *,
        progress: TreeProgress | None = None,
        options: TransferOptions = DEFAULTS,
    ) -> TreeResult:
        """Copy what is in a folder into `new_path` on the same share, as `put_tree` does."""
        from smbquic.client import tree

        return await tree.copy(self, path, new_path, progress=progress, options=options)
