"""How many files a share may have open at once, which only its server knows."""

import asyncio
import logging
import sys
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus

T = TypeVar("T")

log = logging.getLogger(__name__)

_ATTEMPTS = 40
_DELAY = 0.1
"""Seconds before what takes no slot is attempted again."""


class OpenSlots:
    """Lets as many attempts that open a file be under way as the server allows, found by trying.

    A server bounds the files that one user has open, and cannot be asked for the number. When it
    refuses one, half as many as are under way then are allowed, and slowly more again.
    """

    def __init__(self) -> None:
        self._limit = sys.maxsize
        self._active = 0
        self._succeeded = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def run(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Return what `attempt` returns, which is called again after the server has refused it.

        Raises what it raises, STATUS_TOO_MANY_OPENED_FILES too where nothing else is under way: it
        is somebody else who has the files open then.
        """
        while True:
            await self._enter()
            try:
                result = await attempt()
            except StatusError as error:
                if error.status != NtStatus.TOO_MANY_OPENED_FILES or self._active == 1:
                    raise
                self._limit, self._succeeded = self._active // 2, 0
                log.info("the server allows no more open files: %d at once now", self._limit)
            else:
                self._grow()
                return result
            finally:
                self._active -= 1
                self._wake()

    async def run_beside(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Return what `attempt` returns, which opens something for a moment and takes no slot.

        While others have slots, it is called again for a few seconds when the server refuses it.
        """
        for _ in range(_ATTEMPTS):
            try:
                return await attempt()
            except StatusError as error:
                if error.status != NtStatus.TOO_MANY_OPENED_FILES or not self._active:
                    raise
            await asyncio.sleep(_DELAY)
        return await attempt()

    async def _enter(self) -> None:
        while self._active >= self._limit:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                self._wake()  # it may have been cancelled when it was its turn
                raise
        self._active += 1

    def _grow(self) -> None:
        self._succeeded += 1
        if self._succeeded > self._limit:
            self._limit, self._succeeded = self._limit + 1, 0

    def _wake(self) -> None:
        """Let as many go on as there is room for, those first who came first."""
        room = self._limit - self._active
        while self._waiting and room > 0:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                room -= 1
