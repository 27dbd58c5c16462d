"""Connections of one user that work all the time, and say what happened to them.

    python -m tests.cluster.client URL --ca FILE --count 3 --folder FOLDER

Runs on a client's machine, and is driven by lines on standard input: ``mark N`` has each connection
say when what it has begun from then on was done, ``dial on`` and ``dial off`` have new connections
made one after the other, and the end of the input ends it. Prints events as lines of JSON, with
times of the monotonic clock, which all machines here share.

Each connection writes records of 4 KiB into a file that is open all the time, and flushes each. It
holds a lock on another file, and copies files to the share and back, and compares their hashes.
"""

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import smbquic
from smbquic.client.file import File
from smbquic.client.session import Session
from smbquic.client.share import Share
from smbquic.errors import ConnectionClosed, SmbError, UnflushedError
from tests.cluster.nodes import ABOUT, PASSWORD

RECORD = 4096
BEAT = 0.05
"""Seconds between two records."""
LONG = 0.5
"""Seconds from which on a record counts as a pause."""
COPIED = 1 << 20
RATE = 2e6
"""Bytes per second of the copies of one connection: who waits is to wait for the cluster."""
DIAL = 0.1
"""Seconds between two new connections."""
RECONNECT = 120.0
RETRY = 0.1
HOLD = 0.5
"""Seconds between two writes into a range that is locked."""


def say(who: str, event: str, **values: Any) -> None:
    """Print an event."""
    print(json.dumps({"who": who, "event": event, "at": time.monotonic(), **values}), flush=True)


def record(who: str, number: int) -> bytes:
    """Return the record of this number."""
    return f"{who} {number:12d}\n".encode().ljust(RECORD, b".")


async def node_of(share: Share) -> str:
    """Return the name of the node that a share's connection is to."""
    about = Share(share.session, await share.session.tree(ABOUT))
    return (await about.read_bytes("name")).decode()


class Marks:
    """The number of the last mark, and who has reached which."""

    def __init__(self, who: str) -> None:
        self._who = who
        self.wanted = 0
        self._reached = {"records": 0, "copies": 0}
        self._said = 0

    def reached(self, work: str, mark: int) -> None:
        """Note that this work, begun after the mark, is done."""
        self._reached[work] = mark
        lowest = min(self._reached.values())
        if lowest > self._said:
            self._said = lowest
            say(self._who, "marked", mark=lowest)


