"""Open files without `await`."""

import os
from collections.abc import Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

from smbquic.client import buffered_file as client_buffered_file
from smbquic.client import file as client_file
from smbquic.client import range_lock as client_range_lock
from smbquic.client import text_file as client_text_file
from smbquic.client.background import LoopThread
from smbquic.wire.cursor import Buffer

AnyFile = TypeVar("AnyFile", bound=client_file.File | client_text_file.TextFile)


class _SyncOpenFile(Generic[AnyFile]):
    """An open file, of bytes or of text."""

    def __init__(self, file: AnyFile, loop: LoopThread) -> None:
        self._file = file
        self._loop = loop

    @property
    def path(self) -> str:
        """Its path in the share."""
        return self._file.path

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        return self._file.closed

    def tell(self) -> int:
        """See `smbquic.File.tell` and `smbquic.TextFile.tell`."""
        return self._file.tell()

    def truncate(self, size: int | None = None) -> int:
        """See `smbquic.File.truncate` and `smbquic.TextFile.truncate`."""
        return self._loop.run(self._file.truncate(size))

    def flush(self) -> None:
        """See `smbquic.File.flush` and `smbquic.TextFile.flush`."""
        self._loop.run(self._file.flush())

    def close(self) -> None:
        """See `smbquic.File.close` and `smbquic.TextFile.close`."""
        self._loop.run(self._file.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.run(self._file.__aexit__(kind, error, trace))


class SyncFile(_SyncOpenFile[client_file.File]):
    """An open file; see `smbquic.File`."""

    def read(self, size: int = -1) -> bytes:
        """See `smbquic.File.read`."""
        return self._loop.run(self._file.read(size))

    def write(self, data: Buffer) -> int:
        """See `smbquic.File.write`."""
        return self._loop.run(self._file.write(data))

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """See `smbquic.File.seek`."""
        return self._loop.run(self._file.seek(offset, whence))

    def read_at(self, offset: int, size: int) -> memoryview:
        """See `smbquic.File.read_at`."""
        return self._loop.run(self._file.read_at(offset, size))

    def write_at(self, offset: int, data: Buffer) -> None:
        """See `smbquic.File.write_at`."""
        self._loop.run(self._file.write_at(offset, data))

    def size(self) -> int:
        """See `smbquic.File.size`."""
        return self._loop.run(self._file.size())

    def lock(
        self, offset: int, length: int, *, exclusive: bool = True, blocking: bool = True
    ) -> "SyncRangeLock":
        """See `smbquic.File.lock`; ``with file.lock(offset, length)`` releases it at the end."""

        async def locked() -> client_range_lock.RangeLock:
            return await self._file.lock(offset, length, exclusive=exclusive, blocking=blocking)

        return SyncRangeLock(self._loop.run(locked()), self._loop)

    def unlock(self, offset: int, length: int) -> None:
        """See `smbquic.File.unlock`."""
        self._loop.run(self._file.unlock(offset, length))

    def readinto(self, target: bytearray | memoryview) -> int:
        """See `smbquic.File.readinto`."""
        return self._loop.run(self._file.readinto(target))


class SyncRangeLock:
    """A lock that is held; see `smbquic.RangeLock`."""

    def __init__(self, lock: client_range_lock.RangeLock, loop: LoopThread) -> None:
        self._lock = lock
        self._loop = loop

    def release(self) -> None:
        """See `smbquic.RangeLock.release`."""
        self._loop.run(self._lock.release())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.run(self._lock.__aexit__(kind, error, trace))


class SyncBufferedFile(SyncFile):
    """An open file with buffers; see `smbquic.BufferedFile`."""

    def __init__(self, file: client_buffered_file.BufferedFile, loop: LoopThread) -> None:
        super().__init__(file, loop)
        self._buffered = file

    def readable(self) -> bool:
        """See `smbquic.BufferedFile.readable`."""
        return self._buffered.readable()

    def writable(self) -> bool:
        """See `smbquic.BufferedFile.writable`."""
        return self._buffered.writable()

    def readline(self, size: int = -1) -> bytes:
        """See `smbquic.BufferedFile.readline`."""
        return self._loop.run(self._buffered.readline(size))

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def drain(self) -> None:
        """See `smbquic.BufferedFile.drain`."""
        self._loop.run(self._buffered.drain())


class SyncTextFile(_SyncOpenFile[client_text_file.TextFile]):
    """An open file of text; see `smbquic.TextFile`."""

    def __init__(self, file: client_text_file.TextFile, loop: LoopThread) -> None:
        super().__init__(file, loop)
        self.buffer = SyncBufferedFile(file.buffer, loop)

    @property
    def encoding(self) -> str:
        """The name of the encoding."""
        return self._file.encoding

    @property
    def errors(self) -> str:
        """The treatment of bytes and characters that the encoding does not have."""
        return self._file.errors

    def read(self, size: int = -1) -> str:
        """See `smbquic.TextFile.read`."""
        return self._loop.run(self._file.read(size))

    def readline(self, size: int = -1) -> str:
        """See `smbquic.TextFile.readline`."""
        return self._loop.run(self._file.readline(size))

    def __iter__(self) -> Iterator[str]:
        return iter(self.readline, "")

    def write(self, text: str) -> int:
        """See `smbquic.TextFile.write`."""
        return self._loop.run(self._file.write(text))

    def seek(self, position: int, whence: int = os.SEEK_SET) -> int:
        """See `smbquic.TextFile.seek`."""
        return self._loop.run(self._file.seek(position, whence))
