"""Pages that all clients read and write, through a cache that leases allow."""

import random
from contextlib import AsyncExitStack

from benchmarks.soak import content
from benchmarks.soak.meter import Meter
from benchmarks.soak.plan import KILLED_FOLDER, PAGES, PAGES_FOLDER
from benchmarks.soak.report import DifferenceError
from smbquic import LeaseCache


class Pages:
    """One session's use of the pages.

    `versions` are the newest versions of pages that this client has seen, in former sessions, too.
    Clients that are `killed` have pages of their own: their locks stay until the server knows that
    they are gone, which is after 30 seconds over QUIC.
    """

    def __init__(
        self,
        cache: LeaseCache,
        meter: Meter,
        generator: random.Random,
        versions: dict[str, int],
        *,
        killed: bool = False,
    ) -> None:
        self._cache = cache
        self._folder, self._name = PAGES_FOLDER, "page"
        if killed:
            self._folder, self._name = KILLED_FOLDER, "killed page"
        self._meter = meter
        self._random = generator
        self._versions = versions

    async def read(self) -> None:
        """Read a page through the cache, which has it as long as a lease lasts."""
        path, action = self._any(self._folder), f"read {self._name}"
        await self._meter.unless_locked(
            action, lambda: self._meter.timed(action, lambda: self._read(path))
        )

    async def write(self) -> None:
        """Write the next version of a page; its lock may have to be waited for."""
        path, blocking = self._any(self._folder), self._random.random() < 0.5
        await self._write(f"write {self._name}", path, blocking=blocking)

    async def take_over(self) -> None:
        """Write a page that clients hold which are killed: their lease has to be broken."""
        await self._write("take over", self._any(KILLED_FOLDER), blocking=False)

    async def hold(self, stack: AsyncExitStack) -> None:
        """Have a lease and a lock on a page until the stack ends, or the client is killed."""
        path = self._any(KILLED_FOLDER)
        await self._meter.unless_locked("hold", lambda: self._read(path))
        opening = self._cache.share.open(path, "r+b", buffering=0)
        file = await stack.enter_async_context(opening)

        async def lock() -> None:
            await file.lock(0, content.PAGE, blocking=False)

        await self._meter.unless_locked("hold", lock)

    async def _read(self, path: str) -> None:
        async with await self._cache.open(path) as file:
            version = content.version_of(await file.read(0, content.PAGE))
        self._see(path, version)

    async def _write(self, action: str, path: str, *, blocking: bool) -> None:
        async def write() -> None:
            async with (
                self._cache.share.open(path, "r+b", buffering=0) as file,
                file.lock(0, content.PAGE, blocking=blocking),
            ):
                version = content.version_of(await file.read_at(0, content.PAGE))
                self._see(path, version)
                await file.write_at(0, content.page(version + 1))
                self._see(path, version + 1)

        await self._meter.unless_locked(action, lambda: self._meter.timed(action, write))

    def _see(self, path: str, version: int) -> None:
        newest = self._versions.get(path, 0)
        if version < newest:
            raise DifferenceError(f"a page has version {version}, and has had {newest} before")
        self._versions[path] = version

    def _any(self, folder: str) -> str:
        return f"{folder}/page-{self._random.randrange(PAGES)}"