class WorkingConnection:
    """One connection that works until it is cancelled."""

    def __init__(self, who: str, share: Share, folder: Path) -> None:
        self.who = who
        self.share = share
        self.marks = Marks(who)
        self._folder = folder
        self._session: Session | None = None
        self.node = ""
        self._next = 0
        self._written_at = time.monotonic()

    async def look(self) -> bool:
        """Say where the connection leads, if it is a new one; return whether it is another."""
        session = self.share.session
        if session is self._session:
            return False
        node = await node_of(self.share)
        first, self._session, self.node = self._session is None, session, node
        say(self.who, "connected", node=node, gateway=self.share.peer.remote[0])
        return not first

    async def write_records(self) -> None:
        """Write records, and open the file again should it not be usable any more."""
        while True:
            try:
                async with self.share.open(f"{self.who}.records", "ab", buffering=0) as file:
                    await self._write(file)
            except UnflushedError:
                continue  # what is not acknowledged is written again
            except SmbError as error:
                say(self.who, "failed", what="record", why=str(error))
                await asyncio.sleep(RETRY)

    async def _write(self, file: File) -> None:
        """Write one record after the other, and say whether the server keeps the open file."""
        # A file that was opened again because the server has not kept it is another open.
        handle = file.file_id.persistent if self.share.session is self._session else 0
        while True:
            mark = self.marks.wanted
            await file.write_at(self._next * RECORD, record(self.who, self._next))
            await file.flush()
            self._next += 1
            now = time.monotonic()
            if now - self._written_at > LONG:
                say(self.who, "pause", seconds=now - self._written_at)
            node = self.node
            if await self.look():
                kept = file.file_id.persistent == handle
                say(self.who, "open file", kept=kept, moved=node != self.node)
                handle = file.file_id.persistent
            self.marks.reached("records", mark)
            self._written_at = time.monotonic()
            await asyncio.sleep(BEAT)

    async def hold_lock(self) -> None:
        """Hold a lock on a range of a file, and say whenever the server has not kept it."""
        while True:
            try:
                async with self.share.open(f"{self.who}.lock", "ab", buffering=0) as file:
                    await file.lock(0, RECORD, blocking=False)
                    say(self.who, "locked")
                    while True:
                        await file.write_at(0, record(self.who, 0))
                        await asyncio.sleep(HOLD)
            except smbquic.LockedError:
                # The cluster does not know yet that nobody has it any more.
                await asyncio.sleep(RETRY)
            except ConnectionClosed as error:
                say(self.who, "lock lost", why=str(error))
            except SmbError as error:
                say(self.who, "failed", what="lock", why=str(error))
                await asyncio.sleep(RETRY)

    async def copy_files(self) -> None:
        """Copy files there and back, and compare them."""
        source, target = self._folder / f"{self.who}.out", self._folder / f"{self.who}.in"
        self.share.limit_rate(RATE)
        number = 0
        while True:
            mark, began = self.marks.wanted, time.monotonic()
            content = os.urandom(COPIED)
            source.write_bytes(content)
            name = f"{self.who}.{number % 4}"
            try:
                await self.share.put(source, name)
                target.unlink(missing_ok=True)
                await self.share.get(name, target)
            except SmbError as error:
                say(self.who, "failed", what="copy", why=str(error))
                await asyncio.sleep(RETRY)
                continue
            equal = hashlib.sha256(target.read_bytes()).digest() == hashlib.sha256(content).digest()
            say(self.who, "copied", equal=equal, began=began)
            number += 1
            self.marks.reached("copies", mark)

    async def verify(self) -> None:
        """Read all records back that were acknowledged as flushed."""
        content = await self.share.read_bytes(f"{self.who}.records")
        wrong = sum(
            content[number * RECORD : (number + 1) * RECORD] != record(self.who, number)
            for number in range(self._next)
        )
        say(self.who, "verified", records=self._next, wrong=wrong)


class Dialler:
    """Makes new connections one after the other, while it is on."""

    def __init__(self, who: str, url: str, ca: Path) -> None:
        self._who, self._url, self._ca = who, url, ca
        self.on = asyncio.Event()

    async def run(self) -> None:
        """Dial until cancelled."""
        while True:
            await self.on.wait()
            began, error, node = time.monotonic(), "", ""
            try:
                async with smbquic.connect(
                    self._url, password=PASSWORD, ca=self._ca, reconnect_timeout=0
                ) as share:
                    node = await node_of(share)
                    took = time.monotonic() - began
            except SmbError as failure:
                error, took = str(failure), time.monotonic() - began
            say(self._who, "dialled", began=began, seconds=took, node=node, error=error)
            await asyncio.sleep(DIAL)


async def _commands(connections: list[WorkingConnection], dialler: Dialler) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := (await reader.readline()).decode().split():
        match line:
            case ["mark", number]:
                for connection in connections:
                    connection.marks.wanted = int(number)
            case ["dial", "on"]:
                dialler.on.set()
            case ["dial", "off"]:
                dialler.on.clear()


async def main(given: argparse.Namespace) -> None:
    """Run the command."""
    user = smbquic.SmbUrl.parse(given.url).user
    async with contextlib.AsyncExitStack() as stack:
        connections = []
        for number in range(given.count):
            share = await stack.enter_async_context(
                smbquic.connect(
                    given.url, password=PASSWORD, ca=given.ca, reconnect_timeout=RECONNECT
                )
            )
            connections.append(WorkingConnection(f"{user}-{number}", share, given.folder))
            await connections[-1].look()
        dialler = Dialler(f"{user}-new", given.url, given.ca)
        works = [asyncio.create_task(dialler.run())]
        for each in connections:
            for begin in (each.write_records, each.hold_lock, each.copy_files):
                works.append(asyncio.create_task(begin()))
        commands = asyncio.create_task(_commands(connections, dialler))
        # None of the works ends by itself.
        done, _ = await asyncio.wait([commands, *works], return_when=asyncio.FIRST_COMPLETED)
        for work in works:
            work.cancel()
        await asyncio.wait(works)
        for task in done:
            task.result()
        for each in connections:
            await each.verify()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.client", description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--ca", type=Path, required=True)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--folder", type=Path, required=True)
    asyncio.run(main(parser.parse_args()))
