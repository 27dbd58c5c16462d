"""Handlers wait for the coroutines of a storage, while the event loop goes on.

Handlers are plain functions, so that one which has nothing to wait for is not interrupted between
a check and what it does after that. A storage with coroutines has them wait all the same: its
`StorageBridge` calls `StorageCoroutines.wait` wherever a method returns an awaitable, deep inside
of a handler. So handlers of such a share run on a stack of their own, a greenlet. It is left there,
and entered again when the awaitable is done. SQLAlchemy does the same for its drivers.

What is interrupted is no longer atomic. So one request at a time changes anything on such a share,
or reads what others change: it holds `StorageCoroutines.lock`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from smbquic.server.plain_code import PlainCode

_T = TypeVar("_T")


class StorageCoroutines:
    """A runner of handlers that may wait for the coroutines of their share's storage."""

    def __init__(self) -> None:
        """Raise `ImportError` if greenlet is not installed."""
        self.lock = asyncio.Lock()
        self._plain_code = _plain_code()

    async def run(self, function: Callable[..., _T], *arguments: Any) -> _T:
        """Call plain code, which may call `wait`."""
        result: _T = await self._plain_code(function, arguments)
        return result

    async def complete(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Await a coroutine whose plain parts may call `wait`."""
        return await self.run(self.wait, work)

    def wait(self, awaitable: Awaitable[_T]) -> _T:
        """Wait for an awaitable, and return what it gives or raise what it fails with."""
        current = self._plain_code.current()
        if current is None:
            raise RuntimeError("a storage's coroutine was called where nothing can wait for it")
        found: _T = current.wait(awaitable)
        return found

    def can_wait(self) -> bool:
        """Return whether the caller runs inside of `run`."""
        return self._plain_code.current() is not None


def _plain_code() -> "type[PlainCode]":
    # Few storages have coroutines, and greenlet is not installed everywhere.
    try:
        from smbquic.server.plain_code import PlainCode
    except ModuleNotFoundError as error:
        raise ImportError(
            "a storage with coroutines needs greenlet: pip install 'smbquic[coroutines]'"
        ) from error
    return PlainCode
