"""A share as a program uses it: everything that can be done with it, and with what is in it.

What copies files and trees is imported by the methods that use it: a program that lists a folder
starts earlier without it.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from smbquic.client.files import ShareFiles
from smbquic.client.local import WrittenFiles
from smbquic.client.reconnect import Reconnector, ShareTree
from smbquic.client.results import Progress, TreeProgress, TreeResult, Usage
from smbquic.client.session import Session
from smbquic.client.stages import Stages
from smbquic.client.stat import Volume
from smbquic.client.tree_connect import TreeConnect
from smbquic.options.transfer import DEFAULTS, TransferOptions
from smbquic.transport.base import PathStatistics, Peer
from smbquic.wire.cursor import Buffer

if TYPE_CHECKING:
    from smbquic.client.file_tree import RemoteTree


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
        """What the connection has seen of its path so far, losses too."""
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
        """Copy a file within the share, through this machine; its size.

        It appears when it is whole. Raises `SourceChangedError` if it was changed meanwhile.
        """
        from smbquic.client import transfer

        return await transfer.copy(self, path, new_path, progress=progress)

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
        result, and does not stop the rest.
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
