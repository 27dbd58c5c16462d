"""A lock on a range of a file's bytes."""

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from smbquic.errors import SmbError
from smbquic.wire.file_id import FileId
from smbquic.wire.lock import LockElement, LockFlags, LockRequest


def lock_request(offset: int, length: int, flags: LockFlags) -> Callable[[FileId], LockRequest]:
    """Return what makes a LOCK of one range. Raises ValueError for one that no file has.

    [MS-SMB2] 2.2.26
    """
    if offset < 0 or length < 0:
        raise ValueError(f"there is no range of {length} bytes at {offset}")
    return lambda file_id: LockRequest(0, file_id, [LockElement(offset, length, flags)])


class RangeLock:
    """A lock that is held: until `release`, the end of ``async with``, or the file's close."""

    def __init__(self, offset: int, length: int, unlock: Callable[[], Awaitable[None]]) -> None:
        self.offset = offset
        self.length = length
        self._unlock = unlock
        self._held = True

    async def release(self) -> None:
        """Release the lock; does nothing the second time."""
        if self._held:
            self._held = False
            await self._unlock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await self.release()
        except SmbError:
            if error is None:
                raise
