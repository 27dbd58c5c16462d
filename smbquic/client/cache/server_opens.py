"""The opens of one cached file on the server."""

from contextlib import suppress

from smbquic.client import requests
from smbquic.client.file import File
from smbquic.client.files import ShareFiles
from smbquic.client.leases import OpenLease
from smbquic.client.names import to_wire
from smbquic.client.opening import FileMode
from smbquic.client.reopening import open_file
from smbquic.errors import DeniedError, SmbError
from smbquic.wire.create import CreateDisposition, CreateOptions


class ServerOpens:
    """At most two opens with the same lease: one to read, and one to write.

    The one to write reads too, where that is allowed.
    """

    def __init__(self, share: ShareFiles, lease: OpenLease) -> None:
        self._share = share
        self._lease = lease
        self._reader: File | None = None
        self._writer: File | None = None
        self._writer_reads = False

    @property
    def is_open(self) -> bool:
        """Whether there is any."""
        return self._reader is not None or self._writer is not None

    @property
    def reading(self) -> File:
        """The one to read with."""
        file = self._readable
        assert file is not None
        return file

    @property
    def writing(self) -> File:
        """The one to write with."""
        assert self._writer is not None
        return self._writer

    @property
    def any(self) -> File:
        """The one that may write if there is one, or the other."""
        file = self._writer or self._reader
        assert file is not None
        return file

    @property
    def _readable(self) -> File | None:
        return self._writer if self._writer_reads else self._reader

    async def acquire(
        self, path: str, mode: FileMode, disposition: CreateDisposition
    ) -> File | None:
        """Have what a mode of `open` needs; return it if it was opened for that."""
        if mode.writable and self._writer is None:
            self._writer = await self._open_writer(path, mode, disposition)
            return self._writer
        if not mode.writable and self._readable is None:
            self._reader = await self._open(path, mode.access, disposition)
            return self._reader
        return None

    async def _open_writer(self, path: str, mode: FileMode, disposition: CreateDisposition) -> File:
        try:
            file = await self._open(path, requests.READ | requests.WRITE, disposition)
        except DeniedError:
            if mode.readable:
                raise
            return await self._open(path, mode.access, disposition)
        self._writer_reads = True
        return file

    async def _open(self, path: str, access: int, disposition: CreateDisposition) -> File:
        opening = requests.create(
            to_wire(path),
            access,
            disposition=disposition,
            options=CreateOptions.FILE_NON_DIRECTORY_FILE,
        )
        tree = self._share.share_tree
        file, _ = await open_file(tree, path, lambda: opening, lease=self._lease)
        return file

    def _all(self) -> list[File]:
        return [file for file in (self._reader, self._writer) if file is not None]

    def renamed(self, path: str) -> None:
        """Note the path by which the file is opened again after its connection was lost."""
        for file in self._all():
            file.renamed(path)

    async def flush(self) -> None:
        """Have the server put on its disk what was written. Raises `UnflushedError`."""
        if self._writer is not None:
            await self._writer.flush()

    async def close(self) -> None:
        """Close all; from the start on, nothing is open here."""
        files = self._all()
        self._reader = self._writer = None
        for file in files:
            await _close(file)


async def _close(file: File) -> None:
    """Close a file, unless its connection is lost: the server has closed it then."""
    if not file.tree.connection.closed:
        await file.close()
        return
    file.stay_lost()
    with suppress(SmbError):
        await file.close()
