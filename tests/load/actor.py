"""A client that has a folder of a share to itself, and knows at any time what is in it."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import smbquic
from smbquic.client import requests
from smbquic.client.file import File
from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.wire.fscc.file_information import FileInformationClass
from smbquic.wire.fscc.stream_information import decode_streams
from smbquic.wire.lock import LockElement, LockFlags, LockRequest
from smbquic.wire.query_info import InfoType
from tests.load.model import ModelRefusal, ShareModel, ShareNode, overlaid

T = TypeVar("T")

AT_ONCE = LockFlags.EXCLUSIVE_LOCK | LockFlags.FAIL_IMMEDIATELY
_ANSWER = 1 << 16


class Difference(AssertionError):
    """The server is not as the model."""


async def lock(share: smbquic.Share, file: File, offset: int, length: int, flags: int) -> None:
    """Lock or unlock one range of bytes. Raises `StatusError`."""
    element = LockElement(offset, length, flags)
    await share.tree.request(LockRequest(0, file.file_id, [element]), file.path)


class Actor:
    """Does everything twice, to the folder `home` of a share and to a model, and compares.

    `operations` counts what was done.
    """

    def __init__(self, share: smbquic.Share, home: str) -> None:
        self.share = share
        self.home = home
        self.model = ShareModel()
        self.operations = 0

    def _path(self, path: str) -> str:
        return f"{self.home}/{path}" if path else self.home

    async def _both(
        self, what: str, theirs: Callable[[], Awaitable[T]], ours: Callable[[], T]
    ) -> None:
        """Do it to both; raise `Difference` unless it came to the same."""
        self.operations += 1
        expected: object
        actual: object
        try:
            expected = ours()
        except ModelRefusal as refusal:
            expected = refusal
        try:
            actual = await theirs()
        except StatusError as error:
            actual = error
            if isinstance(expected, ModelRefusal) and error.status in expected.statuses:
                return
        if isinstance(expected, ModelRefusal) or actual != expected:
            raise Difference(f"{self.home}: {what}: {actual!r} in place of {expected!r}")

    # --- whole files and folders --------------------------------------------------------------

    async def make_folder(self, path: str) -> None:
        """Make a folder."""

        def ours() -> None:
            self.model.make(path, folder=True)

        await self._both(f"mkdir {path}", lambda: self.share.mkdir(self._path(path)), ours)

    async def create(self, path: str, mode: str, data: bytes) -> None:
        """Open with any mode that writes, and write there where it begins."""

        async def theirs() -> None:
            async with self.share.open(self._path(path), f"{mode}b") as file:
                await file.write(data)

        def ours() -> None:
            if mode == "x":
                self.model.make(path).write(0, data)
            elif mode == "r+":
                self.model.file(path).write(0, data)
            elif mode == "a":
                node = self.model.file_or_new(path)
                node.write(len(node.content), data)
            else:
                node = self.model.file_or_new(path)
                node.content = b""
                node.streams.clear()
                node.write(0, data)

        await self._both(f"{mode} {path}", theirs, ours)

    async def remove(self, path: str, *, folder: bool = False) -> None:
        """Delete a file or a folder."""
        remove = self.share.rmdir if folder else self.share.remove
        await self._both(
            f"remove {path}",
            lambda: remove(self._path(path)),
            lambda: self.model.remove(path, folder=folder),
        )

    async def rename(self, path: str, new_path: str, *, replace: bool) -> None:
        """Move a file or a folder."""
        await self._both(
            f"rename {path} to {new_path}",
            lambda: self.share.rename(self._path(path), self._path(new_path), replace=replace),
            lambda: self.model.rename(path, new_path, replace=replace),
        )

    async def list(self, path: str) -> None:
        """List a folder."""

        async def theirs() -> dict[str, int]:
            return {entry.name: entry.size async for entry in self.share.scandir(self._path(path))}

        await self._both(f"list {path}", theirs, lambda: self.model.listing(path))

    async def stat(self, path: str) -> None:
        """Look at a file or a folder: its size, its kind, and its time if that is known."""

        def ours() -> tuple[int, bool, int | None]:
            node = self.model.find(path)
            return len(node.content), node.entries is not None, node.modified

        async def theirs() -> tuple[int, bool, int | None]:
            stat = await self.share.stat(self._path(path))
            known = self.model.find(path).modified is not None
            return stat.size, stat.is_directory, stat.last_write_time if known else None

        await self._both(f"stat {path}", theirs, ours)

    async def set_time(self, path: str, time: int) -> None:
        """Set the time of a file's last change, in 100 ns since 1970."""

        def ours() -> None:
            self.model.file(path).modified = time * 100

        async def theirs() -> None:
            async with self.share.open(self._path(path), "r+b") as file:
                await self.share.tree.request(
                    requests.set_basic(last_write_time=time * 100, file_id=file.file_id), path
                )

        await self._both(f"utime {path}", theirs, ours)

    # --- content ------------------------------------------------------------------------------

    async def write(self, path: str, offset: int, data: bytes) -> None:
        """Write into a file."""

        async def theirs() -> None:
            async with self.share.open(self._path(path), "r+b") as file:
                await file.seek(offset)
                await file.write(data)

        await self._both(
            f"write {path} at {offset}", theirs, lambda: self.model.file(path).write(offset, data)
        )

    async def read(self, path: str, offset: int, size: int) -> None:
        """Read from a file."""

        async def theirs() -> bytes:
            async with self.share.open(self._path(path)) as file:
                await file.seek(offset)
                return await file.read(size)

        await self._both(
            f"read {path} at {offset}",
            theirs,
            lambda: self.model.file(path).content[offset : offset + size],
        )

    async def truncate(self, path: str, size: int) -> None:
        """Make a file shorter or longer."""

        def ours() -> None:
            node = self.model.file(path)
            node.content = node.content[:size].ljust(size, b"\0")
            node.modified = None

        async def theirs() -> None:
            async with self.share.open(self._path(path), "r+b") as file:
                await file.truncate(size)

        await self._both(f"truncate {path} to {size}", theirs, ours)

    async def write_stream(self, path: str, stream: str, offset: int, data: bytes) -> None:
        """Write into a named stream of a file, which is made if it is not there."""

        def ours() -> None:
            node = self.model.file(path)
            node.streams[stream] = overlaid(node.streams.get(stream, b""), offset, data)
            node.modified = None

        async def theirs() -> None:
            async with self.share.open(self._path(path), "r+b"):
                opening = self.share.open(f"{self._path(path)}:{stream}", "ab")
                async with opening as file:
                    await file.seek(offset)
                    await file.write(data)

        await self._both(f"write {path}:{stream} at {offset}", theirs, ours)

    async def read_streams(self, path: str) -> None:
        """List and read the named streams of a file."""

        async def theirs() -> dict[str, bytes]:
            async with self.share.open(self._path(path)) as file:
                kind = FileInformationClass.FileStreamInformation
                query = requests.query(InfoType.FILE, kind, _ANSWER, file.file_id)
                response = await self.share.tree.request(query, path)
                found = decode_streams(response.body.buffer)
                names = [one.stream_name.split(":")[1] for one in found]
                return {
                    name: await self.share.read_bytes(f"{self._path(path)}:{name}")
                    for name in names
                    if name
                }

        await self._both(f"streams {path}", theirs, lambda: dict(self.model.file(path).streams))

    async def contend(self, path: str, offset: int, length: int) -> None:
        """Lock a range through one open of a file, and meet the lock through another."""

        def ours() -> list[NtStatus]:
            self.model.file(path)
            conflict = NtStatus.FILE_LOCK_CONFLICT
            return [conflict, conflict, NtStatus.LOCK_NOT_GRANTED, NtStatus.SUCCESS]

        async def theirs() -> list[NtStatus]:
            place = self._path(path)
            async with self.share.open(place, "r+b") as other:
                async with self.share.open(place, "r+b") as owner:
                    await lock(self.share, owner, offset, length, AT_ONCE)
                    met = [
                        await _status(other.write_at(offset, b"never")),
                        await _status(other.read_at(offset, 1)),
                        await _status(lock(self.share, other, offset, length, AT_ONCE)),
                    ]
                return [*met, await _status(lock(self.share, other, offset, length, AT_ONCE))]

        await self._both(f"lock {path} at {offset}", theirs, ours)

    async def write_renamed(self, path: str, new_path: str, data: bytes) -> None:
        """Write through an open of a file that gets another name meanwhile."""

        def ours() -> None:
            node = self.model.file(path)
            self.model.rename(path, new_path, replace=False)
            node.write(0, data)

        async def theirs() -> None:
            async with self.share.open(self._path(path), "r+b") as file:
                await self.share.rename(self._path(path), self._path(new_path))
                await file.write_at(0, data)

        await self._both(f"write {path}, which becomes {new_path}", theirs, ours)

    async def read_removed(self, path: str) -> None:
        """Read through an open of a file that is deleted meanwhile."""

        def ours() -> tuple[NtStatus, bytes, NtStatus]:
            content = self.model.file(path).content
            self.model.remove(path)
            return NtStatus.DELETE_PENDING, content, NtStatus.OBJECT_NAME_NOT_FOUND

        async def theirs() -> tuple[NtStatus, bytes, NtStatus]:
            place = self._path(path)
            async with self.share.open(place) as file:
                await self.share.remove(place)
                pending = await _status(self.share.stat(place))
                content = await file.read()
            return pending, content, await _status(self.share.stat(place))

        await self._both(f"read {path}, which is deleted", theirs, ours)

    async def hold_folder(self, path: str) -> None:
        """Try to move a folder while something in it is open."""

        def ours() -> NtStatus:
            self.model.file(f"{path}/inner")
            return NtStatus.ACCESS_DENIED

        async def theirs() -> NtStatus:
            async with self.share.open(f"{self._path(path)}/inner"):
                return await _status(self.share.rename(self._path(path), self._path("moved")))

        await self.create(f"{path}/inner", "a", b"")
        await self._both(f"move {path}, which is in use", theirs, ours)

    # --- everything ---------------------------------------------------------------------------

    async def compare(self, disk: Path | None = None) -> None:
        """Compare all there is with the model, and with the folder of the disk under it."""
        await self._compare("", self.model.root, disk)

    async def _compare(self, path: str, node: ShareNode, disk: Path | None) -> None:
        if node.entries is None:
            await self.read(path, 0, len(node.content) + 1)
            await self.read_streams(path)
            await self.stat(path)
            if disk is not None and _content(disk) != node.content:
                raise Difference(f"{self.home}: {path} has other content on the disk")
            return
        await self.list(path)
        if disk is not None and _names(disk) != {one.name for one in node.entries.values()}:
            raise Difference(f"{self.home}: {path} has other names on the disk")
        for inner in node.entries.values():
            beside = None if disk is None else disk / inner.name
            await self._compare(f"{path}/{inner.name}" if path else inner.name, inner, beside)


def _content(disk: Path) -> bytes:
    return disk.read_bytes()


def _names(disk: Path) -> set[str]:
    return {entry.name for entry in disk.iterdir()}


async def _status(work: Awaitable[object]) -> NtStatus:
    """How it ends."""
    try:
        await work
    except StatusError as error:
        return error.status
    return NtStatus.SUCCESS
