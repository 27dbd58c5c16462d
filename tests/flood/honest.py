"""An honest client in a process of its own, which measures what it gets: `honest.py OPTIONS`.

Turn by turn it reads a big file, does small things, and reads 4 KiB here and there, each for half
a second; every few seconds it comes as a newcomer besides, on a connection of its own. Each turn is
a line of JSON on standard output; the times are those of CLOCK_MONOTONIC, which all processes
share.
"""

import asyncio
import contextlib
import json
import random
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import smbquic
from smbquic.cli.loop import run
from smbquic.errors import SmbError

TURN = 0.5
"""Seconds."""
VISIT_EVERY = 3
"""Turns of each kind."""
PIECE = 8 << 20
PAGE = 4096
PATIENCE = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Where to, as whom; `big` and `small` are files there, `size` the bytes of the big one.

    `own` is a file that nobody else writes.
    """

    url: str
    password: str
    ca: str
    big: str
    small: str
    own: str
    size: int


def say(kind: str, begin: float, amount: float, times: Sequence[float] = ()) -> None:
    """Tell of one turn: the bytes or operations, and the seconds that each step took."""
    line = {"kind": kind, "begin": begin, "end": time.monotonic(), "amount": amount, "times": times}
    print(json.dumps(line), flush=True)


async def turn(kind: str, work: Callable[[], Awaitable[float]]) -> None:
    """Do something again and again for a while."""
    begin, amount, times = time.monotonic(), 0.0, []
    before = begin
    while before - begin < TURN:
        amount += await work()
        now = time.monotonic()
        times.append(round(now - before, 6))
        before = now
    say(kind, begin, amount, times)


class HonestWork:
    """The work of an honest client on a share."""

    def __init__(self, share: smbquic.Share, file: smbquic.File, options: Options) -> None:
        self._share = share
        self._file = file
        self._options = options
        self._at = 0

    async def get(self) -> float:
        """Read the next piece of the big file; its bytes."""
        await self._file.seek(self._at)
        data = await self._file.read(PIECE)
        self._at = (self._at + PIECE) % self._options.size
        return len(data)

    async def small(self) -> float:
        """Look at a file, read one, write one and delete it: four operations."""
        await self._share.stat(self._options.small)
        await self._share.read_bytes(self._options.small)
        await self._share.write_bytes(self._options.own, b"x" * 1024)
        await self._share.remove(self._options.own)
        return 4

    async def page(self) -> float:
        """Read 4 KiB somewhere in the big file: one operation."""
        await self._file.read_at(random.randrange(self._options.size // PAGE) * PAGE, PAGE)
        return 1


def connect(options: Options) -> contextlib.AbstractAsyncContextManager[smbquic.Share]:
    """A connection of its own."""
    return smbquic.connect(options.url, password=options.password, ca=options.ca, timeout=PATIENCE)


async def visit(options: Options) -> None:
    """Come as a newcomer: connect, log on, read something, leave."""
    begin = time.monotonic()
    try:
        async with asyncio.timeout(PATIENCE), connect(options) as share:
            await share.read_bytes(options.small)
            reached = time.monotonic() - begin
    except (SmbError, OSError, TimeoutError):
        say("visit", begin, 0)
    else:
        say("visit", begin, 1, [reached])


async def live(options: Options) -> None:
    """Run until the process is ended; a connection that was lost is made anew, and reported."""
    while True:
        begin = time.monotonic()
        try:
            async with connect(options) as share, share.open(options.big) as file:
                work = HonestWork(share, file, options)
                while True:
                    for _ in range(VISIT_EVERY):
                        await turn("get", work.get)
                        await turn("small", work.small)
                        await turn("page", work.page)
                    await visit(options)
        except (SmbError, OSError):
            say("lost", begin, 1)
            await asyncio.sleep(TURN)


if __name__ == "__main__":
    run(live(Options(**json.loads(sys.argv[1]))))
