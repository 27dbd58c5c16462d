"""What a client does in one session; everything that it reads is compared with what was written."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TypeVar

from benchmarks.soak import content
from benchmarks.soak.content import Source
from benchmarks.soak.pacer import Pacer
from benchmarks.soak.plan import KILLED_FOLDER, PAGES, PAGES_FOLDER
from benchmarks.soak.report import DifferenceError, Report
from smbquic import File, LeaseCache, LockedError, Share, ShareChangeKind

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


class Meter:
    """Has operations begin in turn, and says in `report` how long they took."""

    def __init__(self, pacer: Pacer) -> None:
        self._pacer = pacer
        self.report = Report()

    def take_report(self) -> Report:
        """Return what has been done since the last call."""
        report, self.report = self.report, Report()
        return report

    async def timed(self, operation: str, work: Callable[[], Awaitable[T]]) -> T:
        """Do something when it is its turn."""
        await self._pacer.turn()
        begun = time.monotonic()
        result = await work()
        self.report.took(operation, time.monotonic() - begun)
        return result


class Changes:
    """The changes that a watch reports."""

    def __init__(self) -> None:
        self._awaited: dict[str, asyncio.Event] = {}

    async def receive(self, changes: AsyncIterator[object]) -> None:
        """Take changes until the watch ends."""
        async for change in changes:
            kind, path = getattr(change, "kind", None), getattr(change, "path", "")
            if kind is ShareChangeKind.OVERFLOW:
                # It may have been among those that are lost: a reconnection loses some.
                for event in self._awaited.values():
                    event.set()
            elif kind is ShareChangeKind.ADDED and path in self._awaited:
                self._awaited[path].set()

    @asynccontextmanager
    async def awaiting(self, path: str) -> AsyncIterator[asyncio.Event]:
        """Give an event that is set once `path` is reported as new."""
        event = self._awaited[path] = asyncio.Event()
        try:
            yield event
        finally:
            del self._awaited[path]


class ClientWork:
    """One session's work, in a folder of its own and on pages that it shares with others.

    `versions` are the newest versions of pages that this client has seen, in former sessions, too.
    """

    def __init__(
        self,
        share: Share,
        cache: LeaseCache,
        home: str,
        meter: Meter,
        source: Source,
        generator: random.Random,
        versions: dict[str, int],
    ) -> None:
        self._share = share
        self._cache = cache
        self._home = home
        self._meter = meter
        self._source = source
        self._random = generator
        self._versions = versions
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
            "read page": (10, self.read_page),
            "write page": (4, self.write_page),
            "notify": (3, self.notify),
            "large": (0.5, self.large),
            "reconnect": (0.5, self.reconnect),
            "take over": (0.2, self.take_over),
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
        page = self._page(KILLED_FOLDER)
        await self._unless_locked("hold", lambda: self._read_page(page))
        held = await stack.enter_async_context(self._cache.share.open(page, "r+b", buffering=0))
        await self._unless_locked(
            "hold", lambda: _awaited(held.lock(0, content.PAGE, blocking=False))
        )

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

    # --- pages that others have, too --------------------------------------------------------------

    async def read_page(self) -> None:
        """Read a page through the cache, which has it as long as a lease lasts."""
        path = self._page(PAGES_FOLDER)
        await self._unless_locked(
            "read page", lambda: self._timed("read page", lambda: self._read_page(path))
        )

    async def write_page(self) -> None:
        """Write the next version of a page; its lock may have to be waited for."""
        path, blocking = self._page(PAGES_FOLDER), self._random.random() < 0.5
        write = self._write_page
        await self._unless_locked(
            "write page",
            lambda: self._timed("write page", lambda: write(path, blocking=blocking)),
        )

    async def take_over(self) -> None:
        """Write a page that clients hold which are killed: their lease has to be broken."""
        path = self._page(KILLED_FOLDER)
        await self._unless_locked(
            "take over",
            lambda: self._timed("take over", lambda: self._write_page(path, blocking=False)),
        )

    async def _read_page(self, path: str) -> None:
        async with await self._cache.open(path) as file:
            version = content.version_of(await file.read(0, content.PAGE))
        self._see(path, version)

    async def _write_page(self, path: str, *, blocking: bool) -> None:
        async with (
            self._cache.share.open(path, "r+b", buffering=0) as file,
            file.lock(0, content.PAGE, blocking=blocking),
        ):
            version = content.version_of(await file.read_at(0, content.PAGE))
            self._see(path, version)
            await file.write_at(0, content.page(version + 1))
            self._see(path, version + 1)

    def _see(self, path: str, version: int) -> None:
        newest = self._versions.get(path, 0)
        if version < newest:
            raise DifferenceError(f"a page has version {version}, and has had {newest} before")
        self._versions[path] = version

    async def _unless_locked(self, action: str, work: Callable[[], Awaitable[object]]) -> None:
        try:
            await work()
        except LockedError:
            self._meter.report.refused[action] += 1

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

    def _page(self, folder: str) -> str:
        return f"{folder}/page-{self._random.randrange(PAGES)}"


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
