"""Operations on a share that only takes note of what is done to it."""

import asyncio
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any, TypeVar

from smbquic.client.stat import Stat, Volume
from smbquic.errors import NotFoundError
from smbquic.ntstatus import NtStatus
from smbquic.wire.fscc.attributes import FileAttributes

T = TypeVar("T")


def stat(name: str, attributes: FileAttributes = FileAttributes.ARCHIVE, **changes: Any) -> Stat:
    values: dict[str, Any] = {"size": 5, "file_id": 77, **changes}
    size = values.pop("size")
    return Stat(name, size, 4096, attributes, 0, 1, 2, 3, **values)


class Loop:
    """Runs a coroutine on the thread that asks for it."""

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(work)


class FakeFile:
    """A file that is open. `done` has the names of the methods that were called."""

    def __init__(self, path: str, done: list[tuple[Any, ...]]) -> None:
        self.path = path
        self._done = done
        self.content: Any = FakeContent(done)

    def __getattr__(self, name: str) -> Any:
        async def method(*arguments: Any, **more: Any) -> int:
            self._done.append((name, *arguments))
            return 5

        return method


class FakeContent:
    """What is cached of such a file; all its opens are the same here."""

    def __init__(self, done: list[tuple[Any, ...]]) -> None:
        self._done = done
        self.path = ""

    async def drain(self) -> None:
        self._done.append(("settle",))

    def any_file(self) -> Any:
        return FakeFile("", self._done)

    def renamed(self, path: str) -> None:
        self.path = path


class FakeShare:
    """A share with the files `there`. `done` is what was asked for; `error` is raised then."""

    def __init__(self) -> None:
        self.done: list[tuple[Any, ...]] = []
        self.there: dict[str, Stat] = {"": stat("", FileAttributes.DIRECTORY)}
        self.known: dict[str, Stat] = {}
        self.target = "file"
        self.error: Exception | None = None

    def known_stat(self, path: str) -> Stat | None:
        return self.known.get(path)

    async def stat(self, path: str) -> Stat:
        self.done.append(("stat", path))
        if path not in self.there:
            raise NotFoundError(NtStatus.OBJECT_NAME_NOT_FOUND)
        return self.there[path]

    async def listing(self, path: str) -> list[Stat]:
        self.done.append(("listing", path))
        return [each for each in self.there.values() if each.name]

    async def readlink(self, path: str) -> str:
        return self.target

    async def volume(self) -> Volume:
        return Volume(100 * 4096, 30 * 4096, 40 * 4096, 4096, "", 1, "NTFS")

    async def open(self, path: str, flags: int) -> Any:
        self.done.append(("open", path, flags))
        return FakeFile(path, self.done)

    async def create(self, path: str, flags: int, mode: int) -> Any:
        self.done.append(("create", path, flags, mode))
        return FakeFile(path, self.done)

    def changed(self, path: str) -> None:
        self.done.append(("changed", path))

    @property
    def share(self) -> "FakeShare":
        return self

    async def listxattr(self, path: str) -> list[str]:
        self.done.append(("listxattr", path))
        return ["A", "b"]

    async def getxattr(self, path: str, name: str) -> bytes:
        self.done.append(("getxattr", path, name))
        return b"value"

    def __getattr__(self, name: str) -> Any:
        async def method(*arguments: Any, **more: Any) -> None:
            self.done.append((name, *arguments, *more.values()))
            if self.error is not None:
                raise self.error

        return method


def info(flags: int = 0, fh: int = 0) -> Any:
    """What libfuse says about an open file."""
    return SimpleNamespace(flags=flags, fh=fh, lock_owner=1)
