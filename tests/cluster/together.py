"""Two connections of one user, to two nodes, that see each other's opens, locks and data.

    python -m tests.cluster.together URL --ca FILE

Prints what was seen as lines of JSON: first while the first connection holds an open and a lock,
until a line comes on standard input, and then the rest.
"""

import argparse
import asyncio
import contextlib
import json
import os
import sys
from pathlib import Path

import smbquic
from smbquic.client import requests
from smbquic.client.share import Share
from smbquic.errors import LockedError, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.wire.create import CreateDisposition
from smbquic.wire.file_id import FileId
from tests.cluster.client import RECORD, node_of
from tests.cluster.nodes import PASSWORD

ALONE = "together.alone"
LOCKED = "together.locked"
TRIES = 12
"""Connections until two of them are to different nodes."""


async def open_alone(share: Share) -> FileId:
    """Open a file that nobody else may open meanwhile."""
    opening = requests.create(
        ALONE, requests.WRITE, disposition=CreateDisposition.FILE_OPEN_IF, sharing=0
    )
    response = await share.tree.request(opening, ALONE)
    file_id: FileId = response.body.file_id
    return file_id


async def is_refused(share: Share) -> bool:
    """Return whether the file that another has opened alone is refused."""
    try:
        file_id = await open_alone(share)
    except StatusError as error:
        return error.status == NtStatus.SHARING_VIOLATION
    await share.tree.request(requests.close(file_id), ALONE)
    return False


async def is_locked(share: Share) -> bool:
    """Return whether the range that another has locked can neither be locked nor read."""
    async with share.open(LOCKED, "rb", buffering=0) as file:
        try:
            await file.lock(0, RECORD, blocking=False)
        except LockedError:
            try:
                await file.read_at(0, RECORD)
            except StatusError as error:
                return error.status == NtStatus.FILE_LOCK_CONFLICT
    return False


async def main(url: str, ca: Path) -> None:
    """Run the command."""
    async with contextlib.AsyncExitStack() as stack:
        shares: dict[str, Share] = {}
        for _ in range(TRIES):
            share = await stack.enter_async_context(smbquic.connect(url, password=PASSWORD, ca=ca))
            shares.setdefault(await node_of(share), share)
            if len(shares) > 1:
                break
        (one, first), (two, second) = shares.items()
        content = os.urandom(RECORD)
        await first.write_bytes(LOCKED, content)
        same = await second.read_bytes(LOCKED) == content
        async with first.open(LOCKED, "ab") as file:
            await file.write(content)
        grown = (await second.stat(LOCKED)).size == 2 * RECORD
        alone = await open_alone(first)
        async with first.open(LOCKED, "rb+", buffering=0) as file:
            await file.lock(0, RECORD)
            held = {
                "nodes": [one, two],
                "reads what the other wrote": same,
                "sees a new size at once": grown,
                "open refused": await is_refused(second),
                "lock refused": await is_locked(second),
            }
            print(json.dumps(held), flush=True)
            await asyncio.to_thread(sys.stdin.readline)
        await first.tree.request(requests.close(alone), ALONE)
        released = {
            "open granted": not await is_refused(second),
            "lock granted": not await is_locked(second),
        }
        print(json.dumps(released), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.together", description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--ca", type=Path, required=True)
    given = parser.parse_args()
    asyncio.run(main(given.url, given.ca))
