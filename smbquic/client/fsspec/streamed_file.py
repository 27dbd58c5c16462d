"""A file of a share that is open in fsspec, for programs with an event loop."""

from types import TracebackType
from typing import Any

from fsspec.asyn import AbstractAsyncStreamedFile

from smbquic.client.file import File
from smbquic.client.fsspec.ranges import read_ranges
from smbquic.client.fsspec.upload import FileUpload, OpeningFileSystem

MODES = ("rb", "wb", "ab", "xb")


class StreamedSmbFile(AbstractAsyncStreamedFile):  # type: ignore[misc]
    """A file whose `read`, `write` and `close` are coroutines. Made by `open`.

    A file that is written (``wb``) appears when it is whole: at the end of the ``async with``.
    After an exception there, what was there before remains. One that is appended to (``ab``)
    or must be new (``xb``) is there from the start, and grows.
    """

    def __init__(
        self,
        fs: OpeningFileSystem,
        path: str,
        mode: str,
        file: File | None,
        upload: FileUpload | None,
        **options: Any,
    ) -> None:
        self._file = file
        self._upload = upload
        if file is not None and mode == "rb":
            options["size"] = file.opened.end_of_file
        # fsspec's own knows no files that must be new, and one that is new is appended to.
        super().__init__(fs, path, "ab" if mode == "xb" else mode, **options)
        if file is not None and mode == "ab":
            self.loc = file.tell()

    @classmethod
    async def open(
        cls, fs: OpeningFileSystem, path: str, mode: str, **options: Any
    ) -> "StreamedSmbFile":
        """Open a file. Raises what `Share.open` raises, ValueError for a mode that is none."""
        if mode not in MODES:
            raise ValueError(f"{mode!r} is no mode of open_async: use one of {', '.join(MODES)}")
        if mode == "wb":
            return cls(fs, path, mode, None, await fs.start_upload(path), **options)
        file = await fs.open_file(path, mode)
        try:
            return cls(fs, path, mode, file, None, **options)
        except BaseException:
            await file.close()
            raise

    async def _fetch_range(self, start: int, end: int) -> bytes:
        assert self._file is not None
        [content] = await read_ranges(self._file, [(start, min(end, self.size))])
        return content

    async def _upload_chunk(self, final: bool = False) -> bool:
        piece = self.buffer.getvalue()
        if self._file is not None:
            await self._file.write(piece)
            return True
        assert self._upload is not None
        if piece:
            await self._upload.send(piece)
        if final:
            await self._upload.finish()
        return True

    async def close(self) -> None:
        """Write the rest, and close; does nothing the second time."""
        if self.closed:
            return
        try:
            await super().close()
        except BaseException:
            await self._discard()
            raise
        finally:
            if self._file is not None:
                await self._file.close()

    async def _discard(self) -> None:
        """Remove a file that is not whole; what was there before remains."""
        if self._upload is not None:
            self.closed = True
            await self._upload.abort()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            await self._discard()
        await self.close()

    def __del__(self) -> None:
        """Do nothing: a coroutine cannot be waited for here."""
