"""Storages with coroutines, for tests that are none."""

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import Any

from smbquic.storage import Storage
from smbquic.storage.bridge import StorageBridge


@contextmanager
def waiting(storage: Storage) -> Iterator[Storage]:
    """Yield a storage whose methods return when the coroutines of `storage` have.

    They all run in one event loop of their own.
    """
    with asyncio.Runner() as runner:

        async def done(awaitable: Awaitable[Any]) -> Any:
            return await awaitable

        yield StorageBridge(storage, lambda awaitable: runner.run(done(awaitable)))
