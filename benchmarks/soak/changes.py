"""The changes of a client's folder, as the server reports them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from smbquic import ShareChange, ShareChangeKind


class Changes:
    """The changes that a watch reports."""

    def __init__(self) -> None:
        self._awaited: dict[str, asyncio.Event] = {}

    async def receive(self, changes: AsyncIterator[ShareChange]) -> None:
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
