"""What one open of a folder waits for: the changes that CHANGE_NOTIFY asks about.

[MS-SMB2] 3.3.5.19, [MS-FSA] 2.1.5.11
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from smbquic.ntstatus import NtStatus
from smbquic.server.outcome import Reply
from smbquic.server.overload.budget import CHANGE, UserBudget
from smbquic.wire.change_notify import ChangeNotifyResponse
from smbquic.wire.fscc.notify_information import NotifyInformation, encode_notifications

_MAX_CHANGES = 1000
_FIXED_SIZE = 12


class _Waiter(NamedTuple):
    size: int
    answer: asyncio.Future[Reply]


@dataclass(slots=True, eq=False)
class Watch:
    """The changes in one folder that its client has not been told of, and who waits for them.

    `folder` is its name in the share. The first request on an open decides about
    `completion_filter`, `recursive` and, in bytes, `size`: how much is kept while nobody waits,
    and how long an answer may get. `memory` is what its user may have the server keep.
    """

    folder: str
    completion_filter: int
    recursive: bool
    size: int
    memory: UserBudget
    _changes: list[NotifyInformation] = field(default_factory=list)
    _length: int = 0
    _lost: bool = False
    _waiters: deque[_Waiter] = field(default_factory=deque)

    def add(self, changes: Sequence[NotifyInformation]) -> None:
        """Tells whoever waits longest of changes, or keeps them."""
        for change in changes:
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
        """Keeps nothing but that there was more than could be kept."""
        self.forget()
        self._lost = True
        self._answer()

    def take(self, size: int) -> Reply | None:
        """The answer to a request that takes up to `size` bytes; None if nothing has changed."""
        if not self._changes and not self._lost:
            return None
        buffer = encode_notifications(self._changes)
        fits = not self._lost and len(buffer) <= min(size, self.size)
        self.forget()
        self._lost = False
        if fits:
            return Reply(ChangeNotifyResponse(buffer))
        return Reply(ChangeNotifyResponse(), NtStatus.NOTIFY_ENUM_DIR)

    def wait(self, size: int) -> asyncio.Future[Reply]:
        """The answer that there will be; one wait after the other is served."""
        waiter = _Waiter(size, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        self._answer()
        return waiter.answer

    def end(self, status: NtStatus) -> None:
        """Answers all who wait with `status`."""
        while self._waiters:
            answer = self._waiters.popleft().answer
            if not answer.done():
                answer.set_result(Reply(ChangeNotifyResponse(), status))

    def forget(self) -> None:
        """Keeps nothing of what was not told."""
        self.memory.change(-sum(CHANGE + 2 * len(change.file_name) for change in self._changes))
        self._changes, self._length = [], 0

    def _answer(self) -> None:
        while self._waiters:
            waiter = self._waiters[0]
            if not waiter.answer.done():
                result = self.take(waiter.size)
                if result is None:
                    return
                waiter.answer.set_result(result)
            self._waiters.popleft()
