"""A server of a folder, and one client's work on it."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import smbquic
from benchmarks.soak import content
from benchmarks.soak.content import Source
from benchmarks.soak.meter import Meter
from benchmarks.soak.pacer import Pacer
from benchmarks.soak.pages import Pages
from benchmarks.soak.plan import KILLED_FOLDER, PAGES, PAGES_FOLDER
from benchmarks.soak.session import ClientWork
from smbquic import LeaseCache

HOME = "home"


class Bench:
    """A server of a folder, and a client's work on it."""

    def __init__(
        self, work: ClientWork, cache: LeaseCache, pages: Pages, meter: Meter, folder: Path
    ) -> None:
        self.work = work
        self.cache = cache
        self.pages = pages
        self.meter = meter
        self.folder = folder

    def files(self) -> list[Path]:
        """Return the files that the client has made."""
        return sorted((self.folder / HOME).iterdir())


Test = Callable[[Bench], Awaitable[None]]


def run(folder: Path, test: Test, *, seed: int = 1) -> None:
    """Run a test with a client's work, which has begun."""
    for name in (PAGES_FOLDER, KILLED_FOLDER):
        (folder / name).mkdir()
        for number in range(PAGES):
            (folder / name / f"page-{number}").write_bytes(content.page(0))

    async def main() -> None:
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(
                smbquic.serve({"s": folder}, {"alice": "pw"}, ["tcp://127.0.0.1:0"])
            )
            url = server.listeners[0].replace("tcp://", "smb://alice@") + "/s"
            share = await stack.enter_async_context(smbquic.connect(url, password="pw"))
            cache = await stack.enter_async_context(LeaseCache(share))
            meter = Meter(Pacer(1e6))
            generator = random.Random(seed)
            pages = Pages(cache, meter, generator, {})
            work = ClientWork(share, pages, HOME, meter, Source("seed"), generator)
            await work.begin(stack)
            await test(Bench(work, cache, pages, meter, folder))

    asyncio.run(main())
