"""The content of a file on its way to a share, piece by piece as a program writes it."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Protocol

from smbquic.client.file import File
from smbquic.client.share import Share
from smbquic.errors import ConnectionClosed


class FileUpload:
    """A file that is being written; it takes its name when it is whole."""

    def __init__(self, share: Share, path: str) -> None:
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue(1)
        self.task = asyncio.create_task(share.put_stream(self._each_piece(), path))

    async def _each_piece(self) -> AsyncGenerator[bytes, None]:
        while True:
            piece = await self._pieces.get()
            self._pieces.task_done()
            if piece is None:
                return
            yield piece

    async def _hand_over(self, piece: bytes | None) -> None:
        """Wait until the transfer takes a piece; then the file is there under a temporary name."""
        await self._pieces.put(piece)
        await self._pieces.join()

    async def send(self, piece: bytes | None) -> None:
        """Send further content; None ends it. Raises what the transfer raises.

        `ConnectionClosed` if the connections were closed before the file was whole.
        """
        handing = asyncio.create_task(self._hand_over(piece))
        try:
            await asyncio.wait({handing, self.task}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            handing.cancel()
        if self.task.cancelled():
            raise ConnectionClosed("the connection was closed before the file was whole")
        if self.task.done() and piece is not None:
            self.task.result()

    async def finish(self) -> None:
        """Wait until the file is whole and has its name."""
        await self.send(None)
        await self.task

    async def abort(self) -> None:
        """Remove what there is of the file."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


class OpeningFileSystem(Protocol):
    """The part of a file system that a file needs."""

    async def open_file(self, path: str, mode: str) -> File:
        """Open a file of a share."""

    async def start_upload(self, path: str) -> FileUpload:
        """Begin to write a file that appears when it is whole."""

    def invalidate_cache(self, path: str | None = None) -> None:
        """Forget the listings of the file's folder."""
