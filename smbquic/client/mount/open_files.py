"""The files that programs have open in the mount."""

import asyncio
import errno
import os
from collections.abc import Iterator
from dataclasses import replace
from weakref import WeakValueDictionary

from smbquic.client import requests
from smbquic.client.file import File, read_size, write_size
from smbquic.client.stat import Stat
from smbquic.wire.cursor import Buffer
from smbquic.wire.fscc.file_information import FileInformationClass, NetworkOpenInformation
from smbquic.wire.query_info import InfoType

MOST = 8192
"""Files that all programs together may have open in one mount."""


class OpenFile:
    """A file that a program has open, with the flags of its `open`.

    `stat` is what the server said when it was opened. `appending` is held while the end of the file
    is looked for and written to.
    """

    def __init__(self, file: File, stat: Stat, flags: int, appending: asyncio.Lock) -> None:
        self.file = file
        self.stat = stat
        self.writable = flags & os.O_ACCMODE != os.O_RDONLY
        self._appends = bool(flags & os.O_APPEND)
        self._appending = appending

    @property
    def path(self) -> str:
        """Its path on the share, which is another one after it was renamed."""
        return self.file.path

    async def read(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes at `offset`; fewer only at the end of the file."""
        step = read_size(self.file.tree)
        if size <= step:
            return bytes(await self.file.read_at(offset, size))
        parts = await asyncio.gather(
            *(
                self.file.read_at(offset + start, min(step, size - start))
                for start in range(0, size, step)
            )
        )
        whole = next((index for index, part in enumerate(parts) if len(part) < step), len(parts))
        return b"".join(parts[: whole + 1])

    async def write(self, offset: int, data: Buffer) -> None:
        """Write all of `data` at `offset`, or at the end of a file that is only appended to."""
        if not self._appends:
            await self._write(offset, data)
            return
        # The kernel's idea of the end is old where somebody else writes to the file, too.
        async with self._appending:
            await self._write(await self.file.size(), data)

    async def _write(self, offset: int, data: Buffer) -> None:
        view = memoryview(data).cast("B")
        step = write_size(self.file.tree)
        if len(view) <= step:
            await self.file.write_at(offset, view)
            return
        await asyncio.gather(
            *(
                self.file.write_at(offset + start, view[start : start + step])
                for start in range(0, len(view), step)
            )
        )

    async def set_times(self, accessed: int | None, modified: int | None) -> None:
        """Set times in nanoseconds; None leaves one as it is."""
        await self.file.request(
            lambda file_id: requests.set_basic(
                last_access_time=accessed, last_write_time=modified, file_id=file_id
            )
        )

    async def attributes(self) -> Stat:
        """Return what the server says about the file now, whatever its name is."""
        response = await self.file.request(
            lambda file_id: requests.query(
                InfoType.FILE,
                FileInformationClass.FileNetworkOpenInformation,
                NetworkOpenInformation.SIZE,
                file_id,
            )
        )
        information = NetworkOpenInformation.decode(memoryview(response.body.buffer))
        return replace(Stat.of(self.stat.name, information), file_id=self.stat.file_id)


class OpenFiles:
    """All of them, by the numbers that the kernel has for them."""

    def __init__(self) -> None:
        self._files: dict[int, OpenFile] = {}
        self._last = 0
        self._appending: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._files)

    def check_room(self) -> None:
        """Raise `OSError` if no more files may be open."""
        if len(self._files) >= MOST:
            raise OSError(errno.ENFILE, os.strerror(errno.ENFILE))

    def add(self, file: File, stat: Stat, flags: int) -> int:
        """Add a file that was opened with these flags, and return its number."""
        appending = self._appending.setdefault(stat.file_id, asyncio.Lock())
        self._last += 1
        self._files[self._last] = OpenFile(file, stat, flags, appending)
        return self._last

    def __getitem__(self, number: int) -> OpenFile:
        try:
            return self._files[number]
        except KeyError:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF)) from None

    def remove(self, number: int) -> OpenFile:
        """Remove and return a file that is about to be closed."""
        file = self[number]
        del self._files[number]
        return file

    def at(self, path: str) -> Iterator[OpenFile]:
        """Yield the files that are open with this path on the share."""
        return (each for each in list(self._files.values()) if each.path == path)

    def renamed(self, path: str, new_path: str) -> None:
        """Note the new path of a file, or of all files that are open below a folder."""
        below = f"{path}/"
        for each in self._files.values():
            if each.path == path:
                each.file.renamed(new_path)
            elif each.path.startswith(below):
                each.file.renamed(f"{new_path}/{each.path.removeprefix(below)}")
