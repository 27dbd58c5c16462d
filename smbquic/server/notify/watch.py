"""The watch of one open folder: the changes for CHANGE_NOTIFY, and the requests that wait.

[MS-SMB2] 3.3.5.19, [MS-FSA] 2.1.5.11
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import field
from typing import NamedTuple

from smbquic.lazy_dataclass import dataclass
from smbquic.ntstatus import NtStatus
from smbquic.overload.budget import CHANGE, UserBudget
from smbquic.server.outcome import Reply
from smbquic.wire.change_notify import ChangeNotifyResponse
from smbquic.wire.fscc.notify_information import NotifyInformation, encode_notifications

_MAX_CHANGES = 1000
_FIXED_SIZE = 12


class _WaitingRequest(NamedTuple):
    """A CHANGE_NOTIFY request: how many bytes its response may have, and its reply."""

    size: int
    answer: asyncio.Future[Reply]


@dataclass(slots=True, eq=False)
class Watch:
    """The changes in one folder that were not sent to its client yet, and the waiting requests.

    `folder` is its name in the share. The first request on an open sets `completion_filter`,
    `recursive` and `size`: how many bytes are kept while no request waits, and how long a response
    may be. `memory` is its user's budget for what the server keeps.
    """

    folder: str
    completion_filter: int
    recursive: bool
    size: int
    memory: UserBudget
    _changes: list[NotifyInformation] = field(default_factory=list)
    _length: int = 0
    _lost: bool = False
    _waiters: deque[_WaitingRequest] = field(default_factory=deque)
    _closed: bool = False

    def add(self, changes: Sequence[NotifyInformation]) -> None:
        """Answer the oldest waiting request with changes, or keep them."""
        if self._closed:
            return
        for change in changes:
            # Such as the second of two writes: it tells the client nothing new.
            if self._changes and self._changes[-1] == change:
                continue
            self._changes.append(change)
            self._length += _FIXED_SIZE + 2 * len(change.file_name)
            self.memory.change(CHANGE + 2 * len(change.file_name))
        if (
            self._length > self.size
            or len(self._changes) > _MAX_CHANGES
            or not self.memory.has_room(0)
        ):
            self.lose()
        self._answer()

    def lose(self) -> None:
        """Forget the changes, and remember only that there were more than could be kept."""
        if self._closed:
            return
        self.forget()
        self._lost = True
        self._answer()

    def take(self, size: int) -> Reply | None:
        """Return the reply to a request for up to `size` bytes; None if nothing has changed."""
        if not self._changes and not self._lost:
            return None
        buffer = encode_notifications(self._changes)
        # A part of the changes is no use: a client that misses one has to list the folder again.
        fits = not self._lost and len(buffer) <= min(size, self.size)
        self.forget()
        self._lost = False
        if fits:
            return Reply(ChangeNotifyResponse(buffer))
        return Reply(ChangeNotifyResponse(), NtStatus.NOTIFY_ENUM_DIR)

    def wait(self, size: int) -> asyncio.Future[Reply]:
        """Return a future of the reply; requests are answered in their order."""
        waiter = _WaitingRequest(size, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        self._answer()
        return waiter.answer

    def end(self, status: NtStatus) -> None:
        """Answer all waiting requests with `status`."""
        while self._waiters:
            answer = self._waiters.popleft().answer
            if not answer.done():
                answer.set_result(Reply(ChangeNotifyResponse(), status))

    def close(self) -> None:
        """End the watch: changes may still be on their way to it."""
        self._closed = True
        self.end(NtStatus.NOTIFY_CLEANUP)
        self.forget()

    def forget(self) -> None:
        """Drop the changes that were not sent."""
        self.memory.change(-sum(CHANGE + 2 * len(change.file_name) for change in self._changes))
        self._changes, self._length = [], 0

    def _answer(self) -> None:
        while self._waiters:
            waiter = self._waiters[0]
            # One that is done was cancelled: what has changed is for the next one.
            if not waiter.answer.done():
                result = self.take(waiter.size)
                if result is None:
                    return
                waiter.answer.set_result(result)
            self._waiters.popleft()
