"""What a client does in one session; everything that it reads is compared with what was written."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from typing import TypeVar

from benchmarks.soak import content
from benchmarks.soak.changes import Changes
from benchmarks.soak.content import Source
from benchmarks.soak.meter import Meter
from benchmarks.soak.pages import Pages
from benchmarks.soak.report import DifferenceError
from smbquic import File, LockedError, Share

T = TypeVar("T")

MOST_FILES = 30
"""Files that a client has at once."""
NOTIFIED = 30.0
"""Seconds until a change has to be reported at the latest."""
SMALL = (
    *("create", "read", "open", "write at", "read at", "close", "list", "stat", "rename", "remove"),
    *("mkdir", "rmdir", "lock", "unlock", "read page", "write page", "notify"),
)
"""Operations that one client's work takes, and that wait for nobody who is slow."""


class ClientWork:
    """One session's work, in a folder of its own and on the pages that it shares with others."""

    def __init__(
        self,
        share: Share,
        pages: Pages,
        home: str,
        meter: Meter,
        source: Source,
        generator: random.Random,
    ) -> None:
        self._share = share
        self._pages = pages
        self._home = home
        self._meter = meter
        self._source = source
        self._random = generator
        self._files: dict[str, bytes] = {}
        self._number = 0
        self._changes = Changes()
        self._watching = AsyncExitStack()
        self._actions: dict[str, tuple[float, Callable[[], Awaitable[object]]]] = {
            "create": (12, self.create),
            "read": (16, self.read),
            "update": (6, self.update),
            "list": (6, self.list),
            "stat": (6, self.stat),
            "rename": (5, self.rename),
            "remove": (8, self.remove),
            "folder": (3, self.folder),
            "lock": (4, self.lock),
            "read page": (10, pages.read),
            "write page": (4, pages.write),
            "notify": (3, self.notify),
            "large": (0.5, self.large),
            "reconnect": (0.5, self.reconnect),
            "take over": (0.2, pages.take_over),
        }

    def choose(self) -> str:
        """Return what to do next."""
        names = tuple(self._actions)
        weights = [weight for weight, _ in self._actions.values()]
        return self._random.choices(names, weights)[0]

    async def act(self, action: str) -> None:
        """Do it. Raises `DifferenceError`, and what the share raises."""
        await self._actions[action][1]()

    # --- the whole session --------------------------------------------------------------------

    async def begin(self, stack: AsyncExitStack) -> None:
        """Make the folder, and watch it until it is removed or the stack ends."""
        await self._share.mkdir(self._home)
        watching = self._watching = await stack.enter_async_context(AsyncExitStack())
        watch = await watching.enter_async_context(self._share.watch(self._home))
        receiving = asyncio.create_task(self._changes.receive(aiter(watch)))
        watching.push_async_callback(_end, receiving)

    async def hold(self, stack: AsyncExitStack) -> None:
        """Keep until killed: a durable open, one with a lock, a lease, and a lock on a page."""
        folder = f"{self._home}-held"
        await self._share.mkdir(folder)
        await stack.enter_async_context(self._share.open(f"{folder}/durable", "xb", buffering=0))
        # The server does not keep an open with a lock for a client that is gone.
        opening = self._share.open(f"{folder}/locked", "xb", buffering=0)
        locked = await stack.enter_async_context(opening)
        await locked.lock(0, 1)
        await self._pages.hold(stack)

    async def finish(self) -> None:
        """Compare all files with what was written, and remove the folder."""
        await self.list()
        for path in tuple(self._files):
            await self._compare(path)
        # A watch of a folder that is deleted ends with an error.
        await self._watching.aclose()
        await self._timed("remove tree", lambda: self._share.rmtree(self._home))

    # --- files in the folder ------------------------------------------------------------------

    async def create(self) -> str:
        """Write a small file; its path."""
        path = self._new_path()
        data = self._source.content(self._random.choice(content.SMALL))
        if len(self._files) >= MOST_FILES:
            await self.remove()
        await self._timed("create", lambda: self._share.write_bytes(path, data))
        self._files[path] = data
        return path

    async def read(self) -> None:
        """Read a file, and compare it."""
        await self._compare(await self._any())

    async def update(self) -> None:
        """Write into a file and read it back through the same open."""
        path = await self._any()
        before = self._files[path]
        offset = self._random.randrange(len(before) + 1)
        data = self._source.content(self._random.choice((1, 512, 4096)))
        after = before[:offset] + data + before[offset + len(data) :]
        file = await self._open(path)
        async with file:
            await self._timed("write at", lambda: file.write_at(offset, data))
            self._files[path] = after
            read = await self._timed("read at", lambda: file.read_at(0, len(after)))
            if read != after:
                raise DifferenceError("what was written into an open file is read otherwise")
            await self._timed("close", file.close)

    async def list(self) -> None:
        """List the folder."""
        found = await self._timed("list", lambda: self._share.listdir(self._home))
        expected = {path.rpartition("/")[2] for path in self._files}
        if set(found) != expected or len(found) != len(expected):
            raise DifferenceError(f"a folder has {len(found)} entries in place of {len(expected)}")

    async def stat(self) -> None:
        """Ask for the size of a file."""
        path = await self._any()
        stat = await self._timed("stat", lambda: self._share.stat(path))
        if stat.size != len(self._files[path]):
            raise DifferenceError(
                f"a file has {stat.size} bytes in place of {len(self._files[path])}"
            )

    async def rename(self) -> None:
        """Give a file another name."""
        path, new = await self._any(), self._new_path()
        await self._timed("rename", lambda: self._share.rename(path, new))
        self._files[new] = self._files.pop(path)

    async def remove(self) -> None:
        """Delete a file."""
        path = await self._any()
        await self._timed("remove", lambda: self._share.remove(path))
        del self._files[path]

    async def folder(self) -> None:
        """Make a folder, and delete it."""
        path = self._new_path()
        await self._timed("mkdir", lambda: self._share.mkdir(path))
        await self._timed("rmdir", lambda: self._share.rmdir(path))

    async def large(self) -> None:
        """Write a large file, read it, and delete it."""
        path, data = self._new_path(), self._source.content(self._random.choice(content.LARGE))
        await self._timed("put large", lambda: self._share.write_bytes(path, data))
        self._files[path] = data
        read = await self._timed("get large", lambda: self._share.read_bytes(path))
        if read != data:
            raise DifferenceError("a large file is read otherwise than it was written")
        await self._timed("remove", lambda: self._share.remove(path))
        del self._files[path]

    # --- locks, notifications, connections ------------------------------------------------------

    async def lock(self) -> None:
        """Lock a range through one open of a file, and meet the lock through another."""
        path = await self._any()
        async with await self._open(path) as first, await self._open(path) as second:
            lock = await self._timed("lock", lambda: _awaited(first.lock(0, 64)))
            await _refused(second.lock(0, 1, blocking=False))
            await _refused(second.write_at(0, b"never"))
            await self._timed("unlock", lock.release)
            await second.lock(0, 64, blocking=False)

    async def notify(self) -> None:
        """Create a file, and wait until the watch reports it."""
        path = self._new_path()
        async with self._changes.awaiting(path) as event:

            async def work() -> None:
                async with self._share.open(path, "xb", buffering=0):
                    pass
                async with asyncio.timeout(NOTIFIED):
                    await event.wait()

            await self._timed("notify", work)
        self._files[path] = b""

    async def reconnect(self) -> None:
        """Lose the connection with a file open, and go on writing to it.

        The open is durable, so the server keeps it. If it has not, the client opens the file by its
        name, and the server has answered one CREATE with STATUS_OBJECT_NAME_NOT_FOUND.
        """
        path = await self._any()
        data = self._source.content(512)
        async with await self._open(path) as file:
            self._share.tree.connection.transport.drop("the soak cuts it")
            await self._timed("reconnect", lambda: file.write_at(0, data))
            self._files[path] = data + self._files[path][len(data) :]
        await self._compare(path)

    # --- what they all need -------------------------------------------------------------------

    async def _timed(self, operation: str, work: Callable[[], Awaitable[T]]) -> T:
        return await self._meter.timed(operation, work)

    async def _open(self, path: str) -> File:
        return await self._timed(
            "open", lambda: _awaited(self._share.open(path, "r+b", buffering=0))
        )

    async def _compare(self, path: str) -> None:
        data = await self._timed("read", lambda: self._share.read_bytes(path))
        if data != self._files[path]:
            raise DifferenceError("a file is read otherwise than it was written")

    async def _any(self) -> str:
        """Return one of the files, which is made if there is none."""
        return self._random.choice(tuple(self._files)) if self._files else await self.create()

    def _new_path(self) -> str:
        self._number += 1
        return f"{self._home}/file-{self._number}"


async def _awaited(opening: Awaitable[T]) -> T:
    return await opening


async def _refused(work: Awaitable[object]) -> None:
    """Raise `DifferenceError` unless the work meets another open's lock."""
    try:
        await work
    except LockedError:
        return
    raise DifferenceError("a range that another open has locked is not locked")


async def _end(task: "asyncio.Task[None]") -> None:
    """End a task, and raise what it has raised."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
