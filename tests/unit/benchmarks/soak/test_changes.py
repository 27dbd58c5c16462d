"""Changes of a folder that a client waits for."""

import asyncio
from collections.abc import AsyncIterator

from benchmarks.soak.changes import Changes
from smbquic import ShareChange, ShareChangeKind


def test_a_lost_change_does_not_keep_anybody_waiting() -> None:
    async def changes(*kept: ShareChange) -> AsyncIterator[ShareChange]:
        for change in kept:
            yield change

    async def main() -> None:
        received = Changes()
        async with received.awaiting("home/new") as event:
            await received.receive(changes(ShareChange(ShareChangeKind.ADDED, "home/other")))
            await received.receive(changes(ShareChange(ShareChangeKind.REMOVED, "home/new")))
            assert not event.is_set()
            await received.receive(changes(ShareChange(ShareChangeKind.OVERFLOW, "home")))
            assert event.is_set()
        async with received.awaiting("home/new") as event:
            await received.receive(changes(ShareChange(ShareChangeKind.ADDED, "home/new")))
            assert event.is_set()

    asyncio.run(main())
