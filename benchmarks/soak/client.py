"""A process of clients: ``python -m benchmarks.soak.client OPTIONS``; see `ClientOptions`.

Prints a report as a line of JSON at every interval, and ends when its standard input does.
"""

import asyncio
import json
import os
import random
import sys
from contextlib import AsyncExitStack

import uvloop

from benchmarks.ends.process import emit
from benchmarks.soak.content import Source
from benchmarks.soak.meter import Meter
from benchmarks.soak.pacer import Pacer
from benchmarks.soak.pages import Pages
from benchmarks.soak.plan import CLIENTS_FOLDER, ClientOptions
from benchmarks.soak.session import ClientWork
from smbquic import LeaseCache, TicketCache, connect

FEWEST, MOST = 20, 120
"""Actions of one session."""
PAUSE = 1.0
"""Seconds before the next session, if one has failed."""


class Clients:
    """Sessions that begin and end until `stop` is set."""

    def __init__(self, options: ClientOptions) -> None:
        self._options = options
        self._meter = Meter(Pacer(options.rate))
        self._source = Source(options.seed)
        self._tickets = TicketCache()
        self.stop = asyncio.Event()

    async def run(self) -> None:
        """Run all of them, and report."""
        reporting = asyncio.create_task(self._report())
        async with asyncio.TaskGroup() as group:
            for number in range(self._options.sessions):
                group.create_task(self._sessions(number))
        reporting.cancel()
        emit(**self._meter.take_report().document())

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(self._options.interval)
            emit(**self._meter.take_report().document())

    async def _sessions(self, number: int) -> None:
        """Log on and off again and again."""
        generator = random.Random(f"{self._options.seed}/{number}")
        versions: dict[str, int] = {}
        visit = 0
        while not self.stop.is_set():
            visit += 1
            home = f"{CLIENTS_FOLDER}/{self._options.name}-{number}-{visit}"
            try:
                await self._session(home, generator, versions)
            except Exception as error:
                self._meter.report.failed("session", error)
                await asyncio.sleep(PAUSE)

    async def _session(self, home: str, generator: random.Random, versions: dict[str, int]) -> None:
        options = self._options
        connecting = connect(
            options.url,
            password=options.password,
            ca=options.ca,
            engine=options.engine,
            tickets=self._tickets,
        )
        async with AsyncExitStack() as connected:
            share = await self._meter.timed(
                "log on", lambda: connected.enter_async_context(connecting)
            )
            async with AsyncExitStack() as stack:
                cache = await stack.enter_async_context(LeaseCache(share))
                pages = Pages(cache, self._meter, generator, versions, killed=options.holds)
                work = ClientWork(share, pages, home, self._meter, self._source, generator)
                await work.begin(stack)
                if options.holds:
                    await work.hold(stack)
                await self._work(work, generator)
            await self._meter.timed("log off", connected.aclose)

    async def _work(self, work: ClientWork, generator: random.Random) -> None:
        """Do one thing after the other; one that fails ends the session."""
        left = sys.maxsize if self._options.holds else generator.randint(FEWEST, MOST)
        while left and not self.stop.is_set():
            left -= 1
            action = work.choose()
            if not await self._done(action, work):
                return
        try:
            await work.finish()
        except Exception as error:
            self._meter.report.failed("finish", error)

    async def _done(self, action: str, work: ClientWork) -> bool:
        try:
            await work.act(action)
        except Exception as error:
            self._meter.report.failed(action, error)
            return False
        return True


async def main(options: ClientOptions) -> None:
    """Run until standard input ends, which it also does when who started this is gone."""
    clients = Clients(options)
    loop = asyncio.get_running_loop()

    def read() -> None:
        if not os.read(sys.stdin.fileno(), 64):
            loop.remove_reader(sys.stdin.fileno())
            clients.stop.set()

    loop.add_reader(sys.stdin.fileno(), read)
    await clients.run()


if __name__ == "__main__":
    uvloop.run(main(ClientOptions(**json.loads(sys.argv[1]))))
