"""The content of a file on its way to a share, piece by piece as a program writes it."""

import asyncio
from collections.abc import AsyncGenerator

from smbquic.client.share import Share


class FileUpload:
    """A file that is being written; it takes its name when it is whole."""

    def __init__(self, share: Share, path: str) -> None:
        # The writer waits while one piece is being sent and the next one is here.
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue(1)
        self._task = asyncio.create_task(share.put_stream(self._each_piece(), path))

    async def _each_piece(self) -> AsyncGenerator[bytes, None]:
        while (piece := await self._pieces.get()) is not None:
            yield piece

    async def send(self, piece: bytes | None) -> None:
        """Send further content; None ends it. Raises what the transfer raises."""
        putting = asyncio.create_task(self._pieces.put(piece))
        try:
            await asyncio.wait({putting, self._task}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            putting.cancel()
        if self._task.done() and piece is not None:
            self._task.result()

    async def finish(self) -> None:
        """Wait until the file is whole and has its name."""
        await self.send(None)
        await self._task

    async def abort(self) -> None:
        """Remove what there is of the file."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
