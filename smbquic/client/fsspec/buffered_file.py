"""A file of a share that is open in fsspec."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from types import TracebackType
from typing import Any, Protocol

from fsspec.asyn import sync
from fsspec.spec import AbstractBufferedFile

from smbquic.client.file import File
from smbquic.client.fsspec.ranges import read_ranges
from smbquic.client.fsspec.upload import FileUpload, OpeningFileSystem
from smbquic.errors import SmbError


class UploadingFileSystem(OpeningFileSystem, Protocol):
    """The part of a file system that a file needs which waits for its loop."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that its connections are used on."""

    async def _pipe_file(self, path: str, value: bytes) -> None:
        """Write a whole file."""


class BufferedSmbFile(AbstractBufferedFile):  # type: ignore[misc]
    """A file that is read with a cache, or written in blocks.

    A file that is written (``wb``) appears when it is whole: at the end of the ``with``, or of the
    transaction; after an exception in the ``with``, what was there before remains. One that is
    appended to (``ab``) or must be new (``xb``) is there from the start, and grows.
    """

    def __init__(
        self,
        fs: UploadingFileSystem,
        path: str,
        mode: str = "rb",
        block_size: int | str | None = None,
        autocommit: bool = True,
        **options: Any,
    ) -> None:
        self.fs = fs
        self._process = os.getpid()
        self._file: File | None = None
        self._upload: FileUpload | None = None
        if mode in ("ab", "xb") and not autocommit:
            raise NotImplementedError(
                f"{path}: a transaction writes whole files (wb); mode {mode} cannot be undone"
            )
        if mode in ("rb", "ab", "xb"):
            self._file = sync(fs.loop, fs.open_file, path, mode)
        try:
            if mode == "rb" and self._file is not None:
                options["size"] = self._file.opened.end_of_file
            super().__init__(fs, path, mode, block_size, autocommit, **options)
        except BaseException:
            self._run(self._close_file)
            raise
        if mode == "ab" and self._file is not None:
            self.loc = self._file.tell()

    def _run(self, function: Callable[..., Coroutine[Any, Any, Any]], *arguments: object) -> Any:
        """Run a coroutine on the loop of the file system, and wait for it where that can be.

        The garbage collector may close a file on the loop's own thread, or at the very end of the
        program, when the loop's thread does not run any more.
        """
        if sys.is_finalizing():
            return None
        loop = self.fs.loop
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if running is loop:
            return loop.create_task(function(*arguments))
        return sync(loop, function, *arguments)

    def _fetch_range(self, start: int, end: int) -> bytes:
        content: bytes = self._run(self._read, start, end)
        return content

    async def _read(self, start: int, end: int) -> bytes:
        assert self._file is not None
        [content] = await read_ranges(self._file, [(start, min(end, self.size))])
        return content

    def _upload_chunk(self, final: bool = False) -> bool:
        self._run(self._send, self.buffer.getvalue(), final)
        return True

    async def _send(self, piece: bytes, final: bool) -> None:
        if self._file is not None:
            await self._file.write(piece)
            return
        if self._upload is None and final and self.autocommit:
            await self.fs._pipe_file(self.path, piece)  # small: in one message
            return
        if self._upload is None:
            self._upload = await self.fs.start_upload(self.path)
        if piece:
            await self._upload.send(piece)
        if final and self.autocommit:
            await self._upload.finish()

    def commit(self) -> None:
        """Give a file that was written in a transaction its name."""
        if self._upload is not None:
            self._run(self._upload.finish)
            self.fs.invalidate_cache(self.path)

    def discard(self) -> None:
        """Remove what was written; what was there before remains."""
        if self._upload is not None:
            self._run(self._upload.abort)

    def close(self) -> None:
        """Write the rest, and close; does nothing the second time."""
        if self.closed:
            return
        try:
            super().close()
        except BaseException:
            self.discard()
            raise
        finally:
            self._run(self._close_file)

    async def _close_file(self) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        if self.mode == "rb":
            # Nothing is lost: a connection is not made for this.
            file.stay_lost()
            with suppress(SmbError):
                await file.close()
        else:
            await file.close()

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        if kind is not None and self.mode == "wb":
            self.closed = True
            self.discard()
        self.close()

    def __del__(self) -> None:
        # A process that was forked leaves the files to its parent.
        if os.getpid() == self._process:
            super().__del__()
